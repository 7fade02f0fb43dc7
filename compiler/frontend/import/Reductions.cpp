//===- Reductions.cpp - reductions --------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon::aten;

//===--- parts -------------------------------------------------------------------------------------------------------===//

// The dimensions a node reduces: none given means all of them.
static SmallVector<int64_t> reducedDims(Call &call, int64_t rank) {
  return call.has("dim") ? call.dims("dim", rank) : llvm::to_vector(llvm::seq<int64_t>(0, rank));
}

static bool keepsDims(Call &call) { return call.has("keepdim") && call.boolean("keepdim"); }

static Tensor withKeptDims(Call &call, const Tensor &reduced, const Tensor &original, ArrayRef<int64_t> dims) {
  return keepsDims(call) ? call.e.keepDims(reduced, original, dims) : reduced;
}

static unsigned bits(ScalarType type) { return 8 * static_cast<unsigned>(tenon::frontend::elementSizeInBytes(type)); }

// The neutral element of max (of min where `highest`).
static Scalar extreme(ScalarType type, bool highest) {
  if (isFloat(type))
    return Scalar::of(highest ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity());
  if (type == ScalarType::Bool)
    return Scalar::of(int64_t{highest});
  if (isUnsigned(type))
    return Scalar::of(highest ? int64_t{-1} : int64_t{0});
  int64_t max = static_cast<int64_t>(~uint64_t{0} >> (65 - bits(type)));
  return Scalar::of(highest ? max : -max - 1);
}

static Size countOf(Emitter &e, const Tensor &tensor, ArrayRef<int64_t> dims) {
  Sizes sizes;
  for (int64_t dim : dims)
    sizes.push_back(tensor.sizes[dim]);
  return e.product(sizes);
}

static Scalar asScalar(Size size) {
  return staticSize(size) ? Scalar::of(*staticSize(size)) : Scalar{ScalarType::Int64, 0, 0, cast<Value>(size)};
}

// Element-wise `body` on one tensor of dtype `compute`, converted to `result`.
static Tensor apply(Emitter &e, const Tensor &tensor, ScalarType result,
                    llvm::function_ref<Value(Math &, Value)> body) {
  return e.pointwise(tensor, tensor.sizes, result, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, tensor.dtype);
    return castScalar(b, loc, body(m, args[0]), tensor.dtype, result);
  });
}

static Tensor reduceExtreme(Call &call, const Tensor &self, ArrayRef<int64_t> dims, bool isMax) {
  ScalarType dtype = self.dtype;
  return call.e.reduce(self, dims, dtype, extreme(dtype, !isMax),
                       [&](OpBuilder &b, Location loc, Value acc, Value next) {
                         Math m(b, loc, dtype);
                         return isMax ? m.max(acc, next) : m.min(acc, next);
                       });
}

//===--- sums --------------------------------------------------------------------------------------------------------===//

static Results importSum(Call &call) {
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = reducedDims(call, self.rank());
  ScalarType result = call.resultDtype();
  Tensor sum = call.e.sum(self, dims, computeType(result));
  return {withKeptDims(call, call.e.cast(sum, result), self, dims)};
}

static Results importSumToSize(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  Sizes sizes = call.resultSizes();
  int64_t leading = self.rank() - static_cast<int64_t>(sizes.size());
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, leading));
  for (int64_t dim = leading; dim < self.rank(); ++dim)
    if (isOne(sizes[dim - leading]) && !isOne(self.sizes[dim]))
      dims.push_back(dim);
  ScalarType result = call.resultDtype();
  return {e.reshape(e.cast(e.sum(self, dims, computeType(result)), result), sizes)};
}

static Results importMean(Call &call) {
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = reducedDims(call, self.rank());
  ScalarType result = call.resultDtype();
  Tensor sum = call.e.sum(self, dims, computeType(result));
  Scalar count = asScalar(countOf(call.e, self, dims));
  Tensor mean =
      apply(call.e, sum, result, [&](Math &m, Value v) { return m.div(v, count.materialize(m.b, m.loc, m.dtype)); });
  return {withKeptDims(call, mean, self, dims)};
}

// NaN counts as zero in sums, and not at all in means.
static Tensor sumOfNumbers(Call &call, const Tensor &self, ArrayRef<int64_t> dims, ScalarType dtype, bool counts) {
  Emitter &e = call.e;
  return e.reduceMapped(
      self, e.b.getMultiDimIdentityMap(self.rank()), self.sizes, dims, dtype, Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, dtype);
        Value number = counts ? m.constant(1) : castScalar(b, loc, args[0], self.dtype, dtype);
        return m.select(Math(b, loc, self.dtype).isNan(args[0]), m.constant(0), number);
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, dtype).add(acc, next); });
}

static Results importNanSum(Call &call) {
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = reducedDims(call, self.rank());
  ScalarType result = call.resultDtype();
  Tensor sum = sumOfNumbers(call, self, dims, computeType(result), /*counts=*/false);
  return {withKeptDims(call, call.e.cast(sum, result), self, dims)};
}

static Results importNanMean(Call &call) {
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = reducedDims(call, self.rank());
  ScalarType result = call.resultDtype(), compute = computeType(result);
  Tensor sum = sumOfNumbers(call, self, dims, compute, /*counts=*/false);
  Tensor count = sumOfNumbers(call, self, dims, compute, /*counts=*/true);
  Tensor mean = call.e.compute({sum, count}, result, [](Math &m, ValueRange args) { return m.div(args[0], args[1]); });
  return {withKeptDims(call, mean, self, dims)};
}

// log(sum(exp(x))), about the greatest element unless that is infinite.
static Results importLogSumExp(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = reducedDims(call, self.rank()), outer = otherDims(self.rank(), dims);
  ScalarType result = call.resultDtype(), compute = computeType(result);
  Tensor x = e.cast(self, compute);
  Tensor centre = apply(e, reduceExtreme(call, x, dims, /*isMax=*/true), compute, [&](Math &m, Value v) {
    Value magnitude = math::AbsFOp::create(m.b, m.loc, v);
    return m.select(m.compare(Math::Order::Eq, magnitude, highestConstant(m.b, m.loc, compute)), m.constant(0), v);
  });
  Tensor sum = e.reduceMapped(
      {x, centre}, {e.b.getMultiDimIdentityMap(x.rank()), e.dimsMap(x.rank(), outer)}, x.sizes, dims, compute,
      Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        return math::ExpOp::create(b, loc, Math(b, loc, compute).sub(args[0], args[1]));
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, compute).add(acc, next); });
  Tensor value = e.compute({sum, centre}, result, [](Math &m, ValueRange args) {
    return m.add(math::LogOp::create(m.b, m.loc, args[0]), args[1]);
  });
  return {withKeptDims(call, value, self, dims)};
}

static Results importProd(Call &call) {
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = reducedDims(call, self.rank());
  ScalarType result = call.resultDtype(), compute = computeType(result);
  Tensor product = call.e.reduce(
      self, dims, compute, Scalar::of(int64_t{1}),
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, compute).mul(acc, next); });
  return {withKeptDims(call, call.e.cast(product, result), self, dims)};
}

// Variance: the mean, then squared deviations over count - correction. `isDeviation` takes the root; `withMean` adds the mean
// as a second result.
static Results importVariance(Call &call, bool isDeviation, bool withMean) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = reducedDims(call, self.rank()), outer = otherDims(self.rank(), dims);
  double correction = 1;
  if (call.overload == "correction")
    correction = call.has("correction") ? call.real("correction") : 1;
  else if (call.has("unbiased"))
    correction = call.boolean("unbiased") ? 1 : 0;
  ScalarType result = call.resultDtype(), compute = computeType(result);
  if (!isFloat(self.dtype))
    return {call.unsupported("variance of integers")};
  Scalar count = asScalar(countOf(e, self, dims));
  Tensor mean = apply(e, e.sum(self, dims, compute), compute,
                      [&](Math &m, Value v) { return m.div(v, count.materialize(m.b, m.loc, m.dtype)); });
  Tensor squares = e.reduceMapped(
      {self, mean}, {e.b.getMultiDimIdentityMap(self.rank()), e.dimsMap(self.rank(), outer)}, self.sizes, dims, compute,
      Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, compute);
        Value difference = m.sub(castScalar(b, loc, args[0], self.dtype, compute), args[1]);
        return m.mul(difference, difference);
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, compute).add(acc, next); });
  Tensor variance = apply(e, squares, result, [&](Math &m, Value v) {
    Value divisor = m.max(m.sub(count.materialize(m.b, m.loc, m.dtype), m.constant(correction)), m.constant(0));
    Value value = m.div(v, divisor);
    return isDeviation ? Value(math::SqrtOp::create(m.b, m.loc, value)) : value;
  });
  Results results{withKeptDims(call, variance, self, dims)};
  if (withMean)
    results.push_back(withKeptDims(call, e.cast(mean, result), self, dims));
  return results;
}

Tensor tenon::aten::vectorNorm(Emitter &e, const Tensor &x, ArrayRef<int64_t> dims, double order, ScalarType result) {
  ScalarType compute = computeType(result);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  auto element = [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
    Math m(b, loc, compute);
    Value value = castScalar(b, loc, args[0], x.dtype, compute);
    if (order == 0)
      return castScalar(b, loc, m.compare(Math::Order::Ne, value, m.constant(0)), ScalarType::Bool, compute);
    if (order == 2)
      return m.mul(value, value);
    Value magnitude = math::AbsFOp::create(b, loc, value);
    if (order == 1 || std::abs(order) == infinity)
      return magnitude;
    return math::PowFOp::create(b, loc, magnitude, m.constant(order));
  };
  auto combine = [&](OpBuilder &b, Location loc, Value acc, Value next) {
    Math m(b, loc, compute);
    return order == infinity ? m.max(acc, next) : order == -infinity ? m.min(acc, next) : m.add(acc, next);
  };
  Tensor reduced = e.reduceMapped(x, e.b.getMultiDimIdentityMap(x.rank()), x.sizes, dims, compute,
                                  Scalar::of(order == -infinity ? infinity : 0.0), element, combine);
  return apply(e, reduced, result, [&](Math &m, Value v) -> Value {
    if (order == 2)
      return math::SqrtOp::create(m.b, m.loc, v);
    bool isRoot = order != 0 && order != 1 && std::abs(order) != infinity;
    return isRoot ? Value(math::PowFOp::create(m.b, m.loc, v, m.constant(1 / order))) : v;
  });
}

static Results importVectorNorm(Call &call, StringRef orderName) {
  Tensor self = call.tensor("self");
  if (isComplex(self.dtype))
    self = magnitude(call.e, self);
  SmallVector<int64_t> dims = reducedDims(call, self.rank());
  double order = call.has(orderName) ? call.real(orderName) : 2;
  return {withKeptDims(call, vectorNorm(call.e, self, dims, order, call.resultDtype()), self, dims)};
}

//===--- extremes ----------------------------------------------------------------------------------------------------===//

static Results importExtreme(Call &call, bool isMax) {
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = reducedDims(call, self.rank());
  return {withKeptDims(call, reduceExtreme(call, self, dims, isMax), self, dims)};
}

static Results importBothExtremes(Call &call) {
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = reducedDims(call, self.rank());
  return {withKeptDims(call, reduceExtreme(call, self, dims, /*isMax=*/false), self, dims),
          withKeptDims(call, reduceExtreme(call, self, dims, /*isMax=*/true), self, dims)};
}

// The first position of the extreme along `dim`: the least position whose element equals it (or is NaN where it is
// NaN).
static Tensor extremePosition(Call &call, const Tensor &self, const Tensor &value, int64_t dim) {
  Emitter &e = call.e;
  SmallVector<int64_t> outer = otherDims(self.rank(), dim);
  constexpr int64_t none = std::numeric_limits<int64_t>::max();
  return e.reduceMapped(
      {self, value}, {e.b.getMultiDimIdentityMap(self.rank()), e.dimsMap(self.rank(), outer)}, self.sizes, {dim},
      ScalarType::Int64, Scalar::of(none),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, self.dtype);
        Value found = m.compare(Math::Order::Eq, args[0], args[1]);
        if (m.isFloat())
          found = arith::OrIOp::create(b, loc, found, m.isNan(args[0]));
        Value position = castScalar(b, loc, linalg::IndexOp::create(b, loc, dim), ScalarType::Int64, ScalarType::Int64);
        return m.select(found, position, scalarConstant(b, loc, ScalarType::Int64, none));
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) {
        return Math(b, loc, ScalarType::Int64).min(acc, next);
      });
}

// max(dim) and min(dim): values and positions.
static Results importExtremeWithPosition(Call &call, bool isMax) {
  Tensor self = call.tensor("self");
  if (self.rank() == 0)
    return {self, call.e.fill({}, ScalarType::Int64, Scalar::of(int64_t{0}))};
  int64_t dim = call.dim("dim", self.rank());
  Tensor value = reduceExtreme(call, self, dim, isMax), position = extremePosition(call, self, value, dim);
  return {withKeptDims(call, value, self, dim), withKeptDims(call, position, self, dim)};
}

static Results importArgExtreme(Call &call, bool isMax) {
  Tensor self = call.tensor("self");
  if (self.rank() == 0)
    return {call.e.fill({}, ScalarType::Int64, Scalar::of(int64_t{0}))};
  if (call.has("dim")) {
    int64_t dim = call.dim("dim", self.rank());
    Tensor position = extremePosition(call, self, reduceExtreme(call, self, dim, isMax), dim);
    return {withKeptDims(call, position, self, dim)};
  }
  Tensor flat = call.e.reshape(self, Sizes{call.e.product(self.sizes)});
  Tensor position = extremePosition(call, flat, reduceExtreme(call, flat, 0, isMax), 0);
  return {keepsDims(call) ? call.e.reshape(position, call.resultSizes()) : position};
}

//===--- truth values ------------------------------------------------------------------------------------------------===//

static Results importTruth(Call &call, bool isAll) {
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = reducedDims(call, self.rank());
  Tensor truth = call.e.reduce(
      self, dims, ScalarType::Bool, Scalar::of(isAll), [&](OpBuilder &b, Location loc, Value acc, Value next) -> Value {
        return isAll ? Value(arith::AndIOp::create(b, loc, acc, next)) : Value(arith::OrIOp::create(b, loc, acc, next));
      });
  return {withKeptDims(call, call.e.cast(truth, call.resultDtype()), self, dims)};
}

static Results importCountNonzero(Call &call) {
  Tensor self = call.tensor("self");
  Tensor isNonzero = call.e.cast(self, ScalarType::Bool);
  return {call.e.sum(isNonzero, reducedDims(call, self.rank()), ScalarType::Int64)};
}

void tenon::aten::addReductionRows(OpTable &table) {
  table.add("sum", importSum);
  table.add("sum_to_size", importSumToSize);
  table.add("mean", importMean);
  table.add("prod", importProd);
  table.add("nansum", importNanSum);
  table.add("nanmean", importNanMean);
  for (auto name : {"logsumexp", "special_logsumexp"})
    table.add(name, importLogSumExp);
  for (bool isDeviation : {false, true})
    for (bool withMean : {false, true})
      table.add(std::string(isDeviation ? "std" : "var") + (withMean ? "_mean" : ""),
                [=](Call &call) { return importVariance(call, isDeviation, withMean); });
  for (auto name : {"linalg_vector_norm", "complex.linalg_vector_norm"})
    table.add(name, [](Call &call) { return importVectorNorm(call, "ord"); });
  for (auto name : {"norm", "complex.norm"})
    table.add(name, [](Call &call) { return importVectorNorm(call, "p"); });
  for (bool isMax : {true, false}) {
    StringRef name = isMax ? "max" : "min";
    table.add(("a" + name).str(), [=](Call &call) { return importExtreme(call, isMax); });
    table.add((name + ".default").str(), [=](Call &call) { return importExtreme(call, isMax); });
    table.add((name + ".dim").str(), [=](Call &call) { return importExtremeWithPosition(call, isMax); });
    table.add(("arg" + name).str(), [=](Call &call) { return importArgExtreme(call, isMax); });
  }
  table.add("aminmax", importBothExtremes);
  table.add("count_nonzero", importCountNonzero);
  table.add("all", [](Call &call) { return importTruth(call, /*isAll=*/true); });
  table.add("_is_all_true", [](Call &call) { return importTruth(call, /*isAll=*/true); });
  table.add("any", [](Call &call) { return importTruth(call, /*isAll=*/false); });
}
