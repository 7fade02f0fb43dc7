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

void tenon::aten::addScanRows(OpTable &table) {
  for (auto [name, kind] : {std::pair{"cumsum", ScanKind::Sum}, std::pair{"cumprod", ScanKind::Prod},
                            std::pair{"logcumsumexp", ScanKind::LogSumExp}})
    table.add(name, [kind](Call &call) { return importScan(call, kind); });
  for (auto [name, kind] : {std::pair{"cummax", ScanKind::Max}, std::pair{"cummin", ScanKind::Min}})
    table.add(name, [kind](Call &call) { return importExtremeScan(call, kind); });
  for (auto name : {"trapezoid", "trapz"})
    table.add(name, [](Call &call) { return importTrapezoid(call, /*accumulates=*/false); });
  table.add("cumulative_trapezoid", [](Call &call) { return importTrapezoid(call, /*accumulates=*/true); });
}
