//===- SoftmaxRows.cpp - rows of scores, vectorised ------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "SoftmaxRows.h"
#include "VectorMath.h"

#include <algorithm>
#include <limits>
#include <utility>

#pragma clang fp contract(fast)

namespace tenon::library {

static constexpr float minusInfinity = -std::numeric_limits<float>::infinity();

// Vectors pass by reference: by value they would change the calling convention between the versions.
static TENON_INLINE Float16x &at(float *memory) { return *reinterpret_cast<Float16x *>(memory); }
static TENON_INLINE const Float16x &at(const float *memory) { return *reinterpret_cast<const Float16x *>(memory); }

TENON_MULTIVERSION float softmaxRow(float *scores, const float *mask, int64_t count, int64_t padded, float &max,
                                    float &sum) {
  std::fill(scores + count, scores + padded, minusInfinity);
  int64_t full = mask ? count / vectorWidth * vectorWidth : 0;
  for (int64_t i = 0; i < full; i += vectorWidth)
    at(scores + i) += at(mask + i);
  for (int64_t i = full; mask && i < count; ++i)
    scores[i] += mask[i];

  Float16x maxima = at(scores);
  for (int64_t i = vectorWidth; i < padded; i += vectorWidth)
    maxima = at(scores + i) > maxima ? at(scores + i) : maxima;
  float before = max, after = before;
  bool hasNaN = false;
  for (int lane = 0; lane < vectorWidth; ++lane) {
    after = std::max(after, maxima[lane]);
    hasNaN |= maxima[lane] != maxima[lane];
  }
  if (after == minusInfinity && !hasNaN) {
    std::fill_n(scores, padded, 0.0f);
    return 1;
  }
  Float16x total = {};
  for (int64_t i = 0; i < padded; i += vectorWidth) {
    Float16x weight = at(scores + i) - after;
    applyExpOfNegative(weight);
    at(scores + i) = weight;
    total += weight;
  }
  Float16x earlier = {};
  earlier[0] = before - after;
  applyExpOfNegative(earlier);
  float factor = before == minusInfinity ? 0 : earlier[0];
  sum *= factor;
  for (int lane = 0; lane < vectorWidth; ++lane)
    sum += total[lane];
  max = after;
  return factor;
}

TENON_MULTIVERSION void scaleRow(float *row, int64_t count, float factor) {
  int64_t i = 0;
  for (; i + vectorWidth <= count; i += vectorWidth)
    at(row + i) *= factor;
  for (; i < count; ++i)
    row[i] *= factor;
}

/// One step of Eklundh's transposition: exchanges the off-diagonal `distance` x `distance` blocks.
template <int distance, size_t... lane>
static TENON_INLINE void exchange(Float16x *rows, std::index_sequence<lane...>) {
  for (int i = 0; i < vectorWidth; ++i) {
    if (i & distance)
      continue;
    Float16x upper = rows[i], lower = rows[i + distance];
    rows[i] = __builtin_shufflevector(upper, lower, (lane & distance ? 16 + lane - distance : lane)...);
    rows[i + distance] = __builtin_shufflevector(upper, lower, (lane & distance ? 16 + lane : lane + distance)...);
  }
}

TENON_MULTIVERSION void transposeRows(const float *rows, int64_t stride, int64_t count, int64_t length, int64_t numRows,
                                      float *columns) {
  using Lanes = std::make_index_sequence<vectorWidth>;
  for (int64_t r = 0; r < numRows; r += vectorWidth) {
    int64_t c = 0;
    if (r + vectorWidth <= count)
      for (; c + vectorWidth <= length; c += vectorWidth) {
        Float16x block[vectorWidth];
        for (int i = 0; i < vectorWidth; ++i)
          block[i] = at(rows + (r + i) * stride + c);
        exchange<8>(block, Lanes());
        exchange<4>(block, Lanes());
        exchange<2>(block, Lanes());
        exchange<1>(block, Lanes());
        for (int i = 0; i < vectorWidth; ++i)
          at(columns + (c + i) * numRows + r) = block[i];
      }
    for (; c < length; ++c)
      for (int64_t i = r; i < r + vectorWidth; ++i)
        columns[c * numRows + i] = i < count ? rows[i * stride + c] : 0;
  }
}

} // namespace tenon::library
