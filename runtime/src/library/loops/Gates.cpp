//===- Gates.cpp - the gates of recurrences ----------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Written once for vectors of f32 and of f64. Each transcendental function has a loop of its own over the row, which is in the
// cache: the constants of two are more than Arm's registers hold, and would be read from the stack in each iteration.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Math.h"
#include "MathOfDoubles.h"
#include "RowLoops.h"

#pragma clang fp contract(fast)

TENON_LOOPS_BEGIN

/// A loop over the row's elements, or over those of several gates.
template <typename Real, typename Body> static TENON_INLINE void forEach(int64_t count, const Body &body) {
  forEachVector<longLoop, Real>(count, body);
}

/// What a gate sums up to, `offset` elements into the gates.
template <typename Real, typename Extent>
static TENON_INLINE auto sumOfGate(const GateRow<Real> &row, int64_t offset, Extent extent) {
  return load(row.projected + offset, extent) + load(row.gates + offset, extent);
}

/// Gates [first, end) become sigmoids of what they sum up to.
template <typename Real> static TENON_INLINE void openGates(const GateRow<Real> &row, int64_t first, int64_t end) {
  int64_t begin = first * row.length;
  forEach<Real>((end - first) * row.length, [&](int64_t at, auto extent) TENON_INLINE_BODY {
    auto gate = sumOfGate(row, begin + at, extent);
    applySigmoid(gate);
    store(row.gates + begin + at, gate, extent);
  });
}

template <typename Real> static TENON_INLINE void advanceLstm(const GateRow<Real> &row) {
  const Real *input = row.gates, *forget = input + row.length, *output = forget + 2 * row.length;
  openGates(row, 0, 2);
  openGates(row, 3, 4);
  forEach<Real>(row.length, [&](int64_t at, auto extent) TENON_INLINE_BODY {
    auto candidate = sumOfGate(row, 2 * row.length + at, extent);
    applyTanh(candidate);
    auto kept = load(forget + at, extent) * load(row.cell + at, extent);
    store(row.cell + at, kept + load(input + at, extent) * candidate, extent);
  });
  forEach<Real>(row.length, [&](int64_t at, auto extent) TENON_INLINE_BODY {
    auto cell = load(row.cell + at, extent);
    applyTanh(cell);
    store(row.next + at, load(output + at, extent) * cell, extent);
  });
}

template <typename Real> static TENON_INLINE void advanceGru(const GateRow<Real> &row) {
  const Real *reset = row.gates, *update = reset + row.length;
  openGates(row, 0, 2);
  forEach<Real>(row.length, [&](int64_t at, auto extent) TENON_INLINE_BODY {
    int64_t offset = 2 * row.length + at;
    auto candidate = load(row.projected + offset, extent) + load(reset + at, extent) * load(row.gates + offset, extent);
    applyTanh(candidate);
    auto excess = load(row.state + at, extent) - candidate;
    store(row.next + at, excess * load(update + at, extent) + candidate, extent);
  });
}

template <typename Real, typename Activation>
static TENON_INLINE void advanceCell(const GateRow<Real> &row, const Activation &activation) {
  forEach<Real>(row.length, [&](int64_t at, auto extent) TENON_INLINE_BODY {
    auto next = sumOfGate(row, at, extent);
    activation(next);
    store(row.next + at, next, extent);
  });
}

/// A switch around loops, not in one.
template <typename Real> static TENON_INLINE void advance(const GateRow<Real> &row) {
  switch (row.kind) {
  case RecurrenceKind::Lstm:
    return advanceLstm(row);
  case RecurrenceKind::Gru:
    return advanceGru(row);
  case RecurrenceKind::Tanh:
    return advanceCell(row, [](auto &x) TENON_INLINE_BODY { applyTanh(x); });
  case RecurrenceKind::Relu:
    return advanceCell(row, [](auto &x) TENON_INLINE_BODY { applyRelu(x); });
  }
}

TENON_MULTIVERSION static void advanceGates32(const GateRow<float> &row) { advance(row); }
TENON_MULTIVERSION static void advanceGates64(const GateRow<double> &row) { advance(row); }

void enterGates(RowLoops &loops) {
  loops.advanceGates32 = advanceGates32;
  loops.advanceGates64 = advanceGates64;
}

TENON_LOOPS_END
