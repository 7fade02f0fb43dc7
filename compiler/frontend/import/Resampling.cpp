//===- Resampling.cpp - interpolation, and channels that become space ---------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

namespace {
/// How one spatial dimension of the result maps to the source's.
struct Axis {
  int64_t dim = 0;
  double scale = 1; ///< source elements per result element, rounded to float32 as ATen holds it
  Value last;       ///< the source's last index
};
} // namespace

// Axes of an upsample node; empty (and the call unsupported) where sizes that a scale needs are unknown.
static SmallVector<Axis> resampledAxes(Call &call, const Tensor &input, int64_t spatial, bool alignCorners) {
  Emitter &e = call.e;
  Sizes out = call.resultSizes();
  const frontend::NamedArgument *factors = nullptr;
  for (const frontend::NamedArgument &arg : call.node.inputs)
    if (arg.name == "scale_factors")
      factors = &arg;
  auto *given = factors ? factors->arg.getIf<std::vector<double>>() : nullptr;
  SmallVector<Axis> axes;
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t dim = input.rank() - spatial + i;
    std::optional<int64_t> from = staticSize(input.sizes[dim]), to = staticSize(out[dim]);
    Axis axis{dim, 1, e.index(e.sub(input.sizes[dim], e.size(1)))};
    bool hasFactor = given && i < static_cast<int64_t>(given->size()) && (*given)[i] > 0;
    if ((!hasFactor || alignCorners) && (!from || !to)) {
      call.unsupported("interpolation between dynamic sizes");
      return {};
    }
    if (alignCorners)
      axis.scale = *to > 1 ? static_cast<float>(*from - 1) / static_cast<float>(*to - 1) : 0;
    else
      axis.scale =
          hasFactor ? static_cast<float>(1.0 / (*given)[i]) : static_cast<float>(*from) / static_cast<float>(*to);
    axes.push_back(axis);
  }
  return axes;
}

static Value asIndex(Math &m, Value real) {
  Value integer = arith::FPToSIOp::create(m.b, m.loc, m.b.getI64Type(), real);
  return arith::IndexCastOp::create(m.b, m.loc, m.b.getIndexType(), integer);
}

static Value positionAlong(Math &m, int64_t dim) {
  return castScalar(m.b, m.loc, linalg::IndexOp::create(m.b, m.loc, dim), ScalarType::Int64, m.dtype);
}

// The source index is floor(position * scale), at most the last.
static Results importNearest(Call &call, int64_t spatial) {
  Tensor input = call.tensor("input");
  SmallVector<Axis> axes = resampledAxes(call, input, spatial, /*alignCorners=*/false);
  if (axes.empty())
    return {input};
  return {call.e.gather(input, {}, {}, call.resultSizes(), [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, ScalarType::Float32);
    SmallVector<Value> at;
    for (int64_t dim = 0; dim < input.rank() - spatial; ++dim)
      at.push_back(linalg::IndexOp::create(b, loc, dim));
    for (const Axis &axis : axes) {
      Value source = asIndex(m, m.mul(positionAlong(m, axis.dim), m.constant(axis.scale)));
      at.push_back(arith::MinSIOp::create(b, loc, source, axis.last));
    }
    return at;
  })};
}

// The weighted sum over both neighbours along axis `next` and, inside, along those after it.
static Value interpolate(Math &m, const Tensor &input, ArrayRef<SmallVector<Value, 4>> axes, SmallVector<Value> &at) {
  if (axes.empty()) {
    Value element = tensor::ExtractOp::create(m.b, m.loc, input.value, at);
    return castScalar(m.b, m.loc, element, input.dtype, m.dtype);
  }
  Value sum;
  for (int side : {0, 1}) {
    at.push_back(axes[0][side]);
    Value term = m.mul(axes[0][2 + side], interpolate(m, input, axes.drop_front(), at));
    at.pop_back();
    sum = sum ? m.add(sum, term) : term;
  }
  return sum;
}

// Linear in 1, 2 or 3 dimensions: ATen's half-pixel centres, or corners aligned.
static Results importLinearResampling(Call &call, int64_t spatial) {
  Tensor input = call.tensor("input");
  bool alignCorners = call.boolean("align_corners");
  SmallVector<Axis> axes = resampledAxes(call, input, spatial, alignCorners);
  if (axes.empty() || !isFloat(input.dtype))
    return {call.unsupported("linear interpolation of integers")};
  ScalarType compute = computeType(input.dtype);
  return {call.e.pointwise({}, call.resultSizes(), input.dtype, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, compute);
    SmallVector<Value> at;
    for (int64_t dim = 0; dim < input.rank() - spatial; ++dim)
      at.push_back(linalg::IndexOp::create(b, loc, dim));
    SmallVector<SmallVector<Value, 4>> neighbours; // low, high, weight of low, weight of high
    for (const Axis &axis : axes) {
      Value position = positionAlong(m, axis.dim), scale = m.constant(axis.scale), half = m.constant(0.5);
      Value source = alignCorners ? m.mul(scale, position)
                                  : m.max(m.sub(m.mul(scale, m.add(position, half)), half), m.constant(0));
      Value low = arith::MinSIOp::create(b, loc, asIndex(m, source), axis.last);
      Value one = arith::ConstantIndexOp::create(b, loc, 1);
      Value high = arith::MinSIOp::create(b, loc, arith::AddIOp::create(b, loc, low, one), axis.last);
      Value weight = m.min(m.sub(source, castScalar(b, loc, low, ScalarType::Int64, compute)), m.constant(1));
      neighbours.push_back({low, high, m.sub(m.constant(1), weight), weight});
    }
    return castScalar(b, loc, interpolate(m, input, neighbours, at), compute, input.dtype);
  })};
}

// [.., C r r, H, W] as [.., C, H r, W r].
static Results importPixelShuffle(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  int64_t r = call.integer("upscale_factor"), batch = self.rank() - 3;
  if (batch < 0 || r < 1)
    return {call.unsupported("a tensor of fewer than three dimensions")};
  Sizes sizes(SizesRef(self.sizes).take_front(batch));
  sizes.append({e.floorDiv(self.sizes[batch], e.size(r * r)), e.size(r), e.size(r), self.sizes[batch + 1],
                self.sizes[batch + 2]});
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, batch));
  for (int64_t dim : {0, 3, 1, 4, 2})
    order.push_back(batch + dim);
  return {e.reshape(e.permute(e.reshape(self, sizes), order), call.resultSizes())};
}

// The first half times the sigmoid of the second.
static Results importGlu(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  int64_t dim = call.dim("dim", self.rank());
  Size half = call.resultSizes()[dim];
  Tensor value = e.slice(self, dim, e.size(0), half), gate = e.slice(self, dim, half, half);
  ScalarType compute = computeType(self.dtype);
  return {e.pointwise({value, gate}, value.sizes, self.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    Value x = castScalar(b, loc, args[0], self.dtype, compute), y = castScalar(b, loc, args[1], self.dtype, compute);
    Value sigmoid = m.div(m.constant(1), m.add(m.constant(1), math::ExpOp::create(b, loc, m.neg(y))));
    return castScalar(b, loc, m.mul(x, sigmoid), compute, self.dtype);
  })};
}

void tenon::aten::addResamplingRows(OpTable &table) {
  table.add("upsample_nearest1d.vec", [](Call &call) { return importNearest(call, 1); });
  table.add("upsample_nearest2d.vec", [](Call &call) { return importNearest(call, 2); });
  table.add("upsample_nearest3d.vec", [](Call &call) { return importNearest(call, 3); });
  table.add("upsample_linear1d.vec", [](Call &call) { return importLinearResampling(call, 1); });
  table.add("upsample_bilinear2d.vec", [](Call &call) { return importLinearResampling(call, 2); });
  table.add("upsample_trilinear3d.vec", [](Call &call) { return importLinearResampling(call, 3); });
  table.add("pixel_shuffle", importPixelShuffle);
  table.add("glu", importGlu);
}
