//===- MatmulShapes.cpp - a matrix product with as few dimensions as it needs ----------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "MatmulShapes.h"

#include <algorithm>

using namespace tenon;
using namespace tenon::library;

/// Gives dimensions that repeat (stride 0) size one, and dimensions of size one the stride a dense array has.
static void normalizeRepeats(TensorView &view, int32_t firstKept) {
  for (int32_t i = 0; i < firstKept; ++i)
    if (view.strides[i] == 0)
      view.sizes[i] = 1;
  for (int32_t i = view.rank; i-- > 0;)
    if (view.sizes[i] == 1)
      view.strides[i] = i + 1 < view.rank ? view.strides[i + 1] * view.sizes[i + 1] : 1;
}

/// True where dimensions `dim` and `dim + 1` of `view` are one dimension in memory, or both repeat.
static bool isOneDimension(const TensorView &view, const TensorView &output, int32_t dim) {
  int64_t outer = view.sizes[dim], inner = view.sizes[dim + 1];
  if (outer == 1 && inner == 1)
    return true;
  if (outer != output.sizes[dim] || inner != output.sizes[dim + 1])
    return false;
  return outer == 1 || inner == 1 || view.strides[dim] == view.strides[dim + 1] * inner;
}

static void mergeInto(TensorView &view, int32_t dim) {
  if (view.sizes[dim + 1] == 1)
    view.strides[dim + 1] = view.strides[dim];
  view.sizes[dim + 1] *= view.sizes[dim];
  std::copy(view.sizes + dim + 1, view.sizes + view.rank, view.sizes + dim);
  std::copy(view.strides + dim + 1, view.strides + view.rank, view.strides + dim);
  --view.rank;
}

bool MatmulOperands::canMerge(int32_t dim, bool withRhs) const {
  auto mergeable = [&](const TensorView &view) { return isOneDimension(view, output, dim); };
  return mergeable(lhs) && mergeable(output) && (!withRhs || mergeable(rhs)) &&
         std::all_of(extras, extras + numExtras, mergeable);
}

void MatmulOperands::merge(int32_t dim, bool withRhs) {
  mergeInto(lhs, dim);
  if (withRhs)
    mergeInto(rhs, dim);
  for (int32_t i = 0; i < numExtras; ++i)
    mergeInto(extras[i], dim);
  mergeInto(output, dim);
}

MatmulOperands::MatmulOperands(const TensorView &lhs, const TensorView &rhs, TensorViews extras, const TensorView &output)
    : lhs(lhs), rhs(rhs), output(output), numExtras(std::min(extras.count, 8)) {
  int32_t rank = output.rank;
  for (int32_t i = 0; i < numExtras; ++i) {
    this->extras[i] = broadcastTo(extras.begin[i], output);
    normalizeRepeats(this->extras[i], rank);
  }
  normalizeRepeats(this->lhs, rank - 2);
  normalizeRepeats(this->rhs, rank - 2);
  normalizeRepeats(this->output, 0);

  bool rhsHasBatch = std::any_of(this->rhs.sizes, this->rhs.sizes + rank - 2, [](int64_t size) { return size != 1; });
  for (int32_t dim = rank - 2; dim-- > 0;) {
    bool intoRows = dim + 1 == this->output.rank - 2;
    if (!intoRows && canMerge(dim, true))
      merge(dim, true);
    else if (intoRows && !rhsHasBatch && canMerge(dim, false)) {
      merge(dim, false);
      std::copy(this->rhs.sizes + dim + 1, this->rhs.sizes + this->rhs.rank, this->rhs.sizes + dim);
      std::copy(this->rhs.strides + dim + 1, this->rhs.strides + this->rhs.rank, this->rhs.strides + dim);
      --this->rhs.rank;
    }
  }
  moveLargestBatchLast();
}

//===--- slices ------------------------------------------------------------------------------------------------------===//

void MatmulOperands::moveLargestBatchLast() {
  int32_t last = rank() - 3;
  if (last < 1)
    return;
  auto largest = static_cast<int32_t>(std::max_element(output.sizes, output.sizes + last + 1) - output.sizes);
  auto swapDims = [&](TensorView &view) {
    std::swap(view.sizes[largest], view.sizes[last]);
    std::swap(view.strides[largest], view.strides[last]);
  };
  for (TensorView *view : {&lhs, &rhs, &output})
    swapDims(*view);
  std::for_each(extras, extras + numExtras, swapDims);
}

int64_t MatmulOperands::numSlices() const {
  int64_t count = 1;
  for (int32_t i = 0; i < rank() - 3; ++i)
    count *= output.sizes[i];
  return count;
}

/// The `index`-th matrix batch of `view`, whose leading dimensions repeat as those of `output` ask.
static TensorView sliceOf(const TensorView &view, const TensorView &output, int64_t index) {
  int32_t dropped = std::max(output.rank - 3, 0);
  TensorView result = view;
  int64_t offset = offsetOf(broadcastTo(view, output), dropped, index);
  if (view.data)
    result.data = static_cast<char *>(view.data) + offset * sizeInBytes(view.dtype);
  result.rank -= dropped;
  std::copy(view.sizes + dropped, view.sizes + view.rank, result.sizes);
  std::copy(view.strides + dropped, view.strides + view.rank, result.strides);
  return result;
}

MatmulOperands MatmulOperands::slice(int64_t index) const {
  MatmulOperands result = *this;
  result.lhs = sliceOf(lhs, output, index);
  result.rhs = sliceOf(rhs, output, index);
  for (int32_t i = 0; i < numExtras; ++i)
    result.extras[i] = sliceOf(extras[i], output, index);
  result.output = sliceOf(output, output, index);
  return result;
}
