//===- GroupAttentionHeads.cpp - keys and values that heads share ---------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Grouped-query attention (https://arxiv.org/abs/2305.13245) as models spell it repeats each head of keys and values, which copies
// the whole cache in every step of decoding. tenon.attention reads shared heads where they lie:
//
//   %b = tenon.broadcast %k : [B, G, 1, S, E] to [B, G, R, S, E]
//   %r = tenon.reshape %b : to [B, G * R, S, E]                       %r = tenon.reshape %k : to [B, G, S, E]
//   tenon.attention ins(%q, %r, …)                             =>     tenon.attention ins(%q, %r, …)
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/ir/TenonDialect.h"
#include "compiler/passes/Passes.h"
#include "compiler/passes/Remarks.h"

namespace tenon {
#define GEN_PASS_DEF_GROUPATTENTIONHEADS
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

/// Where heads are repeated: behind their dimension, in the shape before heads and repetitions become one dimension.
static constexpr int64_t headDim = 1, repeatDim = 2;

// The broadcast that repeats every head of `heads`; null where there is none.
static BroadcastOp repetitionOf(Value heads) {
  auto merged = heads.getDefiningOp<ReshapeOp>();
  auto repeated = merged ? merged.getSource().getDefiningOp<BroadcastOp>() : BroadcastOp();
  if (!repeated)
    return nullptr;
  ArrayRef<int64_t> from = cast<RankedTensorType>(repeated.getSource().getType()).getShape();
  ArrayRef<int64_t> to = cast<RankedTensorType>(repeated.getType()).getShape();
  ArrayRef<int64_t> whole = cast<RankedTensorType>(merged.getType()).getShape();
  if (from.size() != 5 || to.size() != 5 || whole.size() != 4 || merged.getSizes() != repeated.getSizes())
    return nullptr;
  bool isKnown = from[repeatDim] == 1 && !ShapedType::isDynamic(to[repeatDim]) && !ShapedType::isDynamic(to[headDim]);
  for (int64_t dim = 0; dim < 5; ++dim)
    isKnown &= dim == repeatDim || from[dim] == to[dim];
  SmallVector<int64_t> expected{to[0], to[headDim] * to[repeatDim], to[3], to[4]};
  return isKnown && whole == ArrayRef(expected) ? repeated : nullptr;
}

static int64_t numRepeats(BroadcastOp repeated) { return cast<RankedTensorType>(repeated.getType()).getDimSize(repeatDim); }

// Heads before they are repeated: a view, which disappears where the repeated dimension was a view too.
static Value groupsOf(OpBuilder &builder, BroadcastOp repeated) {
  auto source = cast<RankedTensorType>(repeated.getSource().getType());
  SmallVector<int64_t> shape(source.getShape());
  shape.erase(shape.begin() + repeatDim);
  return ReshapeOp::create(builder, repeated.getLoc(), RankedTensorType::get(shape, source.getElementType()),
                           repeated.getSource(), repeated.getSizes());
}

namespace {
struct GroupAttentionHeads : tenon::impl::GroupAttentionHeadsBase<GroupAttentionHeads> {
  void runOnOperation() override {
    getOperation().walk([&](AttentionOp op) {
      BroadcastOp keys = repetitionOf(op.getKey()), values = repetitionOf(op.getValue());
      if (!keys || !values || numRepeats(keys) != numRepeats(values))
        return;
      OpBuilder builder(op);
      op.getKeyMutable().assign(groupsOf(builder, keys));
      op.getValueMutable().assign(groupsOf(builder, values));
      explain(op, "group-attention-heads", "reads each head of keys and values for " + Twine(numRepeats(keys)) + " heads of queries");
    });
  }
};
} // namespace
