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

template <typename Value, typename Real, typename Extent>
static TENON_INLINE void advance(const GateRow<Real> &row, int64_t at, Extent extent) {
  if (row.kind == RecurrenceKind::Lstm)
    return advanceLstm<Value>(row, at, extent);
  if (row.kind == RecurrenceKind::Gru)
    return advanceGru<Value>(row, at, extent);
  Value next;
  sumGate(next, row, 0, at, extent);
  row.kind == RecurrenceKind::Tanh ? applyTanh(next) : applyRelu(next);
  store(row.next + at, next, extent);
}

TENON_MULTIVERSION static void advanceGates32(const GateRow<float> &row) {
  forEachVector(row.length, [&](int64_t at, auto extent) TENON_INLINE_BODY { advance<Floats>(row, at, extent); });
}

static void advanceGates64(const GateRow<double> &row) {
  for (int64_t at = 0; at < row.length; ++at)
    advance<double>(row, at, One());
}

void enterGates(RowLoops &loops) {
  loops.advanceGates32 = advanceGates32;
  loops.advanceGates64 = advanceGates64;
}

TENON_LOOPS_END
