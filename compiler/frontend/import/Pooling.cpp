//===- Pooling.cpp - pooling --------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/frontend/import/WindowMaxima.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

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
  Tensor maxima = createPool(call.e, PoolKind::Max, input, call.resultSizes(), *w);
  if (call.numResults() < 2)
    return {maxima};
  SmallVector<WindowAxis> axes;
  for (int64_t dim = 0; dim < spatial; ++dim)
    axes.push_back(stridedAxis(input.sizes[input.rank() - spatial + dim], w->window[dim], w->stride[dim], w->padding[2 * dim],
                               w->dilation[dim]));
  return {maxima, windowMaximaPositions(call.e, input, maxima, axes)};
}

// Windows that start where `random_samples` put them: after (i + sample) * alpha - sample * alpha elements, each product
// rounded down, and the last one at the end.
static Results importFractionalMaxPool(Call &call, int64_t spatial) {
  Emitter &e = call.e;
  Tensor input = call.tensor("self"), samples = call.tensor("random_samples");
  SmallVector<int64_t> kernel = call.integers("kernel_size", spatial);
  Sizes result = call.resultSizes();
  bool isUnbatched = input.rank() == spatial + 1;
  if (isUnbatched) {
    input = e.unsqueeze(input, 0);
    result.insert(result.begin(), e.size(1));
  }
  if (samples.dtype != input.dtype || !isFloat(input.dtype))
    return {call.unsupported("samples of another dtype than the input's")};
  ScalarType compute = computeType(input.dtype);
  SmallVector<WindowAxis> axes;
  for (int64_t i = 0; i < spatial; ++i) {
    std::optional<int64_t> in = staticSize(input.sizes[2 + i]), out = staticSize(result[2 + i]);
    if (!in || !out)
      return {call.unsupported("fractional pooling of dynamic sizes")};
    auto place = [=](OpBuilder &b, Location loc, Value number, Value tap) -> std::pair<Value, Value> {
      Math m(b, loc, compute);
      auto rounded = [&](Value real) {
        return arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                          castScalar(b, loc, real, compute, ScalarType::Int64)).getResult();
      };
      Value column = arith::ConstantIndexOp::create(b, loc, spatial - 1 - i); // the last dimension's sample comes first
      Value element = tensor::ExtractOp::create(
          b, loc, samples.value, ValueRange{linalg::IndexOp::create(b, loc, 0), linalg::IndexOp::create(b, loc, 1), column});
      Value sample = castScalar(b, loc, element, samples.dtype, compute);
      Value last = arith::ConstantIndexOp::create(b, loc, *in - kernel[i]), start = last;
      if (*out > 1) {
        Value alpha = m.div(m.constant(static_cast<double>(*in - kernel[i])), m.constant(static_cast<double>(*out - 1)));
        Value shifted = m.mul(m.add(castScalar(b, loc, number, ScalarType::Int64, compute), sample), alpha);
        start = arith::SubIOp::create(b, loc, rounded(shifted), rounded(m.mul(sample, alpha)));
        Value isLast = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, number,
                                             arith::ConstantIndexOp::create(b, loc, *out - 1));
        start = arith::SelectOp::create(b, loc, isLast, last, start);
      }
      return {arith::AddIOp::create(b, loc, start, tap), Value()};
    };
    axes.push_back({kernel[i], input.sizes[2 + i], place});
  }
  Tensor maxima = windowMaxima(e, input, axes, result), positions = windowMaximaPositions(e, input, maxima, axes);
  if (isUnbatched)
    return {e.squeeze(maxima, 0), e.squeeze(positions, 0)};
  return {maxima, positions};
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

//===--- adaptive ----------------------------------------------------------------------------------------------------===//

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

namespace {
/// One dimension of an adaptive pooling: window o is [o * in / out rounded down, (o + 1) * in / out rounded up).
struct AdaptiveAxis {
  int64_t in, out;

  int64_t longest() const {
    int64_t length = 0;
    for (int64_t o = 0; o < out; ++o)
      length = std::max(length, ((o + 1) * in + out - 1) / out - o * in / out);
    return length;
  }
  Value begin(OpBuilder &b, Location loc, Value o) const {
    return arith::DivUIOp::create(b, loc, arith::MulIOp::create(b, loc, o, constant(b, loc, in)), constant(b, loc, out));
  }
  Value end(OpBuilder &b, Location loc, Value o) const {
    Value next = arith::AddIOp::create(b, loc, o, constant(b, loc, 1));
    Value product = arith::MulIOp::create(b, loc, next, constant(b, loc, in));
    return arith::DivUIOp::create(b, loc, arith::AddIOp::create(b, loc, product, constant(b, loc, out - 1)),
                                  constant(b, loc, out));
  }
  static Value constant(OpBuilder &b, Location loc, int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  WindowAxis windows(Emitter &e) const {
    AdaptiveAxis axis = *this;
    return {longest(), e.size(in), [axis](OpBuilder &b, Location loc, Value o, Value tap) -> std::pair<Value, Value> {
              Value place = arith::AddIOp::create(b, loc, axis.begin(b, loc, o), tap);
              return {place, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, place, axis.end(b, loc, o))};
            }};
  }
};
} // namespace

// Windows of different lengths: a loop over as many elements as the longest has, of which those outside do not count.
static Tensor averageUnevenly(Call &call, const Tensor &input, ArrayRef<AdaptiveAxis> axes) {
  Emitter &e = call.e;
  ScalarType dtype = input.dtype, compute = computeType(dtype);
  Sizes result = call.resultSizes(), loop = result;
  int64_t first = input.rank() - axes.size();
  SmallVector<int64_t> taps;
  for (const AdaptiveAxis &axis : axes) {
    taps.push_back(loop.size());
    loop.push_back(e.size(axis.longest()));
  }
  // What gives the loops over windows their lengths; nothing reads its elements.
  Tensor lengths = e.fill(SizesRef(loop).take_back(axes.size()), ScalarType::Bool, Scalar::of(false));
  Scalar start = Scalar::of(int64_t{0});
  auto element = [&](OpBuilder &b, Location loc, ValueRange) -> Value {
    SmallVector<Value> at;
    Value inside;
    for (int64_t dim = 0; dim < input.rank(); ++dim) {
      Value own = linalg::IndexOp::create(b, loc, dim);
      if (dim < first) {
        at.push_back(own);
        continue;
      }
      const AdaptiveAxis &axis = axes[dim - first];
      Value place = arith::AddIOp::create(b, loc, axis.begin(b, loc, own), linalg::IndexOp::create(b, loc, taps[dim - first]));
      Value fits = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, place, axis.end(b, loc, own));
      inside = inside ? arith::AndIOp::create(b, loc, inside, fits).getResult() : fits;
      at.push_back(arith::MinSIOp::create(b, loc, place, AdaptiveAxis::constant(b, loc, axis.in - 1)));
    }
    Value value = castScalar(b, loc, tensor::ExtractOp::create(b, loc, input.value, at), dtype, compute);
    return arith::SelectOp::create(b, loc, inside, value, start.materialize(b, loc, compute));
  };
  Tensor pooled = e.reduceMapped(lengths, e.dimsMap(loop.size(), taps), loop, taps, compute, start, element,
                                 [&](OpBuilder &b, Location loc, Value acc, Value next) {
                                   return Math(b, loc, compute).add(acc, next);
                                 });
  return e.pointwise(pooled, result, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    Value quotient = args[0];
    for (auto [i, axis] : llvm::enumerate(axes)) {
      Value own = linalg::IndexOp::create(b, loc, first + i);
      Value length = arith::SubIOp::create(b, loc, axis.end(b, loc, own), axis.begin(b, loc, own));
      quotient = m.div(quotient, castScalar(b, loc, length, ScalarType::Int64, compute));
    }
    return castScalar(b, loc, quotient, compute, dtype);
  });
}

// Windows of an adaptive pooling are equal where the output size divides the input size.
static Results importAdaptivePool(Call &call, int64_t spatial, PoolKind kind) {
  Emitter &e = call.e;
  Tensor input = call.tensor("self");
  bool isMax = kind == PoolKind::Max;
  if (!isFloat(input.dtype))
    return {call.unsupported("adaptive pooling of integers")};
  Sizes out = call.resultSizes();
  int64_t first = input.rank() - spatial;
  PoolWindow w;
  SmallVector<AdaptiveAxis> axes;
  for (int64_t dim = first; dim < input.rank(); ++dim) {
    std::optional<int64_t> in = staticSize(input.sizes[dim]), to = staticSize(out[dim]);
    if (!in || !to || *in == 0 || *to == 0)
      break;
    axes.push_back({*in, *to});
    w.window.push_back(*in / *to);
    w.dilation.push_back(1);
    w.padding.append({0, 0});
  }
  bool isStatic = static_cast<int64_t>(axes.size()) == spatial;
  bool isEven = llvm::all_of(axes, [](const AdaptiveAxis &axis) { return axis.in % axis.out == 0; });
  bool isWhole = llvm::all_of(SizesRef(out).drop_front(first), isOne);
  if (!isStatic && !isWhole)
    return {call.unsupported("adaptive pooling of or to dynamic or empty sizes")};
  SmallVector<WindowAxis> windows;
  for (const AdaptiveAxis &axis : axes)
    windows.push_back(axis.windows(e));
  w.stride = w.window;
  Tensor pooled = isWhole  ? reduceSpatial(call, input, spatial, kind)
                  : isEven ? createPool(e, kind, input, out, w)
                  : isMax  ? windowMaxima(e, input, windows, out)
                           : averageUnevenly(call, input, axes);
  if (!isMax || !isStatic)
    return {pooled, Tensor()};
  return {pooled, windowMaximaPositions(e, input, pooled, windows)};
}

void tenon::aten::addPoolingRows(OpTable &table) {
  for (int64_t spatial : {1, 2, 3}) {
    std::string dims = std::to_string(spatial) + "d";
    for (auto suffix : {"", "_with_indices"})
      table.add("max_pool" + dims + suffix, [=](Call &call) { return importMaxPool(call, spatial); });
    if (spatial > 1)
      table.add("fractional_max_pool" + dims, [=](Call &call) { return importFractionalMaxPool(call, spatial); });
    table.add("avg_pool" + dims, [=](Call &call) { return importAvgPool(call, spatial); });
    for (std::string prefix : {"adaptive_avg_pool", "_adaptive_avg_pool"})
      table.add(prefix + dims, [=](Call &call) { return importAdaptivePool(call, spatial, PoolKind::AvgExcludePad); });
    table.add("adaptive_max_pool" + dims, [=](Call &call) { return importAdaptivePool(call, spatial, PoolKind::Max); });
  }
}
