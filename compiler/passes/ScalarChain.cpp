//===- ScalarChain.cpp - what the body of a pointwise generic does to one operand -----------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/ScalarChain.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tenon;

std::optional<double> tenon::constantOf(Value scalar) {
  FloatAttr value;
  if (!matchPattern(scalar, m_Constant(&value)))
    return std::nullopt;
  return value.getValueAsDouble();
}

bool tenon::isHalfWidthFloat(Type type) { return type.isF16() || type.isBF16(); }

static Value otherOperand(Operation *op, Value accumulator) {
  return op->getOperand(0) == accumulator ? op->getOperand(1) : op->getOperand(0);
}

// Returns the input of `generic` that `scalar` is an element of, or a wider copy of one.
static OpOperand *inputOf(linalg::GenericOp generic, Value scalar) {
  if (auto widened = scalar.getDefiningOp<arith::ExtFOp>())
    scalar = widened.getIn();
  auto argument = dyn_cast<BlockArgument>(scalar);
  if (!argument || argument.getOwner() != generic.getBody() || argument.getArgNumber() >= generic.getNumDpsInputs())
    return nullptr;
  return generic.getDpsInputOperand(argument.getArgNumber());
}

// Returns the step that `op` does to `accumulator`; a null step where there is none.
static ChainStep readStep(linalg::GenericOp generic, Operation *op, Value accumulator) {
  MLIRContext *context = op->getContext();
  if (auto activation = dyn_cast<ActivationOp>(op))
    return {EpilogueAttr::get(context, EpilogueKind::Activation, activation.getKind(),
                              activation.getAlpha().convertToDouble(), activation.getBeta().convertToDouble())};
  if (!isa<arith::AddFOp, arith::MulFOp, arith::MaximumFOp>(op))
    return {};
  Value other = otherOperand(op, accumulator);
  std::optional<double> constant = constantOf(other);
  if (isa<arith::MaximumFOp>(op))
    return constant == 0.0 ? ChainStep{EpilogueAttr::get(context, EpilogueKind::Activation, ActivationKind::Relu)}
                           : ChainStep{};
  if (isa<arith::MulFOp>(op) && constant)
    return {EpilogueAttr::get(context, EpilogueKind::Scale, ActivationKind::Relu, *constant)};
  OpOperand *operand = inputOf(generic, other);
  if (!operand)
    return {};
  return {EpilogueAttr::get(context, isa<arith::AddFOp>(op) ? EpilogueKind::Add : EpilogueKind::Mul), operand};
}

FailureOr<SmallVector<ChainStep>> tenon::readChain(linalg::GenericOp generic, OpOperand &start, std::string &reason) {
  auto fail = [&](const Twine &why) {
    reason = why.str();
    return failure();
  };
  if (generic.getNumReductionLoops() != 0 || generic.getNumResults() != 1)
    return fail("is followed by an op that reduces or has several results");
  auto yield = cast<linalg::YieldOp>(generic.getBody()->getTerminator());
  SmallVector<ChainStep> steps;
  Value accumulator = generic.getMatchingBlockArgument(&start);
  while (accumulator != yield.getOperand(0)) {
    if (!accumulator.hasOneUse())
      return fail("is followed by an op that does not use it exactly once");
    Operation *op = *accumulator.user_begin();
    // Products keep their sum in float32; a caller that has to keep the rounding between steps looks at their types.
    if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
      accumulator = op->getResult(0);
      continue;
    }
    ChainStep step = readStep(generic, op, accumulator);
    if (!step.step)
      return fail("is followed by '" + op->getName().getStringRef() + "', which is no epilogue step");
    steps.push_back(step);
    accumulator = op->getResult(0);
  }
  return steps;
}
