//===- EmbeddingBag.cpp - sums, means and maxima of rows of a table -----------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Rows are gathered, then scattered into their bags: bags differ in length, which no loop nest of a generic expresses.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

namespace {
/// ATen's EmbeddingBagMode.
enum class BagMode { Sum, Mean, Max };
} // namespace

using O = Math::Order;

// The bag of each index: the last one that starts at or before it.
static Tensor bagOfIndices(Emitter &e, const Tensor &offsets, Size numIndices) {
  Tensor starts = e.cast(offsets, ScalarType::Int64);
  Tensor count = e.reduceMapped(
      starts, e.dimsMap(2, 1), Sizes{numIndices, offsets.sizes[0]}, 1, ScalarType::Int64, Scalar::of(int64_t{-1}),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, ScalarType::Int64);
        Value own = castScalar(b, loc, linalg::IndexOp::create(b, loc, 0), ScalarType::Int64, ScalarType::Int64);
        return m.select(m.compare(O::Le, args[0], own), m.constant(1), m.constant(0));
      },
      [](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, ScalarType::Int64).add(acc, next); });
  return count;
}

static Tensor scatterRows(Emitter &e, const Tensor &target, const Tensor &bags, const Tensor &rows, ScatterKind kind) {
  Tensor index = e.broadcast(e.unsqueeze(bags, 1), rows.sizes), result = target;
  auto op = ScatterOp::create(e.b, e.loc, TypeRange{target.value.getType()}, index.value, rows.value,
                              ValueRange{target.value}, kind, ArrayRef<int64_t>{-1, 1});
  result.value = op->getResult(0);
  return result;
}

// The row of the table at each index, times its weight; `neutral` where the index is the padding's.
static Tensor gatherRows(Call &call, const Tensor &table, const Tensor &indices, std::optional<int64_t> padding,
                         const Scalar &neutral, ScalarType dtype) {
  Emitter &e = call.e;
  Tensor weights = call.optionalTensor("per_sample_weights");
  SmallVector<Tensor> inputs{indices};
  if (weights)
    inputs.push_back(weights);
  SmallVector<AffineMap> maps(inputs.size(), e.dimsMap(2, 0));
  return e.mapped(inputs, maps, Sizes{indices.sizes[0], table.sizes[1]}, dtype,
                  [&](OpBuilder &b, Location loc, ValueRange args) {
                    Math m(b, loc, dtype);
                    Value wide = castScalar(b, loc, args[0], indices.dtype, ScalarType::Int64);
                    Value row = arith::IndexCastOp::create(b, loc, b.getIndexType(), wide);
                    Value element = tensor::ExtractOp::create(b, loc, table.value,
                                                              ValueRange{row, linalg::IndexOp::create(b, loc, 1)});
                    Value value = castScalar(b, loc, element, table.dtype, dtype);
                    if (weights)
                      value = m.mul(value, castScalar(b, loc, args[1], weights.dtype, dtype));
                    if (!padding)
                      return value;
                    Math integers(b, loc, ScalarType::Int64);
                    Value isPadding = integers.compare(O::Eq, wide, scalarConstant(b, loc, ScalarType::Int64, *padding));
                    return m.select(isPadding, neutral.materialize(b, loc, dtype), value);
                  });
}

// How many indices other than the padding's each bag has, [bags, 1].
static Tensor bagLengths(Emitter &e, const Tensor &indices, const Tensor &bags, Size numBags, std::optional<int64_t> padding) {
  Tensor ones = e.compute(indices, ScalarType::Int64, [&](Math &m, ValueRange args) {
    if (!padding)
      return m.constant(1);
    return m.select(m.compare(O::Eq, args[0], scalarConstant(m.b, m.loc, m.dtype, *padding)), m.constant(0), m.constant(1));
  });
  Tensor zeros = e.fill(Sizes{numBags, e.size(1)}, ScalarType::Int64, Scalar::of(int64_t{0}));
  return scatterRows(e, zeros, bags, e.unsqueeze(ones, 1), ScatterKind::Add);
}

static Results importEmbeddingBag(Call &call) {
  Emitter &e = call.e;
  Tensor table = call.tensor("weight"), indices = call.tensor("indices"), offsets = call.tensor("offsets");
  auto mode = static_cast<BagMode>(call.integer("mode"));
  ScalarType result = call.resultDtype(), dtype = computeType(result);
  if (indices.rank() != 1 || table.rank() != 2 || !isFloat(result))
    return {call.unsupported("indices or a table of this rank or dtype")};
  std::optional<int64_t> padding;
  if (call.has("padding_idx") && (call.overload == "padding_idx" || call.integer("padding_idx") >= 0)) {
    padding = call.integer("padding_idx");
    std::optional<int64_t> rows = staticSize(table.sizes[0]);
    if (*padding < 0 && rows)
      *padding += *rows;
  }
  call.checkIndex(indices, table.sizes[0]);
  Size numBags = call.resultSizes()[0];
  if (call.boolean("include_last_offset"))
    offsets = e.slice(offsets, 0, e.size(0), numBags);
  bool isMax = mode == BagMode::Max;
  Scalar start = isMax ? Scalar::of(-std::numeric_limits<double>::infinity()) : Scalar::of(int64_t{0});
  Tensor bags = bagOfIndices(e, offsets, indices.sizes[0]);
  Tensor rows = gatherRows(call, table, indices, padding, start, dtype);
  Tensor reduced = scatterRows(e, e.fill(Sizes{numBags, table.sizes[1]}, dtype, start), bags, rows,
                               isMax ? ScatterKind::Max : ScatterKind::Add);
  if (mode == BagMode::Sum)
    return {e.cast(reduced, result), Tensor(), Tensor(), Tensor()};
  Tensor lengths = bagLengths(e, indices, bags, numBags, padding);
  Tensor finished = e.compute({reduced, lengths}, result, [&](Math &m, ValueRange args) {
    Value isEmpty = m.compare(O::Eq, args[1], m.constant(0));
    Value value = isMax ? args[0] : m.div(args[0], args[1]);
    return m.select(isEmpty, m.constant(0), value);
  });
  return {finished, Tensor(), Tensor(), Tensor()};
}

void tenon::aten::addEmbeddingBagRows(OpTable &table) {
  for (auto name : {"embedding_bag", "_embedding_bag", "_embedding_bag_forward_only"})
    table.add(name, importEmbeddingBag);
}
