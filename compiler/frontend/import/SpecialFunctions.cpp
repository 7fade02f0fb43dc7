//===- SpecialFunctions.cpp - gamma, error and Bessel functions as formulas ---------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Series where they converge, asymptotic expansions beyond, and reflections for negative arguments. Sources:
// https://dlmf.nist.gov, chapters 5 (gamma), 7 (error functions) and 10 (Bessel functions).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/SpecialFunctions.h"
#include "compiler/frontend/import/PointwiseRow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <numbers>

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using special::polynomial;
using O = Math::Order;

//===--- parts -------------------------------------------------------------------------------------------------------===//

template <typename Op> static Value apply(Math &m, Value x) { return Op::create(m.b, m.loc, x); }

static Value magnitude(Math &m, Value x) { return apply<math::AbsFOp>(m, x); }
static Value infinity(Math &m) { return highestConstant(m.b, m.loc, m.dtype); }
static Value notANumber(Math &m) { return m.constant(std::numeric_limits<double>::quiet_NaN()); }

Value special::polynomial(Math &m, Value x, ArrayRef<double> coefficients) {
  Value sum = m.constant(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = m.add(m.mul(sum, x), m.constant(coefficient));
  return sum;
}

// pi times the distance of x from the nearest integer: sin and tan of it are those of pi x, up to the sign of sin.
static Value reducedAngle(Math &m, Value x) {
  return m.mul(m.constant(std::numbers::pi), m.sub(x, apply<math::RoundEvenOp>(m, x)));
}

static Value isWhole(Math &m, Value x) { return m.compare(O::Eq, x, apply<math::TruncOp>(m, x)); }
static Value both(Math &m, Value x, Value y) { return arith::AndIOp::create(m.b, m.loc, x, y); }

//===--- gamma -------------------------------------------------------------------------------------------------------===//

namespace {
/// An argument of at least 1/2, by reflection at 1/2, and `high` >= 10, where the asymptotic expansions hold: ten more where the
/// argument is below ten. The ten factors a, a + 1, …, a + 9 between the two are in pairs whose sum is the same: `pairs` has the
/// products (a + k) (a + 9 - k) = a (a + 9) + k (9 - k).
struct RaisedArgument {
  Value isReflected, isRaised, high, sumOfPair;
  SmallVector<Value> pairs;

  RaisedArgument(Math &m, Value x) {
    isReflected = m.compare(O::Lt, x, m.constant(0.5));
    Value a = m.select(isReflected, m.sub(m.constant(1), x), x);
    isRaised = m.compare(O::Lt, a, m.constant(10));
    high = m.select(isRaised, m.add(a, m.constant(10)), a);
    sumOfPair = m.add(m.add(a, a), m.constant(9));
    Value first = m.mul(a, m.add(a, m.constant(9)));
    for (int k = 0; k < 5; ++k)
      pairs.push_back(k == 0 ? first : m.add(first, m.constant(k * (9 - k))));
  }

  /// What was added up over the factors, zero where there are none.
  Value sumOfRaised(Math &m, Value sum) { return m.select(isRaised, sum, m.constant(0)); }
};
} // namespace

// 5.11.1, and 5.5.3 for the reflection: gamma(x) = pi / (sin(pi x) gamma(1 - x)). At its two roots exactly zero: what the series
// leaves there has no relative accuracy.
Value special::logGamma(Math &m, Value x) {
  RaisedArgument raised(m, x);
  Value factors = raised.pairs[0];
  for (Value pair : ArrayRef(raised.pairs).drop_front())
    factors = m.mul(factors, pair);
  factors = m.select(raised.isRaised, factors, m.constant(1));
  // One logarithm for the factors and the sine. Near zero, their quotient would leave the format.
  Value isTiny = m.compare(O::Lt, magnitude(m, x), m.constant(0x1p-900));
  Value sine = magnitude(m, apply<math::SinOp>(m, reducedAngle(m, x)));
  Value scaled = m.mul(factors, m.select(isTiny, m.constant(std::numbers::pi * 0x1p-80), m.constant(std::numbers::pi)));
  Value logarithm = apply<math::LogOp>(m, m.select(raised.isReflected, m.div(scaled, sine), factors));
  logarithm = m.add(logarithm, m.select(isTiny, m.constant(80 * std::numbers::ln2), m.constant(0)));

  Value high = raised.high, inverse = m.div(m.constant(1), high);
  Value series = m.mul(
      inverse, polynomial(m, m.mul(inverse, inverse),
                          {1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156}));
  Value main = m.mul(m.sub(high, m.constant(0.5)), m.sub(apply<math::LogOp>(m, high), m.constant(1)));
  Value ofHigh = m.add(main, m.add(m.constant(0.5 * std::log(2 * std::numbers::pi) - 0.5), series));
  Value value = m.sub(ofHigh, logarithm);
  Value result = m.select(raised.isReflected, m.neg(value), value);
  Value fromRoots = m.mul(m.sub(x, m.constant(1)), m.sub(x, m.constant(2)));
  result = m.select(m.compare(O::Eq, fromRoots, m.constant(0)), m.constant(0), result);
  return m.select(m.compare(O::Eq, magnitude(m, x), infinity(m)), infinity(m), result);
}

// 5.11.2, and 5.5.4 for the reflection. Infinite at zero, with the sign that ATen gives it; NaN at other poles.
Value special::digamma(Math &m, Value x) {
  RaisedArgument raised(m, x);
  Value inverses = m.div(m.constant(1), raised.pairs[0]); // 1/u + 1/v = (u + v) / (u v)
  for (Value pair : ArrayRef(raised.pairs).drop_front())
    inverses = m.add(inverses, m.div(m.constant(1), pair));
  Value sum = raised.sumOfRaised(m, m.mul(raised.sumOfPair, inverses));
  Value inverse = m.div(m.constant(1), raised.high), square = m.mul(inverse, inverse);
  Value series =
      m.mul(square,
            polynomial(m, square, {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12}));
  Value value = m.sub(m.sub(apply<math::LogOp>(m, raised.high), m.mul(m.constant(0.5), inverse)), m.add(series, sum));
  Value cotangent = m.div(m.constant(std::numbers::pi), apply<math::TanOp>(m, reducedAngle(m, x)));
  Value result = m.select(raised.isReflected, m.sub(value, cotangent), value);
  Value isPole = both(m, m.compare(O::Lt, x, m.constant(0)), isWhole(m, x));
  result = m.select(isPole, notANumber(m), result);
  Value atZero = math::CopySignOp::create(m.b, m.loc, infinity(m), m.neg(x));
  return m.select(m.compare(O::Eq, x, m.constant(0)), atZero, result);
}

// 5.15.8, and 5.15.6 for the reflection. The sine is of the rounded product, as ATen's: at negative whole numbers, where the
// function is infinite, both give the same large numbers.
Value special::trigamma(Math &m, Value x) {
  RaisedArgument raised(m, x);
  Value squaredSum = m.mul(raised.sumOfPair, raised.sumOfPair), sum;
  for (Value pair : raised.pairs) { // 1/u^2 + 1/v^2 = ((u + v)^2 - 2 u v) / (u v)^2
    Value inverses = m.div(m.sub(squaredSum, m.add(pair, pair)), m.mul(pair, pair));
    sum = sum ? m.add(sum, inverses) : inverses;
  }
  sum = raised.sumOfRaised(m, sum);
  Value inverse = m.div(m.constant(1), raised.high), square = m.mul(inverse, inverse);
  Value series = polynomial(m, square, {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6});
  Value tail = m.add(m.constant(1), m.add(m.mul(m.constant(0.5), inverse), m.mul(square, series)));
  Value value = m.add(sum, m.mul(inverse, tail));
  Value sine = apply<math::SinOp>(m, m.mul(x, m.constant(std::numbers::pi)));
  Value reflected = m.sub(m.div(m.constant(std::numbers::pi * std::numbers::pi), m.mul(sine, sine)), value);
  return m.select(raised.isReflected, reflected, value);
}

//===--- error functions ---------------------------------------------------------------------------------------------===//

// Directly up to 8; 7.12.1 beyond.
Value special::scaledErfc(Math &m, Value x) {
  SmallVector<double> coefficients{1};
  for (int k = 0; k < 17; ++k)
    coefficients.push_back(-coefficients.back() * (2 * k + 1) / 2);
  Value square = m.mul(x, x);
  Value near = m.mul(apply<math::ExpOp>(m, square), apply<math::ErfcOp>(m, x));
  Value far = m.div(polynomial(m, m.div(m.constant(1), square), coefficients),
                    m.mul(m.constant(std::sqrt(std::numbers::pi)), x));
  return m.select(m.compare(O::Gt, x, m.constant(8)), far, near);
}

// Rational functions of Wichura's for the normal distribution's inverse: AS 241, "The percentage points of the normal
// distribution", 1988; 2^-53 in three ranges: around the centre, and in the tail up to sqrt(-log p) = 5 and beyond.
Value special::inverseErf(Math &m, Value y, Value complement) {
  struct Range {
    double numerator[8], denominator[8];
  };
  static constexpr Range ranges[] = {
      {{3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
        4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3},
       {1, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3, 2.1213794301586595867e+4,
        3.9307895800092710610e+4, 2.8729085735721942674e+4, 5.2264952788528545610e+3}},
      {{1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
        1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
       {1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
        1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9}},
      {{6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
        2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
       {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
        1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15}}};
  Value root = apply<math::SqrtOp>(m, m.neg(apply<math::LogOp>(m, m.mul(m.constant(0.5), complement))));
  Value centre = m.mul(m.constant(0.5), y), isFar = m.compare(O::Gt, root, m.constant(5));
  Value isCentral = m.compare(O::Le, centre, m.constant(0.425));
  Value arguments[] = {m.sub(m.constant(0.180625), m.mul(centre, centre)), m.sub(root, m.constant(1.6)),
                       m.sub(root, m.constant(5))};
  Value tail = m.select(isFar, polynomial(m, arguments[2], ranges[2].numerator), polynomial(m, arguments[1], ranges[1].numerator));
  Value numerator = m.select(isCentral, m.mul(centre, polynomial(m, arguments[0], ranges[0].numerator)), tail);
  tail = m.select(isFar, polynomial(m, arguments[2], ranges[2].denominator), polynomial(m, arguments[1], ranges[1].denominator));
  Value denominator = m.select(isCentral, polynomial(m, arguments[0], ranges[0].denominator), tail);
  Value x = m.mul(m.constant(std::numbers::sqrt2 / 2), m.div(numerator, denominator));
  x = m.select(m.compare(O::Eq, complement, m.constant(0)), infinity(m), x);
  return m.select(m.compare(O::Lt, complement, m.constant(0)), notANumber(m), x);
}

static Value erfInverse(Math &m, Value x) {
  Value y = magnitude(m, x);
  return math::CopySignOp::create(m.b, m.loc, special::inverseErf(m, y, m.sub(m.constant(1), y)), x);
}

// As ATen has it: zero where erf has come to -1, although erfc knows more digits of that tail.
static Value normalDistribution(Math &m, Value x) {
  Value erf = apply<math::ErfOp>(m, m.mul(x, m.constant(std::numbers::sqrt2 / 2)));
  return m.mul(m.constant(0.5), m.add(m.constant(1), erf));
}

static Value logNormalDistribution(Math &m, Value x) {
  Value scaled = m.mul(x, m.constant(std::numbers::sqrt2 / 2)), half = m.constant(0.5);
  Value tail = apply<math::LogOp>(m, m.mul(half, special::scaledErfc(m, m.neg(scaled))));
  Value low = m.sub(tail, m.mul(scaled, scaled));
  Value high = apply<math::Log1pOp>(m, m.neg(m.mul(half, apply<math::ErfcOp>(m, scaled))));
  return m.select(m.compare(O::Lt, x, m.constant(-1)), low, high);
}

static Value inverseNormalDistribution(Math &m, Value p) {
  Value isLow = m.compare(O::Lt, p, m.constant(0.5)), tail = m.select(isLow, p, m.sub(m.constant(1), p));
  Value complement = m.mul(m.constant(2), tail);
  Value x =
      m.mul(m.constant(std::numbers::sqrt2), special::inverseErf(m, m.sub(m.constant(1), complement), complement));
  return m.select(isLow, m.neg(x), x);
}

//===--- Bessel functions --------------------------------------------------------------------------------------------===//

// 10.25.2 up to 18, 10.40.1 beyond.
Value special::besselI(Math &m, int order, Value x, bool scaled) {
  SmallVector<double> series{1}, expansion{1};
  for (int k = 1; k <= 40; ++k)
    series.push_back(series.back() / (k * (k + order)));
  for (int k = 1; k <= 30; ++k)
    expansion.push_back(-expansion.back() * (4.0 * order * order - (2 * k - 1) * (2 * k - 1)) / (8.0 * k));
  Value size = magnitude(m, x), half = m.mul(m.constant(0.5), size);
  Value near = polynomial(m, m.mul(half, half), series);
  if (order == 1)
    near = m.mul(near, half);
  Value circle = m.mul(m.constant(2 * std::numbers::pi), size);
  Value far = m.div(polynomial(m, m.div(m.constant(1), size), expansion), apply<math::SqrtOp>(m, circle));
  if (scaled)
    near = m.mul(near, apply<math::ExpOp>(m, m.neg(size)));
  else
    far = m.mul(far, apply<math::ExpOp>(m, size));
  Value value = m.select(m.compare(O::Gt, size, m.constant(18)), far, near);
  return order == 1 ? Value(math::CopySignOp::create(m.b, m.loc, value, x)) : value;
}

//===--- rows --------------------------------------------------------------------------------------------------------===//

// The function `f` of the operand in float64.
template <Value (*f)(Math &, Value)> static Value inDouble(Body &k) {
  Math wide(k.b, k.loc, ScalarType::Float64);
  return castScalar(k.b, k.loc, f(wide, castScalar(k.b, k.loc, k.x[0], k.dtype, wide.dtype)), wide.dtype, k.dtype);
}

template <int order, bool scaled> static Value bessel(Math &m, Value x) {
  return special::besselI(m, order, x, scaled);
}
template <int order> static Value firstKind(Math &m, Value x) { return special::besselJ(m, order, x); }
template <int order> static Value secondKind(Math &m, Value x) { return special::besselY(m, order, x); }
template <int order, bool scaled> static Value modifiedSecondKind(Math &m, Value x) {
  return special::besselK(m, order, x, scaled);
}

// sin(x) / x, 1 at zero, 0 at infinity.
static Value sphericalBessel(Math &m, Value x) {
  Value zero = m.constant(0), value = m.div(apply<math::SinOp>(m, x), x);
  value = m.select(m.compare(O::Eq, x, zero), m.constant(1), value);
  return m.select(m.compare(O::Eq, magnitude(m, x), infinity(m)), zero, value);
}

static Value polygamma(Body &k) {
  switch (k.call.integer("n")) {
  case 0:
    return inDouble<special::digamma>(k);
  case 1:
    return inDouble<special::trigamma>(k);
  default:
    k.call.unsupported("polygamma of an order above one");
    return k.x[0];
  }
}

// The sum of log gamma(x - i / 2) for i < p, and p (p - 1) / 4 log pi.
static Value multivariateLogGamma(Body &k) {
  Math m(k.b, k.loc, ScalarType::Float64);
  int64_t p = k.call.integer("p");
  Value x = castScalar(k.b, k.loc, k.x[0], k.dtype, m.dtype);
  Value sum = m.constant(0.25 * static_cast<double>(p * (p - 1)) * std::log(std::numbers::pi));
  for (int64_t i = 0; i < p; ++i)
    sum = m.add(sum, special::logGamma(m, m.sub(x, m.constant(0.5 * static_cast<double>(i)))));
  return castScalar(k.b, k.loc, sum, m.dtype, k.dtype);
}

static constexpr auto Floating = Promotion::Floating;

static const PointwiseRow rows[] = {
    {"lgamma", Floating, {"self"}, false, inDouble<special::logGamma>},
    {"special_gammaln", Floating, {"self"}, false, inDouble<special::logGamma>},
    {"digamma", Floating, {"self"}, false, inDouble<special::digamma>},
    {"special_digamma", Floating, {"self"}, false, inDouble<special::digamma>},
    {"special_psi", Floating, {"self"}, false, inDouble<special::digamma>},
    {"polygamma", Floating, {"self"}, false, polygamma},
    {"special_polygamma", Floating, {"self"}, false, polygamma},
    {"mvlgamma", Floating, {"self"}, false, multivariateLogGamma},
    {"special_multigammaln", Floating, {"self"}, false, multivariateLogGamma},
    {"erfinv", Floating, {"self"}, false, inDouble<erfInverse>},
    {"special_erfinv", Floating, {"self"}, false, inDouble<erfInverse>},
    {"special_erfcx", Floating, {"self"}, false, inDouble<special::scaledErfc>},
    {"special_ndtr", Floating, {"self"}, false, inDouble<normalDistribution>},
    {"special_ndtri", Floating, {"self"}, false, inDouble<inverseNormalDistribution>},
    {"special_log_ndtr", Floating, {"self"}, false, inDouble<logNormalDistribution>},
    {"i0", Floating, {"self"}, false, inDouble<bessel<0, false>>},
    {"special_i0", Floating, {"self"}, false, inDouble<bessel<0, false>>},
    {"special_i0e", Floating, {"self"}, false, inDouble<bessel<0, true>>},
    {"special_i1", Floating, {"self"}, false, inDouble<bessel<1, false>>},
    {"special_i1e", Floating, {"self"}, false, inDouble<bessel<1, true>>},
    {"special_modified_bessel_i0", Floating, {"self"}, false, inDouble<bessel<0, false>>},
    {"special_modified_bessel_i1", Floating, {"self"}, false, inDouble<bessel<1, false>>},
    {"special_modified_bessel_k0", Floating, {"self"}, false, inDouble<modifiedSecondKind<0, false>>},
    {"special_modified_bessel_k1", Floating, {"self"}, false, inDouble<modifiedSecondKind<1, false>>},
    {"special_scaled_modified_bessel_k0", Floating, {"x"}, false, inDouble<modifiedSecondKind<0, true>>},
    {"special_scaled_modified_bessel_k1", Floating, {"x"}, false, inDouble<modifiedSecondKind<1, true>>},
    {"special_bessel_j0", Floating, {"self"}, false, inDouble<firstKind<0>>},
    {"special_bessel_j1", Floating, {"self"}, false, inDouble<firstKind<1>>},
    {"special_bessel_y0", Floating, {"self"}, false, inDouble<secondKind<0>>},
    {"special_bessel_y1", Floating, {"self"}, false, inDouble<secondKind<1>>},
    {"special_spherical_bessel_j0", Floating, {"x"}, false, inDouble<sphericalBessel>},
};

void tenon::aten::addSpecialFunctionRows(OpTable &table) {
  for (const PointwiseRow &row : rows)
    table.add(row.name,
              [&row](Call &call) { return Results{applyRow(call, row, call.resultSizes(), call.resultDtype())}; });
}
