//===- Products.cpp - ops that multiply, and what they multiply -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Products.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tenon;

/// As in runtime/src/library/Attention.cpp, whose dot products read keys and values where they lie up to here.
static constexpr int64_t maxRowsForDots = 4;

bool tenon::isProduct(Operation *op) { return isa<MatmulOp, ConvOp, GroupedMatmulOp, AttentionOp>(op); }

SmallVector<OpOperand *> tenon::multipliedOperands(Operation *product) {
  using Operands = SmallVector<OpOperand *>;
  return TypeSwitch<Operation *, Operands>(product)
      .Case<MatmulOp, GroupedMatmulOp>([](auto op) { return Operands{&op.getLhsMutable(), &op.getRhsMutable()}; })
      .Case([](ConvOp op) { return Operands{&op.getInputMutable(), &op.getWeightMutable()}; })
      .Case([](AttentionOp op) { return Operands{&op.getQueryMutable(), &op.getKeyMutable(), &op.getValueMutable()}; });
}

OpOperand *tenon::weightOf(Operation *product) {
  return isa<AttentionOp>(product) ? nullptr : multipliedOperands(product)[1];
}

bool tenon::hasFewRows(Operation *product) {
  ArrayRef<int64_t> sizes = cast<ShapedType>(product->getResult(0).getType()).getShape();
  if (isa<AttentionOp>(product))
    return !ShapedType::isDynamic(sizes[2]) && sizes[2] <= maxRowsForDots;
  return isa<MatmulOp>(product) && llvm::all_of(sizes.drop_back(), [](int64_t size) { return size == 1; });
}
