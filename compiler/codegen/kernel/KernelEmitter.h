//===- KernelEmitter.h - vector code for a scheduled kernel -------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_KERNEL_KERNELEMITTER_H
#define TENON_CODEGEN_KERNEL_KERNELEMITTER_H

#include "compiler/codegen/kernel/KernelSchedule.h"

namespace tenon {

/// Writes the vector-level form of `function` in front of it and returns it; its name is `function`'s. Emits a diagnostic
/// at an op that has no vector form. f16 and bf16 are f32 in registers; `keepsRounding`: rounded wherever the kernel rounds,
/// else only where it stores them.
mlir::FailureOr<mlir::func::FuncOp> emitKernel(mlir::func::FuncOp function, const KernelDomain &domain,
                                               const KernelSchedule &schedule, bool keepsRounding);

} // namespace tenon

#endif // TENON_CODEGEN_KERNEL_KERNELEMITTER_H
