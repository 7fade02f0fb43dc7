//===- KernelSignatures.h - kernels by the memory they are launched with ------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_KERNELSIGNATURES_H
#define TENON_PASSES_KERNELSIGNATURES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

namespace tenon {

/// Gives kernel functions the memref types of their launches; one function per distinct signature.
class KernelSignatures {
public:
  explicit KernelSignatures(mlir::ModuleOp module) : symbols(module) {}

  /// Returns the name of kernel `name` for arguments of `types`.
  mlir::StringAttr specialise(mlir::StringAttr name, llvm::ArrayRef<mlir::Type> types);

  /// The tensor-level function of kernel `name`.
  mlir::func::FuncOp original(mlir::StringAttr name);

private:
  mlir::SymbolTable symbols;
  llvm::DenseMap<std::pair<mlir::StringAttr, mlir::Attribute>, mlir::StringAttr> known; // (kernel, signature) -> specialised
  llvm::DenseMap<mlir::StringAttr, mlir::OwningOpRef<mlir::func::FuncOp>> originals;    // taken out of the module
};

} // namespace tenon

#endif // TENON_PASSES_KERNELSIGNATURES_H
