//===- VectorMath.h - exponentials of sixteen floats at once ---------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// For the inner loops of library ops (TENON_MULTIVERSION functions). NaN stays NaN.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_VECTORMATH_H
#define TENON_RUNTIME_LIBRARY_VECTORMATH_H

#include "Multiversion.h"

#pragma clang fp contract(fast)

namespace tenon::library {

/// x = exp(x) for x <= 0. x = n ln 2 + r with |r| <= ln(2)/2; the polynomial is Taylor's, whose remainder is below 2^-27
/// there.
static TENON_INLINE void applyExpOfNegative(Float16x &x) {
  constexpr float roundingShift = 12582912.0f; // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
  constexpr float log2OfE = 1.44269504f, ln2High = 0.693359375f, ln2Low = -2.12194440e-4f, smallestArgument = -87.33654f;
  Float16x shifted = x * log2OfE + roundingShift;
  Float16x n = shifted - roundingShift;
  Float16x r = x - n * ln2High - n * ln2Low;
  Float16x p = r * (1.0f / 5040) + (1.0f / 720);
  p = p * r + (1.0f / 120);
  p = p * r + (1.0f / 24);
  p = p * r + (1.0f / 6);
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  auto result = reinterpret_cast<Int16x>(p) + (reinterpret_cast<Int16x>(shifted) << 23);
  auto isTooSmall = x < smallestArgument, isNaN = x != x;
  x = reinterpret_cast<Float16x>((result & ~isTooSmall & ~isNaN) | (reinterpret_cast<Int16x>(x) & isNaN));
}

/// x = 1 / (1 + exp(-x)), from exp(-|x|), which does not overflow.
static TENON_INLINE void applySigmoid(Float16x &x) {
  Float16x exponential = x < 0 ? x : -x;
  applyExpOfNegative(exponential);
  Float16x numerator = x < 0 ? exponential : Float16x{} + 1.0f;
  x = numerator / (exponential + 1.0f);
}

/// x = tanh(x). Near zero an odd polynomial (Cephes' tanhf, below 2 ulp), elsewhere (1 - exp(-2|x|)) / (1 + exp(-2|x|)).
static TENON_INLINE void applyTanh(Float16x &x) {
  Float16x magnitude = x < 0 ? -x : x, square = x * x, exponential = magnitude * -2.0f;
  applyExpOfNegative(exponential);
  Float16x high = (1.0f - exponential) / (exponential + 1.0f);
  high = x < 0 ? -high : high;
  Float16x p = square * -5.70498872745e-3f + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  Float16x low = p * square * x + x;
  x = magnitude < 0.625f ? low : high;
}

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_VECTORMATH_H
