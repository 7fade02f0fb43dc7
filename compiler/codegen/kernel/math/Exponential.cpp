//===- Exponential.cpp - exp and what is made of it ----===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// exp(x) = 2^n exp(r), n = round(x / ln 2), r = x - n ln 2 (in two parts), exp(r) a minimax polynomial. n comes out of
// the rounding itself: x / ln 2 plus 1.5 * 2^mantissaBits has n in its low bits, so no conversion to integer is needed
// and NaN stays defined.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/math/Coefficients.h"
#include "compiler/codegen/kernel/math/Functions.h"

#include <cmath>

using namespace tenon;
using namespace tenon::functions;

namespace {

/// x rounded to an integer: `integer` as a float, and `bits` whose low bits hold integer + `lowBias`.
struct Rounded {
  Value integer, bits;
};

Rounded roundScaled(MathBuilder &b, Value x, double factor, int lowBias) {
  Value magic = b.constant(std::ldexp(1.5, b.mantissaBits()) + lowBias);
  Value shifted = b.fma(x, b.constant(factor), magic);
  return {b.sub(shifted, magic), b.toBits(shifted)};
}

/// p * 2^(n + addExponent) for the n of bits = n + 2 * exponentBias, in two steps so that neither factor over- or
/// underflows.
Value scaleByPower(MathBuilder &b, Value p, Value bits, int addExponent) {
  if (addExponent != 0)
    bits = b.intAdd(bits, b.bits(addExponent));
  Value half = b.shiftRight(bits, 1);
  Value rest = b.intSub(bits, half);
  p = b.mul(p, b.fromBits(b.shiftLeft(half, b.mantissaBits())));
  return b.mul(p, b.fromBits(b.shiftLeft(rest, b.mantissaBits())));
}

/// x - n ln 2
Value subtractLn2(MathBuilder &b, Value x, Value n) {
  llvm::ArrayRef<double> ln2 =
      b.isDouble() ? llvm::ArrayRef(coefficients::ln2F64) : llvm::ArrayRef(coefficients::ln2F32);
  Value minusN = b.neg(n);
  return b.fma(minusN, b.constant(ln2[1]), b.fma(minusN, b.constant(ln2[0]), x));
}

constexpr double log2e = 1.4426950408889634074;

/// exp(x) 2^addExponent for x within the range where n fits (see exp).
Value expInRange(MathBuilder &b, Value x, int addExponent = 0) {
  Rounded n = roundScaled(b, x, log2e, 2 * b.exponentBias());
  Value r = subtractLn2(b, x, n.integer);
  llvm::ArrayRef<double> tail =
      b.isDouble() ? llvm::ArrayRef(coefficients::expF64) : llvm::ArrayRef(coefficients::expF32);
  Value p = b.fma(b.mul(r, r), b.polynomial(r, tail), r);
  return scaleByPower(b, b.add(p, b.constant(1)), n.bits, addExponent);
}

double largestExponent(MathBuilder &b) { return b.isDouble() ? 712 : 90; }
double smallestExponent(MathBuilder &b) { return b.isDouble() ? -746 : -104; }

/// expm1(x) 2^-shift, for x up to the logarithm of the largest number times 2^shift: 2^(n-shift) expm1(r) +
/// (2^(n-shift) - 2^-shift).
Value scaledExpm1(MathBuilder &b, Value x, int shift) {
  Rounded n = roundScaled(b, x, log2e, b.exponentBias() - shift);
  Value r = subtractLn2(b, x, n.integer);
  llvm::ArrayRef<double> tail =
      b.isDouble() ? llvm::ArrayRef(coefficients::expm1F64) : llvm::ArrayRef(coefficients::expm1F32);
  Value p = b.fma(b.mul(r, r), b.polynomial(r, tail), r);
  Value power = b.fromBits(b.shiftLeft(n.bits, b.mantissaBits()));
  return b.fma(power, p, b.sub(power, b.constant(std::ldexp(1.0, -shift))));
}

/// exp(x) / 2, finite up to where cosh is.
Value halfExp(MathBuilder &b, Value x) { return expInRange(b, b.atMost(x, largestExponent(b)), -1); }

} // namespace

Value functions::expOfNonPositive(MathBuilder &b, Value x) { return expInRange(b, b.atLeast(x, smallestExponent(b))); }

Value functions::exp(MathBuilder &b, Value x) {
  return expInRange(b, b.atMost(b.atLeast(x, smallestExponent(b)), largestExponent(b)));
}

Value functions::exp2(MathBuilder &b, Value x) { return exp2OfSum(b, x, b.constant(0)); }

Value functions::exp2OfSum(MathBuilder &b, Value x, Value low) {
  x = b.atMost(b.atLeast(x, b.isDouble() ? -1080 : -151), b.isDouble() ? 1025 : 129);
  Rounded n = roundScaled(b, x, 1, 2 * b.exponentBias());
  Value r = b.add(b.sub(x, n.integer), low);
  llvm::ArrayRef<double> tail =
      b.isDouble() ? llvm::ArrayRef(coefficients::exp2F64) : llvm::ArrayRef(coefficients::exp2F32);
  return scaleByPower(b, b.fma(r, b.polynomial(r, tail), b.constant(1)), n.bits, 0);
}

// The half is computed because 2^n overflows before the result does.
Value functions::expm1(MathBuilder &b, Value x) {
  Value inRange = b.atMost(b.atLeast(x, b.isDouble() ? -40 : -20), b.isDouble() ? 710 : 89);
  Value half = scaledExpm1(b, inRange, 1);
  return b.select(b.equal(x, b.constant(0)), x, b.add(half, half)); // -0 stays -0
}

// (t + t / (t + 1)) / 2, t = expm1(|x|), whose quarter is computed; above 22 the quotient is one.
Value functions::sinh(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::sinh, x);
  Value magnitude = b.abs(x);
  Value quarter = scaledExpm1(b, b.atMost(magnitude, 710.5), 2);
  Value half = b.add(quarter, quarter), t = b.add(half, half);
  Value quotient = b.div(half, b.add(t, b.constant(1)));
  quotient = b.select(b.less(b.constant(22), magnitude), b.constant(0.5), quotient);
  return b.copySign(b.add(half, quotient), x);
}

Value functions::cosh(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::cosh, x);
  Value half = halfExp(b, b.abs(x));
  return b.add(half, b.div(b.constant(0.25), half));
}

// -t / (2 + t), t = expm1(-2 |x|). A rational function is a third shorter, but loses 5 ulp below 1.
Value functions::tanh(MathBuilder &b, Value x) {
  Value t = functions::expm1(b, b.mul(b.constant(-2), b.abs(x)));
  return b.copySign(b.div(t, b.add(b.constant(2), t)), x);
}
