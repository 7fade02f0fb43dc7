//===- TransposeRows.cpp - from rows to columns ----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Blocks of 16 x 16 in registers. On arm64 that is NEON, also where there is SVE: exchanging lanes of vectors whose length is
// not known takes gathers, which are slower than NEON's shuffles.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "TransposeRows.h"
#include "loops/Level.h"

#include <stddef.h>
#include <utility>

namespace tenon::library {

static constexpr int64_t edge = 16;
typedef float Row __attribute__((vector_size(64), aligned(4), may_alias));

/// One step of Eklundh's transposition: exchanges the off-diagonal `distance` x `distance` blocks.
template <int distance, size_t... lane>
static TENON_INLINE void exchange(Row *rows, std::index_sequence<lane...>) {
  for (int i = 0; i < edge; ++i) {
    if (i & distance)
      continue;
    Row upper = rows[i], lower = rows[i + distance];
    rows[i] = __builtin_shufflevector(upper, lower, (lane & distance ? 16 + lane - distance : lane)...);
    rows[i + distance] = __builtin_shufflevector(upper, lower, (lane & distance ? 16 + lane : lane + distance)...);
  }
}

TENON_MULTIVERSION void transposeRows(const float *rows, int64_t stride, int64_t count, int64_t length, int64_t numRows,
                                      float *columns) {
  using Lanes = std::make_index_sequence<edge>;
  for (int64_t r = 0; r < numRows; r += edge) {
    int64_t c = 0;
    if (r + edge <= count)
      for (; c + edge <= length; c += edge) {
        Row block[edge];
        for (int i = 0; i < edge; ++i)
          block[i] = *reinterpret_cast<const Row *>(rows + (r + i) * stride + c);
        exchange<8>(block, Lanes());
        exchange<4>(block, Lanes());
        exchange<2>(block, Lanes());
        exchange<1>(block, Lanes());
        for (int i = 0; i < edge; ++i)
          *reinterpret_cast<Row *>(columns + (c + i) * numRows + r) = block[i];
      }
    for (; c < length; ++c)
      for (int64_t i = r; i < r + edge; ++i)
        columns[c * numRows + i] = i < count ? rows[i * stride + c] : 0;
  }
}

} // namespace tenon::library
