//===- Creation.cpp - tensors from nothing ------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Sorting.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

// The position along dimension `dim` as a number of dtype `type`.
static Value position(OpBuilder &b, Location loc, int64_t dim, ScalarType type) {
  return castScalar(b, loc, linalg::IndexOp::create(b, loc, dim), ScalarType::Int64, type);
}

static Results importFilled(Call &call, const Scalar &value) {
  return {call.e.fill(call.resultSizes(), call.resultDtype(), value)};
}

// start + step * i, in int64, or in float64 for float results (ATen's accumulation type).
static Results importArange(Call &call) {
  Scalar start = call.has("start") ? call.scalar("start") : Scalar::of(int64_t{0});
  Scalar step = call.has("step") ? call.scalar("step") : Scalar::of(int64_t{1});
  ScalarType result = call.resultDtype(), compute = isFloat(result) ? ScalarType::Float64 : ScalarType::Int64;
  return {call.e.pointwise({}, call.resultSizes(), result, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, compute);
    Value value = position(b, loc, 0, compute);
    if (!step.isConstant() || step.asDouble() != 1)
      value = m.mul(value, step.materialize(b, loc, compute));
    if (!start.isConstant() || start.asDouble() != 0)
      value = m.add(start.materialize(b, loc, compute), value);
    return castScalar(b, loc, value, compute, result);
  })};
}

// From both ends towards the middle, as ATen does, so that the last element is `end` exactly; between integers if the result is
// of integers. `shape` makes of the number on the line what the op shows.
static Results importLine(Call &call, llvm::function_ref<Value(Math &, Value)> shape) {
  ScalarType result = call.resultDtype(), compute = ScalarType::Float64;
  auto bound = [&](StringRef name) { return isFloat(result) ? call.real(name) : std::trunc(call.real(name)); };
  double start = bound("start"), end = bound("end");
  int64_t steps = call.integer("steps");
  double step = steps > 1 ? (end - start) / static_cast<double>(steps - 1) : 0;
  return {call.e.pointwise({}, call.resultSizes(), result, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, compute);
    Value i = position(b, loc, 0, compute);
    Value low = m.add(m.constant(start), m.mul(m.constant(step), i));
    Value fromEnd = m.sub(m.constant(static_cast<double>(steps - 1)), i);
    Value high = m.sub(m.constant(end), m.mul(m.constant(step), fromEnd));
    Value isLow = m.compare(Math::Order::Lt, i, m.constant(static_cast<double>(steps == 1 ? 1 : steps / 2)));
    return castScalar(b, loc, shape(m, m.select(isLow, low, high)), compute, result);
  })};
}

static Results importLinspace(Call &call) {
  return importLine(call, [](Math &, Value x) { return x; });
}

static Results importLogspace(Call &call) {
  double base = call.real("base");
  if (!isFloat(call.resultDtype()) || base <= 0)
    return {call.unsupported("a logarithmic scale of integers, or of a base that is not positive")};
  return importLine(call, [&](Math &m, Value x) -> Value {
    return math::Exp2Op::create(m.b, m.loc, m.mul(x, m.constant(std::log2(base))));
  });
}

// Rows and columns of the elements on one side of a diagonal, row by row.
static Results importTriangleIndices(Call &call, Math::Order order) {
  Emitter &e = call.e;
  Size rows = call.size("row"), columns = call.size("col"), count = call.resultSizes()[1];
  int64_t diagonal = call.integer("offset");
  Tensor places = positionsWhere(call, {rows, columns}, count, [&](Math &m, ArrayRef<Value> position) {
    return m.compare(order, m.sub(position[1], position[0]), m.constant(static_cast<double>(diagonal)));
  });
  Value width = e.index(columns);
  return {e.mapped(places, e.dimsMap(2, 1), call.resultSizes(), call.resultDtype(), [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, ScalarType::Int64);
    Value n = arith::IndexCastOp::create(b, loc, b.getI64Type(), width);
    Value isRow = m.compare(Math::Order::Eq, position(b, loc, 0, ScalarType::Int64), m.constant(0));
    return castScalar(b, loc, m.select(isRow, m.div(args[0], n), m.rem(args[0], n)), ScalarType::Int64, call.resultDtype());
  })};
}

// Powers 0, 1, … of each element along a last dimension: running products of a one and copies of it.
static Results importVander(Call &call, bool ascends) {
  Emitter &e = call.e;
  Tensor x = e.cast(call.tensor("x"), call.resultDtype());
  Sizes sizes = call.resultSizes();
  int64_t last = static_cast<int64_t>(sizes.size()) - 1; // a number is one row
  Tensor factors = e.pointwise(e.unsqueeze(x, x.rank()), sizes, x.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, ScalarType::Int64);
    Value isFirst = m.compare(Math::Order::Eq, position(b, loc, last, ScalarType::Int64), m.constant(0));
    return m.select(isFirst, scalarConstant(b, loc, x.dtype, int64_t{1}), args[0]);
  });
  Tensor powers = e.empty(sizes, x.dtype);
  auto scan = ScanOp::create(e.b, e.loc, TypeRange{powers.value.getType()}, factors.value, ValueRange{powers.value},
                             ScanKind::Prod, last);
  powers.value = scan->getResult(0);
  return {ascends ? powers : flipped(e, powers, last)};
}

static Results importEye(Call &call) {
  ScalarType result = call.resultDtype();
  return {call.e.pointwise({}, call.resultSizes(), result, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, ScalarType::Int64);
    Value isDiagonal =
        m.compare(Math::Order::Eq, position(b, loc, 0, ScalarType::Int64), position(b, loc, 1, ScalarType::Int64));
    return castScalar(b, loc, isDiagonal, ScalarType::Bool, result);
  })};
}

// Keeps what lies on one side of diagonal `diagonal` of the last two dimensions, zeroes the rest.
static Results importTriangle(Call &call, Math::Order order) {
  Tensor self = call.tensor("self");
  Scalar diagonal = call.scalar("diagonal");
  ScalarType dtype = self.dtype;
  int64_t rank = self.rank();
  return {call.e.pointwise(self, self.sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, ScalarType::Int64);
    Value offset = m.sub(position(b, loc, rank - 1, ScalarType::Int64), position(b, loc, rank - 2, ScalarType::Int64));
    Value keeps = m.compare(order, offset, diagonal.materialize(b, loc, ScalarType::Int64));
    return m.select(keeps, args[0], scalarConstant(b, loc, dtype, int64_t{0}));
  })};
}

// Memory of other sizes: what it holds is not defined, as in empty().
static Results importResized(Call &call) {
  if (!isEmpty(call.tensor("self").sizes))
    return {call.unsupported("a resize of memory that has elements")};
  return importFilled(call, Scalar::of(int64_t{0}));
}

void tenon::aten::addCreationRows(OpTable &table) {
  // Uninitialised memory is zeros: a run stays reproducible.
  for (auto name : {"zeros", "zeros_like", "new_zeros", "empty", "empty_like", "new_empty", "empty_permuted",
                    "empty_strided", "new_empty_strided"})
    table.add(name, [](Call &call) { return importFilled(call, Scalar::of(int64_t{0})); });
  for (auto name : {"ones", "ones_like", "new_ones"})
    table.add(name, [](Call &call) { return importFilled(call, Scalar::of(int64_t{1})); });
  for (auto name : {"full", "full_like", "new_full"})
    table.add(name, [](Call &call) { return importFilled(call, call.scalar("fill_value")); });
  table.add("scalar_tensor", [](Call &call) { return importFilled(call, call.scalar("s")); });
  table.add("arange", importArange);
  table.add("linspace", importLinspace);
  table.add("logspace", importLogspace);
  table.add("eye", importEye);
  table.add("tril_indices", [](Call &call) { return importTriangleIndices(call, Math::Order::Le); });
  table.add("triu_indices", [](Call &call) { return importTriangleIndices(call, Math::Order::Ge); });
  table.add("vander", [](Call &call) { return importVander(call, call.boolean("increasing")); });
  table.add("linalg_vander", [](Call &call) { return importVander(call, /*ascends=*/true); });
  table.add("tril", [](Call &call) { return importTriangle(call, Math::Order::Le); });
  table.add("triu", [](Call &call) { return importTriangle(call, Math::Order::Ge); });
  for (auto name : {"resize", "resize_as"})
    table.add(name, importResized);
}
