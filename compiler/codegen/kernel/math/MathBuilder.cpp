//===- MathBuilder.cpp - arithmetic on floats and their bits ----===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/math/MathBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace tenon;

MathBuilder::MathBuilder(OpBuilder &builder, Location location, Type floatType)
    : ops(location, builder), floatType(floatType) {
  ops.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
  intType = withShape(ops.getIntegerType(isDouble() ? 64 : 32));
}

MathBuilder MathBuilder::withElement(Type element) { return MathBuilder(ops, ops.getLoc(), withShape(element)); }

Type MathBuilder::withShape(Type element) const {
  if (auto vector = dyn_cast<VectorType>(floatType))
    return vector.clone(element);
  return element;
}

static Value splat(ImplicitLocOpBuilder &ops, Type type, TypedAttr value) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(ops, DenseElementsAttr::get(vector, Attribute(value)));
  return arith::ConstantOp::create(ops, value);
}

Value MathBuilder::constant(double value) {
  return splat(ops, floatType, ops.getFloatAttr(getElementTypeOrSelf(floatType), value));
}
Value MathBuilder::bits(uint64_t value) {
  unsigned width = isDouble() ? 64 : 32;
  return splat(ops, intType, ops.getIntegerAttr(getElementTypeOrSelf(intType), APInt(width, value, false, true)));
}

Value MathBuilder::add(Value a, Value b) { return arith::AddFOp::create(ops, a, b); }
Value MathBuilder::sub(Value a, Value b) { return arith::SubFOp::create(ops, a, b); }
Value MathBuilder::mul(Value a, Value b) { return arith::MulFOp::create(ops, a, b); }
Value MathBuilder::div(Value a, Value b) { return arith::DivFOp::create(ops, a, b); }
Value MathBuilder::fma(Value a, Value b, Value c) { return math::FmaOp::create(ops, a, b, c); }
Value MathBuilder::neg(Value a) { return arith::NegFOp::create(ops, a); }
Value MathBuilder::abs(Value a) { return math::AbsFOp::create(ops, a); }
Value MathBuilder::sqrt(Value a) { return math::SqrtOp::create(ops, a); }
Value MathBuilder::floor(Value a) { return math::FloorOp::create(ops, a); }
Value MathBuilder::copySign(Value magnitude, Value sign) { return math::CopySignOp::create(ops, magnitude, sign); }

Value MathBuilder::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = constant(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, constant(coefficient));
  return sum;
}

Value MathBuilder::less(Value a, Value b) { return arith::CmpFOp::create(ops, arith::CmpFPredicate::OLT, a, b); }
Value MathBuilder::lessEqual(Value a, Value b) { return arith::CmpFOp::create(ops, arith::CmpFPredicate::OLE, a, b); }
Value MathBuilder::equal(Value a, Value b) { return arith::CmpFOp::create(ops, arith::CmpFPredicate::OEQ, a, b); }
Value MathBuilder::both(Value a, Value b) { return arith::AndIOp::create(ops, a, b); }
Value MathBuilder::either(Value a, Value b) { return arith::OrIOp::create(ops, a, b); }
Value MathBuilder::flip(Value condition) {
  return arith::XOrIOp::create(ops, condition, splat(ops, condition.getType(), ops.getBoolAttr(true)));
}
Value MathBuilder::select(Value condition, Value a, Value b) { return arith::SelectOp::create(ops, condition, a, b); }
Value MathBuilder::atLeast(Value a, double low) { return select(less(a, constant(low)), constant(low), a); }
Value MathBuilder::atMost(Value a, double high) { return select(less(constant(high), a), constant(high), a); }

Value MathBuilder::toBits(Value a) { return arith::BitcastOp::create(ops, intType, a); }
Value MathBuilder::fromBits(Value a) { return arith::BitcastOp::create(ops, floatType, a); }
Value MathBuilder::intAdd(Value a, Value b) { return arith::AddIOp::create(ops, a, b); }
Value MathBuilder::intSub(Value a, Value b) { return arith::SubIOp::create(ops, a, b); }
Value MathBuilder::intAnd(Value a, Value b) { return arith::AndIOp::create(ops, a, b); }
Value MathBuilder::intXor(Value a, Value b) { return arith::XOrIOp::create(ops, a, b); }
Value MathBuilder::shiftLeft(Value a, int count) { return arith::ShLIOp::create(ops, a, bits(count)); }
Value MathBuilder::shiftRight(Value a, int count) { return arith::ShRUIOp::create(ops, a, bits(count)); }
Value MathBuilder::shiftRightSigned(Value a, int count) { return arith::ShRSIOp::create(ops, a, bits(count)); }
Value MathBuilder::intEqual(Value a, Value b) { return arith::CmpIOp::create(ops, arith::CmpIPredicate::eq, a, b); }

Value MathBuilder::intMax(Value a, Value b) { return arith::MaxSIOp::create(ops, a, b); }

Value MathBuilder::any(Value condition) {
  if (!isa<VectorType>(condition.getType()))
    return condition;
  return vector::ReductionOp::create(ops, vector::CombiningKind::OR, condition);
}

Value MathBuilder::convert(Value a) {
  unsigned from = getElementTypeOrSelf(a).getIntOrFloatBitWidth();
  unsigned to = getElementTypeOrSelf(floatType).getIntOrFloatBitWidth();
  if (from == to)
    return a;
  if (from < to)
    return arith::ExtFOp::create(ops, floatType, a);
  return arith::TruncFOp::create(ops, floatType, a);
}
