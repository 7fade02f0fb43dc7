//===- Joining.cpp - several tensors as one -----------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Sorting.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tenon::aten;

//===--- along one dimension -----------------------------------------------------------------------------------------===//

// Legacy: an empty 1-d tensor joins with anything.
static bool isLegacyEmpty(const Tensor &tensor) { return tensor.rank() == 1 && staticSize(tensor.sizes[0]) == 0; }

static Results importCat(Call &call) {
  Emitter &e = call.e;
  SmallVector<Tensor> parts;
  int64_t rank = call.resultSizes().size();
  for (const Tensor &tensor : call.tensors("tensors"))
    if (!(isLegacyEmpty(tensor) && rank != 1))
      parts.push_back(e.cast(tensor, call.resultDtype()));
  if (parts.empty())
    return {call.unsupported("a list of empty tensors")};
  return {e.concat(parts, call.dim("dim", rank))};
}

static Results importStack(Call &call) {
  Emitter &e = call.e;
  int64_t dim = call.dim("dim", call.resultSizes().size());
  SmallVector<Tensor> parts;
  for (const Tensor &tensor : call.tensors("tensors"))
    parts.push_back(e.unsqueeze(e.cast(tensor, call.resultDtype()), dim));
  return {e.concat(parts, dim)};
}

// At least `rank` dimensions. The third one of what has fewer comes last, those before it go in front.
static Tensor withAtLeast(Emitter &e, Tensor tensor, int64_t rank) {
  if (rank == 3 && tensor.rank() < 3)
    return e.unsqueeze(withAtLeast(e, tensor, 2), 2);
  while (tensor.rank() < rank)
    tensor = e.unsqueeze(tensor, 0);
  return tensor;
}

// hstack, vstack and dstack: `rank` dimensions at least, joined along `dim`; of vectors hstack joins dimension 0.
static Results importStackOfAtLeast(Call &call, int64_t rank, int64_t dim) {
  Emitter &e = call.e;
  SmallVector<Tensor> parts;
  for (const Tensor &tensor : call.tensors("tensors"))
    parts.push_back(withAtLeast(e, e.cast(tensor, call.resultDtype()), rank));
  return {e.concat(parts, parts.front().rank() == 1 ? 0 : dim)};
}

// Vectors and numbers are columns.
static Results importColumnStack(Call &call) {
  Emitter &e = call.e;
  SmallVector<Tensor> parts;
  for (const Tensor &tensor : call.tensors("tensors")) {
    Tensor part = e.cast(tensor, call.resultDtype());
    parts.push_back(part.rank() < 2 ? e.reshape(part, Sizes{e.product(part.sizes), e.size(1)}) : part);
  }
  return {e.concat(parts, 1)};
}

static Results importAtLeast(Call &call, int64_t rank) {
  Results results;
  for (const Tensor &tensor : call.tensors("tensors"))
    results.push_back(withAtLeast(call.e, tensor, rank));
  return results;
}

// Matrices along the diagonal of zeros.
static Results importBlockDiag(Call &call) {
  Emitter &e = call.e;
  ScalarType dtype = call.resultDtype();
  Size columns = call.resultSizes()[1], before = e.size(0);
  SmallVector<Tensor> rows;
  for (const Tensor &tensor : call.tensors("tensors")) {
    Tensor block = withAtLeast(e, e.cast(tensor, dtype), 2);
    Size after = e.sub(e.sub(columns, before), block.sizes[1]);
    auto zeros = [&](Size width) { return e.fill(Sizes{block.sizes[0], width}, dtype, Scalar::of(int64_t{0})); };
    rows.push_back(e.concat({zeros(before), block, zeros(after)}, 1));
    before = e.add(before, block.sizes[1]);
  }
  return {e.concat(rows, 0)};
}

//===--- grids and combinations --------------------------------------------------------------------------------------===//

// Each tensor along its own dimension of a grid of all.
static SmallVector<Tensor> grid(Emitter &e, ArrayRef<Tensor> tensors) {
  Sizes sizes;
  for (const Tensor &tensor : tensors)
    sizes.push_back(e.product(tensor.sizes));
  SmallVector<Tensor> spread;
  for (auto [dim, tensor] : llvm::enumerate(tensors)) {
    Sizes single(tensors.size(), e.size(1));
    single[dim] = sizes[dim];
    spread.push_back(e.broadcast(e.reshape(tensor, single), sizes));
  }
  return spread;
}

static Results importMeshgrid(Call &call) {
  SmallVector<Tensor> tensors = call.tensors("tensors");
  bool swaps = call.string("indexing") == "xy" && tensors.size() > 1;
  if (swaps)
    std::swap(tensors[0], tensors[1]);
  SmallVector<Tensor> spread = grid(call.e, tensors);
  if (swaps)
    std::swap(spread[0], spread[1]);
  return Results(spread.begin(), spread.end());
}

// The rows of the grid's coordinates, one column per tensor.
static Results importCartesianProduct(Call &call) {
  Emitter &e = call.e;
  SmallVector<Tensor> tensors = call.tensors("tensors"), columns;
  if (tensors.size() == 1)
    return {tensors.front()};
  for (const Tensor &tensor : grid(e, tensors))
    columns.push_back(e.reshape(e.cast(tensor, call.resultDtype()), Sizes{e.product(tensor.sizes), e.size(1)}));
  return {e.concat(columns, 1)};
}

// Choices of r elements in the order of their positions: of the grid of r-tuples of positions those that ascend.
static Results importCombinations(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  Sizes result = call.resultSizes();
  int64_t r = call.integer("r");
  auto order = call.boolean("with_replacement") ? Math::Order::Le : Math::Order::Lt;
  Tensor chosen = positionsWhere(call, Sizes(r, self.sizes[0]), result[0], [&](Math &m, ArrayRef<Value> position) {
    Value ascends = scalarConstant(m.b, m.loc, ScalarType::Bool, int64_t{1});
    for (int64_t i = 1; i < r; ++i)
      ascends = arith::AndIOp::create(m.b, m.loc, ascends, m.compare(order, position[i - 1], position[i]));
    return ascends;
  });
  // Element (row, i) is digit i of the row's position, written in base N.
  Value base = e.index(self.sizes[0]);
  return {e.gather(self, chosen, e.dimsMap(2, 0), result, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, ScalarType::Int64);
    Value number = args[0], n = arith::IndexCastOp::create(b, loc, b.getI64Type(), base);
    Value column = arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, 1)),
          digit = number;
    for (int64_t i = r - 1; i >= 0; --i) {
      digit = m.select(m.compare(Math::Order::Eq, column, m.constant(static_cast<double>(i))), m.rem(number, n), digit);
      number = m.div(number, n);
    }
    return SmallVector<Value>{arith::IndexCastOp::create(b, loc, b.getIndexType(), digit)};
  })};
}

static Results importBroadcastTensors(Call &call) {
  Results results;
  for (auto [i, tensor] : llvm::enumerate(call.tensors("tensors")))
    results.push_back(call.e.broadcast(tensor, call.resultSizes(i)));
  return results;
}

void tenon::aten::addJoiningRows(OpTable &table) {
  for (auto name : {"cat", "concat", "concatenate"})
    table.add(name, importCat);
  table.add("stack", importStack);
  table.add("hstack", [](Call &call) { return importStackOfAtLeast(call, 1, 1); });
  for (auto name : {"vstack", "row_stack"})
    table.add(name, [](Call &call) { return importStackOfAtLeast(call, 2, 0); });
  table.add("dstack", [](Call &call) { return importStackOfAtLeast(call, 3, 2); });
  table.add("column_stack", importColumnStack);
  for (int64_t rank : {1, 2, 3})
    table.add("atleast_" + std::to_string(rank) + "d.Sequence",
              [rank](Call &call) { return importAtLeast(call, rank); });
  table.add("block_diag", importBlockDiag);
  table.add("meshgrid", importMeshgrid);
  table.add("cartesian_prod", importCartesianProduct);
  table.add("combinations", importCombinations);
  table.add("broadcast_tensors", importBroadcastTensors);
}
