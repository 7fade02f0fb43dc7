//===- RegisterNeed.h - how many vector registers code takes --------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_KERNEL_REGISTERNEED_H
#define TENON_CODEGEN_KERNEL_REGISTERNEED_H

#include "compiler/codegen/kernel/KernelSchedule.h"
#include "llvm/ADT/MapVector.h"

namespace tenon {

/// What one pass through a block takes, were every constant in a register of its own.
struct RegisterNeed {
  /// Constants by value and type, those left out that an instruction has within itself, with their users in the block.
  llvm::MapVector<std::pair<mlir::Attribute, mlir::Type>, llvm::SmallVector<mlir::OpOperand *>> constants;
  unsigned numLive = 0; ///< registers of values that are alive at once, in the order of the operations

  /// Besides, a loop has copies around destructive instructions and what LLVM's scheduler overlaps; NEON's masks are as wide as
  /// what they were compared for, which i1 does not say. Measured: with fewer, powers, sines and softplus spill.
  unsigned numSpare = 0;
  unsigned total(unsigned copies = 1) const { return constants.size() + copies * numLive + numSpare; }
};

/// Looks at the operations of `block`, of regions within it at their values but not at their constants. Scalars count as vectors of `lanes` elements.
RegisterNeed registerNeed(mlir::Block &block, VectorShape shape, unsigned lanes);

/// The need of the bodies of `generics`, which compute in this order, once their transcendental functions are formulas.
RegisterNeed registerNeed(llvm::ArrayRef<mlir::linalg::GenericOp> generics, VectorShape shape, unsigned lanes);

} // namespace tenon

#endif // TENON_CODEGEN_KERNEL_REGISTERNEED_H
