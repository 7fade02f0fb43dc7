//===- Scans.cpp - running sums, products and extremes -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

Tensor Emitter::cumulativeSum(const Tensor &tensor, int64_t dim) {
  Tensor init = empty(tensor.sizes, tensor.dtype);
  auto op = ScanOp::create(b, loc, TypeRange{init.value.getType()}, tensor.value, ValueRange{init.value}, ScanKind::Sum, dim);
  init.value = op->getResult(0);
  return init;
}

static Results importScan(Call &call, ScanKind kind) {
  Emitter &e = call.e;
  Tensor self = e.cast(call.tensor("self"), call.resultDtype());
  if (self.rank() == 0)
    return {self};
  Tensor values = e.empty(self.sizes, self.dtype);
  auto op = ScanOp::create(e.b, e.loc, TypeRange{values.value.getType()}, self.value, ValueRange{values.value}, kind,
                           call.dim("dim", self.rank()));
  values.value = op->getResult(0);
  return {values};
}

static Results importExtremeScan(Call &call, ScanKind kind) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  if (self.rank() == 0)
    return {self, e.fill({}, ScalarType::Int64, Scalar::of(int64_t{0}))};
  std::optional<Tensor> input = e.asSigned(self);
  if (!input)
    return {call.unsupported("running extremes of 64-bit unsigned integers"), Tensor()};
  Tensor values = e.empty(self.sizes, input->dtype), positions = e.empty(self.sizes, ScalarType::Int64);
  auto op = ScanOp::create(e.b, e.loc, TypeRange{values.value.getType(), positions.value.getType()}, input->value,
                           ValueRange{values.value, positions.value}, kind, call.dim("dim", self.rank()));
  values.value = op->getResult(0);
  positions.value = op->getResult(1);
  return {e.cast(values, self.dtype), positions};
}

//===--- the trapezoidal rule ----------------------------------------------------------------------------------------===//

// The distances between samples, spread so that they meet the areas of samples `y` along `dim`.
static Tensor sampleDistances(Emitter &e, const Tensor &x, const Tensor &y, int64_t dim) {
  Sizes sizes(y.rank() - std::min(x.rank(), y.rank()), e.size(1));
  sizes.append(x.sizes);
  if (x.rank() == 1 && y.rank() > 1) {
    sizes.assign(y.rank(), e.size(1));
    sizes[dim] = x.sizes[0];
  }
  Tensor spread = e.reshape(x, sizes);
  Size count = e.sub(sizes[dim], e.size(1));
  return e.compute({e.slice(spread, dim, e.size(1), count), e.slice(spread, dim, e.size(0), count)}, x.dtype,
                   [](Math &m, ValueRange args) { return m.sub(args[0], args[1]); });
}

// Sums (and products with distances) of integer samples wrap in their own dtype, before anything becomes a float: ATen's order.
static Tensor sumOfSamples(Emitter &e, const Tensor &a, const Tensor &b) {
  return e.compute({a, b}, a.dtype, [](Math &m, ValueRange args) { return m.add(args[0], args[1]); });
}

static Tensor scaled(Emitter &e, const Tensor &tensor, double factor, ScalarType compute) {
  return e.compute({tensor}, compute, [&](Math &m, ValueRange args) { return m.mul(args[0], m.constant(factor)); });
}

// The integral as ATen computes it for samples that are equally far apart: the sum without half of its ends.
static Tensor integralOfEquidistant(Emitter &e, const Tensor &y, int64_t dim, double distance, ScalarType compute) {
  Size last = e.sub(y.sizes[dim], e.size(1));
  Tensor ends = sumOfSamples(e, e.slice(y, dim, e.size(0), e.size(1)), e.slice(y, dim, last, e.size(1)));
  Tensor half = e.sum(scaled(e, ends, 0.5, compute), dim, compute), total = e.sum(e.cast(y, compute), dim, compute);
  return e.compute({total, half}, compute, [&](Math &m, ValueRange args) {
    return m.mul(m.sub(args[0], args[1]), m.constant(distance));
  });
}

// Areas between neighbouring samples, summed up or, where `accumulates`, as running sums.
static Results importTrapezoid(Call &call, bool accumulates) {
  Emitter &e = call.e;
  Tensor y = call.tensor("y");
  int64_t dim = call.dim("dim", y.rank());
  ScalarType dtype = call.resultDtype(), compute = computeType(dtype);
  if (y.rank() == 0)
    return {call.unsupported("an integral of a number")};
  if (!call.has("x") && !accumulates)
    return {e.cast(integralOfEquidistant(e, y, dim, call.real("dx"), compute), dtype)};
  Size count = e.sub(y.sizes[dim], e.size(1));
  Tensor areas = sumOfSamples(e, e.slice(y, dim, e.size(0), count), e.slice(y, dim, e.size(1), count));
  double distance = 1;
  if (call.has("x")) {
    Tensor width = sampleDistances(e, call.tensor("x"), y, dim);
    areas = e.compute({areas, width}, promoteTypes(y.dtype, width.dtype),
                      [](Math &m, ValueRange args) { return m.mul(args[0], args[1]); });
  } else {
    distance = call.real("dx");
  }
  areas = scaled(e, areas, distance / 2, compute);
  return {e.cast(accumulates ? e.cumulativeSum(areas, dim) : e.sum(areas, dim, compute), dtype)};
}

//===--- finite differences ------------------------------------------------------------------------------------------===//

// sum of factors[i] * x[start + i * step] along `dim`, `length` of them.
static Tensor stencil(Emitter &e, const Tensor &x, int64_t dim, Size start, Size length, ArrayRef<std::pair<int64_t, double>> taps) {
  SmallVector<Tensor> parts;
  for (auto [offset, factor] : taps)
    parts.push_back(e.slice(x, dim, e.add(start, e.size(offset)), length));
  return e.compute(parts, x.dtype, [&](Math &m, ValueRange args) {
    Value sum = m.mul(args[0], m.constant(taps[0].second));
    for (size_t i = 1; i < taps.size(); ++i)
      sum = m.add(sum, m.mul(args[i], m.constant(taps[i].second)));
    return sum;
  });
}

// Central differences; at the ends one-sided ones of order `edge`.
static Tensor gradientAlong(Emitter &e, const Tensor &x, int64_t dim, double distance, int64_t edge) {
  double one = 1 / distance, half = 0.5 / distance;
  Size count = x.sizes[dim], last = e.sub(count, e.size(edge + 1));
  Tensor middle = stencil(e, x, dim, e.size(0), e.sub(count, e.size(2)), {{2, half}, {0, -half}});
  if (edge == 1)
    return e.concat({stencil(e, x, dim, e.size(0), e.size(1), {{1, one}, {0, -one}}), middle,
                     stencil(e, x, dim, last, e.size(1), {{1, one}, {0, -one}})}, dim);
  return e.concat({stencil(e, x, dim, e.size(0), e.size(1), {{0, -3 * half}, {1, 2 * one}, {2, -half}}), middle,
                   stencil(e, x, dim, last, e.size(1), {{0, half}, {1, -2 * one}, {2, 3 * half}})}, dim);
}

// Distances are one number, or one per dimension.
static Results importGradient(Call &call) {
  Emitter &e = call.e;
  if (StringRef(call.overload).starts_with("tensor"))
    return {call.unsupported("gradients of samples at given coordinates")};
  ScalarType dtype = call.resultDtype();
  Tensor self = e.cast(call.tensor("self"), isFloat(dtype) ? computeType(dtype) : dtype);
  SmallVector<int64_t> dims = call.has("dim") ? call.integers("dim") : llvm::to_vector(llvm::seq<int64_t>(0, self.rank()));
  bool isOneNumber = call.overload == "scalarint" || call.overload == "scalararray";
  SmallVector<double> distances;
  if (isOneNumber && call.has("spacing"))
    distances = {call.real("spacing")};
  else if (!isOneNumber && call.has("spacing"))
    llvm::append_range(distances, call.reals("spacing"));
  if (distances.empty() && call.has("spacing"))
    for (int64_t distance : call.integers("spacing"))
      distances.push_back(static_cast<double>(distance));
  distances.resize(dims.size(), distances.size() == 1 ? distances[0] : 1);
  Results results;
  for (auto [i, dim] : llvm::enumerate(dims))
    results.push_back(e.cast(gradientAlong(e, self, dim + (dim < 0 ? self.rank() : 0), distances[i], call.integer("edge_order")), dtype));
  return results;
}

void tenon::aten::addScanRows(OpTable &table) {
  for (auto [name, kind] : {std::pair{"cumsum", ScanKind::Sum}, std::pair{"cumprod", ScanKind::Prod},
                            std::pair{"logcumsumexp", ScanKind::LogSumExp}})
    table.add(name, [kind](Call &call) { return importScan(call, kind); });
  for (auto [name, kind] : {std::pair{"cummax", ScanKind::Max}, std::pair{"cummin", ScanKind::Min}})
    table.add(name, [kind](Call &call) { return importExtremeScan(call, kind); });
  table.add("gradient", importGradient);
  for (auto name : {"trapezoid", "trapz"})
    table.add(name, [](Call &call) { return importTrapezoid(call, /*accumulates=*/false); });
  table.add("cumulative_trapezoid", [](Call &call) { return importTrapezoid(call, /*accumulates=*/true); });
}
