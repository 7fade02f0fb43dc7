//===- ComplexFunctions.cpp - functions of one complex number -----------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The inverse functions are W. Kahan's ("Branch cuts for complex elementary functions", 1987): exact near their branch points,
// and with the sign of a zero telling the sides of a cut apart.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/ComplexFunctions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"


using namespace mlir;
using namespace tenon::aten;
using O = Math::Order;

template <typename Op> static Value apply(Math &m, Value x) { return Op::create(m.b, m.loc, x); }
static Value withSign(Math &m, Value size, Value sign) { return math::CopySignOp::create(m.b, m.loc, size, sign); }
static Value absolute(Math &m, Value x) { return apply<math::AbsFOp>(m, x); }
static Value square(Math &m, Value x) { return m.mul(x, x); }

//===--- arithmetic --------------------------------------------------------------------------------------------------===//

Number ComplexMath::mul(Number x, Number y) {
  return {m.sub(m.mul(x.real, y.real), m.mul(x.imaginary, y.imaginary)),
          m.add(m.mul(x.real, y.imaginary), m.mul(x.imaginary, y.real))};
}

// By Smith's method: the larger part of the divisor is divided out first, so that no square overflows (R. L. Smith,
// "Algorithm 116: complex division", 1962).
Number ComplexMath::div(Number x, Number y) {
  Value isReal = m.compare(O::Ge, absolute(m, y.real), absolute(m, y.imaginary));
  Value large = m.select(isReal, y.real, y.imaginary), small = m.select(isReal, y.imaginary, y.real);
  Value ratio = m.div(small, large), divisor = m.add(large, m.mul(small, ratio));
  Value a = m.select(isReal, x.real, x.imaginary), b = m.select(isReal, x.imaginary, x.real);
  Value real = m.div(m.add(a, m.mul(b, ratio)), divisor), crossed = m.div(m.sub(b, m.mul(a, ratio)), divisor);
  return {real, m.select(isReal, crossed, m.neg(crossed))};
}

Number ComplexMath::select(Value condition, Number x, Number y) {
  return {m.select(condition, x.real, y.real), m.select(condition, x.imaginary, y.imaginary)};
}

Value ComplexMath::equal(Number x, Number y) {
  return arith::AndIOp::create(m.b, m.loc, m.compare(O::Eq, x.real, y.real), m.compare(O::Eq, x.imaginary, y.imaginary));
}

// larger * sqrt(1 + ratio^2); an infinite part wins over NaN.
Value ComplexMath::magnitude(Number x) {
  Value a = absolute(m, x.real), b = absolute(m, x.imaginary), zero = m.constant(0);
  Value larger = m.max(a, b), ratio = m.div(m.min(a, b), larger);
  Value size = m.mul(larger, apply<math::SqrtOp>(m, m.add(m.constant(1), square(m, ratio))));
  size = m.select(m.compare(O::Eq, larger, zero), zero, size);
  Value infinity = highestConstant(m.b, m.loc, m.dtype);
  Value isInfinite = arith::OrIOp::create(m.b, m.loc, m.compare(O::Eq, a, infinity), m.compare(O::Eq, b, infinity));
  return m.select(isInfinite, infinity, size);
}

Value ComplexMath::angle(Number x) { return math::Atan2Op::create(m.b, m.loc, x.imaginary, x.real); }

//===--- exponential, logarithm, root --------------------------------------------------------------------------------===//

// An angle of exactly zero leaves a real number, also of infinite size; no size is zero at any angle.
Number ComplexMath::exp(Number x) {
  Value size = apply<math::ExpOp>(m, x.real), zero = m.constant(0), isNothing = m.compare(O::Eq, size, zero);
  Value isReal = m.compare(O::Eq, x.imaginary, zero);
  Value real = m.select(isReal, size, m.mul(size, apply<math::CosOp>(m, x.imaginary)));
  Value imaginary = m.select(isReal, x.imaginary, m.mul(size, apply<math::SinOp>(m, x.imaginary)));
  return select(isNothing, {zero, zero}, {real, imaginary});
}

// expm1(a) cos(b) - 2 sin(b / 2)^2 in the real part, where exp(a) cos(b) - 1 would cancel.
Number ComplexMath::expm1(Number x) {
  Value half = apply<math::SinOp>(m, m.mul(m.constant(0.5), x.imaginary));
  Value real = m.sub(m.mul(apply<math::ExpM1Op>(m, x.real), apply<math::CosOp>(m, x.imaginary)),
                     m.mul(m.constant(2), square(m, half)));
  return {real, m.mul(apply<math::ExpOp>(m, x.real), apply<math::SinOp>(m, x.imaginary))};
}

Number ComplexMath::log(Number x) { return {apply<math::LogOp>(m, magnitude(x)), angle(x)}; }

// |1 + x|^2 - 1 = 2 a + a^2 + b^2, as long as squares are small.
Number ComplexMath::log1p(Number x) {
  Number moved = add(constant(1), x);
  Value excess = m.add(m.mul(x.real, m.add(m.constant(2), x.real)), square(m, x.imaginary));
  Value near = m.mul(m.constant(0.5), apply<math::Log1pOp>(m, excess));
  Value isNear = m.compare(O::Lt, m.add(absolute(m, x.real), absolute(m, x.imaginary)), m.constant(0.5));
  return {m.select(isNear, near, apply<math::LogOp>(m, magnitude(moved))), angle(moved)};
}

// The larger part is the root of (|a| + |x|) / 2; the other one follows from their product, b / 2.
Number ComplexMath::sqrt(Number x) {
  Value zero = m.constant(0), half = m.constant(0.5);
  Value sum = m.add(m.mul(half, absolute(m, x.real)), m.mul(half, magnitude(x)));
  Value large = apply<math::SqrtOp>(m, sum);
  Value small = m.div(m.mul(half, absolute(m, x.imaginary)), large);
  small = m.select(m.compare(O::Eq, large, zero), zero, small);
  Value isRight = m.compare(O::Ge, x.real, zero);
  return {m.select(isRight, large, small), withSign(m, m.select(isRight, small, large), x.imaginary)};
}

// exp(y log x); of zero, zero.
Number ComplexMath::pow(Number x, Number exponent) { return exp(mul(exponent, log(x))); }

//===--- trigonometric and hyperbolic functions ----------------------------------------------------------------------===//

Number ComplexMath::sinh(Number x) {
  return {m.mul(apply<math::SinhOp>(m, x.real), apply<math::CosOp>(m, x.imaginary)),
          m.mul(apply<math::CoshOp>(m, x.real), apply<math::SinOp>(m, x.imaginary))};
}

Number ComplexMath::cosh(Number x) {
  return {m.mul(apply<math::CoshOp>(m, x.real), apply<math::CosOp>(m, x.imaginary)),
          m.mul(apply<math::SinhOp>(m, x.real), apply<math::SinOp>(m, x.imaginary))};
}

Number ComplexMath::sin(Number x) { return turnedBack(sinh(turned(x))); }
Number ComplexMath::cos(Number x) { return cosh(turned(x)); }

// sinh and cosh of large numbers overflow; there the real part is one, and the imaginary part 4 sin(b) cos(b) exp(-2 |a|).
Number ComplexMath::tanh(Number x) {
  Value one = m.constant(1), size = absolute(m, x.real), sine = apply<math::SinOp>(m, x.imaginary);
  Value cosine = apply<math::CosOp>(m, x.imaginary), isLarge = m.compare(O::Gt, size, m.constant(22));
  Value tail = apply<math::ExpOp>(m, m.mul(m.constant(-2), size));
  Number far{withSign(m, one, x.real), m.mul(m.mul(m.constant(4), m.mul(sine, cosine)), tail)};
  Value sinus = apply<math::SinhOp>(m, m.select(isLarge, one, x.real)),
        cosinus = apply<math::CoshOp>(m, m.select(isLarge, one, x.real));
  Value divisor = m.add(square(m, sinus), square(m, cosine));
  return select(isLarge, far, {m.div(m.mul(sinus, cosinus), divisor), m.div(m.mul(sine, cosine), divisor)});
}

//===--- their inverses ----------------------------------------------------------------------------------------------===//

// sqrt(1 - x) and sqrt(1 + x).
static std::pair<Number, Number> rootsBesideOne(ComplexMath &c, Number x) {
  return {c.sqrt({c.m.sub(c.m.constant(1), x.real), c.m.neg(x.imaginary)}),
          c.sqrt({c.m.add(c.m.constant(1), x.real), x.imaginary})};
}

Number ComplexMath::asin(Number x) {
  auto [below, above] = rootsBesideOne(*this, x);
  return {math::Atan2Op::create(m.b, m.loc, x.real, mul(below, above).real),
          apply<math::AsinhOp>(m, mul(conj(below), above).imaginary)};
}

Number ComplexMath::acos(Number x) {
  auto [below, above] = rootsBesideOne(*this, x);
  return {m.mul(m.constant(2), math::Atan2Op::create(m.b, m.loc, below.real, above.real)),
          apply<math::AsinhOp>(m, mul(conj(above), below).imaginary)};
}

Number ComplexMath::acosh(Number x) {
  Number below = sqrt({m.sub(x.real, m.constant(1)), x.imaginary}), above = sqrt({m.add(x.real, m.constant(1)), x.imaginary});
  return {apply<math::AsinhOp>(m, mul(conj(below), above).real),
          m.mul(m.constant(2), math::Atan2Op::create(m.b, m.loc, below.imaginary, above.real))};
}

// Of |a|, since the logarithm would cancel near -1.
Number ComplexMath::atanh(Number x) {
  Value one = m.constant(1), a = absolute(m, x.real), left = m.sub(one, a), right = m.add(one, a);
  Value b = square(m, x.imaginary), ratio = m.div(m.mul(m.constant(4), a), m.add(square(m, left), b));
  Value size = m.mul(m.constant(0.25), apply<math::Log1pOp>(m, ratio));
  Value height = m.mul(m.constant(2), x.imaginary), width = m.sub(m.mul(left, right), b);
  return {withSign(m, size, x.real), m.mul(m.constant(0.5), math::Atan2Op::create(m.b, m.loc, height, width))};
}
