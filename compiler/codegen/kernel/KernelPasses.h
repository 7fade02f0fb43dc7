//===- KernelPasses.h - passes that turn kernel functions into vector code --------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_KERNEL_KERNELPASSES_H
#define TENON_CODEGEN_KERNEL_KERNELPASSES_H

#include "compiler/ir/TenonDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace tenon {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/codegen/kernel/KernelPasses.h.inc"

/// Attributes of a kernel function at the vector level, read by the wrapper: its parallel extent is `tenon.extent` (i64)
/// times the product of the size-table entries `tenon.extent_sizes`; `tenon.unit_cost` (i64) is the rough number of scalar
/// operations of one unit.
inline constexpr llvm::StringLiteral extentAttrName = "tenon.extent";
inline constexpr llvm::StringLiteral extentSizesAttrName = "tenon.extent_sizes";
inline constexpr llvm::StringLiteral unitCostAttrName = "tenon.unit_cost";

/// Takes a module of kernel functions from the vector level, after ExpandMath, to the LLVM dialect. A transcendental on
/// vectors that is left is an error; scalar ones become calls of libm.
void buildKernelLoweringPipeline(mlir::OpPassManager &passManager, bool scalable);

} // namespace tenon

#endif // TENON_CODEGEN_KERNEL_KERNELPASSES_H
