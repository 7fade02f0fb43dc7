//===- Quantization.cpp - rounding to a scale of integers and back ------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon::aten;

// (clamp(round(x / scale) + zero point) - zero point) * scale, element by element. NaN becomes the least number. So
// does, per channel, what ATen's int64 cannot hold.
static Results fakeQuantize(Call &call, const Tensor &scale, const Tensor &zeroPoint, bool countsInInt64) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  double low = call.real("quant_min"), high = call.real("quant_max");
  double bound = countsInInt64 ? 0x1p63 : std::numeric_limits<double>::infinity();
  ScalarType dtype = self.dtype, compute = computeType(dtype);
  return {e.pointwise({self, scale, zeroPoint}, self.sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    Value x = castScalar(b, loc, args[0], dtype, compute), step = castScalar(b, loc, args[1], scale.dtype, compute);
    Value zero = castScalar(b, loc, args[2], zeroPoint.dtype, compute);
    Value scaled = m.mul(x, m.div(m.constant(1), step));
    Value place = m.add(zero, math::RoundEvenOp::create(b, loc, scaled));
    Math::Order within = countsInInt64 ? Math::Order::Lt : Math::Order::Le;
    Value fits = m.compare(within, math::AbsFOp::create(b, loc, place), m.constant(bound));
    Value kept = m.select(fits, m.min(m.max(place, m.constant(low)), m.constant(high)), m.constant(low));
    return castScalar(b, loc, m.mul(m.sub(kept, zero), step), compute, dtype);
  })};
}

static Tensor numberOrTensor(Call &call, StringRef name, ScalarType dtype) {
  return call.isTensor(name) ? call.e.reshape(call.tensor(name), {}) : call.e.fill({}, dtype, call.scalar(name));
}

static Results importPerTensor(Call &call) {
  Tensor zeroPoint = numberOrTensor(call, "zero_point", ScalarType::Int64);
  return fakeQuantize(call, numberOrTensor(call, "scale", ScalarType::Float32), zeroPoint, /*countsInInt64=*/false);
}

static Results importPerChannel(Call &call) {
  Emitter &e = call.e;
  int64_t rank = call.tensor("self").rank(), axis = call.dim("axis", rank);
  auto alongAxis = [&](StringRef name) {
    Tensor tensor = call.tensor(name);
    Sizes sizes(rank - axis, e.size(1));
    sizes[0] = tensor.sizes[0];
    return e.reshape(tensor, sizes);
  };
  return fakeQuantize(call, alongAxis("scale"), alongAxis("zero_point"), /*countsInInt64=*/true);
}

void tenon::aten::addQuantizationRows(OpTable &table) {
  table.add("fake_quantize_per_tensor_affine", importPerTensor);
  table.add("fake_quantize_per_channel_affine", importPerChannel);
}
