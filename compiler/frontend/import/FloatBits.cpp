//===- FloatBits.cpp - what floats say in their bits --------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon::aten;
using O = Math::Order;

// The integer dtype as wide as a float.
static ScalarType bitsOf(ScalarType type) {
  return type == ScalarType::Float64 ? ScalarType::Int64 : ScalarType::Int32;
}

// Floats of one sign are ordered as their bits are.
static Value neighbour(OpBuilder &b, Location loc, ScalarType dtype, Value x, Value towards) {
  Math m(b, loc, dtype), bits(b, loc, bitsOf(dtype));
  Type type = elementType(b.getContext(), dtype), integer = elementType(b.getContext(), bits.dtype);
  auto asFloat = [&](Value v) -> Value { return arith::BitcastOp::create(b, loc, type, v); };
  Value zero = m.constant(0), one = scalarConstant(b, loc, bits.dtype, int64_t{1});
  Value own = arith::BitcastOp::create(b, loc, integer, x);
  Value rises = m.compare(O::Lt, x, towards), isPositive = m.compare(O::Gt, x, zero);
  Value isOutwards = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, rises, isPositive);
  Value next = asFloat(bits.select(isOutwards, bits.add(own, one), bits.sub(own, one)));
  Value sign = arith::AndIOp::create(b, loc, arith::BitcastOp::create(b, loc, integer, towards), lowestConstant(b, loc, bits.dtype));
  Value least = asFloat(arith::OrIOp::create(b, loc, sign, one));
  Value result = m.select(m.compare(O::Eq, x, zero), least, next);
  result = m.select(m.compare(O::Eq, x, towards), towards, result);
  return m.select(m.isNan(x), x, m.select(m.isNan(towards), towards, result));
}

static Results importNextAfter(Call &call) {
  Emitter &e = call.e;
  ScalarType dtype = call.resultDtype();
  if (computeType(dtype) != dtype) // kernels hold half types in float32 registers
    return {call.unsupported("neighbours in half precision")};
  Tensor self = e.cast(call.tensor("self"), dtype), other = e.cast(call.tensor("other"), dtype);
  return {e.pointwise({self, other}, call.resultSizes(), dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    return neighbour(b, loc, dtype, args[0], args[1]);
  })};
}

// x = mantissa * 2^exponent with a mantissa in [1/2, 1). In float64, where numbers of other dtypes are normal; its own
// subnormal numbers are scaled up first.
static Results importFrexp(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  constexpr int fractionBits = 52, bias = 1022, scale = 54;
  auto part = [&](bool isMantissa, ScalarType result) {
    return e.pointwise(self, self.sizes, result, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
      Math m(b, loc, ScalarType::Float64), bits(b, loc, ScalarType::Int64);
      auto integer = [&](int64_t value) { return scalarConstant(b, loc, ScalarType::Int64, value); };
      Value x = castScalar(b, loc, args[0], self.dtype, m.dtype), size = math::AbsFOp::create(b, loc, x);
      Value isSmall = m.compare(O::Lt, size, m.constant(0x1p-1022));
      Value isSpecial = arith::OrIOp::create(b, loc, m.compare(O::Eq, x, m.constant(0)),
                                             arith::OrIOp::create(b, loc, m.isNan(x), m.compare(O::Eq, size, highestConstant(b, loc, m.dtype))));
      Value normal = m.select(isSmall, m.mul(x, m.constant(0x1p54)), x);
      Value all = arith::BitcastOp::create(b, loc, b.getI64Type(), normal);
      Value field = arith::AndIOp::create(b, loc, arith::ShRUIOp::create(b, loc, all, integer(fractionBits)), integer(0x7ff));
      if (isMantissa) {
        Value rest = arith::AndIOp::create(b, loc, all, integer(~(int64_t{0x7ff} << fractionBits)));
        Value half = arith::OrIOp::create(b, loc, rest, integer(int64_t{bias} << fractionBits));
        Value mantissa = arith::BitcastOp::create(b, loc, b.getF64Type(), half);
        return castScalar(b, loc, m.select(isSpecial, x, mantissa), m.dtype, result);
      }
      Value exponent = bits.sub(field, bits.select(isSmall, integer(bias + scale), integer(bias)));
      return castScalar(b, loc, bits.select(isSpecial, integer(0), exponent), ScalarType::Int64, result);
    });
  };
  return {part(true, call.resultDtype(0)), part(false, call.resultDtype(1))};
}

void tenon::aten::addFloatBitRows(OpTable &table) {
  table.add("nextafter", importNextAfter);
  table.add("frexp", importFrexp);
}
