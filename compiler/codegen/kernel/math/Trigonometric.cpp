//===- Trigonometric.cpp - trigonometric functions and their inverses ----===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// x = n pi/2 + r, |r| <= pi/4; sin and cos of r are minimax polynomials, n modulo 4 says which one and its sign.
//
// Near zero (|x| <= 2^17 in f32, 2^40 in f64) n pi/2 is subtracted in parts with fma (Cody and Waite). f32 beyond takes
// Payne and Hanek's way in 64-bit integers, in a branch that vectors with one such lane take: of 2/pi only the 88 bits
// that decide x * 2/pi modulo 4 are multiplied.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/math/Coefficients.h"
#include "compiler/codegen/kernel/math/Functions.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace tenon;
using namespace tenon::functions;

namespace {

constexpr double halfPi = 1.5707963267948966192;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double codyWaiteMax = 0x1p+17;

/// `turns` quarter turns (in the low two bits of an integer of the float's width) and the rest `angle`.
struct Reduced {
  Value turns, angle;
};

Reduced reduceNear(MathBuilder &b, Value x) {
  ArrayRef<double> parts =
      b.isDouble() ? ArrayRef(coefficients::halfPiF64) : ArrayRef(coefficients::halfPiF32).take_front(3);
  Value magic = b.constant(std::ldexp(1.5, b.mantissaBits()));
  Value shifted = b.fma(x, b.constant(1 / halfPi), magic);
  Value minusN = b.sub(magic, shifted);
  Value r = x;
  for (double part : parts)
    r = b.fma(minusN, b.constant(part), r);
  return {b.toBits(shifted), r};
}

/// For f32 x with |x| >= codyWaiteMax; both results are 64 bits wide. Infinities give NaN, smaller x something defined.
Reduced reduceFar(MathBuilder &b, Value x) {
  MathBuilder wide = b.toDouble();
  ImplicitLocOpBuilder &ops = wide.ops;
  Value bits = b.toBits(b.abs(x));
  Type wideInt = wide.bits(0).getType();
  Value mantissa = b.intAdd(b.intAnd(bits, b.bits(0x7fffff)), b.bits(0x800000));
  mantissa = arith::ExtUIOp::create(ops, wideInt, mantissa);
  // The stored bits begin with eight zeros, so that 2^17 needs those from bit 0 on: two integer bits, then the
  // fraction.
  Value offset = arith::ExtUIOp::create(ops, wideInt, b.intSub(b.shiftRight(bits, 23), b.bits(127 + 17)));
  Value isSecondWord = wide.flip(wide.intEqual(wide.intAnd(offset, wide.bits(64)), wide.bits(0)));
  Value shift = wide.intAnd(offset, wide.bits(63));
  Value word[3];
  for (int i = 0; i < 3; ++i)
    word[i] =
        wide.select(isSecondWord, wide.bits(coefficients::twoOverPi[i + 1]), wide.bits(coefficients::twoOverPi[i]));
  auto window = [&](Value high, Value low) -> Value {
    Value lowShift = wide.intSub(wide.bits(63), shift); // and one more, because a shift by 64 is undefined
    Value fromLow = arith::ShRUIOp::create(ops, wide.shiftRight(low, 1), lowShift);
    return arith::OrIOp::create(ops, arith::ShLIOp::create(ops, high, shift), fromLow);
  };
  // Products of 32 bits by 32: NEON and AVX2 have no wider ones.
  auto timesLow = [&](Value factor) -> Value {
    Value narrow = arith::TruncIOp::create(ops, bits.getType(), factor);
    return arith::MulIOp::create(ops, mantissa, arith::ExtUIOp::create(ops, wideInt, narrow));
  };
  auto timesHigh = [&](Value factor) { return timesLow(wide.shiftRight(factor, 32)); };
  Value high = window(word[0], word[1]), low = window(word[1], word[2]);
  Value product = wide.intAdd(wide.shiftLeft(timesHigh(high), 32), timesLow(high));
  product = wide.intAdd(product, wide.shiftRight(timesHigh(low), 32)); // modulo 4, in units of 2^-62
  Value turns = wide.shiftRight(wide.intAdd(product, wide.bits(uint64_t(1) << 61)), 62);
  Value fraction = wide.intSub(product, wide.shiftLeft(turns, 62));
  Value angle = arith::SIToFPOp::create(ops, wide.type(), fraction);
  angle = wide.mul(angle, wide.constant(std::ldexp(halfPi, -62)));
  Value wideX = wide.convert(x);
  Value isNegative = wide.less(wideX, wide.constant(0));
  turns = wide.select(isNegative, wide.intSub(wide.bits(0), turns), turns);
  angle = wide.select(isNegative, wide.neg(angle), angle);
  Value isFinite = wide.less(wide.abs(wideX), wide.constant(infinity));
  return {turns, wide.select(isFinite, angle, wide.constant(std::numeric_limits<double>::quiet_NaN()))};
}

/// Replaces `near` by reduceFar in the lanes where f32 `x` is large. `b` has near's type.
Reduced orFar(MathBuilder &b, MathBuilder &single, Value x, Reduced near) {
  Value isFar = single.less(single.constant(codyWaiteMax), single.abs(x));
  auto farBranch = [&](OpBuilder &builder, Location location) {
    MathBuilder inner(builder, location, single.type()), innerResult(builder, location, b.type());
    Reduced far = reduceFar(inner, x);
    if (!b.isDouble())
      far = {arith::TruncIOp::create(inner.ops, near.turns.getType(), far.turns), inner.convert(far.angle)};
    Value turns = innerResult.select(isFar, far.turns, near.turns);
    scf::YieldOp::create(builder, location, ValueRange{turns, innerResult.select(isFar, far.angle, near.angle)});
  };
  auto nearBranch = [&](OpBuilder &builder, Location location) {
    scf::YieldOp::create(builder, location, ValueRange{near.turns, near.angle});
  };
  auto branch = scf::IfOp::create(b.ops, single.any(isFar), farBranch, nearBranch);
  return {branch.getResult(0), branch.getResult(1)};
}

Reduced reduce(MathBuilder &b, Value x) {
  Reduced near = reduceNear(b, x);
  return b.isDouble() ? near : orFar(b, b, x, near);
}

Value sinOfAngle(MathBuilder &b, Value r) {
  Value z = b.mul(r, r);
  ArrayRef<double> tail = b.isDouble() ? ArrayRef(coefficients::sinF64) : ArrayRef(coefficients::sinF32);
  return b.fma(b.mul(r, z), b.polynomial(z, tail), r);
}

Value cosOfAngle(MathBuilder &b, Value r) {
  Value z = b.mul(r, r);
  ArrayRef<double> tail = b.isDouble() ? ArrayRef(coefficients::cosF64) : ArrayRef(coefficients::cosF32);
  Value low = b.fma(b.mul(z, z), b.polynomial(z, tail), b.mul(b.constant(-0.5), z));
  return b.add(b.constant(1), low);
}

Value isOdd(MathBuilder &b, Value turns) { return b.intEqual(b.intAnd(turns, b.bits(1)), b.bits(1)); }

/// sin(x + quarterTurns pi/2)
Value sinOfShifted(MathBuilder &b, Value x, int quarterTurns) {
  Reduced reduced = reduce(b, x);
  Value turns = quarterTurns == 0 ? reduced.turns : b.intAdd(reduced.turns, b.bits(quarterTurns));
  Value value = b.select(isOdd(b, turns), cosOfAngle(b, reduced.angle), sinOfAngle(b, reduced.angle));
  Value sign = b.shiftLeft(b.intAnd(turns, b.bits(2)), b.isDouble() ? 62 : 30);
  return b.fromBits(b.intXor(b.toBits(value), sign));
}

/// sin / cos, negated and inverted after an odd number of quarter turns.
Value tanOfReduced(MathBuilder &b, Reduced reduced) {
  Value sine = sinOfAngle(b, reduced.angle), cosine = cosOfAngle(b, reduced.angle);
  Value odd = isOdd(b, reduced.turns);
  return b.div(b.select(odd, b.neg(cosine), sine), b.select(odd, sine, cosine));
}

} // namespace

Value functions::sin(MathBuilder &b, Value x) {
  return b.select(b.equal(x, b.constant(0)), x, sinOfShifted(b, x, 0)); // -0 stays -0
}

Value functions::cos(MathBuilder &b, Value x) { return sinOfShifted(b, x, 1); }

Value functions::tan(MathBuilder &b, Value x) {
  MathBuilder wide = b.toDouble();
  Reduced reduced = reduceNear(wide, wide.convert(x));
  if (!b.isDouble())
    reduced = orFar(wide, b, x, reduced);
  return b.select(b.equal(x, b.constant(0)), x, b.convert(tanOfReduced(wide, reduced)));
}

// |x| is taken below tan(pi/8): -1/x above tan(3 pi/8), (x - 1) / (x + 1) between.
Value functions::atan(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::atan, x);
  Value a = b.abs(x), zero = b.constant(0), one = b.constant(1);
  Value isLarge = b.less(b.constant(2.41421356237309504880), a);
  Value isMiddle = b.less(b.constant(0.41421356237309504880), a);
  Value numerator = b.select(isLarge, b.constant(-1), b.select(isMiddle, b.sub(a, one), a));
  Value denominator = b.select(isLarge, a, b.select(isMiddle, b.add(a, one), one));
  Value base = b.select(isLarge, b.constant(halfPi), b.select(isMiddle, b.constant(halfPi / 2), zero));
  // What the base's rounding leaves of pi/2 and pi/4.
  double rest = coefficients::halfPiF64[1];
  Value baseRest = b.select(isLarge, b.constant(rest), b.select(isMiddle, b.constant(rest / 2), zero));
  Value t = b.div(numerator, denominator);
  Value z = b.mul(t, t);
  Value tail = b.fma(b.mul(t, z), b.polynomial(z, coefficients::atanF64), baseRest);
  return b.copySign(b.add(base, b.add(t, tail)), x);
}

// atan(x / sqrt(1 - x^2)); the root is NaN outside [-1, 1].
Value functions::asin(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::asin, x);
  Value one = b.constant(1);
  return functions::atan(b, b.div(x, b.sqrt(b.mul(b.sub(one, x), b.add(one, x)))));
}

// 2 atan(sqrt((1 - x) / (1 + x)))
Value functions::acos(MathBuilder &b, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::acos, x);
  Value one = b.constant(1);
  Value half = functions::atan(b, b.sqrt(b.div(b.sub(one, x), b.add(one, x))));
  return b.add(half, half);
}

Value functions::atan2(MathBuilder &b, Value y, Value x) {
  if (!b.isDouble())
    return inDouble(b, functions::atan2, y, x);
  Value absX = b.abs(x), absY = b.abs(y);
  Value isSteep = b.less(absX, absY);
  Value larger = b.select(isSteep, absY, absX), smaller = b.select(isSteep, absX, absY);
  Value ratio = b.div(smaller, larger);
  auto bothAre = [&](double value) {
    return b.both(b.equal(larger, b.constant(value)), b.equal(smaller, b.constant(value)));
  };
  ratio = b.select(bothAre(0), b.constant(0), b.select(bothAre(infinity), b.constant(1), ratio));
  Value angle = functions::atan(b, ratio);
  angle = b.select(isSteep, b.sub(b.constant(halfPi), angle), angle);
  Value signOfX = b.copySign(b.constant(1), x); // -0 is to the left
  angle = b.select(b.less(signOfX, b.constant(0)), b.sub(b.constant(2 * halfPi), angle), angle);
  return b.copySign(angle, y);
}
