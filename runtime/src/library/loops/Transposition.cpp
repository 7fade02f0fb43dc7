//===- Transposition.cpp - from rows to columns ------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Vectors of known length: squares of them in registers (Eklundh's method). SVE: a gather down each column, with a predicate for
// the rows that are missing; two instructions for a vector, where the squares take one and a quarter for each element. Cycles for
// an element by llvm-mca: gathers 0.15 with 256 bits (neoverse-v1) against 0.22, but 0.76 and 0.51 with 128 bits (neoverse-v2, -n2)
// against 0.26 and 0.44, so that vectors of 128 bits take the squares.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "RowLoops.h"
#include "Vectors.h"

#include <stddef.h>
#include <utility>

TENON_LOOPS_BEGIN

/// Columns [firstColumn, length) of rows [firstRow, lastRow), element by element.
static TENON_INLINE void transposeElements(const float *rows, int64_t stride, int64_t count, int64_t firstColumn,
                                           int64_t length, int64_t firstRow, int64_t lastRow, int64_t numRows,
                                           float *columns) {
  for (int64_t c = firstColumn; c < length; ++c)
    for (int64_t r = firstRow; r < lastRow; ++r)
      columns[c * numRows + r] = r < count ? rows[r * stride + c] : 0;
}

#ifdef TENON_SVE

static void transposeRows(const float *rows, int64_t stride, int64_t count, int64_t length, int64_t numRows,
                          float *columns) {
  // Offsets of the longest vectors' 64 rows have 32 bits.
  if (stride >= int64_t(1) << 26)
    return transposeElements(rows, stride, count, 0, length, 0, numRows, numRows, columns);
  svuint32_t offsets = svindex_u32(0, static_cast<uint32_t>(stride));
  for (int64_t r = 0; r < numRows; r += numLanes()) {
    svbool_t isRow = lanesOf(Part{count - r}), isStored = lanesOf(Part{numRows - r});
#pragma clang loop unroll_count(shortLoop)
    for (int64_t c = 0; c < length; ++c)
      svst1(isStored, columns + c * numRows + r, svld1_gather_index(isRow, rows + r * stride + c, offsets));
  }
}

void enterTransposition(RowLoops &loops) {
  if (numLanes() == 4)
    baseline::enterTransposition(loops);
  else
    loops.transposeRows = transposeRows;
}

#else

static constexpr int64_t edge = fixedLanes, granule = 16;

/// A step: exchanges the off-diagonal `distance` x `distance` blocks.
template <int distance, size_t... lane>
static TENON_INLINE void exchange(Floats *rows, std::index_sequence<lane...> lanes) {
#pragma clang loop unroll(full)
  for (int i = 0; i < edge; ++i) {
    if (i & distance)
      continue;
    Floats upper = rows[i], lower = rows[i + distance];
    rows[i] = __builtin_shufflevector(upper, lower, (lane & distance ? edge + lane - distance : lane)...);
    rows[i + distance] = __builtin_shufflevector(upper, lower, (lane & distance ? edge + lane : lane + distance)...);
  }
  if constexpr (distance > 1)
    exchange<distance / 2>(rows, lanes);
}

static TENON_INLINE void transposeSquare(const float *rows, int64_t stride, int64_t numRows, float *columns) {
  Floats square[edge];
#pragma clang loop unroll(full)
  for (int i = 0; i < edge; ++i)
    square[i] = load(rows + i * stride, Whole());
  exchange<edge / 2>(square, std::make_index_sequence<edge>());
#pragma clang loop unroll(full)
  for (int i = 0; i < edge; ++i)
    store(columns + i * numRows, square[i], Whole());
}

TENON_MULTIVERSION static void transposeRows(const float *rows, int64_t stride, int64_t count, int64_t length,
                                             int64_t numRows, float *columns) {
  for (int64_t first = 0; first < numRows; first += granule) {
    int64_t c = 0;
    if (first + granule <= count)
      for (; c + edge <= length; c += edge)
        for (int64_t r = first; r < first + granule; r += edge) // the next ones write to the same cache lines
          transposeSquare(rows + r * stride + c, stride, numRows, columns + c * numRows + r);
    transposeElements(rows, stride, count, c, length, first, first + granule, numRows, columns);
  }
}

void enterTransposition(RowLoops &loops) { loops.transposeRows = transposeRows; }

#endif

TENON_LOOPS_END
