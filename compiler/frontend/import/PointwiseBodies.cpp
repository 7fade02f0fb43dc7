//===- PointwiseBodies.cpp - what element-wise ops compute, where it is longer than a line -------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/PointwiseBodies.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

Value tenon::aten::withAlpha(Body &k) {
  Scalar alpha = k.call.scalar("alpha");
  bool isOne = alpha.isConstant() && alpha.asDouble() == 1;
  return isOne ? k.x[1] : k.mul(k.param("alpha"), k.x[1]);
}

static Value truncated(Body &k, Value v) { return k.isFloat() ? k.op<math::TruncOp>(v) : v; }

// Rounds an integer quotient towards minus infinity: one less where the remainder and the divisor differ in sign.
static Value signsDiffer(Body &k, Value remainder, Value divisor) {
  Value zero = k.constant(0);
  Value remainderNegative = k.compare(Math::Order::Lt, remainder, zero);
  Value divisorNegative = k.compare(Math::Order::Lt, divisor, zero);
  Value differ = arith::XOrIOp::create(k.b, k.loc, remainderNegative, divisorNegative);
  return arith::AndIOp::create(k.b, k.loc, k.compare(Math::Order::Ne, remainder, zero), differ);
}

// ATen's div_floor_floating: exact where (a / b) rounds up to an integer.
static Value floorDivFloat(Body &k) {
  Value a = k.x[0], b = k.x[1], zero = k.constant(0), one = k.constant(1);
  Value remainder = k.rem(a, b);
  Value quotient = k.div(k.sub(a, remainder), b);
  quotient = k.select(signsDiffer(k, remainder, b), k.sub(quotient, one), quotient);
  Value floored = k.op<math::FloorOp>(quotient);
  Value tooLow = k.compare(Math::Order::Gt, k.sub(quotient, floored), k.constant(0.5));
  floored = k.select(tooLow, k.add(floored, one), floored);
  Value signedZero = math::CopySignOp::create(k.b, k.loc, zero, k.div(a, b));
  floored = k.select(k.compare(Math::Order::Ne, quotient, zero), floored, signedZero);
  return k.select(k.compare(Math::Order::Eq, b, zero), k.div(a, b), floored);
}

Value tenon::aten::floorDiv(Body &k) {
  if (k.isFloat())
    return floorDivFloat(k);
  Value quotient = k.div(k.x[0], k.x[1]);
  if (isUnsigned(k.dtype))
    return quotient;
  return k.select(signsDiffer(k, k.rem(k.x[0], k.x[1]), k.x[1]), k.sub(quotient, k.constant(1)), quotient);
}

Value tenon::aten::roundedDiv(Body &k) {
  return k.call.string("rounding_mode") == "floor" ? floorDiv(k) : truncated(k, k.div(k.x[0], k.x[1]));
}

Value tenon::aten::pythonRemainder(Body &k) {
  Value remainder = k.rem(k.x[0], k.x[1]);
  if (isUnsigned(k.dtype))
    return remainder;
  return k.select(signsDiffer(k, remainder, k.x[1]), k.add(remainder, k.x[1]), remainder);
}

Value tenon::aten::reciprocal(Body &k, Value v) { return k.div(k.constant(1), v); }

// The product of `exponent` factors, in wrapping arithmetic: squares of the base, picked by the bits of the exponent.
static Value integerPower(Body &k, uint64_t exponent) {
  Value result = k.constant(1), square = k.x[0];
  for (; exponent; exponent >>= 1) {
    if (exponent & 1)
      result = k.mul(result, square);
    if (exponent > 1)
      square = k.mul(square, square);
  }
  return result;
}

// The same for an exponent that varies. A negative one leaves of 1 / x^n what is an integer: 1, -1 or 0.
static Value integerPower(Body &k) {
  Value base = k.x[0], exponent = k.x[1], zero = k.constant(0), one = k.constant(1);
  auto isOdd = [&](Value x) { return k.compare(Math::Order::Ne, arith::AndIOp::create(k.b, k.loc, x, one), zero); };
  Value result = one, square = base, bits = exponent;
  for (unsigned bit = 0, width = exponent.getType().getIntOrFloatBitWidth(); bit < width; ++bit) {
    result = k.select(isOdd(bits), k.mul(result, square), result);
    square = k.mul(square, square);
    bits = arith::ShRUIOp::create(k.b, k.loc, bits, one);
  }
  if (isUnsigned(k.dtype))
    return result;
  Value minusOne = k.constant(-1);
  Value inverse = k.select(k.compare(Math::Order::Eq, base, minusOne), k.select(isOdd(exponent), minusOne, one), zero);
  inverse = k.select(k.compare(Math::Order::Eq, base, one), one, inverse);
  return k.select(k.compare(Math::Order::Lt, exponent, zero), inverse, result);
}

Value tenon::aten::powBody(Body &k) {
  std::optional<double> exponent;
  if (!k.call.isTensor("exponent"))
    if (Scalar scalar = k.call.scalar("exponent"); scalar.isConstant())
      exponent = scalar.asDouble();
  Value x = k.x[0];
  if (!k.isFloat())
    return exponent ? integerPower(k, static_cast<uint64_t>(*exponent)) : integerPower(k);
  if (exponent == 0)
    return k.constant(1);
  if (exponent == 1)
    return x;
  if (exponent == 2)
    return k.mul(x, x);
  if (exponent == 3)
    return k.mul(k.mul(x, x), x);
  if (exponent == 0.5)
    return k.op<math::SqrtOp>(x);
  if (exponent == -0.5)
    return reciprocal(k, k.op<math::SqrtOp>(x));
  if (exponent == -1)
    return reciprocal(k, x);
  if (exponent == -2)
    return reciprocal(k, k.mul(x, x));
  return k.op<math::PowFOp>();
}

Value tenon::aten::signBody(Body &k) {
  if (k.dtype == ScalarType::Bool)
    return k.x[0];
  Value zero = k.constant(0), one = k.constant(1);
  Value positive = k.compare(Math::Order::Gt, k.x[0], zero);
  if (isUnsigned(k.dtype))
    return k.select(positive, one, zero);
  Value negative = k.compare(Math::Order::Lt, k.x[0], zero);
  return k.select(positive, one, k.select(negative, k.constant(-1), zero));
}

static Value absBody(Body &k, Value x) {
  if (k.isFloat())
    return k.op<math::AbsFOp>(x);
  return isUnsigned(k.dtype) ? x : k.op<math::AbsIOp>(x);
}

Value tenon::aten::absBody(Body &k) { return ::absBody(k, k.x[0]); }

Value tenon::aten::clampBody(Body &k, StringRef low, StringRef high, ArrayRef<Value> bounds) {
  Value result = k.x[0];
  size_t next = 0;
  if (k.call.has(low))
    result = k.max(result, bounds[next++]);
  if (!high.empty() && k.call.has(high))
    result = k.min(result, bounds[next]);
  return result;
}

Value tenon::aten::geluBody(Body &k) {
  return k.activation(k.call.string("approximate") == "tanh" ? ActivationKind::GeluTanh : ActivationKind::GeluErf);
}

Value tenon::aten::bitwiseNot(Body &k) {
  Value ones = k.dtype == ScalarType::Bool ? k.constant(1) : scalarConstant(k.b, k.loc, k.dtype, int64_t{-1});
  return arith::XOrIOp::create(k.b, k.loc, k.x[0], ones);
}

Value tenon::aten::logSigmoid(Body &k) {
  Value negated = k.neg(k.op<math::AbsFOp>(k.x[0]));
  return k.sub(k.min(k.x[0], k.constant(0)), k.op<math::Log1pOp>(k.op<math::ExpOp>(negated)));
}

Value tenon::aten::eluBody(Body &k) {
  double alpha = k.call.real("alpha");
  if (k.call.real("scale") != 1 || k.call.real("input_scale") != 1)
    k.call.unsupported("scale or input_scale other than 1");
  return k.activation(ActivationKind::Elu, alpha);
}

Value tenon::aten::seluBody(Body &k) {
  constexpr double alpha = 1.6732632423543772848170429916717, scale = 1.0507009873554804934193349852946;
  Value low = k.mul(k.constant(alpha * scale), k.op<math::ExpM1Op>(k.x[0]));
  return k.select(k.compare(Math::Order::Gt, k.x[0], k.constant(0)), k.mul(k.constant(scale), k.x[0]), low);
}

Value tenon::aten::isInfinite(Body &k) {
  if (!k.isFloat())
    return scalarConstant(k.b, k.loc, ScalarType::Bool, int64_t{0});
  return k.compare(Math::Order::Eq, k.op<math::AbsFOp>(k.x[0]), highestConstant(k.b, k.loc, k.dtype));
}

Value tenon::aten::isFinite(Body &k) {
  if (!k.isFloat())
    return scalarConstant(k.b, k.loc, ScalarType::Bool, int64_t{1});
  return k.compare(Math::Order::Lt, k.op<math::AbsFOp>(k.x[0]), highestConstant(k.b, k.loc, k.dtype));
}

template <typename Log> static Value timesLogOf(Body &k) {
  Value product = k.mul(k.x[0], k.op<Log>(k.x[1]));
  Value result = k.select(k.compare(Math::Order::Eq, k.x[0], k.constant(0)), k.constant(0), product);
  return k.select(k.isNan(k.x[1]), k.x[1], result);
}

Value tenon::aten::xlogy(Body &k) { return timesLogOf<math::LogOp>(k); }
Value tenon::aten::xlog1py(Body &k) { return timesLogOf<math::Log1pOp>(k); }

Value tenon::aten::lerpBody(Body &k) {
  Value start = k.x[0], end = k.x[1], weight = k.x[2], difference = k.sub(end, start);
  Value low = k.add(start, k.mul(weight, difference));
  Value high = k.sub(end, k.mul(difference, k.sub(k.constant(1), weight)));
  return k.select(k.compare(Math::Order::Lt, k.op<math::AbsFOp>(weight), k.constant(0.5)), low, high);
}

Value tenon::aten::softshrink(Body &k) {
  Value lambda = k.param("lambd"), x = k.x[0];
  Value low = k.select(k.compare(Math::Order::Lt, x, k.neg(lambda)), k.add(x, lambda), k.mul(x, k.constant(0)));
  return k.select(k.compare(Math::Order::Gt, x, lambda), k.sub(x, lambda), low);
}

Value tenon::aten::hardshrink(Body &k) {
  Value lambda = k.param("lambd"), x = k.x[0];
  Value low = k.compare(Math::Order::Ge, x, k.neg(lambda)), high = k.compare(Math::Order::Le, x, lambda);
  return k.select(arith::AndIOp::create(k.b, k.loc, low, high), k.constant(0), x);
}

Value tenon::aten::sincBody(Body &k) {
  Value scaled = k.mul(k.constant(3.14159265358979323846), k.x[0]);
  Value value = k.div(k.op<math::SinOp>(scaled), scaled);
  return k.select(k.compare(Math::Order::Eq, k.x[0], k.constant(0)), k.constant(1), value);
}

Value tenon::aten::signBit(Body &k) {
  if (isUnsigned(k.dtype) || k.dtype == ScalarType::Bool)
    return scalarConstant(k.b, k.loc, ScalarType::Bool, int64_t{0});
  Value signedOne = k.isFloat() ? Value(math::CopySignOp::create(k.b, k.loc, k.constant(1), k.x[0])) : k.x[0];
  return k.compare(Math::Order::Lt, signedOne, k.constant(0));
}

Value tenon::aten::logitBody(Body &k) {
  Value x = k.x[0];
  if (k.call.has("eps")) {
    Value low = k.param("eps"), high = k.sub(k.constant(1), low), limited = k.min(x, high);
    x = k.select(k.compare(Math::Order::Lt, x, low), low, limited);
  }
  return k.op<math::LogOp>(k.div(x, k.sub(k.constant(1), x)));
}

Value tenon::aten::hypotenuse(Body &k) {
  Value x = k.op<math::AbsFOp>(k.x[0]), y = k.op<math::AbsFOp>(k.x[1]), zero = k.constant(0);
  Value larger = k.max(x, y), ratio = k.div(k.min(x, y), larger);
  Value result = k.mul(larger, k.op<math::SqrtOp>(k.add(k.constant(1), k.mul(ratio, ratio))));
  result = k.select(k.compare(Math::Order::Eq, larger, zero), zero, result);
  Value infinity = highestConstant(k.b, k.loc, k.dtype);
  Value isInfinite = arith::OrIOp::create(k.b, k.loc, k.compare(Math::Order::Eq, x, infinity),
                                          k.compare(Math::Order::Eq, y, infinity));
  return k.select(isInfinite, infinity, result);
}

Value tenon::aten::logAddExp(Body &k) {
  Value distance = k.op<math::AbsFOp>(k.sub(k.x[0], k.x[1]));
  Value sum = k.add(k.max(k.x[0], k.x[1]), k.op<math::Log1pOp>(k.op<math::ExpOp>(k.neg(distance))));
  Value isInfinitePair = arith::AndIOp::create(k.b, k.loc, k.compare(Math::Order::Eq, k.x[0], k.x[1]), isInfinite(k));
  return k.select(isInfinitePair, k.x[0], sum);
}

Value tenon::aten::logAddExp2(Body &k) {
  Value distance = k.op<math::AbsFOp>(k.sub(k.x[0], k.x[1]));
  Value logarithm = k.mul(k.constant(std::numbers::log2e), k.op<math::Log1pOp>(k.op<math::Exp2Op>(k.neg(distance))));
  Value isInfinitePair = arith::AndIOp::create(k.b, k.loc, k.compare(Math::Order::Eq, k.x[0], k.x[1]), isInfinite(k));
  return k.select(isInfinitePair, k.x[0], k.add(k.max(k.x[0], k.x[1]), logarithm));
}

// Euclid's algorithm. A remainder is less than half of what it is the rest of, two steps on: as many steps as halvings, and
// Fibonacci numbers take the most, 1.44 for each bit.
Value tenon::aten::greatestDivisor(Body &k) {
  Value x = ::absBody(k, k.x[0]), y = ::absBody(k, k.x[1]), zero = k.constant(0);
  int steps = static_cast<int>(1.4405 * x.getType().getIntOrFloatBitWidth()) + 1;
  for (int step = 0; step < steps; ++step) {
    Value isDone = k.compare(Math::Order::Eq, y, zero), rest = k.rem(x, y);
    x = k.select(isDone, x, y);
    y = k.select(isDone, zero, rest);
  }
  return ::absBody(k, x);
}

Value tenon::aten::leastMultiple(Body &k) {
  Value divisor = greatestDivisor(k), zero = k.constant(0);
  Value product = k.mul(k.div(k.x[0], divisor), k.x[1]);
  return k.select(k.compare(Math::Order::Eq, divisor, zero), zero, ::absBody(k, product));
}

Value tenon::aten::nanToNumber(Body &k) {
  if (!k.isFloat())
    return k.x[0];
  auto type = cast<FloatType>(elementType(k.b.getContext(), k.call.resultDtype()));
  double largest = llvm::APFloat::getLargest(type.getFloatSemantics()).convertToDouble();
  auto given = [&](StringRef name, double otherwise) { return k.call.has(name) ? k.param(name) : k.constant(otherwise); };
  Value x = k.x[0], infinity = highestConstant(k.b, k.loc, k.dtype);
  Value result = k.select(k.isNan(x), given("nan", 0), x);
  result = k.select(k.compare(Math::Order::Eq, x, infinity), given("posinf", largest), result);
  return k.select(k.compare(Math::Order::Eq, x, k.neg(infinity)), given("neginf", -largest), result);
}

Value tenon::aten::roundedToDecimals(Body &k) {
  if (!k.isFloat())
    return k.x[0];
  ScalarType dtype = k.call.resultDtype();
  auto rounded = [&](Value v) { return castScalar(k.b, k.loc, castScalar(k.b, k.loc, v, k.dtype, dtype), dtype, k.dtype); };
  int64_t decimals = k.call.integer("decimals");
  Value factor = rounded(k.constant(std::pow(10.0, static_cast<double>(std::abs(decimals)))));
  Value scaled = rounded(decimals < 0 ? k.div(k.x[0], factor) : k.mul(k.x[0], factor));
  Value whole = k.op<math::RoundEvenOp>(scaled);
  return decimals < 0 ? k.mul(whole, factor) : k.div(whole, factor);
}

Value tenon::aten::heavisideBody(Body &k) {
  Value zero = k.constant(0);
  Value step = k.select(k.compare(Math::Order::Gt, k.x[0], zero), k.constant(1), zero);
  return k.select(k.compare(Math::Order::Eq, k.x[0], zero), k.x[1], step);
}

Value tenon::aten::entropyBody(Body &k) {
  Value x = k.x[0], zero = k.constant(0);
  Value positive = k.neg(k.mul(x, k.op<math::LogOp>(x)));
  Value rest = k.select(k.compare(Math::Order::Eq, x, zero), zero, k.neg(highestConstant(k.b, k.loc, k.dtype)));
  Value value = k.select(k.compare(Math::Order::Gt, x, zero), positive, rest);
  return k.select(k.isNan(x), x, value);
}

static Value comparisonOf(Body &k, Math::Order order) { return k.compare(order, k.x[0], k.x[1]); }

// A finite distance within the tolerance.
static Value isNear(Body &k) {
  Value allowed = k.add(k.param("atol"), k.op<math::AbsFOp>(k.mul(k.param("rtol"), k.x[1])));
  Value distance = k.op<math::AbsFOp>(k.sub(k.x[0], k.x[1])), infinity = highestConstant(k.b, k.loc, k.dtype);
  return arith::AndIOp::create(k.b, k.loc, k.compare(Math::Order::Lt, distance, infinity),
                               k.compare(Math::Order::Le, distance, allowed));
}

Value tenon::aten::isCloseBody(Body &k) {
  Value isEqual = comparisonOf(k, Math::Order::Eq);
  if (k.call.real("rtol") == 0 && k.call.real("atol") == 0 && !k.call.boolean("equal_nan"))
    return isEqual;
  Body reals(k.b, k.loc, k.isFloat() ? k.dtype : ScalarType::Float32, k.call); // ATen measures distances of integers in float32
  for (Value x : k.x)
    reals.x.push_back(castScalar(k.b, k.loc, x, k.dtype, reals.dtype));
  Value close = arith::OrIOp::create(k.b, k.loc, isEqual, isNear(reals));
  if (!k.isFloat())
    return close;
  if (!k.call.boolean("equal_nan"))
    return close;
  Value bothNan = arith::AndIOp::create(k.b, k.loc, k.isNan(k.x[0]), k.isNan(k.x[1]));
  return arith::OrIOp::create(k.b, k.loc, close, bothNan);
}

Value tenon::aten::rreluBody(Body &k) {
  if (k.call.boolean("training"))
    k.call.unsupported("rrelu in training mode; call model.eval() before export");
  return k.activation(ActivationKind::LeakyRelu, (k.call.real("lower") + k.call.real("upper")) / 2);
}
