//===- AntialiasedResampling.cpp - interpolation whose filter widens as the image shrinks -------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// One pass per axis, the last axis first, as ATen does: each result is a weighted sum over a window of the source. The
// weights depend on sizes only, so they are a table [result, taps] that HoistConstants moves to load time.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon::aten;

using O = Math::Order;

namespace {
/// One axis: windows of at most `numTaps` source elements around (position + 1/2) * scale.
struct Filter {
  bool isCubic, alignCorners;
  int64_t dim;
  Size in, out, numTaps;
  std::optional<double> factor; ///< result elements per source element, where the program gives them

  int64_t radius() const { return isCubic ? 2 : 1; }
  /// Source elements per result element.
  Value scale(Math &m) const;
  /// How much wider the filter is than that of an image which does not shrink.
  Value widening(Math &m) const { return m.max(scale(m), m.constant(1)); }
  Value center(Math &m, Value position) const { return m.mul(scale(m), m.add(position, m.constant(0.5))); }
  /// The first element of the window and the number of its elements.
  std::pair<Value, Value> window(Math &m, Value position) const;
  Value weight(Math &m, Value distance) const;
};
} // namespace

static Value position(Math &m, int64_t dim) {
  return castScalar(m.b, m.loc, linalg::IndexOp::create(m.b, m.loc, dim), ScalarType::Int64, m.dtype);
}

static Value real(Math &m, Size size) {
  return castScalar(m.b, m.loc, Emitter(m.b, m.loc).index(size), ScalarType::Int64, m.dtype);
}

Value Filter::scale(Math &m) const {
  if (!alignCorners)
    return factor ? m.constant(1 / *factor) : m.div(real(m, in), real(m, out));
  Value one = m.constant(1), gaps = m.sub(real(m, out), one), isPoint = m.compare(O::Le, gaps, m.constant(0));
  return m.select(isPoint, m.constant(0), m.div(m.sub(real(m, in), one), m.select(isPoint, one, gaps)));
}

// 2 * ceil(radius * widening) + 1, in integers.
static Size numTapsOf(Emitter &e, const Filter &filter) {
  Size one = e.size(1), reach;
  if (filter.factor && !filter.alignCorners) {
    reach = e.size(static_cast<int64_t>(std::ceil(filter.radius() * std::max(1 / *filter.factor, 1.0))));
  } else {
    Size length = filter.alignCorners ? e.sub(filter.in, one) : filter.in;
    Size parts = filter.alignCorners ? e.max(e.sub(filter.out, one), one) : filter.out;
    Size widened = e.mul(e.size(filter.radius()), e.max(length, parts));
    reach = e.floorDiv(e.add(widened, e.sub(parts, one)), parts);
  }
  return e.add(e.mul(reach, e.size(2)), one);
}

std::pair<Value, Value> Filter::window(Math &m, Value position) const {
  Value middle = center(m, position), half = m.constant(0.5);
  Value reach = m.mul(m.constant(static_cast<double>(radius())), widening(m));
  Value low = math::TruncOp::create(m.b, m.loc, m.add(m.sub(middle, reach), half));
  Value high = math::TruncOp::create(m.b, m.loc, m.add(m.add(middle, reach), half));
  Value first = m.max(low, m.constant(0));
  return {first, m.min(m.sub(m.min(high, real(m, in)), first), real(m, numTaps))};
}

// A triangle, or Keys' cubic with a = -0.5 as in PIL.
Value Filter::weight(Math &m, Value distance) const {
  Value x = math::AbsFOp::create(m.b, m.loc, distance), one = m.constant(1), zero = m.constant(0);
  if (!isCubic)
    return m.max(m.sub(one, x), zero);
  constexpr double a = -0.5;
  Value inner = m.sub(m.mul(m.constant(a + 2), x), m.constant(a + 3));
  Value near = m.add(m.mul(m.mul(inner, x), x), one);
  Value outer = m.add(m.mul(m.sub(x, m.constant(5)), x), m.constant(8));
  Value far = m.mul(m.sub(m.mul(outer, x), m.constant(4)), m.constant(a));
  Value beyond = m.select(m.compare(O::Lt, x, m.constant(2)), far, zero);
  return m.select(m.compare(O::Lt, x, one), near, beyond);
}

// Weights [result, taps] that add up to one per result; zero behind a window's end.
static Tensor weightTable(Emitter &e, const Filter &filter, ScalarType dtype) {
  Sizes sizes{filter.out, filter.numTaps};
  Tensor raw = e.pointwise({}, sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, dtype);
    Value result = position(m, 0), tap = position(m, 1);
    auto [first, count] = filter.window(m, result);
    Value distance = m.add(m.sub(m.add(tap, first), filter.center(m, result)), m.constant(0.5));
    Value weight = filter.weight(m, m.mul(distance, m.div(m.constant(1), filter.widening(m))));
    return m.select(m.compare(O::Lt, tap, count), weight, m.constant(0));
  });
  Tensor total = e.keepDims(e.sum(raw, 1, dtype), raw, 1);
  return e.compute({raw, total}, dtype, [](Math &m, ValueRange args) {
    return m.select(m.compare(O::Eq, args[1], m.constant(0)), args[0], m.div(args[0], args[1]));
  });
}

// Elements behind a window's end are not read into the sum: zero times infinity is not zero.
static Tensor filterAxis(Emitter &e, const Tensor &input, const Filter &filter) {
  ScalarType dtype = input.dtype, compute = computeType(dtype);
  Tensor weights = weightTable(e, filter, compute);
  Sizes loop = input.sizes;
  loop[filter.dim] = filter.out;
  int64_t tapDim = loop.size();
  loop.push_back(filter.numTaps);
  Tensor sum = e.reduceMapped(
      weights, e.dimsMap(loop.size(), {filter.dim, tapDim}), loop, tapDim, compute, Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, compute);
        auto [first, count] = filter.window(m, position(m, filter.dim));
        Value tap = position(m, tapDim), isInside = m.compare(O::Lt, tap, count);
        Value place = m.min(m.add(first, tap), m.sub(real(m, filter.in), m.constant(1)));
        SmallVector<Value> at;
        for (int64_t dim = 0; dim < input.rank(); ++dim)
          at.push_back(linalg::IndexOp::create(b, loc, dim));
        at[filter.dim] = arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                                    castScalar(b, loc, place, compute, ScalarType::Int64));
        Value element = castScalar(b, loc, tensor::ExtractOp::create(b, loc, input.value, at), dtype, compute);
        return m.select(isInside, m.mul(args[0], element), m.constant(0));
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, compute).add(acc, next); });
  return e.cast(sum, dtype);
}

static Results importAntialiased(Call &call, bool isCubic) {
  Tensor result = call.tensor(call.overload == "vec" ? "input" : "self");
  Sizes out = call.resultSizes();
  if (result.rank() != 4 || !isFloat(result.dtype))
    return {call.unsupported("antialiased interpolation of integers")};
  bool alignCorners = call.boolean("align_corners");
  for (int64_t dim : {3, 2}) {
    if (result.sizes[dim] == out[dim])
      continue;
    Filter filter{isCubic, alignCorners, dim, result.sizes[dim], out[dim], {}, resamplingFactor(call, dim - 2, 2)};
    filter.numTaps = numTapsOf(call.e, filter);
    result = filterAxis(call.e, result, filter);
  }
  return {result};
}

void tenon::aten::addAntialiasedResamplingRows(OpTable &table) {
  table.add("_upsample_bilinear2d_aa", [](Call &call) { return importAntialiased(call, /*isCubic=*/false); });
  table.add("_upsample_bicubic2d_aa", [](Call &call) { return importAntialiased(call, /*isCubic=*/true); });
}
