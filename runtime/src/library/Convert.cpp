//===- Convert.cpp - between f32 and half-width elements -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Convert.h"

#include "../Partition.h"
#include "loops/RowLoops.h"

using namespace tenon;
using namespace tenon::library;

//===--- contiguous elements -----------------------------------------------------------------------------------------===//

void library::readElements(DType dtype, const void *from, int64_t count, float *to, float factor) {
  const RowLoops &loops = rowLoops();
  switch (dtype) {
  case DType::BF16: return loops.readBF16(static_cast<const BFloat16 *>(from), count, factor, to);
  case DType::F16: return loops.readF16(static_cast<const _Float16 *>(from), count, factor, to);
  default: return loops.readF32(static_cast<const float *>(from), count, factor, to);
  }
}

void library::writeElements(DType dtype, const float *from, int64_t count, void *to, float factor) {
  const RowLoops &loops = rowLoops();
  switch (dtype) {
  case DType::BF16: return loops.writeBF16(from, count, factor, static_cast<BFloat16 *>(to));
  case DType::F16: return loops.writeF16(from, count, factor, static_cast<_Float16 *>(to));
  default: return loops.readF32(from, count, factor, static_cast<float *>(to));
  }
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
    readElements(from.dtype, static_cast<const uint16_t *>(from.data) + fromOffset, count,
                 static_cast<float *>(to.data) + toOffset);
  else if (isContiguous)
    writeElements(to.dtype, static_cast<const float *>(from.data) + fromOffset, count,
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
