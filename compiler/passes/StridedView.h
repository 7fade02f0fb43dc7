//===- StridedView.h - sizes and strides over a buffer, as SSA or constants -----------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A StridedView is what a tensor value becomes when it is given memory: a base memref, an offset, sizes and strides, each a
// constant or an index value. View ops are arithmetic on it; nothing is emitted until `materialize`.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_STRIDEDVIEW_H
#define TENON_PASSES_STRIDEDVIEW_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"

#include <optional>

namespace tenon {

/// Index arithmetic that folds constants.
mlir::OpFoldResult multiply(mlir::OpBuilder &builder, mlir::Location loc, mlir::OpFoldResult a, mlir::OpFoldResult b);
mlir::OpFoldResult add(mlir::OpBuilder &builder, mlir::Location loc, mlir::OpFoldResult a, mlir::OpFoldResult b);

struct StridedView {
  mlir::Value base;                                    ///< a memref; the offset counts from its first element
  mlir::Type elementType;
  mlir::OpFoldResult offset;                           ///< elements
  llvm::SmallVector<mlir::OpFoldResult> sizes, strides; ///< elements
  bool madeRowMajor = false; ///< row-major without gaps by construction, which dynamic sizes cannot show otherwise

  int64_t rank() const { return static_cast<int64_t>(sizes.size()); }

  /// The memref type of this view; `withOffset` false gives the type of a pointer to its first element.
  mlir::MemRefType type(bool withOffset = true) const;
  /// This view as a memref value: the base itself, or a memref.reinterpret_cast of it.
  mlir::Value materialize(mlir::OpBuilder &builder, mlir::Location loc) const;
  /// True when elements are known to lie in row-major order without gaps.
  bool isRowMajor() const;

  StridedView permuted(llvm::ArrayRef<int64_t> order) const;
  /// Stretches size-one dimensions, and adds leading ones, to `newSizes` (stride 0).
  StridedView broadcasted(mlir::OpBuilder &builder, llvm::ArrayRef<mlir::OpFoldResult> newSizes) const;
  StridedView sliced(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> offsets,
                     llvm::ArrayRef<mlir::OpFoldResult> newSizes, llvm::ArrayRef<mlir::OpFoldResult> steps,
                     const llvm::SmallBitVector &dropped) const;
  /// The same elements with other sizes; empty when no strides express it.
  std::optional<StridedView> reshaped(mlir::OpBuilder &builder, mlir::Location loc,
                                      llvm::ArrayRef<mlir::OpFoldResult> newSizes) const;
};

/// Strides of a gapless buffer whose dimensions lie in memory in `order`, outermost first.
llvm::SmallVector<mlir::OpFoldResult> stridesInOrder(mlir::OpBuilder &builder, mlir::Location loc,
                                                     llvm::ArrayRef<mlir::OpFoldResult> sizes,
                                                     llvm::ArrayRef<int64_t> order);

} // namespace tenon

#endif // TENON_PASSES_STRIDEDVIEW_H
