//===- BesselFunctions.cpp - Bessel functions of the first and second kind ----------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Up to 18 by Bessel's integral, on which the trapezoidal rule converges faster than any power: J_n(x) is the mean of
// cos(n t - x sin t) over equidistant t, but for J_(N - n) (https://dlmf.nist.gov/10.9.2, L. N. Trefethen and J. A. C. Weideman,
// "The exponentially convergent trapezoidal rule", 2014). Beyond by Hankel's expansions (10.17, 10.40).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/SpecialFunctions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace tenon::aten;
using O = Math::Order;

template <typename Op> static Value apply(Math &m, Value x) { return Op::create(m.b, m.loc, x); }
static Value infinity(Math &m) { return highestConstant(m.b, m.loc, m.dtype); }

static constexpr double expansionsFrom = 18; ///< where their smallest term, exp(-2 x), is below the rounding

//===--- expansions --------------------------------------------------------------------------------------------------===//

// a_0, a_1, … of 10.17.1.
static SmallVector<double> hankelCoefficients(int order) {
  SmallVector<double> a{1};
  for (int k = 1; k < 36; ++k)
    a.push_back(a.back() * (4.0 * order * order - (2 * k - 1) * (2 * k - 1)) / (8.0 * k));
  return a;
}

namespace {
/// J and Y of one order for large positive x.
struct HankelExpansion {
  Value first, second;

  HankelExpansion(Math &m, int order, Value x) {
    SmallVector<double> even, odd;
    for (auto [k, a] : llvm::enumerate(hankelCoefficients(order)))
      (k % 2 ? odd : even).push_back(k % 4 < 2 ? a : -a);
    Value inverse = m.div(m.constant(1), x), square = m.mul(inverse, inverse);
    Value p = special::polynomial(m, square, even), q = m.mul(inverse, special::polynomial(m, square, odd));
    // The cosine and the sine of x - (2 order + 1) pi / 4, times the root of two.
    Value c = apply<math::CosOp>(m, x), s = apply<math::SinOp>(m, x), sum = m.add(c, s), difference = m.sub(s, c);
    Value cosine = order == 0 ? sum : difference, sine = order == 0 ? difference : m.neg(sum);
    Value factor = apply<math::SqrtOp>(m, m.div(m.constant(1 / std::numbers::pi), x));
    first = m.mul(factor, m.sub(m.mul(p, cosine), m.mul(q, sine)));
    second = m.mul(factor, m.add(m.mul(p, sine), m.mul(q, cosine)));
  }
};
} // namespace

//===--- the trapezoidal rule ----------------------------------------------------------------------------------------===//

// The sum over a circle of `count` angles t of weight(t) cos(x sin t), or of its derivative by x, negated. `count` is a multiple
// of four, and weights are even functions of sin t and cos t.
static Value circleSum(Math &m, Value x, int count, bool derives, llvm::function_ref<double(double)> weight) {
  Value sum;
  for (int j = 0; j <= count / 4; ++j) {
    double angle = 2 * std::numbers::pi * j / count, sine = j == count / 4 ? 1 : std::sin(angle);
    double factor = weight(angle) * (j == 0 || j == count / 4 ? 2.0 : 4.0) / count;
    Value phase = m.mul(m.constant(sine), x);
    Value term = derives ? m.mul(m.constant(factor * sine), apply<math::SinOp>(m, phase))
                         : m.mul(m.constant(factor), apply<math::CosOp>(m, phase));
    sum = sum ? m.add(sum, term) : term;
  }
  return sum;
}

// J_0, or J_1 = -J_0'.
static Value besselJNear(Math &m, int order, Value x) {
  return circleSum(m, x, 48, order == 1, [](double) { return 1; });
}

Value special::besselJ(Math &m, int order, Value x) {
  Value size = apply<math::AbsFOp>(m, x);
  Value isNear = m.compare(O::Lt, size, m.constant(expansionsFrom));
  Value near = besselJNear(m, order, m.select(isNear, size, m.constant(0)));
  Value far = HankelExpansion(m, order, size).first;
  Value value = m.select(isNear, near, m.select(m.compare(O::Eq, size, infinity(m)), m.constant(0), far));
  return order == 0 ? value : m.select(m.compare(O::Lt, x, m.constant(0)), m.neg(value), value);
}

// 10.8.3: Y_0 = 2/pi (log(x / 2) + gamma) J_0 - 4/pi sum over k >= 1 of (-1)^k J_2k / k, whose sum of J_2k is one sum over the
// circle. Y_1 = -Y_0'.
static Value besselYNear(Math &m, int order, Value x) {
  auto weight = [](double angle) {
    double sum = 0;
    for (int k = 1; k <= 24; ++k)
      sum += (k % 2 ? -1.0 : 1.0) / k * std::cos(2 * k * angle);
    return -4 / std::numbers::pi * sum;
  };
  Value series = circleSum(m, x, 96, order == 1, weight);
  Value logarithm = m.add(apply<math::LogOp>(m, m.mul(m.constant(0.5), x)), m.constant(std::numbers::egamma));
  Value singular = m.mul(logarithm, besselJNear(m, order, x));
  if (order == 1)
    singular = m.sub(singular, m.div(besselJNear(m, 0, x), x));
  return m.add(series, m.mul(m.constant(2 / std::numbers::pi), singular));
}

// Minus infinity at zero, and no number below.
static Value atBorder(Math &m, Value x, Value value, Value atZero) {
  value = m.select(m.compare(O::Eq, x, m.constant(0)), atZero, value);
  return m.select(m.compare(O::Lt, x, m.constant(0)), m.constant(std::numeric_limits<double>::quiet_NaN()), value);
}

Value special::besselY(Math &m, int order, Value x) {
  Value isNear = m.compare(O::Lt, x, m.constant(expansionsFrom));
  Value near = besselYNear(m, order, m.select(isNear, x, m.constant(1)));
  return atBorder(m, x, m.select(isNear, near, HankelExpansion(m, order, x).second), m.neg(infinity(m)));
}

//===--- the modified one of the second kind -------------------------------------------------------------------------===//

// 10.31.1 and 10.31.2.
static Value besselKSeries(Math &m, int order, Value x) {
  SmallVector<double> terms;
  double harmonic = 0, factor = 1; // 1 / (k! (k + order)!)
  for (int k = 0; k < 20; ++k) {
    if (k > 0) {
      harmonic += 1.0 / k;
      factor /= k * (k + order);
    }
    double digammas = order == 0 ? harmonic : -0.25 * (2 * (harmonic - std::numbers::egamma) + 1.0 / (k + 1));
    terms.push_back(factor * digammas);
  }
  Value half = m.mul(m.constant(0.5), x), rest = special::polynomial(m, m.mul(half, half), terms);
  Value logarithm = apply<math::LogOp>(m, half), bessel = special::besselI(m, order, x);
  if (order == 0)
    return m.sub(rest, m.mul(m.add(logarithm, m.constant(std::numbers::egamma)), bessel));
  return m.add(m.add(m.div(m.constant(1), x), m.mul(logarithm, bessel)), m.mul(x, rest));
}

// exp(x) K(x) as the integral over t >= 0 of exp(-x (cosh t - 1)) cosh(order t) (10.32.9).
static Value besselKIntegral(Math &m, int order, Value x) {
  constexpr double step = 0.17;
  Value sum = m.constant(0.5 * step);
  for (int j = 1; j <= 23; ++j) {
    double height = std::cosh(step * j);
    Value term = apply<math::ExpOp>(m, m.mul(m.constant(1 - height), x));
    sum = m.add(sum, m.mul(m.constant(order == 0 ? step : step * height), term));
  }
  return sum;
}

Value special::besselK(Math &m, int order, Value x, bool scaled) {
  constexpr double seriesUpTo = 2;
  Value isSmall = m.compare(O::Le, x, m.constant(seriesUpTo)), isFar = m.compare(O::Gt, x, m.constant(expansionsFrom));
  Value decay = apply<math::ExpOp>(m, scaled ? x : m.neg(x));
  Value near = besselKSeries(m, order, m.select(isSmall, x, m.constant(1)));
  Value inverse = m.div(m.constant(1), x), root = apply<math::SqrtOp>(m, m.mul(m.constant(std::numbers::pi / 2), inverse));
  Value far = m.mul(root, polynomial(m, inverse, hankelCoefficients(order)));
  Value beyond = m.select(isFar, far, besselKIntegral(m, order, m.select(isFar, m.constant(1), x)));
  Value value = scaled ? m.select(isSmall, m.mul(near, decay), beyond) : m.select(isSmall, near, m.mul(beyond, decay));
  return atBorder(m, x, value, infinity(m));
}
