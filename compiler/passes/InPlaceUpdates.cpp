//===- InPlaceUpdates.cpp - which values are made in the memory they replace -----------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/InPlaceUpdates.h"

#include "compiler/ir/TenonDialect.h"
#include "compiler/passes/Views.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;

Value tenon::skipReshapes(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getSource();
  return value;
}

bool tenon::ownsFreshMemory(Value value, Block *block) {
  auto op = value.getDefiningOp<DestinationStyleOpInterface>();
  if (!op || op->getBlock() != block || op->hasAttr(layoutAttrName))
    return false;
  return op.getDpsInits()[cast<OpResult>(value).getResultNumber()].getDefiningOp<tensor::EmptyOp>() != nullptr;
}

// True where `value` and its views are used before `limit` only, except by the operand `ignored`.
static bool isUsedOnlyBefore(Value value, Operation *limit, const OpOperand *ignored = nullptr) {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    if (&use == ignored)
      return true;
    Operation *user = limit->getBlock()->findAncestorOpInBlock(*use.getOwner());
    if (!user || !user->isBeforeInBlock(limit))
      return false;
    return user != use.getOwner() || !isView(user) || isUsedOnlyBefore(user->getResult(0), limit, ignored);
  });
}

//===--- updates -----------------------------------------------------------------------------------------------------===//

// True where every op of `kernel` runs over the elements of `result` one by one, and reads `argument` at the element it makes
// only: then the result may lie in the argument's memory.
static bool isElementwise(func::FuncOp kernel, unsigned argument, unsigned result) {
  Block &body = kernel.getBody().front();
  auto made = body.getTerminator()->getOperand(result).getDefiningOp<linalg::LinalgOp>();
  if (!made)
    return false;
  AffineMap place = made.getIndexingMapMatchingResult(cast<OpResult>(body.getTerminator()->getOperand(result)));
  Value input = body.getArgument(argument);
  for (Operation &op : body.without_terminator()) {
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if (!linalgOp)
      continue;
    if (linalgOp.getNumParallelLoops() != linalgOp.getNumLoops() || linalgOp.getNumLoops() != place.getNumDims() ||
        op.walk([&](tensor::ExtractOp read) { return WalkResult::interrupt(); }).wasInterrupted())
      return false;
    for (OpOperand &operand : op.getOpOperands()) {
      bool isOwnValue = operand.get() == input || operand.get().getDefiningOp<linalg::LinalgOp>();
      if (isOwnValue && linalgOp.getMatchingIndexingMap(&operand) != place)
        return false;
    }
    for (OpResult value : op.getResults())
      if (linalgOp.getIndexingMapMatchingResult(value) != place)
        return false;
  }
  return llvm::all_of(llvm::seq<unsigned>(0, place.getNumDims()),
                      [&](unsigned dim) { return place.isFunctionOfDim(dim); });
}

// The inputs of a kernel in whose memory it may make `result`.
SmallVector<OpOperand *> InPlaceUpdates::elementwiseOperands(OpResult result) {
  auto launch = dyn_cast<LaunchOp>(result.getOwner());
  if (!launch || launch->hasAttr(layoutAttrName))
    return {};
  func::FuncOp kernel = kernels.original(launch.getKernelAttr().getAttr());
  SmallVector<OpOperand *> operands;
  for (auto [index, operand] : llvm::enumerate(launch.getInputsMutable()))
    if (operand.get().getType() == result.getType() && isElementwise(kernel, index, result.getResultNumber()))
      operands.push_back(&operand);
  return operands;
}

// The operands whose elements the op of `result` keeps where it does not write, or reads only where it writes.
SmallVector<OpOperand *> InPlaceUpdates::updatableOperands(Value result) {
  OpOperand *init = nullptr;
  if (auto insert = result.getDefiningOp<tensor::InsertSliceOp>())
    init = &insert.getDestMutable();
  else if (auto op = result.getDefiningOp<DestinationStyleOpInterface>(); op && isa<TenonDialect>(op->getDialect()))
    init = op.getTiedOpOperand(cast<OpResult>(result));
  if (!init)
    return {};
  if (!init->get().getDefiningOp<tensor::EmptyOp>())
    return {init};
  return elementwiseOperands(cast<OpResult>(result));
}

//===--- decision ----------------------------------------------------------------------------------------------------===//

// Adds to `chain` the updates that lead from the slot's old value to `value`; false where there is no such chain.
bool InPlaceUpdates::findChain(const Slot &slot, Value value, Chain &chain, llvm::DenseSet<Value> &seen) {
  if (value == slot.old)
    return true;
  if (!seen.insert(value).second)
    return false;
  for (OpOperand *operand : updatableOperands(value)) {
    Value previous = slot.isRowMajor ? skipReshapes(operand->get()) : operand->get();
    if (operand->getOwner()->getBlock() != slot.store->getBlock() ||
        !isUsedOnlyBefore(previous, operand->getOwner(), operand) || !findChain(slot, previous, chain, seen))
      continue;
    chain.emplace_back(value, operand);
    return true;
  }
  return false;
}

SlotUpdate InPlaceUpdates::decide(const Slot &slot) {
  Value made = slot.isRowMajor ? skipReshapes(slot.stored) : slot.stored;
  Chain chain;
  llvm::DenseSet<Value> seen;
  if (slot.old && made != slot.old && findChain(slot, made, chain, seen)) {
    operands.insert(chain.begin(), chain.end());
    placed.insert(made);
    return SlotUpdate::InPlace;
  }
  if (ownsFreshMemory(made, slot.store->getBlock()) && !placed.contains(made) &&
      (!slot.old || isUsedOnlyBefore(slot.old, made.getDefiningOp()))) {
    placed.insert(made);
    return SlotUpdate::AtProducer;
  }
  return !slot.old || isUsedOnlyBefore(slot.old, slot.store) ? SlotUpdate::AtStore : SlotUpdate::AfterCopy;
}
