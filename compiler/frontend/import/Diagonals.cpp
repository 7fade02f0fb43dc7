//===- Diagonals.cpp - diagonals of matrices ----------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon::aten;

namespace {
/// The diagonal that lies `offset` above the main one of dimensions `row` and `column`.
struct Diagonal {
  int64_t offset, row, column;

  int64_t firstRow() const { return std::max<int64_t>(-offset, 0); }
  int64_t firstColumn() const { return std::max<int64_t>(offset, 0); }
};
} // namespace

static Value shifted(OpBuilder &b, Location loc, Value index, int64_t by) {
  return by == 0 ? index : arith::AddIOp::create(b, loc, index, arith::ConstantIndexOp::create(b, loc, by)).getResult();
}

// The other dimensions, then the diagonal.
static Tensor readDiagonal(Emitter &e, const Tensor &base, Diagonal d) {
  Sizes sizes;
  for (int64_t dim = 0; dim < base.rank(); ++dim)
    if (dim != d.row && dim != d.column)
      sizes.push_back(base.sizes[dim]);
  Size length =
      e.min(e.sub(base.sizes[d.row], e.size(d.firstRow())), e.sub(base.sizes[d.column], e.size(d.firstColumn())));
  sizes.push_back(e.max(length, e.size(0)));
  return e.gather(base, {}, {}, sizes, [&](OpBuilder &b, Location loc, ValueRange) {
    SmallVector<Value> coordinates;
    int64_t next = 0;
    Value along = linalg::IndexOp::create(b, loc, base.rank() - 2);
    for (int64_t dim = 0; dim < base.rank(); ++dim)
      coordinates.push_back(dim == d.row      ? shifted(b, loc, along, d.firstRow())
                            : dim == d.column ? shifted(b, loc, along, d.firstColumn())
                                              : linalg::IndexOp::create(b, loc, next++).getResult());
    return coordinates;
  });
}

Tensor tenon::aten::mainDiagonal(Emitter &e, const Tensor &tensor) {
  return readDiagonal(e, tensor, {0, tensor.rank() - 2, tensor.rank() - 1});
}

// `base` with `diagonal` in the place of its own; without a base, zeros elsewhere.
static Tensor writeDiagonal(Emitter &e, const Tensor &base, const Tensor &diagonal, SizesRef sizes, Diagonal d) {
  int64_t rank = sizes.size();
  if (isEmpty(diagonal.sizes))
    return base ? base : e.fill(sizes, diagonal.dtype, Scalar::of(int64_t{0}));
  Value last = e.index(e.sub(diagonal.sizes.back(), e.size(1)));
  SmallVector<Tensor> inputs;
  if (base)
    inputs.push_back(base);
  return e.pointwise(inputs, sizes, diagonal.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    auto position = [&](int64_t dim) -> Value { return linalg::IndexOp::create(b, loc, dim); };
    Value row = shifted(b, loc, position(d.row), -d.firstRow()),
          column = shifted(b, loc, position(d.column), -d.firstColumn());
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value isInside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, row, zero);
    Value isOn =
        arith::AndIOp::create(b, loc, isInside, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, row, column));
    SmallVector<Value> coordinates;
    for (int64_t dim = 0; dim < rank; ++dim)
      if (dim != d.row && dim != d.column)
        coordinates.push_back(position(dim));
    coordinates.push_back(arith::MinSIOp::create(b, loc, arith::MaxSIOp::create(b, loc, row, zero), last));
    Value element = tensor::ExtractOp::create(b, loc, diagonal.value, coordinates);
    Value rest = base ? args[0] : scalarConstant(b, loc, diagonal.dtype, int64_t{0});
    return arith::SelectOp::create(b, loc, isOn, element, rest).getResult();
  });
}

static Diagonal diagonalOf(Call &call, int64_t rank, StringRef first, StringRef second) {
  return {call.has("offset") ? call.integer("offset") : 0, call.dim(first, rank), call.dim(second, rank)};
}

static View diagonalView(Diagonal d) {
  return {[=](Emitter &e, const Tensor &base) { return readDiagonal(e, base, d); },
          [=](Emitter &e, const Tensor &base, const Tensor &updated) {
            return writeDiagonal(e, base, updated, base.sizes, d);
          }};
}

static Results importDiagonalCopy(Call &call) {
  Tensor self = call.tensor("self");
  return {readDiagonal(call.e, self, diagonalOf(call, self.rank(), "dim1", "dim2"))};
}

static Results importDiagonalScatter(Call &call) {
  Tensor self = call.tensor("self"), source = call.e.cast(call.tensor("src"), self.dtype);
  return {writeDiagonal(call.e, self, source, self.sizes, diagonalOf(call, self.rank(), "dim1", "dim2"))};
}

// The last dimension becomes a diagonal of dimensions `dim1` and `dim2` of the result; which of them is which decides
// the side.
static Results importDiagEmbed(Call &call) {
  Sizes sizes = call.resultSizes();
  return {writeDiagonal(call.e, {}, call.tensor("self"), sizes, diagonalOf(call, sizes.size(), "dim1", "dim2"))};
}

static Results importDiagFlat(Call &call, StringRef offsetName) {
  Tensor self = call.tensor("self");
  Tensor flat = call.e.reshape(self, Sizes{call.e.product(self.sizes)});
  return {writeDiagonal(call.e, {}, flat, call.resultSizes(), {call.integer(offsetName), 0, 1})};
}

// Of a vector the matrix with it, of a matrix its diagonal.
static Results importDiag(Call &call) {
  Tensor self = call.tensor("self");
  if (self.rank() == 1)
    return importDiagFlat(call, "diagonal");
  return {readDiagonal(call.e, self, {call.integer("diagonal"), 0, 1})};
}

static Results importTrace(Call &call) {
  Emitter &e = call.e;
  ScalarType dtype = call.resultDtype();
  Tensor sum = e.sum(readDiagonal(e, call.tensor("self"), {0, 0, 1}), 0, computeType(dtype));
  return {e.cast(sum, dtype)};
}

// One number where all coordinates are equal; a diagonal that wraps starts anew below the first square of a tall matrix.
static Results importFillDiagonal(Call &call) {
  Tensor self = call.tensor("self");
  Scalar filling = call.scalar("fill_value");
  bool wraps = call.boolean("wrap") && self.rank() == 2;
  Value columns = call.e.index(self.sizes.back());
  return {call.e.pointwise(self, self.sizes, self.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    auto position = [&](int64_t dim) -> Value { return linalg::IndexOp::create(b, loc, dim); };
    auto equals = [&](Value x, Value y) -> Value { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y); };
    Value row = position(0);
    if (wraps)
      row = arith::RemUIOp::create(b, loc, row, shifted(b, loc, columns, 1));
    Value isOn = equals(row, position(1));
    for (int64_t dim = 2; dim < self.rank(); ++dim)
      isOn = arith::AndIOp::create(b, loc, isOn, equals(row, position(dim)));
    return arith::SelectOp::create(b, loc, isOn, filling.materialize(b, loc, self.dtype), args[0]).getResult();
  })};
}

void tenon::aten::addDiagonalRows(OpTable &table) {
  table.add("diagonal", [](Call &call) {
    return Results{diagonalView(diagonalOf(call, call.tensor("self").rank(), "dim1", "dim2"))};
  });
  table.add("linalg_diagonal", [](Call &call) {
    return Results{diagonalView(diagonalOf(call, call.tensor("A").rank(), "dim1", "dim2"))};
  });
  table.add("diagonal_copy", importDiagonalCopy);
  table.add("diagonal_scatter", importDiagonalScatter);
  table.add("diag_embed", importDiagEmbed);
  table.add("diag", importDiag);
  table.add("diagflat", [](Call &call) { return importDiagFlat(call, "offset"); });
  table.add("trace", importTrace);
  table.add("fill_diagonal", importFillDiagonal);
}
