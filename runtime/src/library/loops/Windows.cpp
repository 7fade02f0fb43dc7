//===- Windows.cpp - windows of convolutions and pools, channels side by side ------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "RowLoops.h"
#include "Vectors.h"

#pragma clang fp contract(fast)

TENON_LOOPS_BEGIN

/// Calls body(first, Whole()) as forEachVector does, and body4(first) first for as many groups of four vectors as there are.
template <typename Body4, typename Body>
static TENON_INLINE void forEachFourVectors(int64_t count, const Body4 &body4, const Body &body) {
  int64_t first = 0, lanes = numLanes();
  for (; first + 4 * lanes <= count; first += 4 * lanes)
    body4(first);
  for (; first + lanes <= count; first += lanes)
    body(first, Whole());
  if (first < count)
    body(first, Part{count - first});
}

//===--- depthwise convolutions --------------------------------------------------------------------------------------===//

TENON_MULTIVERSION static void sumTaps(const Tap *taps, int64_t numTaps, const float *bias, const float *input,
                                       const float *weight, int64_t count, float *result) {
  int64_t lanes = numLanes();
  auto four = [&](int64_t c) TENON_INLINE_BODY {
    Floats sum0 = load(bias + c, Whole()), sum1 = load(bias + c + lanes, Whole()), sum2 = load(bias + c + 2 * lanes, Whole()),
           sum3 = load(bias + c + 3 * lanes, Whole());
    for (const Tap *tap = taps; tap != taps + numTaps; ++tap) {
      const float *in = input + tap->input + c, *factors = weight + tap->weight + c;
      sum0 += load(in, Whole()) * load(factors, Whole());
      sum1 += load(in + lanes, Whole()) * load(factors + lanes, Whole());
      sum2 += load(in + 2 * lanes, Whole()) * load(factors + 2 * lanes, Whole());
      sum3 += load(in + 3 * lanes, Whole()) * load(factors + 3 * lanes, Whole());
    }
    store(result + c, sum0, Whole());
    store(result + c + lanes, sum1, Whole());
    store(result + c + 2 * lanes, sum2, Whole());
    store(result + c + 3 * lanes, sum3, Whole());
  };
  forEachFourVectors(count, four, [&](int64_t c, auto extent) TENON_INLINE_BODY {
    Floats sum = load(bias + c, extent);
    for (const Tap *tap = taps; tap != taps + numTaps; ++tap)
      sum += load(input + tap->input + c, extent) * load(weight + tap->weight + c, extent);
    store(result + c, sum, extent);
  });
}

//===--- pools -------------------------------------------------------------------------------------------------------===//

/// best = the greater of both; NaN where one is.
static TENON_INLINE void raise(Floats &best, const Floats &value) {
  Floats kept = best;
  best = value <= best ? best : best == kept ? value : best;
}

template <typename Type>
static TENON_INLINE void maxOfWindow(const int64_t *offsets, int64_t numOffsets, const Type *input, int64_t count,
                                     Type *output) {
  forEachVector(count, [&](int64_t c, auto extent) TENON_INLINE_BODY {
    Floats best = splat(-__builtin_inff());
    for (int64_t i = 0; i < numOffsets; ++i)
      raise(best, load(input + offsets[i] + c, extent));
    store(output + c, best, extent);
  });
}

template <typename Type>
static TENON_INLINE void meanOfWindow(const int64_t *offsets, int64_t numOffsets, float divisor, const Type *input,
                                      int64_t count, Type *output) {
  forEachVector(count, [&](int64_t c, auto extent) TENON_INLINE_BODY {
    Floats sum = splat(0);
    for (int64_t i = 0; i < numOffsets; ++i)
      sum += load(input + offsets[i] + c, extent);
    store(output + c, sum / divisor, extent);
  });
}

TENON_MULTIVERSION static void maxF32(const int64_t *offsets, int64_t numOffsets, const float *input, int64_t count,
                                      float *output) {
  maxOfWindow(offsets, numOffsets, input, count, output);
}
TENON_MULTIVERSION static void maxF16(const int64_t *offsets, int64_t numOffsets, const _Float16 *input, int64_t count,
                                      _Float16 *output) {
  maxOfWindow(offsets, numOffsets, input, count, output);
}
TENON_MULTIVERSION static void maxBF16(const int64_t *offsets, int64_t numOffsets, const BFloat16 *input, int64_t count,
                                       BFloat16 *output) {
  maxOfWindow(offsets, numOffsets, input, count, output);
}
TENON_MULTIVERSION static void meanF32(const int64_t *offsets, int64_t numOffsets, float divisor, const float *input,
                                       int64_t count, float *output) {
  meanOfWindow(offsets, numOffsets, divisor, input, count, output);
}
TENON_MULTIVERSION static void meanF16(const int64_t *offsets, int64_t numOffsets, float divisor, const _Float16 *input,
                                       int64_t count, _Float16 *output) {
  meanOfWindow(offsets, numOffsets, divisor, input, count, output);
}
TENON_MULTIVERSION static void meanBF16(const int64_t *offsets, int64_t numOffsets, float divisor, const BFloat16 *input,
                                        int64_t count, BFloat16 *output) {
  meanOfWindow(offsets, numOffsets, divisor, input, count, output);
}

void enterWindows(RowLoops &loops) {
  loops.sumTaps = sumTaps;
  loops.maxF32 = maxF32;
  loops.maxF16 = maxF16;
  loops.maxBF16 = maxBF16;
  loops.meanF32 = meanF32;
  loops.meanF16 = meanF16;
  loops.meanBF16 = meanBF16;
}

TENON_LOOPS_END
