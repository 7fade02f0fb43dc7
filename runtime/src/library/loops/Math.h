//===- Math.h - transcendental functions of vectors --------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// In place, on vectors of f32. NaN stays NaN. The polynomials for erf, expm1 and log are those of the compiler
// (codegen/kernel/math/Coefficients.h, which says how they were found).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_LOOPS_MATH_H
#define TENON_RUNTIME_LIBRARY_LOOPS_MATH_H

#include "Vectors.h"

#pragma clang fp contract(fast)

TENON_LOOPS_BEGIN

/// x = n ln 2 + r.
struct ExpConstants {
  static constexpr float roundingShift = 12582912.0f; // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
  static constexpr float log2OfE = 1.44269504f, ln2High = 0.693359375f, ln2Low = -2.12194440e-4f;
  static constexpr float smallestArgument = -87.33654f;
};

/// The polynomial whose coefficients are given from the highest power down.
template <typename... Rest> TENON_INLINE void evaluate(Floats &sum, const Floats &x, float next, Rest... rest) {
  sum = sum * x + next;
  if constexpr (sizeof...(rest) > 0)
    evaluate(sum, x, rest...);
}

/// x = exp(x) for x <= 0. x = n ln 2 + r with |r| <= ln(2)/2; the polynomial is Taylor's, whose remainder is below 2^-27
/// there. Minus infinity is no invalid operation, which a NanWatch would have to look into.
TENON_INLINE void applyExpOfNegative(Floats &x) {
  using C = ExpConstants;
  Floats bounded = x < C::smallestArgument ? splat(C::smallestArgument) : x;
  Floats shifted = bounded * C::log2OfE + C::roundingShift;
  Floats n = shifted - C::roundingShift;
  Floats r = bounded - n * C::ln2High - n * C::ln2Low;
  Floats p = r * (1.0f / 5040) + (1.0f / 720);
  evaluate(p, r, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f);
  Floats result = asFloats(asInts(p) + (asInts(shifted) << 23)), copy = x;
  x = x < C::smallestArgument ? splat(0) : x == copy ? result : x;
}

/// x = exp(x) - 1 for x <= 0.
TENON_INLINE void applyExpm1OfNegative(Floats &x) {
  using C = ExpConstants;
  constexpr float smallestWithEffect = -18.0f; // below, the result is -1
  Floats bounded = x < smallestWithEffect ? splat(smallestWithEffect) : x;
  Floats shifted = bounded * C::log2OfE + C::roundingShift;
  Floats n = shifted - C::roundingShift;
  Floats r = bounded - n * C::ln2High - n * C::ln2Low;
  Floats p = r * 0x1.a1a340p-13f + 0x1.6d7652p-10f;
  evaluate(p, r, 0x1.11108ep-7f, 0x1.5554acp-5f, 0x1.555556p-3f, 0.5f);
  p = p * r * r + r;
  Floats scale = asFloats((asInts(shifted) << 23) + 0x3f800000), copy = x;
  x = x == copy ? p * scale + (scale - 1.0f) : x;
}

/// x = log(1 + x) for 0 <= x <= 1.
TENON_INLINE void applyLog1pUpToOne(Floats &x) {
  constexpr float sqrtOf2 = 1.41421356f, ln2 = 0.693147181f;
  Floats f = x > sqrtOf2 - 1 ? (x - 1.0f) * 0.5f : x;
  Floats p = f * 0x1.1b4280p-4f - 0x1.e2ea2ep-4f;
  evaluate(p, f, 0x1.e65108p-4f, -0x1.fb431ap-4f, 0x1.2332b6p-3f, -0x1.5562e4p-3f, 0x1.99a546p-3f, -0x1.ffffeep-3f,
           0x1.555546p-2f, -0.5f);
  p = p * f * f + f;
  x = x > sqrtOf2 - 1 ? p + ln2 : p;
}

TENON_INLINE void applyRelu(Floats &x) { x = x < 0 ? splat(0) : x; }

/// x = 1 / (1 + exp(-x)), from exp(-|x|), which does not overflow.
TENON_INLINE void applySigmoid(Floats &x) {
  Floats exponential = x < 0 ? x : -x;
  applyExpOfNegative(exponential);
  Floats numerator = x < 0 ? exponential : splat(1);
  x = numerator / (exponential + 1.0f);
}

/// x = tanh(x). Near zero an odd polynomial (Cephes' tanhf, below 2 ulp), elsewhere (1 - exp(-2|x|)) / (1 + exp(-2|x|)).
TENON_INLINE void applyTanh(Floats &x) {
  Floats magnitude = x < 0 ? -x : x, square = x * x, exponential = magnitude * -2.0f;
  applyExpOfNegative(exponential);
  Floats high = (1.0f - exponential) / (exponential + 1.0f);
  high = x < 0 ? -high : high;
  Floats p = square * -5.70498872745e-3f + 2.06390887954e-2f;
  evaluate(p, square, -5.37397155531e-2f, 1.33314422036e-1f, -3.33333319422e-1f);
  Floats low = p * square * x + x;
  x = magnitude < 0.625f ? low : high;
}

/// x = erf(x): a rational function, exactly 1 within rounding beyond 3.92.
TENON_INLINE void applyErf(Floats &x) {
  constexpr float largestBelowOne = 3.93f;
  Floats bounded = x > largestBelowOne ? splat(largestBelowOne) : x < -largestBelowOne ? splat(-largestBelowOne) : x;
  Floats z = bounded * bounded;
  Floats numerator = z * -0x1.8e664ap-26f + 0x1.1795c0p-17f;
  evaluate(numerator, z, 0x1.64a12ep-11f, 0x1.c5e614p-8f, 0x1.90c80cp-4f, 0x1.55ec70p-2f, 0x1.047ab2p+1f);
  Floats denominator = z * 0x1.d8c7eap-14f + 0x1.33df7ap-9f;
  evaluate(denominator, z, 0x1.c8128cp-6f, 0x1.a4a4b8p-3f, 0x1.cb4d7cp-1f, 0x1.cdb000p+0f);
  Floats ratio = bounded * numerator / denominator;
  x = ratio > 1.0f ? splat(1) : ratio < -1.0f ? splat(-1) : ratio;
}

TENON_LOOPS_END

#endif // TENON_RUNTIME_LIBRARY_LOOPS_MATH_H
