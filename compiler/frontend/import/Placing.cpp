//===- Placing.cpp - results whose elements are placed by positions -----------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Scattering.h"
#include "compiler/frontend/import/StridedWindow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

// The reverse of a max pooling with positions: each element goes to its position in a plane of zeros.
static Results importMaxUnpool(Call &call, int64_t spatial) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), indices = call.tensor("indices");
  Sizes sizes = call.resultSizes();
  int64_t outer = self.rank() - spatial;
  auto flat = [&](SizesRef from) {
    Sizes result(from.take_front(outer));
    result.push_back(e.product(from.drop_front(outer)));
    return result;
  };
  Tensor zeros = e.fill(flat(sizes), self.dtype, Scalar::of(int64_t{0}));
  Tensor placed = createScatter(call, zeros, {e.reshape(indices, flat(self.sizes))}, e.reshape(self, flat(self.sizes)),
                                ScatterKind::Set, coordinatesAlong(outer + 1, outer));
  return {e.reshape(placed, sizes)};
}

// Each part along `dim` is shortened to `maxnorm`, if it is longer.
static Results importRenorm(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  int64_t dim = call.dim("dim", self.rank());
  ScalarType compute = computeType(self.dtype);
  double longest = call.real("maxnorm");
  SmallVector<int64_t> others = otherDims(self.rank(), dim);
  Tensor norms = e.keepDims(vectorNorm(e, self, others, call.real("p"), compute), self, others);
  return {e.compute({self, norms}, self.dtype, [&](Math &m, ValueRange args) {
    Value isLong = m.compare(Math::Order::Gt, args[1], m.constant(longest));
    Value factor = m.div(m.constant(longest), m.add(args[1], m.constant(1e-7)));
    return m.mul(args[0], m.select(isLong, factor, m.constant(1)));
  })};
}

// Elements at row-major positions.
static Results importPut(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), index = call.tensor("index"), source = call.tensor("source");
  auto flat = [&](const Tensor &tensor) { return e.reshape(tensor, Sizes{e.product(tensor.sizes)}); };
  ScatterKind kind = call.boolean("accumulate") ? ScatterKind::Add : ScatterKind::Set;
  return {e.reshape(createScatter(call, flat(self), flat(index), flat(source), kind, {-1}, /*wraps=*/true), self.sizes)};
}

// The positions in memory of an element of strided `sizes`.
static Results importAsStridedScatter(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), source = e.cast(call.tensor("src"), self.dtype);
  std::optional<StridedWindow> window = StridedWindow::of(call);
  if (!window)
    return {call.unsupported(StridedWindow::refusal)};
  Tensor places = e.pointwise({}, e.sizes(window->sizes), ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange) {
    return arith::IndexCastOp::create(b, loc, b.getI64Type(), window->place(b, loc)).getResult();
  });
  auto flat = [&](const Tensor &tensor) { return e.reshape(tensor, Sizes{e.product(tensor.sizes)}); };
  return {e.reshape(createScatter(call, flat(self), flat(places), flat(source), ScatterKind::Set, {-1}), self.sizes)};
}

// Rows of a table that `indices` name are shortened to `max_norm`, if they are longer.
static Results importRenormalised(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), indices = call.tensor("indices");
  if (self.rank() != 2 || !isFloat(self.dtype))
    return {call.unsupported("an embedding table of unusual rank or dtype")};
  Tensor flat = e.reshape(indices, Sizes{e.product(indices.sizes)});
  Tensor isUsed = createScatter(call, e.fill(Sizes{self.sizes[0]}, ScalarType::Bool, Scalar::of(false)), flat,
                                e.fill(flat.sizes, ScalarType::Bool, Scalar::of(true)), ScatterKind::Set, {-1});
  double longest = call.real("max_norm");
  Tensor norms = vectorNorm(e, self, {1}, call.real("norm_type"), self.dtype);
  return {e.compute({self, e.unsqueeze(norms, 1), e.unsqueeze(isUsed, 1)}, self.dtype, [&](Math &m, ValueRange args) {
    Value isLong = m.compare(Math::Order::Gt, args[1], m.constant(longest));
    Value counts = arith::AndIOp::create(m.b, m.loc, isLong, m.compare(Math::Order::Ne, args[2], m.constant(0)));
    return m.select(counts, m.mul(args[0], m.div(m.constant(longest), m.add(args[1], m.constant(1e-7)))), args[0]);
  })};
}

void tenon::aten::addPlacingRows(OpTable &table) {
  table.add("embedding_renorm", importRenormalised);
  table.add("renorm", importRenorm);
  table.add("max_unpool2d", [](Call &call) { return importMaxUnpool(call, 2); });
  table.add("max_unpool3d", [](Call &call) { return importMaxUnpool(call, 3); });
  table.add("put", importPut);
  table.add("as_strided_scatter", importAsStridedScatter);
}
