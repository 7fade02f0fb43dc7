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

#include "compiler/frontend/import/Scattering.h"

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

static Tensor flattened(Emitter &e, const Tensor &tensor) { return e.reshape(tensor, Sizes{e.product(tensor.sizes)}); }

static Tensor onesWhereTrue(Emitter &e, const Tensor &tensor) {
  return e.cast(e.cast(flattened(e, tensor), ScalarType::Bool), ScalarType::Int64);
}

// Each true element's number among them, at most `last`; false ones have `last`.
static Tensor numbersOfTrue(Emitter &e, const Tensor &ones, Value last) {
  return e.pointwise({ones, e.cumulativeSum(ones, 0)}, ones.sizes, ScalarType::Int64,
                     [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                       Math m(b, loc, ScalarType::Int64);
                       Value isTrue = m.compare(Math::Order::Ne, args[0], m.constant(0));
                       return m.select(isTrue, m.min(m.sub(args[1], m.constant(1)), last), last);
                     });
}

// Row-major positions of the elements of `tensor` that are not zero.
static Tensor truePositions(Call &call, const Tensor &tensor) {
  Emitter &e = call.e;
  Tensor ones = onesWhereTrue(e, tensor);
  Size length = ones.sizes[0], count = call.defineLateSize(total(e, ones), length);
  Tensor numbers = numbersOfTrue(e, ones, asInteger(e.b, e.loc, e.index(count)));
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

// A row of `rank` coordinates for each of `positions`, made by `coordinateOf(position, dim)`.
static Tensor
rowsOfCoordinates(Emitter &e, const Tensor &positions, int64_t rank,
                  llvm::function_ref<Value(OpBuilder &, Location, Value position, int64_t dim)> coordinateOf) {
  return e.mapped(positions, e.dimsMap(2, {0}), Sizes{positions.sizes[0], e.size(rank)}, ScalarType::Int64,
                  [&](OpBuilder &b, Location loc, ValueRange args) {
                    Math m(b, loc, ScalarType::Int64);
                    Value dim = asInteger(b, loc, linalg::IndexOp::create(b, loc, 1)), result = coordinateOf(b, loc, args[0], 0);
                    for (int64_t i = 1; i < rank; ++i)
                      result = m.select(m.compare(Math::Order::Eq, dim, m.constant(i)), coordinateOf(b, loc, args[0], i), result);
                    return result;
                  });
}

static Results importNonzero(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  if (self.rank() == 0)
    return {call.unsupported("the positions of a number")};
  Tensor positions = truePositions(call, self);
  SmallVector<Value> sizes = integersOf(e, self.sizes);
  return {rowsOfCoordinates(e, positions, self.rank(), [&](OpBuilder &b, Location loc, Value position, int64_t dim) {
    return coordinate(b, loc, position, sizes, dim);
  })};
}

// The first `size` positions; rows of `fill_value` where there are fewer. Positions count from one, so that zero is none.
static Results importNonzeroStatic(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  int64_t fill = call.integer("fill_value");
  if (self.rank() == 0)
    return {call.unsupported("the positions of a number")};
  Size size = call.size("size");
  Tensor ones = onesWhereTrue(e, self), numbers = numbersOfTrue(e, ones, asInteger(e.b, e.loc, e.index(size)));
  Tensor counted = e.pointwise({}, ones.sizes, ScalarType::Int64, [](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, ScalarType::Int64);
    return m.add(asInteger(b, loc, linalg::IndexOp::create(b, loc, 0)), m.constant(1));
  });
  Tensor all = scatterInto(e, e.add(size, e.size(1)), numbers, counted, ScatterKind::Set);
  SmallVector<Value> sizes = integersOf(e, self.sizes);
  return {rowsOfCoordinates(e, e.slice(all, 0, e.size(0), size), self.rank(), [&](OpBuilder &b, Location loc, Value number, int64_t dim) {
    Math m(b, loc, ScalarType::Int64);
    Value isThere = m.compare(Math::Order::Gt, number, m.constant(0));
    Value position = m.select(isThere, m.sub(number, m.constant(1)), m.constant(0));
    return m.select(isThere, coordinate(b, loc, position, sizes, dim), scalarConstant(b, loc, ScalarType::Int64, fill));
  })};
}

static Results importNonzeroTuple(Call &call, StringRef mask) {
  Results results;
  for (const Tensor &coordinates : trueCoordinates(call, call.tensor(mask)))
    results.push_back(coordinates);
  return results;
}

Tensor tenon::aten::selectedAlong(Emitter &e, const Tensor &self, int64_t dim, const Tensor &positions) {
  Sizes sizes = self.sizes;
  sizes[dim] = positions.sizes[0];
  return e.gather(self, positions, e.dimsMap(self.rank(), {dim}), sizes, [&](OpBuilder &b, Location loc, ValueRange args) {
    SmallVector<Value> coordinates;
    for (int64_t i = 0; i < self.rank(); ++i)
      coordinates.push_back(i == dim ? Value(arith::IndexCastOp::create(b, loc, b.getIndexType(), args[0]))
                                     : Value(linalg::IndexOp::create(b, loc, i)));
    return coordinates;
  });
}

static Results importMaskedSelect(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), mask = call.tensor("mask");
  Sizes sizes = e.broadcastSizes({self, mask});
  Tensor positions = truePositions(call, e.broadcast(mask, sizes));
  return {selectedAlong(e, flattened(e, e.broadcast(self, sizes)), 0, positions)};
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
  return {selectedAlong(e, self, dim, repeatedPositions(call, repeats))};
}

void tenon::aten::addNonzeroRows(OpTable &table) {
  table.add("nonzero", importNonzero);
  table.add("argwhere", importNonzero);
  table.add("nonzero_static", importNonzeroStatic);
  table.add("nonzero_numpy", [](Call &call) { return importNonzeroTuple(call, "self"); });
  table.add("where.default", [](Call &call) { return importNonzeroTuple(call, "condition"); });
  table.add("masked_select", importMaskedSelect);
  table.add("repeat_interleave.Tensor", importRepeatInterleave);
  table.add("repeat_interleave.self_Tensor", importRepeatInterleaveOf);
}
