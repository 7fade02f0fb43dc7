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
using O = Math::Order;

//===--- parts -------------------------------------------------------------------------------------------------------===//

template <typename Op> static Value apply(Math &m, Value x) { return Op::create(m.b, m.loc, x); }

static Value magnitude(Math &m, Value x) { return apply<math::AbsFOp>(m, x); }
static Value infinity(Math &m) { return highestConstant(m.b, m.loc, m.dtype); }
static Value notANumber(Math &m) { return m.constant(std::numeric_limits<double>::quiet_NaN()); }

// coefficients[0] + x (coefficients[1] + x (…)).
static Value polynomial(Math &m, Value x, ArrayRef<double> coefficients) {
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
/// An argument of at least 1/2, by reflection at 1/2, then raised step by step to `high` >= 10, where the asymptotic
/// expansions hold. `visit` sees each step's argument and whether the step is taken.
struct RaisedArgument {
  Value isReflected, high;

  RaisedArgument(Math &m, Value x, llvm::function_ref<void(Value argument, Value isTaken)> visit) {
    isReflected = m.compare(O::Lt, x, m.constant(0.5));
    high = m.select(isReflected, m.sub(m.constant(1), x), x);
    for (int step = 0; step < 10; ++step) {
      Value isTaken = m.compare(O::Lt, high, m.constant(10));
      visit(high, isTaken);
      high = m.select(isTaken, m.add(high, m.constant(1)), high);
    }
  }
};
} // namespace

// 5.11.1, and 5.5.3 for the reflection. At its two roots exactly zero: what the series leaves there has no relative accuracy.
Value special::logGamma(Math &m, Value x) {
  Value product = m.constant(1);
  RaisedArgument raised(
      m, x, [&](Value argument, Value isTaken) { product = m.select(isTaken, m.mul(product, argument), product); });
  Value high = raised.high, inverse = m.div(m.constant(1), high);
  Value series = m.mul(
      inverse, polynomial(m, m.mul(inverse, inverse),
                          {1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156}));
  Value logarithm = m.sub(apply<math::LogOp>(m, high), m.constant(1));
  Value main = m.mul(m.sub(high, m.constant(0.5)), logarithm);
  Value value = m.add(main, m.add(m.constant(0.5 * std::log(2 * std::numbers::pi) - 0.5), series));
  value = m.sub(value, apply<math::LogOp>(m, product));
  Value sine = magnitude(m, apply<math::SinOp>(m, reducedAngle(m, x)));
  Value reflected = m.sub(apply<math::LogOp>(m, m.div(m.constant(std::numbers::pi), sine)), value);
  Value result = m.select(raised.isReflected, reflected, value);
  Value fromRoots = m.mul(m.sub(x, m.constant(1)), m.sub(x, m.constant(2)));
  result = m.select(m.compare(O::Eq, fromRoots, m.constant(0)), m.constant(0), result);
  return m.select(m.compare(O::Eq, magnitude(m, x), infinity(m)), infinity(m), result);
}

// 5.11.2, and 5.5.4 for the reflection. Infinite at zero, with the sign that ATen gives it; NaN at other poles.
Value special::digamma(Math &m, Value x) {
  Value sum = m.constant(0);
  RaisedArgument raised(m, x, [&](Value argument, Value isTaken) {
    sum = m.select(isTaken, m.add(sum, m.div(m.constant(1), argument)), sum);
  });
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
  Value sum = m.constant(0);
  RaisedArgument raised(m, x, [&](Value argument, Value isTaken) {
    sum = m.select(isTaken, m.add(sum, m.div(m.constant(1), m.mul(argument, argument))), sum);
  });
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

// A first guess of three digits (S. Winitzki, "A handy approximation for the error function and its inverse", 2008),
// then Halley's steps, each of which triples the digits.
Value special::inverseErf(Math &m, Value y, Value complement) {
  constexpr double a = 0.147, centre = 2 / (std::numbers::pi * a);
  Value logarithm = apply<math::LogOp>(m, m.mul(complement, m.add(m.constant(1), y)));
  Value middle = m.add(m.constant(centre), m.mul(m.constant(0.5), logarithm));
  Value root = apply<math::SqrtOp>(m, m.sub(m.mul(middle, middle), m.mul(m.constant(1 / a), logarithm)));
  Value x = apply<math::SqrtOp>(m, m.max(m.sub(root, middle), m.constant(0)));
  Value isSmall = m.compare(O::Lt, y, m.constant(0.5));
  for (int step = 0; step < 3; ++step) {
    Value small = m.sub(apply<math::ErfOp>(m, x), y), large = m.sub(complement, apply<math::ErfcOp>(m, x));
    Value slope = m.mul(m.constant(2 / std::sqrt(std::numbers::pi)), apply<math::ExpOp>(m, m.neg(m.mul(x, x))));
    Value newton = m.div(m.select(isSmall, small, large), slope);
    x = m.sub(x, m.div(newton, m.add(m.constant(1), m.mul(x, newton))));
  }
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
};

void tenon::aten::addSpecialFunctionRows(OpTable &table) {
  for (const PointwiseRow &row : rows)
    table.add(row.name,
              [&row](Call &call) { return Results{applyRow(call, row, call.resultSizes(), call.resultDtype())}; });
}
