//===- OrderStatistics.cpp - medians, quantiles, modes ------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Each sorts its lines and picks from them. Lines are the last dimension of what is sorted here.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Sorting.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

//===--- parts -------------------------------------------------------------------------------------------------------===//

namespace {
/// What a node takes its statistics of: the lines it names, or all elements as one line.
struct SortedLines {
  Tensor self; ///< [.., N]
  Tensor values, positions;
  int64_t dim = -1; ///< where the lines lie in the node's operand; -1: everywhere
  Size length;
};
} // namespace

static SortedLines sortLines(Call &call) {
  Emitter &e = call.e;
  SortedLines lines;
  lines.self = call.tensor("self");
  int64_t rank = lines.self.rank();
  if (call.has("dim") && rank > 0) {
    lines.dim = call.dim("dim", rank);
    SmallVector<int64_t> order;
    for (int64_t dim = 0; dim < rank; ++dim)
      if (dim != lines.dim)
        order.push_back(dim);
    order.push_back(lines.dim);
    lines.self = e.permute(lines.self, order);
  } else {
    lines.self = e.reshape(lines.self, Sizes{e.product(lines.self.sizes)});
  }
  lines.length = lines.self.sizes.back();
  if (isEmpty(lines.length))
    call.unsupported("a statistic of no elements");
  Sorted sorted = createSort(call, lines.self, lines.self.rank() - 1, lines.length, {});
  lines.values = sorted.values;
  lines.positions = sorted.positions;
  return lines;
}

// A result per line, as the node shows it.
static Tensor shown(Call &call, const Tensor &perLine, size_t result = 0) {
  return call.e.reshape(perLine, call.resultSizes(result));
}

// The element of each line at `places` (int64, one per line).
static Tensor pick(Emitter &e, const Tensor &lines, const Tensor &places) {
  int64_t rank = places.rank();
  return e.gather(lines, places, e.b.getMultiDimIdentityMap(rank), places.sizes,
                  [&](OpBuilder &b, Location loc, ValueRange args) {
                    SmallVector<Value> coordinates;
                    for (int64_t dim = 0; dim < rank; ++dim)
                      coordinates.push_back(linalg::IndexOp::create(b, loc, dim));
                    coordinates.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), args[0]));
                    return coordinates;
                  });
}

static Value isNumber(Math &m, Value x) {
  return m.select(m.isNan(x), scalarConstant(m.b, m.loc, ScalarType::Int64, int64_t{0}),
                  scalarConstant(m.b, m.loc, ScalarType::Int64, int64_t{1}));
}

// How many elements of each line are no NaN.
static Tensor countNumbers(Emitter &e, const Tensor &lines) {
  int64_t rank = lines.rank();
  return e.reduceMapped(
      lines, e.b.getMultiDimIdentityMap(rank), lines.sizes, {rank - 1}, ScalarType::Int64, Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, lines.dtype);
        return isNumber(m, args[0]);
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) {
        return Math(b, loc, ScalarType::Int64).add(acc, next);
      });
}

static Results valuesAndPositions(Call &call, const SortedLines &lines, const Tensor &places) {
  Results results{shown(call, pick(call.e, lines.values, places))};
  if (call.numResults() > 1)
    results.push_back(shown(call, pick(call.e, lines.positions, places), 1));
  return results;
}

//===--- rows --------------------------------------------------------------------------------------------------------===//

// The lower one of the middle elements. NaN is the greatest and comes behind all numbers: a line that has one gives the
// first, unless `skipsNan` takes the middle of the numbers alone.
static Results importMedian(Call &call, bool skipsNan) {
  Emitter &e = call.e;
  SortedLines lines = sortLines(call);
  Value length = e.index(lines.length);
  Tensor numbers = countNumbers(e, lines.self);
  Tensor places =
      e.pointwise(numbers, numbers.sizes, ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, ScalarType::Int64);
        Value count = args[0], all = arith::IndexCastOp::create(b, loc, b.getI64Type(), length);
        Value middle = m.div(m.max(m.sub(count, m.constant(1)), m.constant(0)), m.constant(2));
        return skipsNan ? middle : m.select(m.compare(Math::Order::Lt, count, all), count, middle);
      });
  return valuesAndPositions(call, lines, places);
}

// The last of the k least elements.
static Results importKthValue(Call &call) {
  Emitter &e = call.e;
  SortedLines lines = sortLines(call);
  Size k = call.size("k");
  Tensor places = e.pointwise(
      {}, SizesRef(lines.self.sizes).drop_back(), ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange) {
        Math m(b, loc, ScalarType::Int64);
        Value number = staticSize(k) ? m.constant(*staticSize(k))
                                     : Value(arith::IndexCastOp::create(b, loc, b.getI64Type(), cast<Value>(k)));
        return m.sub(number, m.constant(1));
      });
  return valuesAndPositions(call, lines, places);
}

// For each place of sorted lines, where its run of equal elements begins: a running maximum over the places that differ
// from the one before.
static Tensor runStarts(Emitter &e, const Tensor &sorted) {
  int64_t last = sorted.rank() - 1;
  Tensor starts =
      e.pointwise(sorted, sorted.sizes, ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, sorted.dtype), integers(b, loc, ScalarType::Int64);
        SmallVector<Value> before;
        for (int64_t dim = 0; dim <= last; ++dim)
          before.push_back(linalg::IndexOp::create(b, loc, dim));
        Value place = arith::IndexCastOp::create(b, loc, b.getI64Type(), before.back());
        Value previous = integers.max(integers.sub(place, integers.constant(1)), integers.constant(0));
        before.back() = arith::IndexCastOp::create(b, loc, b.getIndexType(), previous);
        Value other = tensor::ExtractOp::create(b, loc, sorted.value, before);
        return integers.select(m.compare(Math::Order::Ne, args[0], other), place, integers.constant(0));
      });
  Tensor running = e.empty(starts.sizes, ScalarType::Int64), positions = e.empty(starts.sizes, ScalarType::Int64);
  auto scan = ScanOp::create(e.b, e.loc, TypeRange{running.value.getType(), positions.value.getType()}, starts.value,
                             ValueRange{running.value, positions.value}, ScanKind::Max, last);
  running.value = scan->getResult(0);
  return running;
}

// The least of the most frequent elements, and the last position it has: the end of the first longest run.
static Results importMode(Call &call) {
  Emitter &e = call.e;
  SortedLines lines = sortLines(call);
  Tensor starts = runStarts(e, lines.values);
  int64_t rank = lines.self.rank();
  // A run's end stands for it: its length, and among equal lengths the least place, as one number that grows with both.
  auto rankOf = [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, ScalarType::Int64);
    Value place = arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, rank - 1));
    Value length = arith::IndexCastOp::create(b, loc, b.getI64Type(), e.index(lines.length));
    return m.sub(m.mul(m.sub(place, args[0]), length), place);
  };
  constexpr int64_t lowest = std::numeric_limits<int64_t>::min();
  Tensor best = e.reduceMapped(starts, e.b.getMultiDimIdentityMap(rank), starts.sizes, {rank - 1}, ScalarType::Int64,
                               Scalar::of(lowest), rankOf, [&](OpBuilder &b, Location loc, Value acc, Value next) {
                                 return Math(b, loc, ScalarType::Int64).max(acc, next);
                               });
  // rank = runLength * N - place, 0 <= place < N.
  Tensor places = e.pointwise(best, best.sizes, ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, ScalarType::Int64);
    Value length = arith::IndexCastOp::create(b, loc, b.getI64Type(), e.index(lines.length));
    Value negated = m.rem(m.neg(args[0]), length);
    return m.select(m.compare(Math::Order::Lt, negated, m.constant(0)), m.add(negated, length), negated);
  });
  return valuesAndPositions(call, lines, places);
}

// Between the sorted elements around q (N - 1), as `interpolation` says. A NaN decides its line, unless `skipsNan`
// leaves it out.
static Results importQuantile(Call &call, bool skipsNan) {
  Emitter &e = call.e;
  SortedLines lines = sortLines(call);
  ScalarType dtype = lines.self.dtype;
  Tensor q = call.isTensor("q") ? call.tensor("q") : e.fill({}, dtype, call.scalar("q"));
  std::string interpolation = call.string("interpolation");
  Tensor numbers = countNumbers(e, lines.self);
  Sizes sizes = q.rank() > 0 ? q.sizes : Sizes();
  sizes.append(numbers.sizes);
  int64_t rank = sizes.size(), leading = q.rank();
  SmallVector<int64_t> lineDims = llvm::to_vector(llvm::seq<int64_t>(leading, rank));
  Value length = e.index(lines.length);
  auto body = [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, dtype), integers(b, loc, ScalarType::Int64);
    Value all = arith::IndexCastOp::create(b, loc, b.getI64Type(), length), count = args[1];
    Value hasNan = integers.compare(Math::Order::Lt, count, all);
    Value last = integers.max(integers.sub(skipsNan ? count : all, integers.constant(1)), integers.constant(0));
    Value lastAsFloat = castScalar(b, loc, last, ScalarType::Int64, dtype);
    Value place = m.mul(args[0], lastAsFloat);
    if (!skipsNan)
      place = m.select(hasNan, lastAsFloat, place);
    if (interpolation == "lower")
      place = math::FloorOp::create(b, loc, place);
    if (interpolation == "higher")
      place = math::CeilOp::create(b, loc, place);
    if (interpolation == "nearest")
      place = math::RoundEvenOp::create(b, loc, place);
    auto read = [&](Value at) -> Value {
      SmallVector<Value> coordinates;
      for (int64_t dim : lineDims)
        coordinates.push_back(linalg::IndexOp::create(b, loc, dim));
      Value integer = castScalar(b, loc, at, dtype, ScalarType::Int64);
      integer = integers.max(integers.min(integer, integers.sub(all, integers.constant(1))), integers.constant(0));
      coordinates.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), integer));
      return tensor::ExtractOp::create(b, loc, lines.values.value, coordinates);
    };
    Value floor = math::FloorOp::create(b, loc, place);
    Value low = read(floor);
    if (interpolation == "lower" || interpolation == "higher" || interpolation == "nearest")
      return low;
    Value high = read(math::CeilOp::create(b, loc, place));
    Value weight = interpolation == "midpoint" ? m.constant(0.5) : m.sub(place, floor), difference = m.sub(high, low);
    Value fromLow = m.add(low, m.mul(weight, difference));
    Value fromHigh = m.sub(high, m.mul(difference, m.sub(m.constant(1), weight)));
    return m.select(m.compare(Math::Order::Lt, weight, m.constant(0.5)), fromLow, fromHigh);
  };
  SmallVector<int64_t> qDims = llvm::to_vector(llvm::seq<int64_t>(0, leading));
  return {shown(call, e.mapped({q, numbers}, {e.dimsMap(rank, qDims), e.dimsMap(rank, lineDims)}, sizes, dtype, body))};
}

void tenon::aten::addOrderStatisticRows(OpTable &table) {
  table.add("median", [](Call &call) { return importMedian(call, /*skipsNan=*/false); });
  table.add("nanmedian", [](Call &call) { return importMedian(call, /*skipsNan=*/true); });
  table.add("kthvalue", importKthValue);
  table.add("mode", importMode);
  table.add("quantile", [](Call &call) { return importQuantile(call, /*skipsNan=*/false); });
  table.add("nanquantile", [](Call &call) { return importQuantile(call, /*skipsNan=*/true); });
}
