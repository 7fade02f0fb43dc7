//===- DTypes.cpp - ATen's dtypes: element types, promotion, casts ------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/DTypes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tenon::aten;

bool tenon::aten::isFloat(ScalarType type) {
  return type == ScalarType::Float16 || type == ScalarType::BFloat16 || type == ScalarType::Float32 ||
         type == ScalarType::Float64;
}

bool tenon::aten::isUnsigned(ScalarType type) {
  return type == ScalarType::UInt8 || type == ScalarType::UInt16 || type == ScalarType::UInt32 ||
         type == ScalarType::UInt64 || type == ScalarType::Bool;
}

static unsigned integerWidth(ScalarType type) {
  switch (type) {
  case ScalarType::Bool:
    return 1;
  case ScalarType::UInt8:
  case ScalarType::Int8:
    return 8;
  case ScalarType::UInt16:
  case ScalarType::Int16:
    return 16;
  case ScalarType::UInt32:
  case ScalarType::Int32:
    return 32;
  case ScalarType::UInt64:
  case ScalarType::Int64:
    return 64;
  default:
    return 0;
  }
}

bool tenon::aten::isInteger(ScalarType type) { return integerWidth(type) > 1; }

Type tenon::aten::elementType(MLIRContext *context, ScalarType type) {
  switch (partType(type)) {
  case ScalarType::Float16:
    return Float16Type::get(context);
  case ScalarType::BFloat16:
    return BFloat16Type::get(context);
  case ScalarType::Float32:
    return Float32Type::get(context);
  case ScalarType::Float64:
    return Float64Type::get(context);
  default:
    unsigned width = isFloat8(type) ? 8 : integerWidth(type);
    return width ? Type(IntegerType::get(context, width)) : Type();
  }
}

ScalarType tenon::aten::computeType(ScalarType type) {
  return type == ScalarType::Float16 || type == ScalarType::BFloat16 ? ScalarType::Float32 : type;
}

//===--- promotion ---------------------------------------------------------------------------------------------------===//

static ScalarType signedOfWidth(unsigned width) {
  return width <= 8    ? ScalarType::Int8
         : width <= 16 ? ScalarType::Int16
         : width <= 32 ? ScalarType::Int32
                       : ScalarType::Int64;
}

static ScalarType promoteIntegers(ScalarType a, ScalarType b) {
  unsigned widthA = integerWidth(a), widthB = integerWidth(b);
  if (isUnsigned(a) == isUnsigned(b))
    return widthA >= widthB ? a : b;
  if (isUnsigned(b))
    std::swap(a, b), std::swap(widthA, widthB);
  return widthA < widthB ? b : signedOfWidth(std::min(2 * widthA, 64u)); // a is the unsigned one
}

ScalarType tenon::aten::promoteTypes(ScalarType a, ScalarType b) {
  if (a == b || b == ScalarType::Unknown)
    return a;
  if (a == ScalarType::Unknown || a == ScalarType::Bool)
    return b;
  if (b == ScalarType::Bool)
    return a;
  if (!isFloat(a) && !isFloat(b))
    return promoteIntegers(a, b);
  if (isFloat(a) != isFloat(b))
    return isFloat(a) ? a : b;
  if (a == ScalarType::Float64 || b == ScalarType::Float64)
    return ScalarType::Float64;
  return ScalarType::Float32; // float32 with a half type, or two different half types
}

void ResultType::promote(ScalarType &into, ScalarType type) { into = promoteTypes(into, type); }

// c10's combine_categories: `higher` wins unless `lower` is of a higher category.
static ScalarType combineCategories(ScalarType higher, ScalarType lower) {
  if (isFloat(higher))
    return higher;
  if (higher == ScalarType::Bool || isFloat(lower))
    return promoteTypes(higher, lower);
  return higher != ScalarType::Unknown ? higher : lower;
}

ScalarType ResultType::get() const { return combineCategories(dims, combineCategories(zeroDim, number)); }

//===--- casts -------------------------------------------------------------------------------------------------------===//

static Value castIntegerWidth(OpBuilder &b, Location loc, Value value, Type to, bool sourceIsUnsigned) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), width = to.getIntOrFloatBitWidth();
  if (from == width)
    return value;
  if (from > width)
    return arith::TruncIOp::create(b, loc, to, value);
  return sourceIsUnsigned ? Value(arith::ExtUIOp::create(b, loc, to, value))
                          : Value(arith::ExtSIOp::create(b, loc, to, value));
}

static Value castFloatWidth(OpBuilder &b, Location loc, Value value, Type to) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), width = to.getIntOrFloatBitWidth();
  if (value.getType() == to)
    return value;
  if (from == width) // bfloat16 and float16 meet in float32
    return arith::TruncFOp::create(b, loc, to, arith::ExtFOp::create(b, loc, b.getF32Type(), value));
  return from < width ? Value(arith::ExtFOp::create(b, loc, to, value))
                      : Value(arith::TruncFOp::create(b, loc, to, value));
}

static Value castToBool(OpBuilder &b, Location loc, Value value, ScalarType from) {
  Value zero = scalarConstant(b, loc, from, int64_t{0});
  if (isFloat(from))
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, value, zero);
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, zero);
}

// As c10::convert: through int64 into narrow types, so that negative numbers wrap into unsigned ones. Where it makes no difference
// it is through int32, to which vectors are converted by one instruction: what float32 holds from 2^31 on, is a multiple of 256.
static Value castToInteger(OpBuilder &b, Location loc, Value value, ScalarType dtype) {
  Type to = elementType(b.getContext(), dtype);
  if (value.getType().getIntOrFloatBitWidth() < 32) // few CPUs convert vectors of half types to integers
    value = castFloatWidth(b, loc, value, b.getF32Type());
  if (dtype == ScalarType::Int32)
    return arith::FPToSIOp::create(b, loc, to, value);
  if (!to.isInteger(8) || !value.getType().isF32())
    return castIntegerWidth(b, loc, arith::FPToSIOp::create(b, loc, b.getI64Type(), value), to, /*sourceIsUnsigned=*/false);
  Value limit = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0x1p31f));
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value fits = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, math::AbsFOp::create(b, loc, value), limit);
  Value narrow = arith::SelectOp::create(b, loc, fits, value, zero);
  return castIntegerWidth(b, loc, arith::FPToSIOp::create(b, loc, b.getI32Type(), narrow), to, /*sourceIsUnsigned=*/false);
}

Value tenon::aten::castScalar(OpBuilder &b, Location loc, Value value, ScalarType from, ScalarType to) {
  if (isa<IndexType>(value.getType())) {
    value = arith::IndexCastOp::create(b, loc, b.getI64Type(), value);
    from = ScalarType::Int64;
  }
  if (from == to)
    return value;
  if (isFloat8(from))
    return castScalar(b, loc, decodeFloat8(b, loc, value, from), ScalarType::Float32, to);
  if (isFloat8(to))
    return encodeFloat8(b, loc, castScalar(b, loc, value, from, ScalarType::Float32), to);
  Type type = elementType(b.getContext(), to);
  if (to == ScalarType::Bool)
    return castToBool(b, loc, value, from);
  if (isFloat(from) && isFloat(to))
    return castFloatWidth(b, loc, value, type);
  if (isFloat(from))
    return castToInteger(b, loc, value, to);
  if (!isFloat(to))
    return castIntegerWidth(b, loc, value, type, isUnsigned(from));
  Type compute = elementType(b.getContext(), computeType(to)); // half types are rounded from float32, as ATen does
  Value wide = isUnsigned(from) ? Value(arith::UIToFPOp::create(b, loc, compute, value))
                                : Value(arith::SIToFPOp::create(b, loc, compute, value));
  return castFloatWidth(b, loc, wide, type);
}

//===--- constants ---------------------------------------------------------------------------------------------------===//

Value tenon::aten::scalarConstant(OpBuilder &b, Location loc, ScalarType type, double value) {
  Type element = elementType(b.getContext(), type);
  if (isFloat(type))
    return arith::ConstantOp::create(b, loc, FloatAttr::get(element, value));
  if (type == ScalarType::Bool)
    return arith::ConstantOp::create(b, loc, b.getBoolAttr(value != 0));
  return scalarConstant(b, loc, type, static_cast<int64_t>(value));
}

Value tenon::aten::scalarConstant(OpBuilder &b, Location loc, ScalarType type, int64_t value) {
  if (isFloat(type) || type == ScalarType::Bool)
    return scalarConstant(b, loc, type, static_cast<double>(value));
  Type element = elementType(b.getContext(), type);
  llvm::APInt bits = llvm::APInt(64, static_cast<uint64_t>(value)).trunc(element.getIntOrFloatBitWidth());
  return arith::ConstantOp::create(b, loc, IntegerAttr::get(element, bits));
}

static Value extremeConstant(OpBuilder &b, Location loc, ScalarType type, bool highest) {
  Type element = elementType(b.getContext(), type);
  if (isFloat(type)) {
    const llvm::fltSemantics &semantics = cast<FloatType>(element).getFloatSemantics();
    return arith::ConstantOp::create(b, loc, FloatAttr::get(element, llvm::APFloat::getInf(semantics, !highest)));
  }
  unsigned width = element.getIntOrFloatBitWidth();
  llvm::APInt bits = isUnsigned(type)
                         ? (highest ? llvm::APInt::getMaxValue(width) : llvm::APInt::getMinValue(width))
                         : (highest ? llvm::APInt::getSignedMaxValue(width) : llvm::APInt::getSignedMinValue(width));
  return arith::ConstantOp::create(b, loc, IntegerAttr::get(element, bits));
}

Value tenon::aten::lowestConstant(OpBuilder &b, Location loc, ScalarType type) {
  return extremeConstant(b, loc, type, /*highest=*/false);
}
Value tenon::aten::highestConstant(OpBuilder &b, Location loc, ScalarType type) {
  return extremeConstant(b, loc, type, /*highest=*/true);
}
