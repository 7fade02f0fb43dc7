//===- Bf16Products.cpp - products of bf16 by BFMMLA -------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// BFMMLA multiplies, in each 128 bits of its vectors, two rows of four elements by two columns of four, and adds the 2 x 2
// products to four floats: [row 0 column 0, row 0 column 1, row 1 column 0, row 1 column 1]. Operands are packed for it, by fours
// of k, with zeros behind the last:
//   a   groups of eight rows: four pairs of rows, 2 x 4 elements each, which a load repeats in all of a vector
//   b   panels of as many columns as a vector has halves, of all of k: four vectors, two columns in each 128 bits, per step
// A tile of eight rows by a panel is sixteen sums; what of it lies outside of c is not stored. b is packed by the caller, once
// where it is a constant; a by each product.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifdef __aarch64__

#include "Bf16Products.h"

#include "../../CpuFeatures.h"

#include <algorithm>
#include <arm_sve.h>
#include <string.h>
#include <vector>

using namespace tenon;
using namespace tenon::library;

namespace {
// A packed block of a, 128 KiB, stays in an L2 of 1 MiB, and a panel's part that meets it in an L1 of 64 KiB.
constexpr int64_t blockDepth = 512, blockRows = 128;
constexpr int64_t rowsOfTile = 8, depthOfStep = 4;

int64_t roundUp(int64_t value, int64_t granule) { return (value + granule - 1) / granule * granule; }
} // namespace

/// Four elements of a row from `k` on, as they lie; zeros behind `depth`.
static uint64_t loadFour(const BFloat16 *row, int64_t k, int64_t depth) {
  uint64_t four = 0;
  if (k + depthOfStep <= depth)
    memcpy(&four, row + k, sizeof(four));
  else
    memcpy(&four, row + k, static_cast<size_t>(depth - k) * sizeof(BFloat16));
  return four;
}

/// Packs groups of `granule` rows.
static void packRows(int64_t rows, int64_t depth, int64_t granule, const BFloat16 *a, int64_t lda, uint64_t *packed) {
  for (int64_t group = 0; group < rows; group += granule)
    for (int64_t k = 0; k < depth; k += depthOfStep)
      for (int64_t row = group; row < group + granule; ++row)
        *packed++ = row < rows ? loadFour(a + row * lda, k, depth) : 0;
}

/// Packs columns whose elements are not next to each other in either direction.
static void packStrided(int64_t k, int64_t n, int64_t width, const BFloat16 *b, int64_t rowStride, int64_t columnStride,
                        BFloat16 *packed) {
  for (int64_t panel = 0; panel < n; panel += width)
    for (int64_t step = 0; step < k; step += depthOfStep)
      for (int64_t column = panel; column < panel + width; ++column)
        for (int64_t row = step; row < step + depthOfStep; ++row)
          *packed++ = row < k && column < n ? b[row * rowStride + column * columnStride] : BFloat16(0.0f);
}

#pragma clang attribute push(__attribute__((target("sve,bf16"))), apply_to = function)
namespace tenon::library::bfmmla {

/// Columns of a panel.
static inline int64_t panelWidth() { return static_cast<int64_t>(svcnth()); }

static void packColumns(int64_t depth, int64_t columns, const BFloat16 *b, int64_t ldb, uint16_t *packed) {
  int64_t width = panelWidth();
  for (int64_t column = 0; column < columns; column += width) {
    svbool_t inside = svwhilelt_b16(column, columns), none = svpfalse();
    for (int64_t k = 0; k < depth; k += depthOfStep, packed += 4 * width) {
      const uint16_t *from = &b[k * ldb + column].bits;
      int64_t rows = depth - k;
      svuint16_t row0 = svld1(inside, from), row1 = svld1(rows > 1 ? inside : none, from + (rows > 1 ? ldb : 0)),
                 row2 = svld1(rows > 2 ? inside : none, from + (rows > 2 ? 2 * ldb : 0)),
                 row3 = svld1(rows > 3 ? inside : none, from + (rows > 3 ? 3 * ldb : 0));
      svuint16_t even = svzip1(row0, row2), odd = svzip1(row1, row3);
      svst1(svptrue_b16(), packed, svzip1(even, odd));
      svst1(svptrue_b16(), packed + width, svzip2(even, odd));
      even = svzip2(row0, row2), odd = svzip2(row1, row3);
      svst1(svptrue_b16(), packed + 2 * width, svzip1(even, odd));
      svst1(svptrue_b16(), packed + 3 * width, svzip2(even, odd));
    }
  }
}

/// The sums of a pair of rows grow by its products with the four vectors of a panel.
__attribute__((always_inline)) static inline void addPair(svfloat32x4_t &sums, const bfloat16_t *pair, svbfloat16_t b0,
                                                          svbfloat16_t b1, svbfloat16_t b2, svbfloat16_t b3) {
  svbfloat16_t a = svld1rq(svptrue_b16(), pair);
  sums = svcreate4(svbfmmla(svget4(sums, 0), a, b0), svbfmmla(svget4(sums, 1), a, b1), svbfmmla(svget4(sums, 2), a, b2),
                   svbfmmla(svget4(sums, 3), a, b3));
}

__attribute__((always_inline)) static inline void storeRow(float *c, svfloat32_t low, svfloat32_t high, int64_t count,
                                                           bool accumulate) {
  int64_t lanes = static_cast<int64_t>(svcntw());
  svbool_t inLow = svwhilelt_b32(int64_t(0), count), inHigh = svwhilelt_b32(lanes, count);
  if (accumulate) {
    low = svadd_x(inLow, low, svld1(inLow, c));
    high = svadd_x(inHigh, high, svld1(inHigh, c + lanes));
  }
  svst1(inLow, c, low);
  svst1(inHigh, c + lanes, high);
}

/// Row 0 of a pair is the even halves of each 128 bits, row 1 the odd ones.
__attribute__((always_inline)) static inline void storePair(svfloat32x4_t sums, int64_t rows, int64_t columns, float *c,
                                                            int64_t ldc, bool accumulate) {
  auto wide = [](svfloat32_t v) { return svreinterpret_f64(v); };
  auto narrow = [](svfloat64_t v) { return svreinterpret_f32(v); };
  svfloat64_t v0 = wide(svget4(sums, 0)), v1 = wide(svget4(sums, 1)), v2 = wide(svget4(sums, 2)), v3 = wide(svget4(sums, 3));
  if (rows > 0)
    storeRow(c, narrow(svuzp1(v0, v1)), narrow(svuzp1(v2, v3)), columns, accumulate);
  if (rows > 1)
    storeRow(c + ldc, narrow(svuzp2(v0, v1)), narrow(svuzp2(v2, v3)), columns, accumulate);
}

static void multiplyTile(int64_t numSteps, const bfloat16_t *a, const bfloat16_t *b, int64_t rows, int64_t columns, float *c,
                         int64_t ldc, bool accumulate) {
  int64_t width = panelWidth();
  svfloat32_t zero = svdup_f32(0);
  svfloat32x4_t pair0 = svcreate4(zero, zero, zero, zero), pair1 = pair0, pair2 = pair0, pair3 = pair0;
  for (int64_t step = 0; step < numSteps; ++step, a += rowsOfTile * depthOfStep, b += 4 * width) {
    svbool_t all = svptrue_b16();
    svbfloat16_t b0 = svld1(all, b), b1 = svld1(all, b + width), b2 = svld1(all, b + 2 * width), b3 = svld1(all, b + 3 * width);
    addPair(pair0, a, b0, b1, b2, b3);
    addPair(pair1, a + 8, b0, b1, b2, b3);
    addPair(pair2, a + 16, b0, b1, b2, b3);
    addPair(pair3, a + 24, b0, b1, b2, b3);
  }
  storePair(pair0, rows, columns, c, ldc, accumulate);
  storePair(pair1, rows - 2, columns, c + 2 * ldc, ldc, accumulate);
  storePair(pair2, rows - 4, columns, c + 4 * ldc, ldc, accumulate);
  storePair(pair3, rows - 6, columns, c + 6 * ldc, ldc, accumulate);
}

/// `panelElements`: from a panel to the next.
static void multiplyBlock(int64_t rows, int64_t columns, int64_t numSteps, const uint64_t *a, const BFloat16 *b,
                          int64_t panelElements, float *c, int64_t ldc, bool accumulate) {
  int64_t width = panelWidth();
  for (int64_t column = 0; column < columns; column += width, b += panelElements)
    for (int64_t row = 0; row < rows; row += rowsOfTile)
      multiplyTile(numSteps, reinterpret_cast<const bfloat16_t *>(a + row * numSteps), reinterpret_cast<const bfloat16_t *>(b),
                   rows - row, columns - column, c + row * ldc + column, ldc, accumulate);
}

} // namespace tenon::library::bfmmla
#pragma clang attribute pop

bool library::hasBfmmla() {
  static const bool hasIt = hasCpuFeature("sve") && hasCpuFeature("svebf16");
  return hasIt;
}

static int64_t widthOfPanel() { return static_cast<int64_t>(sveVectorBytes() / sizeof(BFloat16)); }

int64_t library::packedForBfmmla(int64_t k, int64_t n) { return roundUp(k, depthOfStep) * roundUp(n, widthOfPanel()); }

void library::packForBfmmla(int64_t k, int64_t n, const BFloat16 *b, int64_t rowStride, int64_t columnStride, BFloat16 *packed) {
  if (columnStride == 1)
    bfmmla::packColumns(k, n, b, rowStride, &packed->bits);
  else if (rowStride == 1) // columns lie as rows of a do
    packRows(n, k, widthOfPanel(), b, columnStride, reinterpret_cast<uint64_t *>(packed));
  else
    packStrided(k, n, widthOfPanel(), b, rowStride, columnStride, packed);
}

void library::multiplyByBfmmla(int64_t m, int64_t n, int64_t k, const BFloat16 *a, int64_t lda, const BFloat16 *packed,
                               int64_t depth, float *c, int64_t ldc, bool accumulate) {
  static thread_local std::vector<uint64_t> packedA;
  int64_t width = widthOfPanel(), steps = roundUp(std::min(k, blockDepth), depthOfStep) / depthOfStep;
  packedA.resize(std::max(packedA.size(), static_cast<size_t>(roundUp(std::min(m, blockRows), rowsOfTile) * steps)));
  for (int64_t row = 0; row < m; row += blockRows)
    for (int64_t first = 0; first < k; first += blockDepth) {
      int64_t rows = std::min(blockRows, m - row), depthOfBlock = std::min(blockDepth, k - first);
      packRows(rows, depthOfBlock, rowsOfTile, a + row * lda + first, lda, packedA.data());
      bfmmla::multiplyBlock(rows, n, roundUp(depthOfBlock, depthOfStep) / depthOfStep, packedA.data(), packed + first * width,
                            roundUp(depth, depthOfStep) * width, c + row * ldc, ldc, accumulate || first > 0);
    }
}

#endif // __aarch64__
