//===- Dots.cpp - one row times a matrix -------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Bound by memory, so the matrix is read where it lies, once, four rows at a time (four streams suit the prefetchers).
// Measured on Zen 5, one thread, f32: 50-80 GFLOPS in L2/L3, as oneDNN with packed weights; OpenBLAS sgemm reaches 12.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "RowLoops.h"
#include "Vectors.h"

#pragma clang fp contract(fast)

TENON_LOOPS_BEGIN

// Variables, not arrays: SVE vectors are no elements.
template <typename Element>
static TENON_INLINE void dotFourRows(const float *x, const Element *rows, int64_t stride, int64_t length, float *result) {
  const Element *row0 = rows, *row1 = row0 + stride, *row2 = row1 + stride, *row3 = row2 + stride;
  Floats even0 = splat(0), even1 = even0, even2 = even0, even3 = even0, odd0 = even0, odd1 = even0, odd2 = even0, odd3 = even0;
  int64_t k = 0, lanes = numLanes();
  for (; k + 2 * lanes <= length; k += 2 * lanes) {
    Floats x0 = load(x + k, Whole()), x1 = load(x + k + lanes, Whole());
    even0 += x0 * load(row0 + k, Whole());
    even1 += x0 * load(row1 + k, Whole());
    even2 += x0 * load(row2 + k, Whole());
    even3 += x0 * load(row3 + k, Whole());
    odd0 += x1 * load(row0 + k + lanes, Whole());
    odd1 += x1 * load(row1 + k + lanes, Whole());
    odd2 += x1 * load(row2 + k + lanes, Whole());
    odd3 += x1 * load(row3 + k + lanes, Whole());
  }
  forEachVector(length - k, [&](int64_t i, auto extent) TENON_INLINE_BODY {
    Floats xi = load(x + k + i, extent);
    even0 += xi * load(row0 + k + i, extent);
    even1 += xi * load(row1 + k + i, extent);
    even2 += xi * load(row2 + k + i, extent);
    even3 += xi * load(row3 + k + i, extent);
  });
  result[0] = sumOf(even0 + odd0);
  result[1] = sumOf(even1 + odd1);
  result[2] = sumOf(even2 + odd2);
  result[3] = sumOf(even3 + odd3);
}

template <typename Element>
static TENON_INLINE float dotOneRow(const float *x, const Element *row, int64_t length) {
  Floats sums = splat(0);
  forEachVector(length, [&](int64_t k, auto extent) TENON_INLINE_BODY { sums += load(x + k, extent) * load(row + k, extent); });
  return sumOf(sums);
}

template <typename Element>
static TENON_INLINE void dotAllRows(const float *x, const Element *rows, int64_t stride, int64_t length, int64_t numRows,
                                    float *result) {
  int64_t n = 0;
  for (; n + 4 <= numRows; n += 4)
    dotFourRows(x, rows + n * stride, stride, length, result + n);
  for (; n < numRows; ++n)
    result[n] = dotOneRow(x, rows + n * stride, length);
}

TENON_MULTIVERSION static void dotRows(const float *x, const float *rows, int64_t stride, int64_t length, int64_t numRows,
                                       float *result) {
  dotAllRows(x, rows, stride, length, numRows, result);
}
TENON_MULTIVERSION static void dotRowsF16(const float *x, const _Float16 *rows, int64_t stride, int64_t length,
                                          int64_t numRows, float *result) {
  dotAllRows(x, rows, stride, length, numRows, result);
}
TENON_MULTIVERSION static void dotRowsBF16(const float *x, const BFloat16 *rows, int64_t stride, int64_t length,
                                           int64_t numRows, float *result) {
  dotAllRows(x, rows, stride, length, numRows, result);
}

TENON_MULTIVERSION static void addWeightedRows(const float *weights, const float *rows, int64_t stride, int64_t length,
                                               int64_t numRows, float *result) {
  forEachVector(length, [&](int64_t f, auto extent) TENON_INLINE_BODY {
    Floats even = load(result + f, extent), odd = splat(0);
    int64_t s = 0;
    for (; s + 2 <= numRows; s += 2) {
      even += load(rows + s * stride + f, extent) * weights[s];
      odd += load(rows + (s + 1) * stride + f, extent) * weights[s + 1];
    }
    if (s < numRows)
      even += load(rows + s * stride + f, extent) * weights[s];
    store(result + f, even + odd, extent);
  });
}

void enterDots(RowLoops &loops) {
  loops.dotRows = dotRows;
  loops.dotRowsF16 = dotRowsF16;
  loops.dotRowsBF16 = dotRowsBF16;
  loops.addWeightedRows = addWeightedRows;
}

TENON_LOOPS_END
