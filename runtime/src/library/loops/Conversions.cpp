//===- Conversions.cpp - between f32 and half-width elements -----------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "RowLoops.h"
#include "Vectors.h"

TENON_LOOPS_BEGIN

template <typename From, typename To>
static TENON_INLINE void scale(const From *from, int64_t count, float factor, To *to) {
  forEachVector(count, [&](int64_t i, auto extent) TENON_INLINE_BODY {
    store(to + i, load(from + i, extent) * factor, extent);
  });
}

TENON_MULTIVERSION static void readF32(const float *from, int64_t count, float factor, float *to) {
  scale(from, count, factor, to);
}
TENON_MULTIVERSION static void readF16(const _Float16 *from, int64_t count, float factor, float *to) {
  scale(from, count, factor, to);
}
TENON_MULTIVERSION static void readBF16(const BFloat16 *from, int64_t count, float factor, float *to) {
  scale(from, count, factor, to);
}
TENON_MULTIVERSION static void writeF16(const float *from, int64_t count, float factor, _Float16 *to) {
  scale(from, count, factor, to);
}
TENON_MULTIVERSION static void writeBF16(const float *from, int64_t count, float factor, BFloat16 *to) {
  scale(from, count, factor, to);
}

TENON_MULTIVERSION static void readMask(const uint8_t *seen, int64_t count, float *to) {
  forEachVector(count, [&](int64_t i, auto extent) TENON_INLINE_BODY {
    store(to + i, loadBytes(seen + i, extent) != 0 ? splat(0) : splat(-__builtin_inff()), extent);
  });
}

template <typename Word> static TENON_INLINE bool hasSpecial(const Word *words, int64_t count, Word exponent) {
  auto bits = static_cast<int32_t>(exponent);
  Ints found = asInts(splat(0)), one = found + 1;
  forEachVector(count, [&](int64_t i, auto extent) TENON_INLINE_BODY {
    found = (loadWords(words + i, extent) & bits) == bits ? one : found;
  });
  return isAnySet(found);
}
TENON_MULTIVERSION static bool hasSpecial32(const uint32_t *words, int64_t count) {
  return hasSpecial(words, count, 0x7f800000u);
}
TENON_MULTIVERSION static bool hasSpecial16(const uint16_t *words, int64_t count, uint16_t exponent) {
  return hasSpecial(words, count, exponent);
}

void enterConversions(RowLoops &loops) {
  loops.readF32 = readF32;
  loops.readF16 = readF16;
  loops.readBF16 = readBF16;
  loops.readMask = readMask;
  loops.writeF16 = writeF16;
  loops.writeBF16 = writeBF16;
  loops.hasSpecial32 = hasSpecial32;
  loops.hasSpecial16 = hasSpecial16;
}

TENON_LOOPS_END
