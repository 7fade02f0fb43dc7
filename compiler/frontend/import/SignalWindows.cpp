//===- SignalWindows.cpp - hann_window and its family -------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Computed in float64, once at load.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/frontend/import/SpecialFunctions.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <numbers>

using namespace mlir;
using namespace tenon::aten;

/// A window's height where `phase` runs from 0 to 1.
using Height = llvm::function_ref<Value(Math &, Value phase)>;

// A periodic window is the symmetric one that is longer by one, without its last element.
static Results importWindow(Call &call, Height height) {
  Sizes sizes = call.resultSizes();
  int64_t length = call.integer("window_length");
  ScalarType dtype = call.resultDtype();
  if (length == 1)
    return {call.e.fill(sizes, dtype, Scalar::of(int64_t{1}))};
  bool isPeriodic = !call.has("periodic") || call.boolean("periodic");
  double last = static_cast<double>(isPeriodic ? length : length - 1);
  return {call.e.pointwise({}, sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, ScalarType::Float64);
    Value i = castScalar(b, loc, linalg::IndexOp::create(b, loc, 0), ScalarType::Int64, m.dtype);
    return castScalar(b, loc, height(m, m.div(i, m.constant(last))), m.dtype, dtype);
  })};
}

// The sum of weights[k] cos(2 pi k phase), with alternating signs.
static Results importCosineWindow(Call &call, ArrayRef<double> weights) {
  return importWindow(call, [&](Math &m, Value phase) {
    Value sum = m.constant(0);
    for (auto [k, weight] : llvm::enumerate(weights)) {
      Value angle = m.mul(m.constant(2 * std::numbers::pi * static_cast<double>(k)), phase);
      sum = m.add(sum, m.mul(m.constant(k % 2 ? -weight : weight), math::CosOp::create(m.b, m.loc, angle)));
    }
    return sum;
  });
}

static double realOr(Call &call, StringRef name, double otherwise) {
  return call.has(name) ? call.real(name) : otherwise;
}

static Results importHamming(Call &call) {
  return importCosineWindow(call, {realOr(call, "alpha", 0.54), realOr(call, "beta", 0.46)});
}

// A triangle: 1 - |2 phase - 1|.
static Results importBartlett(Call &call) {
  return importWindow(call, [](Math &m, Value phase) {
    Value side = math::AbsFOp::create(m.b, m.loc, m.sub(m.mul(m.constant(2), phase), m.constant(1)));
    return m.sub(m.constant(1), side);
  });
}

// i0(beta sqrt(1 - (2 phase - 1)^2)) / i0(beta).
static Results importKaiser(Call &call) {
  double beta = realOr(call, "beta", 12);
  return importWindow(call, [&](Math &m, Value phase) {
    Value side = m.sub(m.mul(m.constant(2), phase), m.constant(1));
    Value inside = m.max(m.sub(m.constant(1), m.mul(side, side)), m.constant(0));
    Value argument = m.mul(m.constant(beta), math::SqrtOp::create(m.b, m.loc, inside));
    return m.div(special::besselI(m, 0, argument), special::besselI(m, 0, m.constant(beta)));
  });
}

void tenon::aten::addSignalWindowRows(OpTable &table) {
  table.add("hann_window", [](Call &call) { return importCosineWindow(call, {0.5, 0.5}); });
  table.add("hamming_window", importHamming);
  table.add("blackman_window", [](Call &call) { return importCosineWindow(call, {0.42, 0.5, 0.08}); });
  table.add("bartlett_window", importBartlett);
  table.add("kaiser_window", importKaiser);
}
