//===- NarrowValues.h - other element types for values that exist -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_NARROWVALUES_H
#define TENON_PASSES_NARROWVALUES_H

#include "compiler/ir/TenonDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace tenon {

/// `type` with another element type.
mlir::RankedTensorType withElementType(mlir::Type type, mlir::Type element);

/// Returns the value that `value` is a view of, through any number of views.
mlir::Value rootOf(mlir::Value value);

/// Calls visit(use) for each use of `value` and of its views that is no view itself.
void forEachRead(mlir::Value value, llvm::function_ref<void(mlir::OpOperand &)> visit);

/// Returns `value` rounded or extended to `element` by a generic of its own, which stands right behind the value.
mlir::Value converted(mlir::Value value, mlir::Type element);

/// Gives `value`, whose producer yields `element` already, that element type, and its views as well. Generics extend what they
/// read in their bodies; products and the ops in `takers` read it as it is; every other reader gets an extended copy.
void narrowReads(mlir::Value value, mlir::Type element, const llvm::DenseSet<mlir::Operation *> &takers);

/// Returns true where `value` comes from an op whose stored element type is free: a product, an attention, a pool, a concat, or
/// a pointwise generic, which writes to a tensor.empty.
bool canStoreNarrow(mlir::Value value);

/// Makes the producer of `value` (see canStoreNarrow) yield `element`. The reads of `value` are not changed.
void storeNarrow(mlir::Value value, mlir::Type element);

} // namespace tenon

#endif // TENON_PASSES_NARROWVALUES_H
