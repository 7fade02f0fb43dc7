//===- Distances.cpp - distances, similarities and losses made of them --------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Sorting.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon::aten;

// Integers are subtracted as such, and wrap.
static Tensor difference(Emitter &e, const Tensor &x, const Tensor &y, ScalarType dtype, double shift = 0) {
  ResultType common;
  common.addTensor(x.dtype, x.rank());
  common.addTensor(y.dtype, y.rank());
  if (!isFloat(common.get())) {
    Tensor gap = e.compute({x, y}, common.get(), [](Math &m, ValueRange args) { return m.sub(args[0], args[1]); });
    return e.compute({gap}, dtype, [&](Math &m, ValueRange args) { return m.add(args[0], m.constant(shift)); });
  }
  return e.compute({x, y}, dtype, [&](Math &m, ValueRange args) {
    Value value = m.sub(args[0], args[1]);
    return shift == 0 ? value : m.add(value, m.constant(shift));
  });
}

//===--- distances ---------------------------------------------------------------------------------------------------===//

// |x1 - x2 + eps| along the last dimension.
static Tensor pairwiseDistance(Emitter &e, const Tensor &x1, const Tensor &x2, double order, double eps, ScalarType result) {
  Tensor gap = difference(e, x1, x2, computeType(result), eps);
  return vectorNorm(e, gap, std::max<int64_t>(gap.rank() - 1, 0), order, result);
}

static Results importPairwiseDistance(Call &call) {
  Emitter &e = call.e;
  Tensor x1 = call.tensor("x1"), x2 = call.tensor("x2");
  if (x1.rank() == 0 && x2.rank() == 0)
    return {call.unsupported("the distance of two numbers")};
  Tensor norm = pairwiseDistance(e, x1, x2, call.real("p"), call.real("eps"), call.resultDtype());
  return {call.boolean("keepdim") ? e.unsqueeze(norm, norm.rank()) : norm};
}

// All pairs of rows: [.., P, M] and [.., R, M] give [.., P, R].
static Results importCdist(Call &call) {
  Emitter &e = call.e;
  Tensor x1 = call.tensor("x1"), x2 = call.tensor("x2");
  Tensor gap = difference(e, e.unsqueeze(x1, x1.rank() - 1), e.unsqueeze(x2, x2.rank() - 2), computeType(call.resultDtype()));
  return {vectorNorm(e, gap, gap.rank() - 1, call.real("p"), call.resultDtype())};
}

// Of rows [N, M] the distances of all pairs i < j, in row-major order of the pairs.
static Results importPdist(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  Size rows = self.sizes[0];
  Tensor pairs = positionsWhere(call, {rows, rows}, call.resultSizes()[0], [](Math &m, ArrayRef<Value> position) {
    return m.compare(Math::Order::Lt, position[0], position[1]);
  });
  Value count = arith::IndexCastOp::create(e.b, e.loc, e.b.getI64Type(), e.index(rows));
  auto rowsOf = [&](bool isFirst) {
    return e.gather(self, pairs, e.dimsMap(2, 0), Sizes{pairs.sizes[0], self.sizes[1]}, [&](OpBuilder &b, Location loc, ValueRange args) {
      Math m(b, loc, ScalarType::Int64);
      Value row = isFirst ? m.div(args[0], count) : m.rem(args[0], count);
      return SmallVector<Value>{arith::IndexCastOp::create(b, loc, b.getIndexType(), row), linalg::IndexOp::create(b, loc, 1)};
    });
  };
  Tensor gap = difference(e, rowsOf(true), rowsOf(false), computeType(call.resultDtype()));
  return {vectorNorm(e, gap, 1, call.real("p"), call.resultDtype())};
}

static Results importDist(Call &call) {
  Emitter &e = call.e;
  Tensor gap = difference(e, call.tensor("self"), call.tensor("other"), computeType(call.resultDtype()));
  return {vectorNorm(e, gap, llvm::to_vector(llvm::seq<int64_t>(0, gap.rank())), call.real("p"), call.resultDtype())};
}

//===--- similarity --------------------------------------------------------------------------------------------------===//

// Each vector is divided by its norm, at least eps, before the products are summed.
static Results importCosineSimilarity(Call &call) {
  Emitter &e = call.e;
  Tensor x1 = call.tensor("x1"), x2 = call.tensor("x2");
  ScalarType result = call.resultDtype(), compute = computeType(result);
  Sizes sizes = e.broadcastSizes({x1, x2});
  if (sizes.empty())
    return {call.unsupported("the similarity of two numbers")};
  int64_t dim = call.dim("dim", sizes.size());
  double eps = call.real("eps");
  SmallVector<Tensor, 2> scaled;
  for (const Tensor &x : {e.broadcast(x1, sizes), e.broadcast(x2, sizes)}) {
    Tensor norm = e.keepDims(vectorNorm(e, x, dim, 2, compute), x, dim);
    scaled.push_back(e.compute({x, norm}, compute, [&](Math &m, ValueRange args) {
      return m.div(args[0], m.max(args[1], m.constant(eps)));
    }));
  }
  Tensor products = e.compute(scaled, compute, [](Math &m, ValueRange args) { return m.mul(args[0], args[1]); });
  return {e.cast(e.sum(products, dim, compute), result)};
}

static Results importCosineEmbeddingLoss(Call &call) {
  Emitter &e = call.e;
  Tensor x1 = call.tensor("input1"), x2 = call.tensor("input2"), target = call.tensor("target");
  ScalarType result = call.resultDtype(), compute = computeType(result);
  int64_t dim = target.rank();
  auto sumOfProducts = [&](const Tensor &x, const Tensor &y) {
    Tensor products = e.compute({x, y}, compute, [](Math &m, ValueRange args) { return m.mul(args[0], args[1]); });
    return e.sum(products, dim, compute);
  };
  constexpr double eps = 1e-12; // ATen's, in cosine_embedding_loss only
  Scalar margin = call.scalar("margin");
  Tensor losses = e.compute(
      {sumOfProducts(x1, x2), sumOfProducts(x1, x1), sumOfProducts(x2, x2), target}, compute,
      [&](Math &m, ValueRange args) {
        Value squares = m.mul(m.add(args[1], m.constant(eps)), m.add(args[2], m.constant(eps)));
        Value cosine = m.div(args[0], math::SqrtOp::create(m.b, m.loc, squares)), zero = m.constant(0), one = m.constant(1);
        Value apart = m.max(m.sub(cosine, margin.materialize(m.b, m.loc, m.dtype)), zero);
        Value similar = m.select(m.compare(Math::Order::Eq, args[3], one), m.sub(one, cosine), zero);
        return m.add(similar, m.select(m.compare(Math::Order::Eq, args[3], m.constant(-1)), apart, zero));
      });
  return {e.cast(reduceLoss(call, losses), result)};
}

//===--- triplets ----------------------------------------------------------------------------------------------------===//

static Results importTripletMarginLoss(Call &call) {
  Emitter &e = call.e;
  Tensor anchor = call.tensor("anchor"), positive = call.tensor("positive"), negative = call.tensor("negative");
  ScalarType result = call.resultDtype(), compute = computeType(result);
  double order = call.real("p"), eps = call.real("eps"), margin = call.real("margin");
  bool swaps = call.boolean("swap");
  SmallVector<Tensor> distances{pairwiseDistance(e, anchor, positive, order, eps, compute),
                                pairwiseDistance(e, anchor, negative, order, eps, compute)};
  if (swaps) // the negative's distance to whichever of the two is closer
    distances.push_back(pairwiseDistance(e, positive, negative, order, eps, compute));
  Tensor losses = e.compute(distances, compute, [&](Math &m, ValueRange args) {
    Value far = swaps ? m.min(args[1], args[2]) : args[1];
    return m.max(m.sub(m.add(m.constant(margin), args[0]), far), m.constant(0));
  });
  return {e.cast(reduceLoss(call, losses), result)};
}

void tenon::aten::addDistanceRows(OpTable &table) {
  table.add("pairwise_distance", importPairwiseDistance);
  for (auto name : {"cdist", "_cdist_forward"})
    table.add(name, importCdist);
  for (auto name : {"pdist", "_pdist_forward"})
    table.add(name, importPdist);
  table.add("dist", importDist);
  table.add("cosine_similarity", importCosineSimilarity);
  table.add("cosine_embedding_loss", importCosineEmbeddingLoss);
  table.add("triplet_margin_loss", importTripletMarginLoss);
}
