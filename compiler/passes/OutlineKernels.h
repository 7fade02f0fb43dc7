//===- OutlineKernels.h - a group of ops as a kernel function -----------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_OUTLINEKERNELS_H
#define TENON_PASSES_OUTLINEKERNELS_H

#include "compiler/passes/KernelGroups.h"

#include "compiler/ir/TenonDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tenon {

/// Moves groups into kernel functions of one module; groups that are alike share a function.
class KernelOutliner {
public:
  explicit KernelOutliner(mlir::ModuleOp module) : module(module), symbols(module) {}

  /// Replaces the neighbouring ops of `group` by a tenon.launch at the place of the last one. Fails with an error where an op
  /// needs a scalar that a kernel cannot be given: neither an index nor computed from indices and tensors.
  mlir::LogicalResult outline(const KernelGroup &group);

private:
  mlir::func::FuncOp insertOrReuse(mlir::func::FuncOp kernel);

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  llvm::DenseMap<unsigned, llvm::SmallVector<mlir::func::FuncOp>> kernelsByHash;
};

} // namespace tenon

#endif // TENON_PASSES_OUTLINEKERNELS_H
