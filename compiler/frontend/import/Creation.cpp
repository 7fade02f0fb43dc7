//===- Creation.cpp - tensors from nothing ------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
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

// From both ends towards the middle, as ATen does, so that the last element is `end` exactly.
static Results importLinspace(Call &call) {
  double start = call.real("start"), end = call.real("end");
  int64_t steps = call.integer("steps");
  double step = steps > 1 ? (end - start) / static_cast<double>(steps - 1) : 0;
  ScalarType result = call.resultDtype(), compute = ScalarType::Float64;
  return {call.e.pointwise({}, call.resultSizes(), result, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, compute);
    Value i = position(b, loc, 0, compute);
    Value low = m.add(m.constant(start), m.mul(m.constant(step), i));
    Value fromEnd = m.sub(m.constant(static_cast<double>(steps - 1)), i);
    Value high = m.sub(m.constant(end), m.mul(m.constant(step), fromEnd));
    Value isLow = m.compare(Math::Order::Lt, i, m.constant(static_cast<double>(steps == 1 ? 1 : steps / 2)));
    return castScalar(b, loc, m.select(isLow, low, high), compute, result);
  })};
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

static Results rejectRandom(Call &call) {
  return {call.unsupported("random numbers; the exported program holds no seed to reproduce them")};
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
  table.add("eye", importEye);
  table.add("tril", [](Call &call) { return importTriangle(call, Math::Order::Le); });
  table.add("triu", [](Call &call) { return importTriangle(call, Math::Order::Ge); });
  for (auto name : {"rand", "randn", "rand_like", "randn_like", "randint", "randint_like", "bernoulli", "multinomial",
                    "normal", "uniform", "randperm", "exponential"})
    table.add(name, rejectRandom);
}
