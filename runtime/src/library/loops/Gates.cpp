//===- Gates.cpp - the gates of recurrences ----------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Written once for vectors of f32 and for single f64 elements.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Math.h"
#include "RowLoops.h"

#include <cmath>

#pragma clang fp contract(fast)

TENON_LOOPS_BEGIN

struct One {};
TENON_INLINE double load(const double *from, One) { return *from; }
TENON_INLINE void store(double *to, double value, One) { *to = value; }
TENON_INLINE void applySigmoid(double &x) { x = 1 / (1 + std::exp(-x)); }
TENON_INLINE void applyTanh(double &x) { x = std::tanh(x); }
TENON_INLINE void applyRelu(double &x) { x = x < 0 ? 0 : x; }
TENON_INLINE void applyRelu(Floats &x) { x = x < 0 ? splat(0) : x; }

/// gate = what gate `number` sums up to at `at`.
template <typename Value, typename Real, typename Extent>
static TENON_INLINE void sumGate(Value &gate, const GateRow<Real> &row, int number, int64_t at, Extent extent) {
  int64_t offset = number * row.length + at;
  gate = load(row.projected + offset, extent) + load(row.gates + offset, extent);
}

template <typename Value, typename Real, typename Extent>
static TENON_INLINE void advanceLstm(const GateRow<Real> &row, int64_t at, Extent extent) {
  Value input, forget, candidate, output, cell = load(row.cell + at, extent);
  sumGate(input, row, 0, at, extent);
  sumGate(forget, row, 1, at, extent);
  sumGate(candidate, row, 2, at, extent);
  sumGate(output, row, 3, at, extent);
  applySigmoid(input);
  applySigmoid(forget);
  applyTanh(candidate);
  applySigmoid(output);
  cell = forget * cell + input * candidate;
  store(row.cell + at, cell, extent);
  applyTanh(cell);
  store(row.next + at, output * cell, extent);
}

template <typename Value, typename Real, typename Extent>
static TENON_INLINE void advanceGru(const GateRow<Real> &row, int64_t at, Extent extent) {
  int64_t offset = 2 * row.length + at;
  Value reset, update, state = load(row.state + at, extent);
  sumGate(reset, row, 0, at, extent);
  sumGate(update, row, 1, at, extent);
  applySigmoid(reset);
  applySigmoid(update);
  Value candidate = load(row.projected + offset, extent) + reset * load(row.gates + offset, extent);
  applyTanh(candidate);
  store(row.next + at, (state - candidate) * update + candidate, extent);
}

template <typename Value, typename Real, typename Extent, typename Activation>
static TENON_INLINE void advanceCell(const GateRow<Real> &row, int64_t at, Extent extent, const Activation &activation) {
  Value next;
  sumGate(next, row, 0, at, extent);
  activation(next);
  store(row.next + at, next, extent);
}

/// A switch around loops, not in one. forEach(body) calls body(at, extent) for all of the row.
template <typename Value, typename Real, typename ForEach>
static TENON_INLINE void advance(const GateRow<Real> &row, const ForEach &forEach) {
  switch (row.kind) {
  case RecurrenceKind::Lstm:
    return forEach([&](int64_t at, auto extent) TENON_INLINE_BODY { advanceLstm<Value>(row, at, extent); });
  case RecurrenceKind::Gru:
    return forEach([&](int64_t at, auto extent) TENON_INLINE_BODY { advanceGru<Value>(row, at, extent); });
  case RecurrenceKind::Tanh:
    return forEach([&](int64_t at, auto extent) TENON_INLINE_BODY {
      advanceCell<Value>(row, at, extent, [](Value &x) TENON_INLINE_BODY { applyTanh(x); });
    });
  case RecurrenceKind::Relu:
    return forEach([&](int64_t at, auto extent) TENON_INLINE_BODY {
      advanceCell<Value>(row, at, extent, [](Value &x) TENON_INLINE_BODY { applyRelu(x); });
    });
  }
}

TENON_MULTIVERSION static void advanceGates32(const GateRow<float> &row) {
  advance<Floats>(row, [&](const auto &body) TENON_INLINE_BODY { forEachVector<longLoop>(row.length, body); });
}

static void advanceGates64(const GateRow<double> &row) {
  advance<double>(row, [&](const auto &body) {
    for (int64_t at = 0; at < row.length; ++at)
      body(at, One());
  });
}

void enterGates(RowLoops &loops) {
  loops.advanceGates32 = advanceGates32;
  loops.advanceGates64 = advanceGates64;
}

TENON_LOOPS_END
