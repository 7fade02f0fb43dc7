//===- Pooling.cpp - pooling --------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

namespace {
struct PoolWindow {
  SmallVector<int64_t> window, stride, padding, dilation; ///< padding: low and high of each dimension
};
} // namespace

// Adds a batch dimension where there is none, pools, and takes it away.
static Tensor createPool(Emitter &e, PoolKind kind, Tensor input, Sizes sizes, const PoolWindow &w) {
  bool isUnbatched = input.rank() == static_cast<int64_t>(w.window.size()) + 1;
  if (isUnbatched) {
    input = e.unsqueeze(input, 0);
    sizes.insert(sizes.begin(), e.size(1));
  }
  Tensor result = e.empty(sizes, input.dtype);
  auto op = PoolOp::create(e.b, e.loc, TypeRange{result.value.getType()}, input.value, ValueRange{result.value}, kind,
                           w.window, w.stride, w.padding, w.dilation);
  result.value = op->getResult(0);
  return isUnbatched ? e.squeeze(result, 0) : result;
}

// High padding such that the last window of the result fits: ceil_mode lets it reach beyond the padding given. Null
// where a size that decides it is unknown.
static std::optional<int64_t> highPadding(Size in, Size out, int64_t low, int64_t window, int64_t stride,
                                          int64_t dilation) {
  if (!staticSize(in) || !staticSize(out))
    return std::nullopt;
  int64_t reach = (*staticSize(out) - 1) * stride + dilation * (window - 1) + 1;
  return std::max(low, reach - *staticSize(in) - low);
}

// The window of a pooling node; null (and the call unsupported) where ceil_mode meets unknown sizes. `extends`: whether
// windows reach beyond the padding.
static std::optional<PoolWindow> poolWindow(Call &call, const Tensor &input, int64_t spatial, bool &extends) {
  PoolWindow w;
  w.window = call.integers("kernel_size", spatial);
  w.stride = call.has("stride") ? call.integers("stride", spatial) : SmallVector<int64_t>();
  if (w.stride.empty())
    w.stride = w.window;
  w.dilation = call.has("dilation") ? call.integers("dilation", spatial) : SmallVector<int64_t>(spatial, 1);
  SmallVector<int64_t> padding = call.integers("padding", spatial);
  Sizes out = call.resultSizes();
  int64_t first = input.rank() - spatial;
  extends = false;
  for (int64_t dim = 0; dim < spatial; ++dim) {
    int64_t high = padding[dim];
    if (call.boolean("ceil_mode")) {
      auto needed = highPadding(input.sizes[first + dim], out[first + dim], padding[dim], w.window[dim], w.stride[dim],
                                w.dilation[dim]);
      if (!needed) {
        call.unsupported("ceil_mode with dynamic sizes");
        return std::nullopt;
      }
      high = *needed;
    }
    extends |= high > padding[dim];
    w.padding.append({padding[dim], high});
  }
  return w;
}

static Results importMaxPool(Call &call, int64_t spatial) {
  Tensor input = call.tensor("self");
  bool extends = false;
  std::optional<PoolWindow> w = poolWindow(call, input, spatial, extends);
  if (!w)
    return {input};
  return {createPool(call.e, PoolKind::Max, input, call.resultSizes(), *w), Tensor()};
}

static Results importAvgPool(Call &call, int64_t spatial) {
  Tensor input = call.tensor("self");
  bool extends = false;
  std::optional<PoolWindow> w = poolWindow(call, input, spatial, extends);
  if (!w)
    return {input};
  bool pads = llvm::any_of(w->padding, [](int64_t padding) { return padding != 0; });
  bool includesPad = pads && call.boolean("count_include_pad");
  if (call.has("divisor_override"))
    return {call.unsupported("divisor_override")};
  // ATen cuts windows off at the padding given: without padding that is what leaving padding out means.
  bool hasGivenPadding = llvm::any_of(call.integers("padding", spatial), [](int64_t p) { return p != 0; });
  if (extends && !hasGivenPadding)
    includesPad = false;
  else if (extends && includesPad)
    return {call.unsupported("ceil_mode with windows beyond padding that counts")};
  PoolKind kind = includesPad ? PoolKind::AvgIncludePad : PoolKind::AvgExcludePad;
  return {createPool(call.e, kind, input, call.resultSizes(), *w)};
}

//===--- adaptive
//----------------------------------------------------------------------------------------------------===//

static Tensor reduceSpatial(Call &call, const Tensor &input, int64_t spatial, PoolKind kind) {
  Emitter &e = call.e;
  auto dims = llvm::to_vector(llvm::seq<int64_t>(input.rank() - spatial, input.rank()));
  ScalarType dtype = input.dtype, compute = computeType(dtype);
  if (kind == PoolKind::Max) {
    Scalar lowest = Scalar::of(-std::numeric_limits<double>::infinity());
    Tensor max = e.reduce(input, dims, dtype, lowest, [&](OpBuilder &b, Location loc, Value acc, Value next) {
      return Math(b, loc, dtype).max(acc, next);
    });
    return e.keepDims(max, input, dims);
  }
  Tensor sum = e.sum(input, dims, compute);
  Size count = e.product(SizesRef(input.sizes).take_back(spatial));
  Scalar divisor =
      staticSize(count) ? Scalar::of(*staticSize(count)) : Scalar{ScalarType::Int64, 0, 0, cast<Value>(count)};
  Tensor mean = e.pointwise(sum, sum.sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Value value = Math(b, loc, compute).div(args[0], divisor.materialize(b, loc, compute));
    return castScalar(b, loc, value, compute, dtype);
  });
  return e.keepDims(mean, input, dims);
}

// Windows of an adaptive pooling are equal where the output size divides the input size.
static Results importAdaptivePool(Call &call, int64_t spatial, PoolKind kind) {
  Tensor input = call.tensor("self");
  if (!isFloat(input.dtype))
    return {call.unsupported("adaptive pooling of integers")};
  Sizes out = call.resultSizes();
  int64_t first = input.rank() - spatial;
  if (llvm::all_of(SizesRef(out).drop_front(first), isOne))
    return {reduceSpatial(call, input, spatial, kind), Tensor()};
  PoolWindow w;
  for (int64_t dim = first; dim < input.rank(); ++dim) {
    std::optional<int64_t> in = staticSize(input.sizes[dim]), to = staticSize(out[dim]);
    if (!in || !to || *to == 0 || *in % *to != 0)
      return {call.unsupported("adaptive pooling to a size that does not divide the input's")};
    w.window.push_back(*in / *to);
    w.dilation.push_back(1);
    w.padding.append({0, 0});
  }
  w.stride = w.window;
  return {createPool(call.e, kind, input, out, w), Tensor()};
}

void tenon::aten::addPoolingRows(OpTable &table) {
  for (int64_t spatial : {1, 2, 3}) {
    std::string dims = std::to_string(spatial) + "d";
    for (auto suffix : {"", "_with_indices"})
      table.add("max_pool" + dims + suffix, [=](Call &call) { return importMaxPool(call, spatial); });
    table.add("avg_pool" + dims, [=](Call &call) { return importAvgPool(call, spatial); });
    for (std::string prefix : {"adaptive_avg_pool", "_adaptive_avg_pool"})
      table.add(prefix + dims, [=](Call &call) { return importAdaptivePool(call, spatial, PoolKind::AvgExcludePad); });
    table.add("adaptive_max_pool" + dims, [=](Call &call) { return importAdaptivePool(call, spatial, PoolKind::Max); });
  }
}
