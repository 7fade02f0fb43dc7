//===- Indexing.cpp - reading by index tensors --------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tenon::aten;

// An element of an index tensor as an index. Where there is a `size`, negative ones count from its end.
static Value indexOf(OpBuilder &b, Location loc, Value element, ScalarType dtype, Value size) {
  Value wide = castScalar(b, loc, element, dtype, ScalarType::Int64);
  Value index = arith::IndexCastOp::create(b, loc, b.getIndexType(), wide);
  if (!size)
    return index;
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index, zero);
  return arith::SelectOp::create(b, loc, negative, arith::AddIOp::create(b, loc, index, size), index);
}

static Value loopIndex(OpBuilder &b, Location loc, int64_t dim) { return linalg::IndexOp::create(b, loc, dim); }

namespace {
/// An index tensor, and the dimensions of the result it runs along from `firstDim` (aligned at the last of `numDims`).
struct IndexedDim {
  Tensor indices;
  AffineMap map;
};
} // namespace

// result[...] = source[c_0, c_1, …] where c_i is an index tensor's element, or the result's own position
// `positions[i]`. Negative indices are errors unless they `wrap`.
static Tensor readIndexed(Call &call, const Tensor &source, ArrayRef<std::optional<IndexedDim>> indexed,
                          ArrayRef<int64_t> positions, SizesRef sizes, bool wraps = false) {
  Emitter &e = call.e;
  SmallVector<Tensor> inputs;
  SmallVector<AffineMap> maps;
  SmallVector<Value> bounds;
  for (auto [dim, entry] : llvm::enumerate(indexed)) {
    bounds.push_back(entry ? e.index(source.sizes[dim]) : Value());
    if (!entry)
      continue;
    call.checkIndex(entry->indices, source.sizes[dim], wraps);
    inputs.push_back(entry->indices);
    maps.push_back(entry->map);
  }
  return e.gather(source, inputs, maps, sizes, [&](OpBuilder &b, Location loc, ValueRange args) {
    SmallVector<Value> coordinates;
    size_t next = 0;
    for (auto [dim, entry] : llvm::enumerate(indexed)) {
      if (!entry) {
        coordinates.push_back(loopIndex(b, loc, positions[dim]));
        continue;
      }
      coordinates.push_back(indexOf(b, loc, args[next], entry->indices.dtype, wraps ? bounds[dim] : Value()));
      ++next;
    }
    return coordinates;
  });
}

static Results importEmbedding(Call &call) {
  Tensor weight = call.tensor("weight"), indices = call.tensor("indices");
  int64_t rank = indices.rank() + 1;
  if (weight.rank() != 2)
    return {call.unsupported("an embedding table of unusual rank")};
  AffineMap map = call.e.dimsMap(rank, llvm::to_vector(llvm::seq<int64_t>(0, rank - 1)));
  return {readIndexed(call, weight, {IndexedDim{indices, map}, std::nullopt}, {0, rank - 1}, call.resultSizes())};
}

static Results importIndexSelect(Call &call) {
  Tensor self = call.tensor("self"), indices = call.tensor("index");
  if (self.rank() == 0)
    return {self};
  int64_t dim = call.dim("dim", self.rank());
  if (indices.rank() == 0)
    indices = call.e.unsqueeze(indices, 0);
  SmallVector<std::optional<IndexedDim>> indexed(self.rank());
  indexed[dim] = IndexedDim{indices, call.e.dimsMap(self.rank(), {dim})};
  return {readIndexed(call, self, indexed, llvm::to_vector(llvm::seq<int64_t>(0, self.rank())), call.resultSizes())};
}

static Results importGather(Call &call) {
  Tensor self = call.tensor("self"), indices = call.tensor("index");
  if (self.rank() == 0 || indices.rank() != self.rank())
    return {call.unsupported("a gather of a number")};
  int64_t dim = call.dim("dim", self.rank());
  SmallVector<std::optional<IndexedDim>> indexed(self.rank());
  indexed[dim] = IndexedDim{indices, call.e.b.getMultiDimIdentityMap(self.rank())};
  return {readIndexed(call, self, indexed, llvm::to_vector(llvm::seq<int64_t>(0, self.rank())), call.resultSizes())};
}

// Elements by their positions in row-major order.
static Results importTake(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), indices = call.tensor("index");
  Tensor flat = e.reshape(self, Sizes{e.product(self.sizes)});
  IndexedDim all{indices, e.b.getMultiDimIdentityMap(indices.rank())};
  return {readIndexed(call, flat, {all}, {0}, indices.sizes, /*wraps=*/true)};
}

// Indices modulo the size, as Python's % has it.
static Tensor wrapAround(Emitter &e, const Tensor &indices, Size size) {
  Value count = arith::IndexCastOp::create(e.b, e.loc, e.b.getI64Type(), e.index(size));
  return e.compute(indices, ScalarType::Int64, [&](Math &m, ValueRange args) {
    Value rest = m.rem(args[0], count);
    return m.select(m.compare(Math::Order::Lt, rest, m.constant(0)), m.add(rest, count), rest);
  });
}

// As gather, both operands broadcast but for the dimension, and any index wraps around; without one, both are flat and none does.
static Results importTakeAlongDim(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), indices = call.tensor("indices");
  if (!call.has("dim")) {
    self = e.reshape(self, Sizes{e.product(self.sizes)});
    indices = e.reshape(indices, Sizes{e.product(indices.sizes)});
  } else if (indices.rank() == self.rank() && self.rank() > 0) {
    indices = wrapAround(e, indices, self.sizes[call.dim("dim", self.rank())]);
  }
  int64_t rank = self.rank(), dim = call.has("dim") ? call.dim("dim", rank) : 0;
  if (rank == 0 || indices.rank() != rank)
    return {call.unsupported("indices of another rank than what they read")};
  Sizes sizes = call.resultSizes(), source = sizes;
  source[dim] = self.sizes[dim];
  SmallVector<std::optional<IndexedDim>> indexed(rank);
  indexed[dim] = IndexedDim{e.broadcast(indices, sizes), e.b.getMultiDimIdentityMap(rank)};
  return {readIndexed(call, e.broadcast(self, source), indexed, llvm::to_vector(llvm::seq<int64_t>(0, rank)), sizes)};
}

static bool isMask(const Tensor &index) { return index && index.dtype == ScalarType::Bool; }

static bool isRepeated(const Tensor &index) { return !index || index.rank() == 0 || isOne(index.sizes.back()); }

static Value areEqual(Emitter &e, Size a, Size b) {
  return arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::eq, e.index(a), e.index(b));
}

// The length to which index tensors broadcast in their last dimension. That one of them has one element may be known to the
// run only.
static Size commonLength(Emitter &e, ArrayRef<Tensor> indices) {
  Size length = e.size(1);
  for (const Tensor &index : indices) {
    if (isRepeated(index) || (staticSize(length) && !isOne(length)))
      continue;
    Size own = index.sizes.back();
    if (isOne(length) || staticSize(own))
      length = own;
    else if (own != length)
      length = arith::SelectOp::create(e.b, e.loc, areEqual(e, length, e.size(1)), e.index(own), e.index(length)).getResult();
  }
  return length;
}

// `index` with a last dimension of `length`: its own, or its one element repeated.
static Tensor stretched(Call &call, const Tensor &index, Size length) {
  Emitter &e = call.e;
  Size own = index.sizes.back();
  Value fits = arith::OrIOp::create(e.b, e.loc, areEqual(e, own, length), areEqual(e, own, e.size(1)));
  call.require(fits, call.describe(index) + ": {0} and {1} positions do not broadcast; select as many in every dimension",
               {e.index(own), e.index(length)});
  Sizes sizes = index.sizes;
  sizes.back() = length;
  Value last = e.index(e.sub(own, e.size(1)));
  return e.gather(index, {}, {}, sizes, [&](OpBuilder &b, Location loc, ValueRange) {
    SmallVector<Value> coordinates;
    for (int64_t dim = 0; dim < index.rank(); ++dim)
      coordinates.push_back(loopIndex(b, loc, dim));
    coordinates.back() = arith::MinSIOp::create(b, loc, coordinates.back(), last);
    return coordinates;
  });
}

SmallVector<Tensor> tenon::aten::withoutMasks(Call &call, SmallVector<Tensor> indices) {
  if (llvm::none_of(indices, isMask))
    return indices;
  bool isAlone = llvm::count_if(indices, [](const Tensor &index) { return isMask(index) || !isRepeated(index); }) == 1;
  SmallVector<Tensor> result;
  for (const Tensor &index : indices) {
    if (isMask(index))
      llvm::append_range(result, trueCoordinates(call, index));
    else
      result.push_back(index);
  }
  if (isAlone)
    return result;
  Size length = commonLength(call.e, result);
  for (Tensor &index : result)
    if (!isRepeated(index) && index.sizes.back() != length)
      index = stretched(call, index, length);
  return result;
}

// x[i, :, j]: index tensors broadcast to one block of dimensions, which stands where the first of them stood if they
// are adjacent and in front otherwise (NumPy's rule).
static Tensor indexed(Call &call, const Tensor &self, ArrayRef<Tensor> given) {
  Emitter &e = call.e;
  SmallVector<Tensor> indices = withoutMasks(call, SmallVector<Tensor>(given));
  indices.resize(self.rank());
  SmallVector<int64_t> indexedDims;
  int64_t blockRank = 0;
  for (auto [dim, tensor] : llvm::enumerate(indices)) {
    if (!tensor)
      continue;
    indexedDims.push_back(dim);
    blockRank = std::max(blockRank, tensor.rank());
  }
  if (indexedDims.empty())
    return self;
  bool isAdjacent = indexedDims.back() - indexedDims.front() + 1 == static_cast<int64_t>(indexedDims.size());
  int64_t blockStart = isAdjacent ? indexedDims.front() : 0;
  Sizes sizes = call.resultSizes();
  int64_t rank = sizes.size();
  Sizes block(SizesRef(sizes).slice(blockStart, blockRank));
  // A size that the run computes is that of the first mask, whatever the others are.
  for (const Tensor &index : llvm::any_of(given, isMask) ? ArrayRef(indices) : ArrayRef<Tensor>())
    if (!isRepeated(index) && !staticSize(index.sizes.back()) && index.sizes.back() != block.back())
      call.require(areEqual(e, index.sizes.back(), block.back()), call.describe(index) + ": {0} positions meet {1}; select as many "
                   "in every dimension", {e.index(index.sizes.back()), e.index(block.back())});

  SmallVector<std::optional<IndexedDim>> indexedBy(self.rank());
  SmallVector<int64_t> positions(self.rank(), 0);
  int64_t next = 0;
  for (int64_t dim = 0; dim < self.rank(); ++dim) {
    if (next == blockStart)
      next += blockRank;
    if (!indices[dim]) {
      positions[dim] = next++;
      continue;
    }
    SmallVector<AffineExpr> exprs;
    for (auto [i, size] : llvm::enumerate(indices[dim].sizes)) {
      int64_t at = blockRank - indices[dim].rank() + i;
      bool stretched = isOne(size) && !isOne(block[at]);
      exprs.push_back(stretched ? e.b.getAffineConstantExpr(0) : e.b.getAffineDimExpr(blockStart + at));
    }
    indexedBy[dim] = IndexedDim{indices[dim], AffineMap::get(rank, 0, exprs, e.b.getContext())};
  }
  return readIndexed(call, self, indexedBy, positions, sizes, /*wraps=*/true);
}

static Results importIndex(Call &call) {
  return {indexed(call, call.tensor("self"), call.tensors("indices"))};
}

SmallVector<Tensor> tenon::aten::clampedIndices(Emitter &e, const Tensor &self, SmallVector<Tensor> indices) {
  for (auto [dim, index] : llvm::enumerate(indices)) {
    if (!index)
      continue;
    Size size = self.sizes[dim];
    Value last = arith::IndexCastOp::create(e.b, e.loc, e.b.getI64Type(), e.index(e.sub(size, e.size(1))));
    index = e.compute(index, ScalarType::Int64, [&](Math &m, ValueRange args) { return m.max(m.min(args[0], last), m.constant(0)); });
  }
  return indices;
}

// What the mask hides is `fill`, wherever its indices point.
static Results importMaskedIndex(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), mask = call.tensor("mask");
  Scalar filling = call.scalar("fill");
  Tensor read = indexed(call, self, clampedIndices(e, self, call.tensors("indices")));
  return {e.pointwise({mask, read}, call.resultSizes(), read.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, read.dtype);
    return m.select(args[0], args[1], filling.materialize(b, loc, read.dtype));
  })};
}

void tenon::aten::addIndexingRows(OpTable &table) {
  table.add("embedding", importEmbedding);
  table.add("index_select", importIndexSelect);
  table.add("gather", importGather);
  table.add("take", importTake);
  table.add("take_along_dim", importTakeAlongDim);
  for (auto name : {"index", "_unsafe_index"})
    table.add(name, importIndex);
  table.add("_unsafe_masked_index", importMaskedIndex);
}
