//===- Logarithm.cpp - logarithms and what is made of them ----===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// x = 2^e m with m in [sqrt 1/2, sqrt 2); log(x) = e ln 2 + log(m).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/math/Coefficients.h"
#include "compiler/codegen/kernel/math/Functions.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

using namespace tenon;
using namespace tenon::functions;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double quietNaN = std::numeric_limits<double>::quiet_NaN();

/// x = 2^exponent * mantissa; `shiftedExponent` is the exponent at its place in the bits of a float.
struct Decomposed {
  Value exponent, mantissa, shiftedExponent;
};

/// For normal x > 0; other x give defined, meaningless values.
Decomposed decompose(MathBuilder &b, Value x) {
  uint64_t sqrtHalf = b.isDouble() ? std::bit_cast<uint64_t>(std::sqrt(0.5)) : std::bit_cast<uint32_t>(std::sqrt(0.5f));
  double magic = std::ldexp(1.5, b.mantissaBits());
  uint64_t magicBits =
      b.isDouble() ? std::bit_cast<uint64_t>(magic) : std::bit_cast<uint32_t>(static_cast<float>(magic));
  Value bits = b.toBits(x);
  Value exponent = b.shiftRightSigned(b.intSub(bits, b.bits(sqrtHalf)), b.mantissaBits());
  Value shifted = b.shiftLeft(exponent, b.mantissaBits());
  // An integer added to the bits of 1.5 * 2^mantissaBits is added to the number.
  Value asFloat = b.sub(b.fromBits(b.intAdd(exponent, b.bits(magicBits))), b.constant(magic));
  return {asFloat, b.fromBits(b.intSub(bits, shifted)), shifted};
}

/// As `decompose`, for subnormal x as well.
Decomposed decomposeAny(MathBuilder &b, Value x) {
  int shift = b.mantissaBits() + 1;
  Value isSubnormal = b.less(x, b.constant(std::ldexp(1.0, 1 - b.exponentBias())));
  Decomposed parts = decompose(b, b.select(isSubnormal, b.mul(x, b.constant(std::ldexp(1.0, shift))), x));
  parts.exponent = b.sub(parts.exponent, b.select(isSubnormal, b.constant(shift), b.constant(0)));
  return parts;
}

/// exponent * (high + low) + log(1 + f) for f in [sqrt 1/2 - 1, sqrt 2 - 1].
Value logOfParts(MathBuilder &b, Value exponent, Value f) {
  if (!b.isDouble()) {
    Value square = b.mul(f, f);
    Value tail = b.mul(b.mul(square, f), b.polynomial(f, coefficients::logF32));
    tail = b.fma(exponent, b.constant(coefficients::ln2F32[1]), tail);
    tail = b.fma(b.constant(-0.5), square, tail);
    return b.fma(exponent, b.constant(coefficients::ln2F32[0]), b.add(f, tail));
  }
  Value s = b.div(f, b.add(b.constant(2), f));
  Value z = b.mul(s, s);
  Value rest = b.mul(z, b.polynomial(z, coefficients::logF64));
  Value halfSquare = b.mul(b.constant(0.5), b.mul(f, f));
  Value low = b.fma(s, b.add(halfSquare, rest), b.mul(exponent, b.constant(coefficients::ln2F64[1])));
  Value fraction = b.sub(f, b.sub(halfSquare, low));
  return b.fma(exponent, b.constant(coefficients::ln2F64[0]), fraction);
}

/// `value` inside the domain (pole, infinity), and the special values elsewhere.
Value withLogSpecials(MathBuilder &b, Value x, double pole, Value value) {
  Value atPole = b.constant(pole);
  Value special =
      b.select(b.equal(x, atPole), b.constant(-infinity), b.select(b.less(x, atPole), b.constant(quietNaN), x));
  return b.select(b.both(b.less(atPole, x), b.less(x, b.constant(infinity))), value, special);
}

/// exponent * scale[0] + (exponent * scale[1] + log(m) * factor), the product in two parts.
Value logToBase(MathBuilder &b, Value x, llvm::ArrayRef<double> exponentScale, llvm::ArrayRef<double> factor) {
  Decomposed parts = decomposeAny(b, x);
  Value logOfMantissa = logOfParts(b, b.constant(0), b.sub(parts.mantissa, b.constant(1)));
  Value product = b.mul(logOfMantissa, b.constant(factor[0]));
  Value low = b.fma(logOfMantissa, b.constant(factor[0]), b.neg(product));
  low = b.fma(logOfMantissa, b.constant(factor[1]), low);
  low = b.fma(parts.exponent, b.constant(exponentScale[1]), low);
  Value result = b.fma(parts.exponent, b.constant(exponentScale[0]), b.add(product, low));
  return withLogSpecials(b, x, 0, result);
}

} // namespace

Value functions::log(MathBuilder &b, Value x) {
  Decomposed parts = decomposeAny(b, x);
  return withLogSpecials(b, x, 0, logOfParts(b, parts.exponent, b.sub(parts.mantissa, b.constant(1))));
}

Value functions::log2(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::log2, x);
  return logToBase(b, x, {1.0, 0.0}, coefficients::log2eF64);
}

Value functions::log10(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::log10, x);
  return logToBase(b, x, coefficients::log10of2F64, coefficients::log10eF64);
}

// With u = 1 + x rounded and c what the rounding lost: 1 + x = 2^e (m + c / 2^e), u = 2^e m.
Value functions::log1p(MathBuilder &b, Value x) {
  Value one = b.constant(1);
  Value u = b.add(one, x);
  Value back = b.sub(u, one);
  Value lost = b.add(b.sub(x, back), b.sub(one, b.sub(u, back)));
  Decomposed parts = decompose(b, u);
  Value oneBits = b.bits(static_cast<uint64_t>(b.exponentBias()) << b.mantissaBits());
  Value inversePower = b.fromBits(b.intSub(oneBits, parts.shiftedExponent));
  // Beyond, 1 is below half a unit of x; and the inverse power leaves the format.
  Value counts = b.less(x, b.constant(std::ldexp(1.0, b.mantissaBits() + 2)));
  Value correction = b.select(counts, b.mul(lost, inversePower), b.constant(0));
  Value f = b.add(b.sub(parts.mantissa, one), correction);
  Value result = withLogSpecials(b, x, -1, logOfParts(b, parts.exponent, f));
  return b.select(b.equal(x, b.constant(0)), x, result); // -0 stays -0
}

/// log1p(u), or log(2 a) where a^2 is out of reach: one logarithm of either, whose constants are many.
static Value log1pOrLogOfTwice(MathBuilder &b, Value u, Value a) {
  Value isLarge = b.less(b.constant(0x1p+100), a);
  Value logarithm = functions::log1p(b, b.select(isLarge, a, u));
  return b.select(isLarge, b.add(logarithm, b.constant(0.69314718055994530942)), logarithm);
}

// sign(x) log1p(a + a^2 / (1 + sqrt(1 + a^2))), a = |x|
Value functions::asinh(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::asinh, x);
  Value a = b.abs(x), one = b.constant(1), square = b.mul(a, a);
  Value u = b.add(a, b.div(square, b.add(one, b.sqrt(b.add(square, one)))));
  return b.copySign(log1pOrLogOfTwice(b, u, a), x);
}

// log1p(t + sqrt(2 t + t^2)), t = x - 1
Value functions::acosh(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::acosh, x);
  Value t = b.sub(x, b.constant(1));
  Value u = b.add(t, b.sqrt(b.mul(t, b.add(t, b.constant(2)))));
  u = b.select(b.less(t, b.constant(0)), b.constant(quietNaN), u);
  return log1pOrLogOfTwice(b, u, x);
}

// log1p(2 a / (1 - a)) / 2
Value functions::atanh(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::atanh, x);
  Value a = b.abs(x);
  Value ratio = b.div(b.add(a, a), b.sub(b.constant(1), a));
  return b.copySign(b.mul(b.constant(0.5), functions::log1p(b, ratio)), x);
}

namespace {

/// high + low, low below half a unit of high: a number of twice the precision.
struct Pair {
  Value high, low;
};

/// a + b for |a| >= |b| or a = 0, exactly (https://doi.org/10.1007/BF01397083).
Pair sum(MathBuilder &b, Value large, Value small) {
  Value high = b.add(large, small);
  return {high, b.sub(small, b.sub(high, large))};
}

Pair sum(MathBuilder &b, Value large, Pair small) {
  Pair total = sum(b, large, small.high);
  return {total.high, b.add(total.low, small.low)};
}

/// x * y, exactly but for low * low.
Pair product(MathBuilder &b, Pair x, Pair y) {
  Value high = b.mul(x.high, y.high);
  Value low = b.fma(x.high, y.high, b.neg(high));
  return {high, b.fma(x.high, y.low, b.fma(x.low, y.high, low))};
}

/// log2(x) to 2^-64 of itself, for x > 0 in f64: e + log(m) / ln 2 with log(m) = 2 s + 2/3 s^3 + 2/5 s^5 + …,
/// s = (m - 1) / (m + 1). The first two terms need twice the precision; the rest is below 2^-12 of them.
Pair log2Pair(MathBuilder &b, Value x) {
  Decomposed parts = decomposeAny(b, x);
  Value f = b.sub(parts.mantissa, b.constant(1)), two = b.constant(2);
  Pair divisor = sum(b, two, f), s;
  s.high = b.div(f, divisor.high);
  Value remainder = b.fma(b.neg(s.high), divisor.low, b.fma(b.neg(s.high), divisor.high, f));
  s.low = b.div(remainder, divisor.high);
  Pair square = product(b, s, s), cube = product(b, square, s);
  std::array<double, 11> tail;
  for (auto [i, coefficient] : llvm::enumerate(tail))
    coefficient = 2.0 / static_cast<double>(2 * i + 5);
  Value rest = b.mul(b.mul(cube.high, square.high), b.polynomial(square.high, tail));
  Pair third = product(b, cube, {b.constant(0x1.5555555555555p-1), b.constant(0x1.5555555555555p-55)});
  Pair logarithm = sum(b, b.add(s.high, s.high), {third.high, b.add(third.low, b.fma(two, s.low, rest))});
  logarithm = product(b, logarithm, {b.constant(coefficients::log2eF64[0]), b.constant(coefficients::log2eF64[1])});
  Pair result = sum(b, parts.exponent, logarithm);
  result = sum(b, result.high, result.low);
  return {withLogSpecials(b, x, 0, result.high), result.low};
}

/// |x|^y but for the special values of powWithSpecials.
Value powOfDouble(MathBuilder &b, Value x, Value y) {
  Pair logarithm = log2Pair(b, b.abs(x));
  // Beyond, the power leaves the format for every x but 1; and the product stays finite.
  y = b.atMost(b.atLeast(y, -0x1p+80), 0x1p+80);
  Pair exponent = product(b, logarithm, {y, b.constant(0)});
  Value counts = b.less(b.abs(exponent.high), b.constant(4096));
  return functions::exp2OfSum(b, exponent.high, b.select(counts, exponent.low, b.constant(0)));
}

/// |x|^y in f64 for operands that were f32: 29 spare bits absorb the product's error.
Value powOfWidened(MathBuilder &b, Value x, Value y) { return functions::exp2(b, b.mul(y, functions::log2(b, b.abs(x)))); }

/// x^y with C99's special values, from |x|^y.
Value powWithSpecials(MathBuilder &b, Value x, Value y, Value magnitude) {
  Value zero = b.constant(0), one = b.constant(1), half = b.constant(0.5);
  Value isInteger = b.equal(b.floor(y), y);
  Value halfY = b.mul(y, half);
  Value isOdd = b.both(isInteger, b.flip(b.equal(b.floor(halfY), halfY)));
  Value result = b.select(isOdd, b.copySign(magnitude, x), magnitude);
  Value isNegativeNumber = b.both(b.less(x, zero), b.less(b.constant(-infinity), x));
  Value hasNoValue = b.both(isNegativeNumber, b.less(b.floor(y), y));
  result = b.select(hasNoValue, b.constant(quietNaN), result);
  Value isUnitToInfinity = b.both(b.equal(x, b.constant(-1)), b.equal(b.abs(y), b.constant(infinity)));
  Value isOne = b.either(b.equal(x, one), b.either(b.equal(y, zero), isUnitToInfinity));
  return b.select(isOne, one, result);
}

} // namespace

Value functions::pow(MathBuilder &b, Value x, Value y) {
  if (b.isDouble())
    return powWithSpecials(b, x, y, powOfDouble(b, x, y));
  MathBuilder wide = b.toDouble();
  x = wide.convert(x), y = wide.convert(y);
  return b.convert(powWithSpecials(wide, x, y, powOfWidened(wide, x, y)));
}
