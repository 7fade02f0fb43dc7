//===- Remainder.cpp - the remainder of a division ----===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// With P bits of mantissa and a / d < 2^P, the rounded quotient has the integer part n of the exact one or one more, and
// a - n d is exact: a multiple of d's last bit that is at most d. So one step gives the remainder of most operands.
// Larger a are taken below 2^P d first, by multiples 2^k d of the divisor: each step takes P - 1 bits off the quotient.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/math/Functions.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace tenon;
using namespace tenon::functions;

namespace {

/// a modulo d for 0 <= a / d < 2^mantissaBits, d > 0; `quotient` is a / d, rounded.
Value subtractMultiple(MathBuilder &b, Value a, Value d, Value quotient) {
  Value rest = b.fma(b.neg(b.floor(quotient)), d, a);
  return b.select(b.less(rest, b.constant(0)), b.add(rest, d), rest);
}

/// The largest multiple 2^k d of `normalDivisor` = d, d normal, with k >= 0 and a / (2^k d) < 2^mantissaBits or k = 0.
Value scaledDivisor(MathBuilder &b, Value a, Value normalDivisor) {
  Value bits = b.toBits(normalDivisor);
  // The bits of normal numbers grow with them: this is the exponent of a / d, rounded down.
  Value exponent = b.shiftRightSigned(b.intSub(b.toBits(a), bits), b.mantissaBits());
  Value k = b.intMax(b.intSub(exponent, b.bits(b.mantissaBits() - 1)), b.bits(0));
  return b.fromBits(b.intAdd(bits, b.shiftLeft(k, b.mantissaBits())));
}

/// A number below `limit` = 2^mantissaBits d, with the remainder of `a`, in the lanes where a >= limit; `a` elsewhere.
/// 0 < limit there, and a is finite.
Value reduceLarge(MathBuilder &b, Value a, Value d, Value limit,
                  llvm::function_ref<Value(MathBuilder &, Value)> isLarge) {
  // A subnormal divisor is replaced by its multiple `limit`, which is normal and not above a.
  Value isSubnormal = b.less(d, b.constant(std::ldexp(1.0, 1 - b.exponentBias())));
  Value divisor = b.select(isSubnormal, limit, d);
  auto anyLarge = [&](OpBuilder &builder, Location location, ValueRange carried) {
    MathBuilder inner(builder, location, b.type());
    scf::ConditionOp::create(inner.ops, inner.any(isLarge(inner, carried[0])), carried);
  };
  auto step = [&](OpBuilder &builder, Location location, ValueRange carried) {
    MathBuilder inner(builder, location, b.type());
    Value scaled = scaledDivisor(inner, carried[0], divisor);
    Value rest = subtractMultiple(inner, carried[0], scaled, inner.div(carried[0], scaled));
    scf::YieldOp::create(inner.ops, inner.select(isLarge(inner, carried[0]), rest, carried[0]));
  };
  return scf::WhileOp::create(b.ops, TypeRange(b.type()), ValueRange{a}, anyLarge, step).getResult(0);
}

} // namespace

Value functions::fmod(MathBuilder &b, Value x, Value y) {
  Value a = b.abs(x), d = b.abs(y);
  // Not of zeros, infinities and NaN: their quotients are what the last step makes NaN of.
  Value limit = b.mul(d, b.constant(std::ldexp(1.0, b.mantissaBits())));
  Value infinity = b.constant(std::numeric_limits<double>::infinity());
  auto isLarge = [&](MathBuilder &inner, Value value) {
    Value isFinite = inner.both(inner.less(inner.constant(0), limit), inner.less(value, infinity));
    return inner.both(isFinite, inner.lessEqual(limit, value));
  };
  auto largeBranch = [&](OpBuilder &builder, Location location) {
    MathBuilder inner(builder, location, b.type());
    scf::YieldOp::create(inner.ops, reduceLarge(inner, a, d, limit, isLarge));
  };
  auto smallBranch = [&](OpBuilder &builder, Location location) { scf::YieldOp::create(builder, location, a); };
  Value reduced = scf::IfOp::create(b.ops, b.any(isLarge(b, a)), largeBranch, smallBranch).getResult(0);
  Value rest = subtractMultiple(b, reduced, d, b.div(reduced, d));
  // A divisor that is infinite or larger leaves a; infinity times a quotient of zero would not.
  return b.copySign(b.select(b.less(reduced, d), reduced, rest), x);
}
