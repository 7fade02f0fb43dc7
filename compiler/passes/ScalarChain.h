//===- ScalarChain.h - what the body of a pointwise generic does to one operand -----------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_SCALARCHAIN_H
#define TENON_PASSES_SCALARCHAIN_H

#include "compiler/ir/TenonDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace tenon {

/// One step of a chain: an epilogue step, and for `add` and `mul` the operand of the generic that it takes.
struct ChainStep {
  EpilogueAttr step;
  mlir::OpOperand *operand = nullptr;
};

/// Reads the body of `generic` as a chain of epilogue steps that starts at its input `start` and ends in its only result:
/// each value is used once, by the next step. Returns failure and sets `reason` where it is something else.
mlir::FailureOr<llvm::SmallVector<ChainStep>> readChain(mlir::linalg::GenericOp generic, mlir::OpOperand &start,
                                                        std::string &reason);

/// True for f16 and bf16, which are computed in f32.
bool isHalfWidthFloat(mlir::Type type);

/// Returns the number that a scalar of a generic's body always is.
std::optional<double> constantOf(mlir::Value scalar);

} // namespace tenon

#endif // TENON_PASSES_SCALARCHAIN_H
