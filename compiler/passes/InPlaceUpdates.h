//===- InPlaceUpdates.h - which values are made in the memory they replace ----------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_INPLACEUPDATES_H
#define TENON_PASSES_INPLACEUPDATES_H

#include "compiler/passes/KernelSignatures.h"

#include "llvm/ADT/DenseSet.h"

namespace tenon {

/// Memory that holds `old` when a block starts and `stored` after `store`, an op of that block: a state, an input the model
/// writes to, what a loop carries.
struct Slot {
  mlir::Value old; ///< null where nothing reads it
  mlir::Value stored;
  mlir::Operation *store;
  bool isRowMajor = true; ///< else reshapes of `old` are copies
};

/// How a slot gets its value. In the order of preference; each needs that nothing reads the old value after the write.
enum class SlotUpdate {
  InPlace,    ///< a chain of updates starts from the old value and happens in the slot's memory
  AtProducer, ///< the op that makes the value writes it into the slot's memory
  AtStore,    ///< the value is copied at the store
  AfterCopy,  ///< as AtStore; the old value is read afterwards, so its readers get a copy made at the start
};

/// Returns the value that a chain of reshapes starts from.
mlir::Value skipReshapes(mlir::Value value);

/// True when `value` is the result of an op in `block` that writes fresh row-major memory.
bool ownsFreshMemory(mlir::Value value, mlir::Block *block);

class InPlaceUpdates {
public:
  explicit InPlaceUpdates(KernelSignatures &kernels) : kernels(kernels) {}

  /// Decides for `slot`, and remembers the updates of a chain.
  SlotUpdate decide(const Slot &slot);

  /// The operand in whose memory its op makes `result`; null where it makes it elsewhere.
  mlir::OpOperand *updatedInPlace(mlir::Value result) const { return operands.lookup(result); }

private:
  using Chain = llvm::SmallVector<std::pair<mlir::Value, mlir::OpOperand *>>;
  bool findChain(const Slot &slot, mlir::Value value, Chain &chain, llvm::DenseSet<mlir::Value> &seen);
  llvm::SmallVector<mlir::OpOperand *> updatableOperands(mlir::Value result);
  llvm::SmallVector<mlir::OpOperand *> elementwiseOperands(mlir::OpResult result);

  KernelSignatures &kernels;
  llvm::DenseMap<mlir::Value, mlir::OpOperand *> operands;
  llvm::DenseSet<mlir::Value> placed; // values that are made in a slot's memory
};

} // namespace tenon

#endif // TENON_PASSES_INPLACEUPDATES_H
