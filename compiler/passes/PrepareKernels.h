//===- PrepareKernels.h - linalg ops in the form that grouping expects --------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_PREPAREKERNELS_H
#define TENON_PASSES_PREPAREKERNELS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tenon {

/// Rewrites the linalg ops of `function` so that
///   - no generic has a parallel loop of static size one (its maps have the constant 0 there);
///   - cheap pointwise producers that a generic reads through a broadcast, and splats, are part of its body;
///   - a fill that starts a value has one use;
///   - an init whose contents are read is the result of a fill, or of another linalg op.
mlir::LogicalResult prepareKernels(mlir::func::FuncOp function);

} // namespace tenon

#endif // TENON_PASSES_PREPAREKERNELS_H
