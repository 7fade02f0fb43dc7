//===- Views.h - what views and sizes mean ------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_VIEWS_H
#define TENON_PASSES_VIEWS_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/OpDefinition.h"

namespace tenon {

/// True for the ops that cost nothing at run time: tenon.reshape, permute, broadcast, and slices and casts of tensors.
bool isView(mlir::Operation *op);

/// Returns the map of the source of `view` that reads what `map` reads of its result, or null where no map can:
/// `view` is neither a permutation, a broadcast, nor a reshape that only adds or drops dimensions of size one.
mlir::AffineMap mapThroughView(mlir::Operation *view, mlir::AffineMap map);

/// Returns the size of dimension `dim` of `tensor`: a constant, or the value that it was made with, or null where that is
/// not known without new IR (an argument's dynamic dimension).
mlir::OpFoldResult sizeOf(mlir::Value tensor, int64_t dim);

/// True when both dimensions provably have one size.
bool sameSize(mlir::Value a, int64_t dimOfA, mlir::Value b, int64_t dimOfB);

/// Pairs the dimensions that are not one: returns for each dimension of `reshape`'s result the equal dimension of its
/// source, or -1 for a dimension of size one; nullopt where the reshape splits or merges dimensions.
std::optional<llvm::SmallVector<int64_t>> unitReshape(mlir::Operation *reshape);

} // namespace tenon

#endif // TENON_PASSES_VIEWS_H
