//===- Histograms.cpp - how often values occur ----------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Scattering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

//===--- of numbers --------------------------------------------------------------------------------------------------===//

// The bounds of a histogram, as 0-d tensors: those given, or where they are equal those of the data; a range of one point is
// widened by one to both sides.
static std::pair<Tensor, Tensor> histogramBounds(Call &call, const Tensor &flat, ScalarType compute) {
  Emitter &e = call.e;
  double low = call.real("min"), high = call.real("max");
  if (low < high)
    return {e.fill({}, compute, Scalar::of(low)), e.fill({}, compute, Scalar::of(high))};
  if (low > high)
    call.unsupported("a histogram whose greatest value lies below its least");
  constexpr double infinity = std::numeric_limits<double>::infinity();
  auto extreme = [&](bool isMax) {
    return e.reduce(flat, 0, compute, Scalar::of(isMax ? -infinity : infinity),
                    [&](OpBuilder &b, Location loc, Value acc, Value next) {
                      Math m(b, loc, compute);
                      return isMax ? m.max(acc, next) : m.min(acc, next);
                    });
  };
  Tensor least = extreme(false), greatest = extreme(true);
  auto widened = [&](const Tensor &bound, double by) {
    return e.compute({bound, least, greatest}, compute, [&](Math &m, ValueRange args) {
      return m.select(m.compare(Math::Order::Eq, args[1], args[2]), m.add(args[0], m.constant(by)), args[0]);
    });
  };
  return {widened(least, -1), widened(greatest, 1)};
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
  auto [low, high] = histogramBounds(call, flat, compute);
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
  table.add("bincount", importBincount);
}
