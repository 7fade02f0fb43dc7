//===- Softmax.cpp - rows of scores ------------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Math.h"
#include "RowLoops.h"

#pragma clang fp contract(fast)

TENON_LOOPS_BEGIN

static constexpr float minusInfinity = -__builtin_inff();

static TENON_INLINE bool hasNaN(const float *values, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    if (values[i] != values[i])
      return true;
  return false;
}

static TENON_INLINE float addScores(float *scores, const float *mask, int64_t count, int64_t padded, float &max, float &sum) {
  for (int64_t i = count; i < padded; ++i)
    scores[i] = minusInfinity;
  if (mask)
    forEachVector(count, [&](int64_t i, auto extent) TENON_INLINE_BODY {
      store(scores + i, load(scores + i, extent) + load(mask + i, extent), extent);
    });
  Floats maxima = splat(minusInfinity);
  forEachVector(padded, [&](int64_t i, auto extent) TENON_INLINE_BODY {
    Floats score = orElse(load(scores + i, extent), extent, minusInfinity);
    maxima = score > maxima ? score : maxima;
  });
  float before = max, greatest = greatestOf(maxima), after = before < greatest ? greatest : before;
  if (after == minusInfinity && !hasNaN(scores, count)) {
    forEachVector(padded, [&](int64_t i, auto extent) TENON_INLINE_BODY { store(scores + i, splat(0), extent); });
    return 1;
  }
  Floats total = splat(0);
  forEachVector<mediumLoop>(padded, [&](int64_t i, auto extent) TENON_INLINE_BODY {
    Floats weight = orElse(load(scores + i, extent) - after, extent, minusInfinity);
    applyExpOfNegative(weight);
    store(scores + i, weight, extent);
    total += weight;
  });
  Floats earlier = splat(before - after);
  applyExpOfNegative(earlier);
  float factor = before == minusInfinity ? 0 : firstOf(earlier);
  sum = sum * factor + sumOf(total);
  max = after;
  return factor;
}

TENON_MULTIVERSION static float softmaxRow(float *scores, const float *mask, int64_t count, int64_t padded, float &max,
                                           float &sum) {
  return addScores(scores, mask, count, padded, max, sum);
}

void enterSoftmax(RowLoops &loops) { loops.softmaxRow = softmaxRow; }

TENON_LOOPS_END
