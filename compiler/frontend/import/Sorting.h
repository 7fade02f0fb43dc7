//===- Sorting.h - sorted orders for the rows of other families ----------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_SORTING_H
#define TENON_FRONTEND_IMPORT_SORTING_H

#include "compiler/frontend/import/Call.h"

namespace tenon::aten {

struct SortOrder {
  bool descending = false, selects = false; ///< as in tenon.sort
};
struct Sorted {
  Tensor values, positions;
};

/// The first `count` elements along `dim` in sorted order. A 0-d tensor is sorted as it is.
Sorted createSort(Call &call, const Tensor &self, int64_t dim, Size count, SortOrder order);

/// The row-major positions, in ascending order, of the `count` elements of a grid of `sizes` where `condition` holds. It sees
/// the element's coordinates as int64 and holds for exactly `count` of them.
Tensor positionsWhere(Call &call, SizesRef sizes, Size count,
                      llvm::function_ref<mlir::Value(Math &, llvm::ArrayRef<mlir::Value> position)> condition);

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_SORTING_H
