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
  bool isCubic;
  int64_t dim, in, out;
  double scale; ///< source elements per result element

  double widening() const { return scale >= 1 ? scale : 1; }
  double support() const { return (isCubic ? 2 : 1) * widening(); }
  int64_t numTaps() const { return static_cast<int64_t>(std::ceil(support())) * 2 + 1; }

  Value center(Math &m, Value position) const;
  /// The first element of the window and the number of its elements.
  std::pair<Value, Value> window(Math &m, Value position) const;
  Value weight(Math &m, Value distance) const;
};
} // namespace

static Value position(Math &m, int64_t dim) {
  return castScalar(m.b, m.loc, linalg::IndexOp::create(m.b, m.loc, dim), ScalarType::Int64, m.dtype);
}

Value Filter::center(Math &m, Value position) const {
  return m.mul(m.constant(scale), m.add(position, m.constant(0.5)));
}

std::pair<Value, Value> Filter::window(Math &m, Value position) const {
  Value middle = center(m, position), half = m.constant(0.5), reach = m.constant(support());
  Value low = math::TruncOp::create(m.b, m.loc, m.add(m.sub(middle, reach), half));
  Value high = math::TruncOp::create(m.b, m.loc, m.add(m.add(middle, reach), half));
  Value first = m.max(low, m.constant(0));
  Value count = m.sub(m.min(high, m.constant(static_cast<double>(in))), first);
  return {first, m.min(count, m.constant(static_cast<double>(numTaps())))};
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
  Sizes sizes = e.sizes({filter.out, filter.numTaps()});
  Tensor raw = e.pointwise({}, sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, dtype);
    Value result = position(m, 0), tap = position(m, 1);
    auto [first, count] = filter.window(m, result);
    Value distance = m.add(m.sub(m.add(tap, first), filter.center(m, result)), m.constant(0.5));
    Value weight = filter.weight(m, m.mul(distance, m.constant(1 / filter.widening())));
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
  loop[filter.dim] = e.size(filter.out);
  int64_t tapDim = loop.size();
  loop.push_back(e.size(filter.numTaps()));
  Tensor sum = e.reduceMapped(
      weights, e.dimsMap(loop.size(), {filter.dim, tapDim}), loop, tapDim, compute, Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, compute);
        auto [first, count] = filter.window(m, position(m, filter.dim));
        Value tap = position(m, tapDim), isInside = m.compare(O::Lt, tap, count);
        Value place = m.min(m.add(first, tap), m.constant(static_cast<double>(filter.in - 1)));
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
    std::optional<int64_t> from = staticSize(result.sizes[dim]), to = staticSize(out[dim]);
    if (!from || !to)
      return {call.unsupported("antialiased interpolation between dynamic sizes")};
    if (*from == *to)
      continue;
    std::optional<double> factor = resamplingFactor(call, dim - 2, 2);
    double scale = alignCorners ? (*to > 1 ? static_cast<double>(*from - 1) / static_cast<double>(*to - 1) : 0)
                   : factor     ? 1 / *factor
                                : static_cast<double>(*from) / static_cast<double>(*to);
    result = filterAxis(call.e, result, {isCubic, dim, *from, *to, scale});
  }
  return {result};
}

void tenon::aten::addAntialiasedResamplingRows(OpTable &table) {
  table.add("_upsample_bilinear2d_aa", [](Call &call) { return importAntialiased(call, /*isCubic=*/false); });
  table.add("_upsample_bicubic2d_aa", [](Call &call) { return importAntialiased(call, /*isCubic=*/true); });
}
