//===- ErrorFunction.cpp - erf and its complement ----===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/math/Coefficients.h"
#include "compiler/codegen/kernel/math/Functions.h"

#include <cmath>

using namespace tenon;
using namespace tenon::functions;

namespace {

/// erf for |x| <= 1/2, f64.
Value erfOfSmall(MathBuilder &b, Value x) { return b.mul(x, b.polynomial(b.mul(x, x), coefficients::erfF64)); }

/// erfc for a >= 1/2, f64: exp(-a^2) P(t) / (1 + 2 a), t = (a - 3.75) / (a + 3.75) (the form is Shepherd and
/// Laframboise's, 1981). What a^2 loses by rounding is given back to the exponential, where it would count a^2-fold.
Value erfcOfLarge(MathBuilder &b, Value a) {
  a = b.atMost(a, 28);
  Value square = b.mul(a, a), minusSquare = b.neg(square);
  Value lost = b.fma(a, a, minusSquare);
  Value e = functions::expOfNonPositive(b, minusSquare);
  e = b.fma(b.neg(e), lost, e);
  Value t = b.div(b.sub(a, b.constant(3.75)), b.add(a, b.constant(3.75)));
  Value scaled = b.div(b.polynomial(t, coefficients::erfcF64), b.fma(b.constant(2), a, b.constant(1)));
  return b.mul(e, scaled);
}

} // namespace

// f32: a rational function, exactly 1 within rounding beyond 3.92. f64: by |x| the series or the complement.
Value functions::erf(MathBuilder &b, Value x) {
  if (!b.isDouble()) {
    Value inRange = b.atMost(b.atLeast(x, -3.93), 3.93);
    Value z = b.mul(inRange, inRange);
    Value numerator = b.mul(inRange, b.polynomial(z, coefficients::erfF32));
    Value ratio = b.div(numerator, b.polynomial(z, coefficients::erfF32Denominator));
    return b.atMost(b.atLeast(ratio, -1), 1);
  }
  Value a = b.abs(x);
  Value large = b.copySign(b.sub(b.constant(1), erfcOfLarge(b, a)), x);
  return b.select(b.less(b.constant(0.5), a), large, erfOfSmall(b, x));
}

Value functions::erfc(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::erfc, x);
  Value a = b.abs(x), half = b.constant(0.5);
  Value large = erfcOfLarge(b, a);
  large = b.select(b.less(x, b.constant(0)), b.sub(b.constant(2), large), large);
  return b.select(b.less(half, a), large, b.sub(b.constant(1), erfOfSmall(b, x)));
}
