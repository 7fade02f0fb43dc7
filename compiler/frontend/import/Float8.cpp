//===- Float8.cpp - numbers of eight bits -------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// No target computes in these types, and eager only converts them: their elements are bytes, converted by integer
// arithmetic on the bits of a float32. Source: https://arxiv.org/abs/2209.05433, table 1.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Emit.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tenon::aten;

namespace {
struct Float8Format {
  int32_t mantissaBits, bias;
  int32_t firstBeyond; ///< the bits of a float32 that is too large for the arithmetic below, as all above it
  int32_t greatest;    ///< the code of the greatest number or infinity, which larger numbers become
  bool hasInfinity;
};

/// A float32 as its bits, an int32.
struct Bits : Math {
  Bits(OpBuilder &b, Location loc) : Math(b, loc, ScalarType::Int32) {}
  Value number(int32_t value) { return scalarConstant(b, loc, dtype, int64_t{value}); }
  Value left(Value x, int32_t by) { return arith::ShLIOp::create(b, loc, x, number(by)); }
  Value right(Value x, int32_t by) { return arith::ShRUIOp::create(b, loc, x, number(by)); }
  Value mask(Value x, int32_t bits) { return arith::AndIOp::create(b, loc, x, number(bits)); }
  Value either(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value ofFloat(Value x) { return arith::BitcastOp::create(b, loc, b.getI32Type(), x); }
  Value toFloat(Value x) { return arith::BitcastOp::create(b, loc, b.getF32Type(), x); }
};
} // namespace

static constexpr int32_t singleMantissa = 23, singleBias = 127, magnitudeBits = 0x7fffffff, codeOfNan = 0x7f;

static std::optional<Float8Format> formatOf(ScalarType type) {
  if (type == ScalarType::Float8E4M3FN)
    return Float8Format{3, 7, 0x43f00000 /* 480 */, 0x7e, false};
  if (type == ScalarType::Float8E5M2)
    return Float8Format{2, 15, 0x47800000 /* 65536 */, 0x7c, true};
  return std::nullopt;
}

bool tenon::aten::isFloat8(ScalarType type) { return formatOf(type).has_value(); }

// A code's bits, moved to where float32 has them, are the number but for the exponent's bias: also where both are
// subnormal.
Value tenon::aten::decodeFloat8(OpBuilder &b, Location loc, Value code, ScalarType type) {
  Float8Format format = *formatOf(type);
  Bits m(b, loc);
  Math floats(b, loc, ScalarType::Float32);
  Value wide = arith::ExtUIOp::create(b, loc, b.getI32Type(), code), magnitude = m.mask(wide, 0x7f);
  Value scale = m.toFloat(m.number((2 * singleBias - format.bias) << singleMantissa));
  Value number = floats.mul(m.toFloat(m.left(magnitude, singleMantissa - format.mantissaBits)), scale);
  if (format.hasInfinity)
    number = m.select(m.compare(Math::Order::Eq, magnitude, m.number(format.greatest)),
                      highestConstant(b, loc, floats.dtype), number);
  Value isNan = m.compare(Math::Order::Gt, magnitude, m.number(format.greatest));
  number = m.select(isNan, floats.constant(std::numeric_limits<double>::quiet_NaN()), number);
  return m.toFloat(m.either(m.ofFloat(number), m.left(m.mask(wide, 0x80), 24)));
}

// Rounds to nearest even: normal numbers by a carry into the bits that stay, subnormal ones by adding a number whose
// last place is the format's.
Value tenon::aten::encodeFloat8(OpBuilder &b, Location loc, Value number, ScalarType type) {
  Float8Format format = *formatOf(type);
  Bits m(b, loc);
  int32_t dropped = singleMantissa - format.mantissaBits;
  Value bits = m.ofFloat(number), magnitude = m.mask(bits, magnitudeBits);
  Value isOdd = m.mask(m.right(magnitude, dropped), 1);
  int32_t rebias = static_cast<int32_t>(static_cast<uint32_t>(format.bias - singleBias) << singleMantissa);
  Value carried = m.add(m.add(magnitude, m.number(rebias + (1 << (dropped - 1)) - 1)), isOdd);
  Value normal = m.right(carried, dropped);
  Value lastPlace = m.number((singleBias - format.bias + dropped + 1) << singleMantissa);
  Value sum = arith::AddFOp::create(b, loc, m.toFloat(magnitude), m.toFloat(lastPlace));
  Value subnormal = m.sub(m.ofFloat(sum), lastPlace);
  Value isSubnormal = m.compare(Math::Order::Lt, magnitude, m.number((singleBias - format.bias + 1) << singleMantissa));
  Value code = m.min(m.select(isSubnormal, subnormal, normal), m.number(format.greatest));
  code = m.select(m.compare(Math::Order::Ge, magnitude, m.number(format.firstBeyond)), m.number(format.greatest), code);
  code = m.select(m.compare(Math::Order::Gt, magnitude, m.number(0x7f800000)), m.number(codeOfNan), code);
  code = m.either(code, m.mask(m.right(bits, 24), 0x80));
  return arith::TruncIOp::create(b, loc, b.getI8Type(), code);
}
