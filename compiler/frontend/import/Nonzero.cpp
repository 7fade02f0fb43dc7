//===- Nonzero.cpp - results as long as values of the inputs say ---------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Positions of true elements are found without branches: a running sum numbers them, and each true element's position is
// scattered to its number; the positions of false ones go to one more place, which is cut off.
//
//   mask       0 1 0 1 1        numbers    0 0 - 1 2 (of true elements)
//   positions  [1, 3, 4]        their count is the symbol that the exported sizes show ("u0")
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/frontend/import/Sorting.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

static Value asInteger(OpBuilder &b, Location loc, Value index) {
  return arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
}

static Tensor positionsUpTo(Emitter &e, Size size) {
  return e.pointwise({}, Sizes{size}, ScalarType::Int64, [](OpBuilder &b, Location loc, ValueRange) {
    return asInteger(b, loc, linalg::IndexOp::create(b, loc, 0));
  });
}

// The sum of a vector of integers as an index.
static Value total(Emitter &e, const Tensor &vector) {
  Tensor sum = e.sum(vector, {0}, ScalarType::Int64);
  return arith::IndexCastOp::create(e.b, e.loc, e.b.getIndexType(), tensor::ExtractOp::create(e.b, e.loc, sum.value, ValueRange()));
}

// A vector of `size` integers that starts as zeros and gets each of `updates` at its index.
static Tensor scatterInto(Emitter &e, Size size, const Tensor &index, const Tensor &updates, ScatterKind kind) {
  Tensor result = e.fill(Sizes{size}, ScalarType::Int64, Scalar::of(int64_t{0}));
  auto op = ScatterOp::create(e.b, e.loc, TypeRange{result.value.getType()}, ValueRange{index.value}, updates.value,
                              ValueRange{result.value}, kind, ArrayRef<int64_t>{-1});
  result.value = op->getResult(0);
  return result;
}

static Tensor flattened(Emitter &e, const Tensor &tensor) { return e.reshape(tensor, Sizes{e.product(tensor.sizes)}); }

// Row-major positions of the elements of `tensor` that are not zero.
static Tensor truePositions(Call &call, const Tensor &tensor) {
  Emitter &e = call.e;
  Tensor ones = e.cast(e.cast(flattened(e, tensor), ScalarType::Bool), ScalarType::Int64);
  Size length = ones.sizes[0], count = call.defineLateSize(total(e, ones), length);
  Value last = asInteger(e.b, e.loc, e.index(count));
  Tensor numbers = e.pointwise({ones, e.cumulativeSum(ones, 0)}, ones.sizes, ScalarType::Int64,
                               [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                                 Math m(b, loc, ScalarType::Int64);
                                 Value isTrue = m.compare(Math::Order::Ne, args[0], m.constant(0));
                                 return m.select(isTrue, m.sub(args[1], m.constant(1)), last);
                               });
  Tensor all = scatterInto(e, e.add(count, e.size(1)), numbers, positionsUpTo(e, length), ScatterKind::Set);
  return e.slice(all, 0, e.size(0), count);
}

// Coordinate `dim` of row-major `position` in a tensor of `sizes`.
static Value coordinate(OpBuilder &b, Location loc, Value position, ArrayRef<Value> sizes, int64_t dim) {
  for (Value inner : sizes.drop_front(dim + 1))
    position = arith::DivUIOp::create(b, loc, position, inner);
  return dim == 0 ? position : arith::RemUIOp::create(b, loc, position, sizes[dim]).getResult();
}

static SmallVector<Value> integersOf(Emitter &e, SizesRef sizes) {
  return llvm::map_to_vector(sizes, [&](Size size) { return asInteger(e.b, e.loc, e.index(size)); });
}

SmallVector<Tensor> tenon::aten::trueCoordinates(Call &call, const Tensor &mask) {
  Emitter &e = call.e;
  Tensor positions = truePositions(call, mask);
  SmallVector<Value> sizes = integersOf(e, mask.sizes);
  SmallVector<Tensor> coordinates;
  for (int64_t dim = 0; dim < mask.rank(); ++dim)
    coordinates.push_back(e.pointwise(positions, positions.sizes, ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange args) {
      return coordinate(b, loc, args[0], sizes, dim);
    }));
  return coordinates;
}

static Results importNonzero(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  if (self.rank() == 0)
    return {call.unsupported("the positions of a number")};
  Tensor positions = truePositions(call, self);
  SmallVector<Value> sizes = integersOf(e, self.sizes);
  return {e.mapped(positions, e.dimsMap(2, {0}), Sizes{positions.sizes[0], e.size(self.rank())}, ScalarType::Int64,
                   [&](OpBuilder &b, Location loc, ValueRange args) {
                     Math m(b, loc, ScalarType::Int64);
                     Value dim = asInteger(b, loc, linalg::IndexOp::create(b, loc, 1)), result = coordinate(b, loc, args[0], sizes, 0);
                     for (int64_t i = 1; i < self.rank(); ++i)
                       result = m.select(m.compare(Math::Order::Eq, dim, m.constant(i)), coordinate(b, loc, args[0], sizes, i), result);
                     return result;
                   })};
}

static Results importNonzeroTuple(Call &call, StringRef mask) {
  Results results;
  for (const Tensor &coordinates : trueCoordinates(call, call.tensor(mask)))
    results.push_back(coordinates);
  return results;
}

static Tensor elementsAt(Emitter &e, const Tensor &vector, const Tensor &positions) {
  return e.gather(vector, positions, e.b.getMultiDimIdentityMap(1), positions.sizes, [&](OpBuilder &b, Location loc, ValueRange args) {
    return SmallVector<Value>{arith::IndexCastOp::create(b, loc, b.getIndexType(), args[0])};
  });
}

static Results importMaskedSelect(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), mask = call.tensor("mask");
  Sizes sizes = e.broadcastSizes({self, mask});
  Tensor positions = truePositions(call, e.broadcast(mask, sizes));
  return {elementsAt(e, flattened(e, e.broadcast(self, sizes)), positions)};
}

// Each position as often as `repeats` says: a mark stands where the next one starts, and a running sum counts marks.
static Tensor repeatedPositions(Call &call, const Tensor &repeats) {
  Emitter &e = call.e;
  Tensor counts = e.cast(repeats, ScalarType::Int64), ends = e.cumulativeSum(counts, 0);
  Size length = call.has("output_size") ? call.size("output_size") : call.defineLateSize(total(e, counts), std::nullopt);
  Size places = e.add(length, e.size(1));
  call.checkIndex(ends, places);
  Tensor ones = e.fill(ends.sizes, ScalarType::Int64, Scalar::of(int64_t{1}));
  Tensor marks = scatterInto(e, places, ends, ones, ScatterKind::Add);
  return e.slice(e.cumulativeSum(marks, 0), 0, e.size(0), length);
}

static Results importRepeatInterleave(Call &call) {
  return {call.e.cast(repeatedPositions(call, call.tensor("repeats")), call.resultDtype())};
}

static Results importRepeatInterleaveOf(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), repeats = call.tensor("repeats");
  if (self.rank() == 0 || repeats.rank() != 1)
    return {call.unsupported("a number repeated, or one number of repeats in a tensor")};
  if (!call.has("dim"))
    self = flattened(e, self);
  int64_t dim = call.has("dim") ? call.dim("dim", self.rank()) : 0;
  if (isOne(repeats.sizes[0]) && !isOne(self.sizes[dim]))
    repeats = e.broadcast(repeats, Sizes{self.sizes[dim]});
  Tensor positions = repeatedPositions(call, repeats);
  Sizes sizes = self.sizes;
  sizes[dim] = positions.sizes[0];
  return {e.gather(self, positions, e.dimsMap(self.rank(), {dim}), sizes, [&](OpBuilder &b, Location loc, ValueRange args) {
    SmallVector<Value> coordinates;
    for (int64_t i = 0; i < self.rank(); ++i)
      coordinates.push_back(i == dim ? Value(arith::IndexCastOp::create(b, loc, b.getIndexType(), args[0]))
                                     : Value(linalg::IndexOp::create(b, loc, i)));
    return coordinates;
  })};
}

//===--- unique elements ---------------------------------------------------------------------------------------------===//

namespace {
/// Runs of equal elements of a vector: where each starts, and for each element the number of its run.
struct RunsOfEqual {
  Tensor starts, numbers;
};
} // namespace

static RunsOfEqual runsOfEqual(Call &call, const Tensor &vector) {
  Emitter &e = call.e;
  Tensor previous = e.gather(vector, {}, {}, vector.sizes, [&](OpBuilder &b, Location loc, ValueRange) {
    Value one = arith::ConstantIndexOp::create(b, loc, 1), position = linalg::IndexOp::create(b, loc, 0);
    return SmallVector<Value>{arith::SubIOp::create(b, loc, arith::MaxUIOp::create(b, loc, position, one), one)};
  });
  Tensor isStart = e.pointwise(
      {vector, previous}, vector.sizes, ScalarType::Bool, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Value position = asInteger(b, loc, linalg::IndexOp::create(b, loc, 0));
        Value isFirst = Math(b, loc, ScalarType::Int64)
                            .compare(Math::Order::Eq, position, scalarConstant(b, loc, ScalarType::Int64, int64_t{0}));
        Value differs =
            Math(b, loc, vector.dtype).compare(Math::Order::Ne, args[0], args[1]); // a NaN from every other one
        return arith::OrIOp::create(b, loc, isFirst, differs);
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

// The unique elements of `vector`, in which equal ones are neighbours; what they are to be named by, and how often each
// is there.
static Results uniqueOf(Call &call, const Tensor &vector, llvm::function_ref<Tensor(const Tensor &numbers)> inverse) {
  Emitter &e = call.e;
  RunsOfEqual runs = runsOfEqual(call, vector);
  auto none = [&] { return e.fill(Sizes{e.size(0)}, ScalarType::Int64, Scalar::of(int64_t{0})); };
  return {elementsAt(e, vector, runs.starts), call.boolean("return_inverse") ? inverse(runs.numbers) : none(),
          call.boolean("return_counts") ? lengthsOf(e, runs.starts, vector.sizes[0]) : none()};
}

static Results importUniqueConsecutive(Call &call) {
  Tensor self = call.tensor("self");
  if (call.has("dim"))
    return {call.unsupported("unique parts along a dimension")};
  return uniqueOf(call, flattened(call.e, self),
                  [&](const Tensor &numbers) { return call.e.reshape(numbers, self.sizes); });
}

static Results importUnique(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), vector = flattened(e, self);
  Sorted sorted = createSort(call, vector, 0, vector.sizes[0], {});
  return uniqueOf(call, sorted.values, [&](const Tensor &numbers) {
    return e.reshape(scatterInto(e, vector.sizes[0], sorted.positions, numbers, ScatterKind::Set), self.sizes);
  });
}

void tenon::aten::addNonzeroRows(OpTable &table) {
  table.add("unique_consecutive", importUniqueConsecutive);
  table.add("_unique2", importUnique);
  table.add("nonzero", importNonzero);
  table.add("argwhere", importNonzero);
  table.add("nonzero_numpy", [](Call &call) { return importNonzeroTuple(call, "self"); });
  table.add("where.default", [](Call &call) { return importNonzeroTuple(call, "condition"); });
  table.add("masked_select", importMaskedSelect);
  table.add("repeat_interleave.Tensor", importRepeatInterleave);
  table.add("repeat_interleave.self_Tensor", importRepeatInterleaveOf);
}
