//===- Histograms.cpp - how often values occur ----------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Scattering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

//===--- of numbers --------------------------------------------------------------------------------------------------===//

namespace {
/// The ends of a histogram, as 0-d tensors.
struct Bounds {
  Tensor low, high;
};
} // namespace

// Those of the data; a range of one point is widened to both sides, that of no data is from 0 to 1.
static Bounds boundsOfData(Emitter &e, const Tensor &flat, ScalarType compute, double margin) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  auto extreme = [&](bool isMax) {
    return e.reduce(flat, 0, compute, Scalar::of(isMax ? -infinity : infinity),
                    [&](OpBuilder &b, Location loc, Value acc, Value next) {
                      Math m(b, loc, compute);
                      return isMax ? m.max(acc, next) : m.min(acc, next);
                    });
  };
  Tensor least = extreme(false), greatest = extreme(true);
  auto widened = [&](const Tensor &bound, double by, double ofNone) {
    return e.compute({bound, least, greatest}, compute, [&](Math &m, ValueRange args) {
      Value apart = m.select(m.compare(Math::Order::Gt, args[1], args[2]), m.constant(ofNone), args[0]);
      return m.select(m.compare(Math::Order::Eq, args[1], args[2]), m.add(args[0], m.constant(by)), apart);
    });
  };
  return {widened(least, -margin, 0), widened(greatest, margin, 1)};
}

static Bounds boundsOf(Emitter &e, double low, double high, ScalarType compute) {
  return {e.fill({}, compute, Scalar::of(low)), e.fill({}, compute, Scalar::of(high))};
}

// Counts per bin: ones are added at each element's bin; elements outside go to one more bin, which is cut off.
static Results importHistc(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  int64_t bins = call.integer("bins");
  if (!isFloat(self.dtype))
    return {call.unsupported("a histogram of integers")};
  ScalarType dtype = self.dtype, compute = computeType(dtype);
  Tensor flat = e.reshape(self, Sizes{e.product(self.sizes)});
  double least = call.real("min"), greatest = call.real("max"); // equal: of the data
  if (least > greatest)
    return {call.unsupported("a histogram whose greatest value lies below its least")};
  auto [low, high] = least < greatest ? boundsOf(e, least, greatest, compute) : boundsOfData(e, flat, compute, 1);
  Tensor bin =
      e.pointwise({flat, low, high}, flat.sizes, ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, compute), integers(b, loc, ScalarType::Int64);
        Value x = castScalar(b, loc, args[0], dtype, compute), least = args[1], greatest = args[2];
        Value scaled = m.div(m.mul(m.sub(x, least), m.constant(static_cast<double>(bins))), m.sub(greatest, least));
        Value inside = arith::AndIOp::create(b, loc, m.compare(Math::Order::Ge, x, least),
                                             m.compare(Math::Order::Le, x, greatest));
        Value place = castScalar(b, loc, m.select(inside, scaled, m.constant(0)), compute, ScalarType::Int64);
        return integers.select(inside, integers.min(place, integers.constant(bins - 1)), integers.constant(bins));
      });
  Tensor ones = e.fill(flat.sizes, ScalarType::Int64, Scalar::of(int64_t{1}));
  Tensor all = scatterInto(e, e.size(bins + 1), bin, ones, ScatterKind::Add);
  return {e.cast(e.slice(all, 0, e.size(0), e.size(bins)), dtype)};
}

// Edges of `bins` bins of one width: from both ends towards the middle, as linspace.
static Tensor evenEdges(Emitter &e, const Bounds &bounds, int64_t bins, ScalarType dtype) {
  return e.pointwise({bounds.low, bounds.high}, e.sizes({bins + 1}), dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, dtype), integers(b, loc, ScalarType::Int64);
    Value i = arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, 0));
    Value left = castScalar(b, loc, i, ScalarType::Int64, dtype), width = m.constant(static_cast<double>(bins));
    Value step = m.div(m.sub(args[1], args[0]), width);
    Value isLow = integers.compare(Math::Order::Lt, i, integers.constant(static_cast<double>((bins + 1) / 2)));
    return m.select(isLow, m.add(args[0], m.mul(step, left)), m.sub(args[1], m.mul(step, m.sub(width, left))));
  });
}

// The bin of each element of a vector: `edges[bin] <= x < edges[bin + 1]`, the last bin closed; the number of bins outside.
static Tensor binsBetween(Emitter &e, const Tensor &flat, const Tensor &edges) {
  ScalarType dtype = flat.dtype;
  Size numBins = e.sub(edges.sizes[0], e.size(1));
  Tensor count = e.reduceMapped(
      {flat, edges}, {e.dimsMap(2, 0), e.dimsMap(2, 1)}, Sizes{flat.sizes[0], edges.sizes[0]}, {1}, ScalarType::Int64,
      Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        return castScalar(b, loc, Math(b, loc, dtype).compare(Math::Order::Le, args[1], args[0]), ScalarType::Bool,
                          ScalarType::Int64);
      },
      [](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, ScalarType::Int64).add(acc, next); });
  Tensor last = e.reshape(e.slice(edges, 0, numBins, e.size(1)), {});
  Value outside = e.index(numBins);
  return e.pointwise({flat, count, last}, flat.sizes, ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, dtype), integers(b, loc, ScalarType::Int64);
    Value beyond = arith::IndexCastOp::create(b, loc, b.getI64Type(), outside);
    Value isInside = arith::AndIOp::create(b, loc, m.compare(Math::Order::Le, args[0], args[2]),
                                           integers.compare(Math::Order::Gt, args[1], integers.constant(0)));
    Value bin = integers.min(integers.sub(args[1], integers.constant(1)), integers.sub(beyond, integers.constant(1)));
    return integers.select(isInside, bin, beyond);
  });
}

// Counts or sums of weights between edges, those given or evenly spaced; with `density` over their sum and the bins' widths.
static Results importHistogram(Call &call, bool hasEdges) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), weights = call.optionalTensor("weight");
  ScalarType dtype = self.dtype;
  if (!isFloat(dtype) || computeType(dtype) != dtype)
    return {call.unsupported("a histogram of integers or in half precision, which ATen refuses")};
  Tensor flat = e.reshape(self, Sizes{e.product(self.sizes)});
  ArrayRef<double> range = hasEdges || !call.has("range") ? ArrayRef<double>() : call.reals("range");
  Tensor edges;
  if (hasEdges)
    edges = e.cast(call.tensor("bins"), dtype);
  else
    edges = evenEdges(e, range.size() == 2 ? boundsOf(e, range[0], range[1], dtype) : boundsOfData(e, flat, dtype, 0.5),
                      call.integer("bins"), dtype);
  if (edges.rank() != 1)
    return {call.unsupported("edges of bins that are no vector, which ATen refuses")};
  Size numBins = e.sub(edges.sizes[0], e.size(1));
  Tensor updates = weights ? e.cast(e.reshape(weights, flat.sizes), dtype) : e.fill(flat.sizes, dtype, Scalar::of(1.0));
  Tensor all = scatterInto(e, e.add(numBins, e.size(1)), binsBetween(e, flat, edges), updates, ScatterKind::Add);
  Tensor counts = e.slice(all, 0, e.size(0), numBins);
  if (call.has("density") && call.boolean("density")) {
    Tensor starts = e.slice(edges, 0, e.size(0), numBins), ends = e.slice(edges, 0, e.size(1), numBins);
    counts = e.compute({counts, e.sum(counts, {0}, dtype), starts, ends}, dtype, [](Math &m, ValueRange args) {
      return m.div(m.div(args[0], args[1]), m.sub(args[3], args[2]));
    });
  }
  return {counts, edges};
}

//===--- of integers -------------------------------------------------------------------------------------------------===//

// As many counts as the greatest number says, at least `minlength`: ones, or weights, are added at the numbers.
static Results importBincount(Call &call) {
  Emitter &e = call.e;
  Tensor numbers = e.cast(call.tensor("self"), ScalarType::Int64), weights = call.optionalTensor("weights");
  if (numbers.rank() != 1)
    return {call.unsupported("counts of what is no vector, which ATen refuses")};
  Tensor greatest = e.reduce(
      numbers, {0}, ScalarType::Int64, Scalar::of(int64_t{-1}),
      [](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, ScalarType::Int64).max(acc, next); });
  Value last = arith::IndexCastOp::create(e.b, e.loc, e.b.getIndexType(),
                                          tensor::ExtractOp::create(e.b, e.loc, greatest.value, ValueRange()));
  Size size = call.defineLateSize(e.index(e.max(call.size("minlength"), e.add(last, e.size(1)))), std::nullopt);
  call.checkIndex(numbers, size);
  ScalarType dtype = call.resultDtype();
  Tensor updates = weights ? e.cast(weights, dtype) : e.fill(numbers.sizes, dtype, Scalar::of(int64_t{1}));
  return {scatterInto(e, size, numbers, updates, ScatterKind::Add)};
}

void tenon::aten::addHistogramRows(OpTable &table) {
  table.add("histc", importHistc);
  table.add("histogram.bin_ct", [](Call &call) { return importHistogram(call, /*hasEdges=*/false); });
  table.add("histogram.bins_tensor", [](Call &call) { return importHistogram(call, /*hasEdges=*/true); });
  table.add("bincount", importBincount);
}
