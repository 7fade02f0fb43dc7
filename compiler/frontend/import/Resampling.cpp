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
  Value in, out, last;          ///< the numbers of elements, and the source's last index
  bool alignCorners = false;
  std::optional<double> factor; ///< result elements per source element, where the program gives them

  /// Source elements per result element, in what ATen holds it in: float, or double for doubles.
  Value scale(Math &m) const;
};

/// One source element along an axis. No weight stands for 1; where `inside` is given and false the element counts as 0.
struct Tap {
  Value index, weight, inside;
};
using Taps = SmallVector<Tap, 4>;
} // namespace

// Overload "vec" has a list of factors, the others an argument per dimension.
std::optional<double> tenon::aten::resamplingFactor(Call &call, int64_t axis, int64_t spatial) {
  ArrayRef<double> given = call.reals("scale_factors");
  std::optional<double> factor;
  if (axis < static_cast<int64_t>(given.size()))
    factor = given[axis];
  static constexpr StringLiteral names[] = {"scales_d", "scales_h", "scales_w"};
  StringRef name = spatial == 1 ? StringRef("scales") : StringRef(names[3 - spatial + axis]);
  if (call.has(name))
    factor = call.real(name);
  return factor && *factor > 0 ? factor : std::nullopt;
}

static Tensor resampledInput(Call &call) { return call.tensor(call.overload == "vec" ? "input" : "self"); }

static SmallVector<Axis> resampledAxes(Call &call, const Tensor &input, int64_t spatial, bool alignCorners) {
  Emitter &e = call.e;
  Sizes out = call.resultSizes();
  SmallVector<Axis> axes;
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t dim = input.rank() - spatial + i;
    Size from = input.sizes[dim];
    axes.push_back({dim, e.index(from), e.index(out[dim]), e.index(e.sub(from, e.size(1))), alignCorners,
                    resamplingFactor(call, i, spatial)});
  }
  return axes;
}

// A factor is inverted in f64, then rounded; sizes are rounded first.
Value Axis::scale(Math &m) const {
  auto real = [&](Value size) { return castScalar(m.b, m.loc, size, ScalarType::Int64, m.dtype); };
  if (!alignCorners)
    return factor ? m.constant(1 / *factor) : m.div(real(in), real(out));
  Value one = m.constant(1), gaps = m.sub(real(out), one);
  Value isPoint = m.compare(Math::Order::Le, gaps, m.constant(0));
  return m.select(isPoint, m.constant(0), m.div(real(last), m.select(isPoint, one, gaps)));
}

static Value asIndex(Math &m, Value real) {
  Value integer = arith::FPToSIOp::create(m.b, m.loc, m.b.getI64Type(), real);
  return arith::IndexCastOp::create(m.b, m.loc, m.b.getIndexType(), integer);
}

static Value positionAlong(Math &m, int64_t dim) {
  return castScalar(m.b, m.loc, linalg::IndexOp::create(m.b, m.loc, dim), ScalarType::Int64, m.dtype);
}

// The source index is floor(position * scale), at most the last; `isExact`: floor((position + 1/2) * scale).
static Results importNearest(Call &call, int64_t spatial, bool isExact) {
  Tensor input = resampledInput(call);
  SmallVector<Axis> axes = resampledAxes(call, input, spatial, /*alignCorners=*/false);
  return {call.e.gather(input, {}, {}, call.resultSizes(), [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, input.dtype == ScalarType::Float64 ? ScalarType::Float64 : ScalarType::Float32);
    SmallVector<Value> at;
    for (int64_t dim = 0; dim < input.rank() - spatial; ++dim)
      at.push_back(linalg::IndexOp::create(b, loc, dim));
    for (const Axis &axis : axes) {
      Value position = positionAlong(m, axis.dim);
      if (isExact)
        position = m.add(position, m.constant(0.5));
      Value source = asIndex(m, m.mul(position, axis.scale(m)));
      at.push_back(arith::MinSIOp::create(b, loc, source, axis.last));
    }
    return at;
  })};
}

static Value both(Math &m, Value x, Value y) {
  return x && y ? Value(arith::AndIOp::create(m.b, m.loc, x, y)) : x ? x : y;
}

// The weighted sum over the taps of axis `axes[0]` and, inside, over those of the axes after it.
static Value interpolate(Math &m, const Tensor &input, ArrayRef<Taps> axes, SmallVector<Value> &at, Value inside = {}) {
  if (axes.empty()) {
    Value element = tensor::ExtractOp::create(m.b, m.loc, input.value, at);
    Value value = castScalar(m.b, m.loc, element, input.dtype, m.dtype);
    return inside ? m.select(inside, value, m.constant(0)) : value;
  }
  Value sum;
  for (const Tap &tap : axes[0]) {
    at.push_back(tap.index);
    Value term = interpolate(m, input, axes.drop_front(), at, both(m, inside, tap.inside));
    at.pop_back();
    term = tap.weight ? m.mul(tap.weight, term) : term;
    sum = sum ? m.add(sum, term) : term;
  }
  return sum;
}

// Keys' cubic convolution with a = -0.75, for the elements one before, at, one and two after floor(position).
static SmallVector<Value, 4> cubicWeights(Math &m, Value fraction) {
  constexpr double a = -0.75;
  auto near = [&](Value x) {
    Value inner = m.sub(m.mul(m.constant(a + 2), x), m.constant(a + 3));
    return m.add(m.mul(m.mul(inner, x), x), m.constant(1));
  };
  auto far = [&](Value x) {
    Value inner = m.add(m.mul(m.sub(m.mul(m.constant(a), x), m.constant(5 * a)), x), m.constant(8 * a));
    return m.sub(m.mul(inner, x), m.constant(4 * a));
  };
  Value one = m.constant(1), rest = m.sub(one, fraction);
  return {far(m.add(fraction, one)), near(fraction), near(rest), far(m.add(rest, one))};
}

// Linear in 1, 2 or 3 dimensions: ATen's half-pixel centres, or corners aligned.
static Results importLinearResampling(Call &call, int64_t spatial) {
  Tensor input = resampledInput(call);
  bool alignCorners = call.boolean("align_corners");
  if (!isFloat(input.dtype))
    return {call.unsupported("linear interpolation of integers")};
  SmallVector<Axis> axes = resampledAxes(call, input, spatial, alignCorners);
  ScalarType compute = computeType(input.dtype);
  return {call.e.pointwise({}, call.resultSizes(), input.dtype, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, compute);
    SmallVector<Value> at;
    for (int64_t dim = 0; dim < input.rank() - spatial; ++dim)
      at.push_back(linalg::IndexOp::create(b, loc, dim));
    SmallVector<Taps> neighbours;
    for (const Axis &axis : axes) {
      Value position = positionAlong(m, axis.dim), scale = axis.scale(m), half = m.constant(0.5);
      Value source = alignCorners ? m.mul(scale, position)
                                  : m.max(m.sub(m.mul(scale, m.add(position, half)), half), m.constant(0));
      Value low = arith::MinSIOp::create(b, loc, asIndex(m, source), axis.last);
      Value one = arith::ConstantIndexOp::create(b, loc, 1);
      Value high = arith::MinSIOp::create(b, loc, arith::AddIOp::create(b, loc, low, one), axis.last);
      Value weight = m.min(m.sub(source, castScalar(b, loc, low, ScalarType::Int64, compute)), m.constant(1));
      neighbours.push_back({{low, m.sub(m.constant(1), weight), {}}, {high, weight, {}}});
    }
    return castScalar(b, loc, interpolate(m, input, neighbours, at), compute, input.dtype);
  })};
}

// Cubic in two dimensions; elements beyond the border repeat it.
static Results importCubicResampling(Call &call) {
  Tensor input = resampledInput(call);
  bool alignCorners = call.boolean("align_corners");
  if (!isFloat(input.dtype))
    return {call.unsupported("cubic interpolation of integers")};
  SmallVector<Axis> axes = resampledAxes(call, input, 2, alignCorners);
  ScalarType compute = computeType(input.dtype);
  return {call.e.pointwise({}, call.resultSizes(), input.dtype, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, compute);
    SmallVector<Value> at;
    for (int64_t dim = 0; dim < input.rank() - 2; ++dim)
      at.push_back(linalg::IndexOp::create(b, loc, dim));
    SmallVector<Taps> neighbours;
    for (const Axis &axis : axes) {
      Value position = positionAlong(m, axis.dim), scale = axis.scale(m), half = m.constant(0.5);
      Value source = alignCorners ? m.mul(scale, position) : m.sub(m.mul(scale, m.add(position, half)), half);
      Value whole = math::FloorOp::create(b, loc, source), zero = m.constant(0);
      Value last = castScalar(b, loc, axis.last, ScalarType::Int64, compute);
      Taps taps;
      for (auto [i, weight] : llvm::enumerate(cubicWeights(m, m.sub(source, whole)))) {
        Value element = m.add(whole, m.constant(static_cast<double>(i) - 1));
        taps.push_back({asIndex(m, m.min(m.max(element, zero), last)), weight, {}});
      }
      neighbours.push_back(taps);
    }
    return castScalar(b, loc, interpolate(m, input, neighbours, at), compute, input.dtype);
  })};
}

//===--- sampling at given positions ---------------------------------------------------------------------------------===//

namespace {
/// ATen's GridSamplerInterpolation and GridSamplerPadding.
enum class Interpolation { Linear, Nearest, Cubic };
enum class Padding { Zeros, Border, Reflection };

/// How one coordinate of a grid picks elements of a dimension.
struct Sampler {
  Math &m;
  Interpolation interpolation;
  Padding padding;
  bool alignCorners;

  /// The elements for coordinate `x` in [-1, 1] of a dimension of `size` elements (a float).
  Taps taps(Value x, Value size);

private:
  Value position(Value x, Value size);
  Value reflected(Value x, Value size);
  Value padded(Value x, Value size);
  Tap tap(Value element, Value weight, Value size);
};
} // namespace

// From [-1, 1] to elements: the ends are the outermost centres or, without aligned corners, the outermost edges.
Value Sampler::position(Value x, Value size) {
  Value one = m.constant(1), half = m.constant(0.5), shifted = m.add(x, one);
  return alignCorners ? m.mul(m.mul(shifted, half), m.sub(size, one)) : m.mul(m.sub(m.mul(shifted, size), one), half);
}

// Mirrored at the outermost centres (or edges) until it lies between them.
Value Sampler::reflected(Value x, Value size) {
  Value low = m.constant(alignCorners ? 0 : -0.5), one = m.constant(1), zero = m.constant(0);
  Value span = alignCorners ? m.sub(size, one) : size;
  Value isPoint = m.compare(Math::Order::Eq, span, zero);
  Value divisor = m.select(isPoint, one, span);
  Value distance = math::AbsFOp::create(m.b, m.loc, m.sub(x, low));
  Value flips = math::FloorOp::create(m.b, m.loc, m.div(distance, divisor));
  Value extra = m.rem(distance, divisor), half = m.constant(0.5);
  Value halved = m.mul(flips, half);
  Value isEven = m.compare(Math::Order::Eq, halved, math::FloorOp::create(m.b, m.loc, halved));
  return m.select(isPoint, zero, m.add(m.select(isEven, extra, m.sub(span, extra)), low));
}

Value Sampler::padded(Value x, Value size) {
  if (padding == Padding::Zeros)
    return x;
  Value inner = padding == Padding::Reflection ? reflected(x, size) : x;
  return m.min(m.max(inner, m.constant(0)), m.sub(size, m.constant(1)));
}

// An element outside (or not a number) counts as zero and is never read.
Tap Sampler::tap(Value element, Value weight, Value size) {
  Value low = m.compare(Math::Order::Ge, element, m.constant(0)), high = m.compare(Math::Order::Lt, element, size);
  Value inside = arith::AndIOp::create(m.b, m.loc, low, high);
  return {asIndex(m, m.select(inside, element, m.constant(0))), weight, inside};
}

Taps Sampler::taps(Value x, Value size) {
  Value source = position(x, size), one = m.constant(1);
  if (interpolation == Interpolation::Nearest)
    return {tap(math::RoundEvenOp::create(m.b, m.loc, padded(source, size)), {}, size)};
  if (interpolation == Interpolation::Linear)
    source = padded(source, size);
  Value whole = math::FloorOp::create(m.b, m.loc, source), fraction = m.sub(source, whole);
  if (interpolation == Interpolation::Linear)
    return {tap(whole, m.sub(one, fraction), size), tap(m.add(whole, one), fraction, size)};
  Taps taps;
  for (auto [i, weight] : llvm::enumerate(cubicWeights(m, fraction)))
    taps.push_back(tap(padded(m.add(whole, m.constant(static_cast<double>(i) - 1)), size), weight, size));
  return taps;
}

// input [N, C, spatial…] at grid [N, spatial of the result…, coordinates], the last dimension's coordinate first.
static Results importGridSampler(Call &call) {
  Emitter &e = call.e;
  Tensor input = call.tensor("input"), grid = call.tensor("grid");
  int64_t spatial = input.rank() - 2, rank = input.rank();
  if (spatial < 1 || !isFloat(input.dtype) || grid.dtype != input.dtype)
    return {call.unsupported("an input or grid of this rank or dtype")};
  auto interpolation = static_cast<Interpolation>(call.integer("interpolation_mode"));
  auto padding = static_cast<Padding>(call.integer("padding_mode"));
  bool alignCorners = call.boolean("align_corners");
  SmallVector<int64_t> gridDims{0};
  llvm::append_range(gridDims, llvm::seq<int64_t>(2, rank));
  SmallVector<Tensor> coordinates;
  SmallVector<Value> lengths;
  for (int64_t i = 0; i < spatial; ++i) {
    coordinates.push_back(e.squeeze(e.slice(grid, rank - 1, e.size(spatial - 1 - i), e.size(1)), rank - 1));
    lengths.push_back(e.index(input.sizes[2 + i]));
  }
  SmallVector<AffineMap> maps(spatial, e.dimsMap(rank, gridDims));
  ScalarType compute = computeType(input.dtype);
  return {
      e.mapped(coordinates, maps, call.resultSizes(), input.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, compute);
        Sampler sampler{m, interpolation, padding, alignCorners};
        SmallVector<Value> at{linalg::IndexOp::create(b, loc, 0), linalg::IndexOp::create(b, loc, 1)};
        SmallVector<Taps> axes;
        for (int64_t i = 0; i < spatial; ++i)
          axes.push_back(sampler.taps(castScalar(b, loc, args[i], grid.dtype, compute),
                                      castScalar(b, loc, lengths[i], ScalarType::Int64, compute)));
        return castScalar(b, loc, interpolate(m, input, axes, at), compute, input.dtype);
      })};
}

// Coordinate `number` of `count` between -1 and 1: the outermost centres or, without aligned corners, edges are at the
// ends. From both ends towards the middle, as linspace.
static Value gridCoordinate(Math &m, Value number, Value count, bool alignCorners) {
  Value one = m.constant(1), two = m.constant(2), gaps = m.sub(count, one);
  Value isSingle = m.compare(Math::Order::Le, count, one);
  Value step = m.div(two, m.select(isSingle, one, gaps));
  Value isLow = m.compare(Math::Order::Lt, number, math::FloorOp::create(m.b, m.loc, m.mul(count, m.constant(0.5))));
  Value low = m.add(m.constant(-1), m.mul(step, number)), high = m.sub(one, m.mul(step, m.sub(gaps, number)));
  Value aligned = m.select(isSingle, m.constant(0), m.select(isLow, low, high));
  return alignCorners ? aligned : m.mul(aligned, m.div(gaps, count));
}

// theta [N, D, D + 1] times the coordinates of [N, C, D sizes], last dimension first, and one: [N, D sizes, D].
static Results importAffineGrid(Call &call) {
  Emitter &e = call.e;
  Tensor theta = call.tensor("theta");
  Sizes sizes = call.resultSizes();
  int64_t spatial = static_cast<int64_t>(sizes.size()) - 2;
  bool alignCorners = call.boolean("align_corners");
  ScalarType dtype = theta.dtype, compute = computeType(dtype);
  SmallVector<Value> lengths;
  for (Size size : sizes)
    lengths.push_back(e.index(size));
  return {e.pointwise({}, sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, compute);
    auto factor = [&](int64_t column) {
      Value element = tensor::ExtractOp::create(
          b, loc, theta.value,
          ValueRange{linalg::IndexOp::create(b, loc, 0), linalg::IndexOp::create(b, loc, spatial + 1),
                     arith::ConstantIndexOp::create(b, loc, column)});
      return castScalar(b, loc, element, dtype, compute);
    };
    Value sum = factor(spatial);
    for (int64_t column = 0; column < spatial; ++column) {
      int64_t dim = spatial - column;
      Value count = castScalar(b, loc, lengths[dim], ScalarType::Int64, compute);
      sum = m.add(sum, m.mul(factor(column), gridCoordinate(m, positionAlong(m, dim), count, alignCorners)));
    }
    return castScalar(b, loc, sum, compute, dtype);
  })};
}

//===--- channels and space ------------------------------------------------------------------------------------------===//

// Splits dimensions of `self` into `sizes`, reorders them and joins them to the result's sizes.
static Results rearrange(Call &call, const Tensor &self, SizesRef sizes, ArrayRef<int64_t> order) {
  Emitter &e = call.e;
  return {e.reshape(e.permute(e.reshape(self, sizes), order), call.resultSizes())};
}

// [.., C, H r, W r] as [.., C r r, H, W].
static Results importPixelUnshuffle(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  int64_t r = call.integer("downscale_factor"), batch = self.rank() - 3;
  if (batch < 0 || r < 1)
    return {call.unsupported("a tensor of fewer than three dimensions")};
  Sizes sizes(SizesRef(self.sizes).take_front(batch + 1));
  for (int64_t dim : {batch + 1, batch + 2})
    sizes.append({e.floorDiv(self.sizes[dim], e.size(r)), e.size(r)});
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, batch));
  for (int64_t dim : {0, 2, 4, 1, 3})
    order.push_back(batch + dim);
  return rearrange(call, self, sizes, order);
}

// Channels as [groups, C / groups], transposed.
static Results importChannelShuffle(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  int64_t groups = call.integer("groups");
  if (self.rank() < 2 || groups < 1)
    return {call.unsupported("a tensor without channels")};
  Sizes sizes{self.sizes[0], e.size(groups), e.floorDiv(self.sizes[1], e.size(groups))};
  sizes.append(self.sizes.begin() + 2, self.sizes.end());
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, self.rank() + 1));
  std::swap(order[1], order[2]);
  return rearrange(call, self, sizes, order);
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
  return rearrange(call, self, sizes, order);
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
  for (int64_t spatial : {1, 2, 3}) {
    std::string dims = std::to_string(spatial) + "d";
    table.add("upsample_nearest" + dims, [=](Call &call) { return importNearest(call, spatial, /*isExact=*/false); });
    table.add("_upsample_nearest_exact" + dims, [=](Call &call) { return importNearest(call, spatial, /*isExact=*/true); });
  }
  for (auto [name, spatial] : {std::pair{"upsample_linear1d", 1}, std::pair{"upsample_bilinear2d", 2},
                               std::pair{"upsample_trilinear3d", 3}})
    table.add(name, [spatial](Call &call) { return importLinearResampling(call, spatial); });
  table.add("upsample_bicubic2d", importCubicResampling);
  table.add("affine_grid_generator", importAffineGrid);
  table.add("grid_sampler", importGridSampler);
  table.add("pixel_shuffle", importPixelShuffle);
  table.add("pixel_unshuffle", importPixelUnshuffle);
  table.add("channel_shuffle", importChannelShuffle);
  table.add("glu", importGlu);
}
