//===- MatmulShapes.h - a matrix product with as few dimensions as it needs ------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_MATMULSHAPES_H
#define TENON_RUNTIME_LIBRARY_MATMULSHAPES_H

#include "Elements.h"

namespace tenon::library {

/// The operands of a matmul, all of the same rank.
struct MatmulOperands {
  TensorView lhs, rhs, output;
  TensorView extras[8];
  int32_t numExtras = 0;

  /// Merges batch dimensions, folds them into M where rhs has none, and marks every repeated dimension by size one. Of batch
  /// dimensions that stay apart the largest comes last.
  MatmulOperands(const TensorView &lhs, const TensorView &rhs, TensorViews extras, const TensorView &output);

  TensorViews extraViews() const {
    TensorViews views;
    views.begin = extras;
    views.count = numExtras;
    return views;
  }
  int32_t rank() const { return output.rank; }
  int64_t m() const { return output.sizes[rank() - 2]; }
  int64_t n() const { return output.sizes[rank() - 1]; }
  int64_t k() const { return lhs.sizes[rank() - 1]; }
  int64_t numBatches() const {
    int64_t count = 1;
    for (int32_t i = 0; i < rank() - 2; ++i)
      count *= output.sizes[i];
    return count;
  }

  /// oneDNN 3.12 miscomputes some products with two batch dimensions whose strides are no one dimension's: a product is made
  /// slice by slice, each with at most one batch dimension.
  int64_t numSlices() const;
  MatmulOperands slice(int64_t index) const;

private:
  void moveLargestBatchLast();
  bool canMerge(int32_t dim, bool withRhs) const;
  void merge(int32_t dim, bool withRhs);
};

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_MATMULSHAPES_H
