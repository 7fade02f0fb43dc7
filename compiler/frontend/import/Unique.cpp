//===- Unique.cpp - elements and parts that differ from each other ---------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A tensor is rows of keys: one key per element, or all elements of a part along a dimension. Equal rows are neighbours, as they
// are or once they are sorted (by the last key first, since sorts are stable); where a row differs from the one before it, a run
// starts.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Scattering.h"
#include "compiler/frontend/import/Sorting.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

static Value asInteger(OpBuilder &b, Location loc, Value index) {
  return arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
}

//===--- runs --------------------------------------------------------------------------------------------------------===//

namespace {
/// Runs of equal rows: where each starts, and for each row the number of its run.
struct RunsOfEqual {
  Tensor starts, numbers;
};
} // namespace

// For each row of `rows` [N, …] one where it differs from the one before it, else zero; a NaN differs from every other one.
static Tensor differences(Emitter &e, const Tensor &rows) {
  Tensor previous = e.gather(rows, {}, {}, rows.sizes, [&](OpBuilder &b, Location loc, ValueRange) {
    SmallVector<Value> coordinates;
    for (int64_t dim = 0; dim < rows.rank(); ++dim)
      coordinates.push_back(linalg::IndexOp::create(b, loc, dim));
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    coordinates[0] = arith::SubIOp::create(b, loc, arith::MaxUIOp::create(b, loc, coordinates[0], one), one);
    return coordinates;
  });
  Tensor differs =
      e.pointwise({rows, previous}, rows.sizes, ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange args) {
        return castScalar(b, loc, Math(b, loc, rows.dtype).compare(Math::Order::Ne, args[0], args[1]), ScalarType::Bool,
                          ScalarType::Int64);
      });
  if (rows.rank() == 1)
    return differs;
  return e.reduce(
      differs, {1}, ScalarType::Int64, Scalar::of(int64_t{0}),
      [](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, ScalarType::Int64).max(acc, next); });
}

static RunsOfEqual runsOfEqual(Call &call, const Tensor &rows) {
  Emitter &e = call.e;
  Tensor differs = differences(e, rows);
  Tensor isStart =
      e.pointwise(differs, differs.sizes, ScalarType::Bool, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Math m(b, loc, ScalarType::Int64);
        Value isFirst =
            m.compare(Math::Order::Eq, asInteger(b, loc, linalg::IndexOp::create(b, loc, 0)), m.constant(0));
        return arith::OrIOp::create(b, loc, isFirst, m.compare(Math::Order::Ne, args[0], m.constant(0)));
      });
  Tensor starts = trueCoordinates(call, isStart)[0], counted = e.cumulativeSum(e.cast(isStart, ScalarType::Int64), 0);
  Tensor numbers =
      e.pointwise(counted, counted.sizes, ScalarType::Int64, [](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, ScalarType::Int64);
        return m.sub(args[0], m.constant(1));
      });
  return {starts, numbers};
}

// From each start to the next; from the last to `end`.
static Tensor lengthsOf(Emitter &e, const Tensor &starts, Size end) {
  Value one = e.index(e.size(1)), last = e.index(e.sub(starts.sizes[0], e.size(1)));
  Tensor next = e.gather(starts, {}, {}, starts.sizes, [&](OpBuilder &b, Location loc, ValueRange) {
    Value following = arith::AddIOp::create(b, loc, linalg::IndexOp::create(b, loc, 0), one);
    return SmallVector<Value>{arith::MinSIOp::create(b, loc, following, last)};
  });
  Value length = asInteger(e.b, e.loc, e.index(end)), lastRun = asInteger(e.b, e.loc, last);
  return e.pointwise({starts, next}, starts.sizes, ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, ScalarType::Int64);
    Value isLast = m.compare(Math::Order::Eq, asInteger(b, loc, linalg::IndexOp::create(b, loc, 0)), lastRun);
    return m.sub(m.select(isLast, length, args[1]), args[0]);
  });
}

//===--- the ops -----------------------------------------------------------------------------------------------------===//

namespace {
/// What is looked at: `rows`, and their positions before they were sorted, if they were.
struct Keys {
  Tensor rows;
  std::optional<Tensor> order;
};
} // namespace

// The unique parts of `self` along `dim`; for each part (in a tensor of `inverseSizes`) the number of its like; how often each is
// there. ATen gives some of what was not asked for, and an empty tensor for the rest.
static Results uniqueParts(Call &call, const Tensor &self, int64_t dim, const Keys &keys, SizesRef inverseSizes) {
  Emitter &e = call.e;
  RunsOfEqual runs = runsOfEqual(call, keys.rows);
  Size length = keys.rows.sizes[0];
  auto none = [&] { return e.fill(Sizes{e.size(0)}, ScalarType::Int64, Scalar::of(int64_t{0})); };
  auto inverse = [&] {
    return e.reshape(keys.order ? scatterInto(e, length, *keys.order, runs.numbers, ScatterKind::Set) : runs.numbers,
                     inverseSizes);
  };
  Tensor places = keys.order ? selectedAlong(e, *keys.order, 0, runs.starts) : runs.starts;
  return {selectedAlong(e, self, dim, places), call.resultIsEmpty(1) ? none() : inverse(),
          call.resultIsEmpty(2) ? none() : lengthsOf(e, runs.starts, length)};
}

static Tensor flattened(Emitter &e, const Tensor &tensor) { return e.reshape(tensor, Sizes{e.product(tensor.sizes)}); }

// [N, C]: the elements of each part along `dim`.
static Tensor rowsAlong(Emitter &e, const Tensor &self, int64_t dim) {
  SmallVector<int64_t> order = {dim}, others = otherDims(self.rank(), {dim});
  order.append(others);
  Tensor front = e.permute(self, order);
  return e.reshape(front, Sizes{front.sizes[0], e.product(SizesRef(front.sizes).drop_front())});
}

// The positions of `rows` [N, C] in the order of their first elements, of those that are equal in the order of the second, …
static Tensor orderOfRows(Call &call, const Tensor &rows) {
  Emitter &e = call.e;
  Tensor order = e.pointwise({}, Sizes{rows.sizes[0]}, ScalarType::Int64, [](OpBuilder &b, Location loc, ValueRange) {
    return asInteger(b, loc, linalg::IndexOp::create(b, loc, 0));
  });
  Value last = e.index(e.sub(rows.sizes[1], e.size(1)));
  auto loop =
      scf::ForOp::create(e.b, e.loc, e.index(e.size(0)), e.index(rows.sizes[1]), e.index(e.size(1)), order.value,
                         [&](OpBuilder &b, Location loc, Value step, ValueRange carried) {
                           Tensor before = order;
                           before.value = carried[0];
                           Value column = arith::SubIOp::create(b, loc, last, step);
                           Tensor keys = e.squeeze(e.slice(rows, 1, column, e.size(1)), 1);
                           Tensor sorted =
                               createSort(call, selectedAlong(e, keys, 0, before), 0, keys.sizes[0], {}).positions;
                           scf::YieldOp::create(b, loc, selectedAlong(e, before, 0, sorted).value);
                         });
  order.value = loop.getResult(0);
  return order;
}

static Results importUniqueAlong(Call &call, bool isSorted) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  if (self.rank() == 0)
    return {call.unsupported("unique parts of a number")};
  int64_t dim = call.dim("dim", self.rank());
  Keys keys{rowsAlong(e, self, dim), std::nullopt};
  if (isSorted) {
    keys.order = orderOfRows(call, keys.rows);
    keys.rows = selectedAlong(e, keys.rows, 0, *keys.order);
  }
  return uniqueParts(call, self, dim, keys, {self.sizes[dim]});
}

static Results importUniqueConsecutive(Call &call) {
  if (call.has("dim"))
    return importUniqueAlong(call, /*isSorted=*/false);
  Tensor self = call.tensor("self"), vector = flattened(call.e, self);
  return uniqueParts(call, vector, 0, {vector, std::nullopt}, self.sizes);
}

static Results importUnique(Call &call) {
  Tensor self = call.tensor("self"), vector = flattened(call.e, self);
  Sorted sorted = createSort(call, vector, 0, vector.sizes[0], {});
  return uniqueParts(call, vector, 0, {sorted.values, sorted.positions}, self.sizes);
}

void tenon::aten::addUniqueRows(OpTable &table) {
  table.add("unique_consecutive", importUniqueConsecutive);
  table.add("_unique2", importUnique);
  table.add("unique_dim", [](Call &call) { return importUniqueAlong(call, /*isSorted=*/true); });
}
