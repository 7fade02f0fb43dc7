//===- OutputShapes.h - sizes of the outputs as a function of the inputs ------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PIPELINE_OUTPUTSHAPES_H
#define TENON_PIPELINE_OUTPUTSHAPES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace tenon {

/// Returns @output_shapes (memrefs of @main's inputs -> the dynamic sizes of its results, in order), in no module; null where
/// all sizes are constants. `module` is at tensor level. A size that depends on values is the largest one possible; where nothing
/// bounds it, it is TENON_DYNAMIC, and @main's result gets the attribute tenon.late_output.
mlir::FailureOr<mlir::OwningOpRef<mlir::func::FuncOp>> deriveOutputShapes(mlir::ModuleOp module);

} // namespace tenon

#endif // TENON_PIPELINE_OUTPUTSHAPES_H
