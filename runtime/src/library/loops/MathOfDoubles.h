//===- MathOfDoubles.h - transcendental functions of vectors of f64 ----------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// As Math.h, in double precision. The polynomials are those of the compiler (codegen/kernel/math/Coefficients.h).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_LOOPS_MATHOFDOUBLES_H
#define TENON_RUNTIME_LIBRARY_LOOPS_MATHOFDOUBLES_H

#include "Vectors.h"

#pragma clang fp contract(fast)

TENON_LOOPS_BEGIN

/// The polynomial whose coefficients are given from the highest power down.
template <typename... Rest> TENON_INLINE void evaluate(Doubles &sum, const Doubles &x, double next, Rest... rest) {
  sum = sum * x + next;
  if constexpr (sizeof...(rest) > 0)
    evaluate(sum, x, rest...);
}

/// x = n ln 2 + r, |r| <= ln(2)/2; `power` = 2^n. For -708 <= x <= 0 (NaN gives something).
TENON_INLINE void splitByLn2(const Doubles &x, Doubles &r, Doubles &power) {
  constexpr double log2OfE = 1.4426950408889634074, ln2High = 0x1.62e42fefa3800p-1, ln2Low = 0x1.ef35793c76730p-45;
  constexpr double roundingShift = 0x1.8p+52; // adding it leaves the rounded integer in the low bits
  Doubles shifted = x * log2OfE + roundingShift;
  Doubles n = shifted - roundingShift;
  r = x - n * ln2High - n * ln2Low;
  power = asFloats((asInts(shifted) << 52) + 0x3ff0000000000000);
}

/// x = exp(x) for x <= 0; results below 2^-1022 are zero.
TENON_INLINE void applyExpOfNegative(Doubles &x) {
  constexpr double smallestArgument = -708.39641853226408;
  Doubles bounded = x < smallestArgument ? splatDouble(smallestArgument) : x, r, power;
  splitByLn2(bounded, r, power);
  Doubles p = r * 0x1.ad7e33b57c7b6p-26 + 0x1.28ae7875f3ba8p-22;
  evaluate(p, r, 0x1.71df27c733099p-19, 0x1.a01998fde51c8p-16, 0x1.a01a012880827p-13, 0x1.6c16c184885ebp-10,
           0x1.1111111128375p-7, 0x1.55555555506ecp-5, 0x1.55555555554f7p-3, 0x1.000000000000ap-1);
  Doubles result = (p * r * r + r + 1.0) * power, copy = x;
  x = x < smallestArgument ? splatDouble(0.0) : x == copy ? result : x;
}

/// x = exp(x) - 1 for x <= 0.
TENON_INLINE void applyExpm1OfNegative(Doubles &x) {
  constexpr double smallestWithEffect = -40; // below, the result is -1
  Doubles bounded = x < smallestWithEffect ? splatDouble(smallestWithEffect) : x, r, power;
  splitByLn2(bounded, r, power);
  Doubles p = r * 0x1.1f961f5b24584p-29 + 0x1.af6009d93048ap-26;
  evaluate(p, r, 0x1.27e4c52b8c969p-22, 0x1.71ddf7a4cae26p-19, 0x1.a01a01b0eaff0p-16, 0x1.a01a01b0240fcp-13,
           0x1.6c16c16c143b6p-10, 0x1.111111110f622p-7, 0x1.555555555555ap-5, 0x1.5555555555559p-3, 0.5);
  Doubles copy = x;
  x = x == copy ? (p * r * r + r) * power + (power - 1.0) : x;
}

TENON_INLINE void applyRelu(Doubles &x) { x = x < 0 ? splatDouble(0) : x; }

/// x = 1 / (1 + exp(-x)), from exp(-|x|), which does not overflow.
TENON_INLINE void applySigmoid(Doubles &x) {
  Doubles exponential = x < 0 ? x : -x;
  applyExpOfNegative(exponential);
  Doubles numerator = x < 0 ? exponential : splatDouble(1.0);
  x = numerator / (exponential + 1.0);
}

/// x = tanh(x) = -t / (2 + t), t = exp(-2|x|) - 1, with the sign of x.
TENON_INLINE void applyTanh(Doubles &x) {
  Doubles t = (x < 0 ? x : -x) * 2.0;
  applyExpm1OfNegative(t);
  Doubles ratio = t / (t + 2.0);
  x = x < 0 ? ratio : -ratio;
}

TENON_LOOPS_END

#endif // TENON_RUNTIME_LIBRARY_LOOPS_MATHOFDOUBLES_H
