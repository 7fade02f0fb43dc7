//===- Convert.cpp - between f32 and half-width elements -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Convert.h"

#include "../Partition.h"
#include "Multiversion.h"

using namespace tenon;
using namespace tenon::library;

//===--- contiguous elements -----------------------------------------------------------------------------------------===//
// Plain loops, which the compiler vectorises once per instruction set.

TENON_MULTIVERSION static void extendBF16(const uint16_t *from, int64_t count, float *to) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = std::bit_cast<float>(uint32_t(from[i]) << 16);
}

TENON_MULTIVERSION static void extendF16(const _Float16 *from, int64_t count, float *to) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = static_cast<float>(from[i]);
}

TENON_MULTIVERSION static void roundToBF16(const float *from, int64_t count, uint16_t *to) {
  for (int64_t i = 0; i < count; ++i) {
    uint32_t word = std::bit_cast<uint32_t>(from[i]);
    bool isNaN = (word & 0x7fffffffu) > 0x7f800000u;
    to[i] = static_cast<uint16_t>((isNaN ? word | 0x400000u : word + 0x7fffu + (word >> 16 & 1)) >> 16);
  }
}

TENON_MULTIVERSION static void roundToF16(const float *from, int64_t count, _Float16 *to) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = static_cast<_Float16>(from[i]);
}

void library::extendElements(DType dtype, const void *from, int64_t count, float *to) {
  if (dtype == DType::BF16)
    extendBF16(static_cast<const uint16_t *>(from), count, to);
  else
    extendF16(static_cast<const _Float16 *>(from), count, to);
}

void library::roundElements(DType dtype, const float *from, int64_t count, void *to) {
  if (dtype == DType::BF16)
    roundToBF16(from, count, static_cast<uint16_t *>(to));
  else
    roundToF16(from, count, static_cast<_Float16 *>(to));
}

//===--- views -------------------------------------------------------------------------------------------------------===//

/// Dimension `dim` becomes the last.
static TensorView withLast(TensorView view, int32_t dim) {
  for (int32_t i = dim; i + 1 < view.rank; ++i) {
    std::swap(view.sizes[i], view.sizes[i + 1]);
    std::swap(view.strides[i], view.strides[i + 1]);
  }
  return view;
}

/// The dimension in which both are contiguous, else one in which `to` is.
static int32_t innermost(const TensorView &from, const TensorView &to) {
  int32_t best = to.rank - 1;
  for (int32_t i = 0; i < to.rank; ++i)
    if (to.strides[i] == 1 && to.sizes[i] > 1 && (to.strides[best] != 1 || to.sizes[best] == 1 || from.strides[i] == 1))
      best = i;
  return best;
}

static void convertLine(const TensorView &from, int64_t fromOffset, const TensorView &to, int64_t toOffset) {
  int32_t last = to.rank - 1;
  int64_t count = to.sizes[last];
  bool isContiguous = from.strides[last] == 1 && to.strides[last] == 1;
  if (isContiguous && isHalf(from.dtype))
    extendElements(from.dtype, static_cast<const uint16_t *>(from.data) + fromOffset, count,
                   static_cast<float *>(to.data) + toOffset);
  else if (isContiguous)
    roundElements(to.dtype, static_cast<const float *>(from.data) + fromOffset, count,
                  static_cast<uint16_t *>(to.data) + toOffset);
  else
    for (int64_t i = 0; i < count; ++i)
      storeElement<float>(to, toOffset + i * to.strides[last], loadElement<float>(from, fromOffset + i * from.strides[last]));
}

void library::copyOrConvert(RunContext &context, const TensorView &from, const TensorView &to) {
  if (from.dtype == to.dtype)
    return copy(context, from, to);
  if (countElements(to) == 0)
    return;
  int32_t last = to.rank == 0 ? 0 : innermost(from, to);
  TensorView source = withLast(from, last), target = withLast(to, last);
  if (to.rank == 0)
    return storeElement<float>(to, 0, loadElement<float>(from, 0));
  int64_t length = target.sizes[target.rank - 1], numLines = countElements(target) / length;
  Partition parts(numLines, length, context.numThreads());
  context.parallelFor(parts.size(), [&](int64_t part) {
    for (int64_t line = parts.begin(part); line < parts.begin(part + 1); ++line)
      convertLine(source, offsetOf(source, source.rank - 1, line), target, offsetOf(target, target.rank - 1, line));
  });
}
