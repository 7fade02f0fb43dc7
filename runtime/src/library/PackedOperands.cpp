//===- PackedOperands.cpp - right operands as products of bf16 tiles want them ---------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "PackedOperands.h"

#include <algorithm>

using namespace tenon;
using namespace tenon::library;

TensorView library::packedLike(const TensorView &rhs, const BFloat16 *packed) {
  int32_t rowDim = rhs.rank - 2;
  TensorView result = denseLike(rhs, const_cast<BFloat16 *>(packed));
  int64_t stride = TileGemms::packedSize(rhs.sizes[rowDim], rhs.sizes[rowDim + 1]);
  for (int32_t dim = rowDim; dim-- > 0; stride *= rhs.sizes[dim])
    result.strides[dim] = stride;
  return result;
}

size_t library::packedBytes(const TensorView &rhs) {
  int64_t k = rhs.sizes[rhs.rank - 2], n = rhs.sizes[rhs.rank - 1], numMatrices = countElements(rhs) / (k * n);
  return static_cast<size_t>(numMatrices * TileGemms::packedSize(k, n)) * sizeof(BFloat16);
}

void library::packMatrices(RunContext &context, const TensorView &rhs, BFloat16 *packed) {
  constexpr int64_t columnsPerTask = 256; // a multiple of all panels
  int32_t rowDim = rhs.rank - 2;
  int64_t k = rhs.sizes[rowDim], n = rhs.sizes[rowDim + 1], rowStride = rhs.strides[rowDim],
          columnStride = rhs.strides[rowDim + 1];
  int64_t tasksPerMatrix = (n + columnsPerTask - 1) / columnsPerTask, numMatrices = countElements(rhs) / (k * n);
  context.parallelFor(numMatrices * tasksPerMatrix, [&](int64_t task) {
    int64_t matrix = task / tasksPerMatrix, first = task % tasksPerMatrix * columnsPerTask;
    auto *from = static_cast<const BFloat16 *>(rhs.data) + offsetOf(rhs, rowDim, matrix) + first * columnStride;
    TileGemms::pack(k, std::min(columnsPerTask, n - first), from, rowStride, columnStride,
                    packed + matrix * TileGemms::packedSize(k, n) + TileGemms::packedSize(k, first));
  });
}
