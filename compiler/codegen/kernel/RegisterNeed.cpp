//===- RegisterNeed.cpp - how many vector registers code takes ------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/RegisterNeed.h"

#include "compiler/codegen/kernel/math/Functions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace tenon;

// True for constants that Arm's vector instructions make of an immediate, wherever they are wanted: floats of four bits of
// mantissa and three of exponent, integers of eight bits (SVE: and runs of ones; NEON: only up to 32 bits wide).
static bool isImmediate(Attribute value, VectorShape shape) {
  if (auto number = dyn_cast<FloatAttr>(value)) {
    double magnitude = std::abs(number.getValueAsDouble());
    int exponent;
    double sixteenths = std::frexp(magnitude, &exponent) * 32;
    return magnitude == 0 || (sixteenths == std::floor(sixteenths) && exponent >= -2 && exponent <= 5);
  }
  const APInt &bits = cast<IntegerAttr>(value).getValue();
  if (!shape.scalable)
    return bits.isZero() || bits.isAllOnes() || (bits.getBitWidth() <= 32 && bits.isIntN(8));
  return bits.isSignedIntN(8) || bits.isShiftedMask() || (~bits).isShiftedMask();
}

// True for the count of a shift, which every instruction set has as an immediate.
static bool isShiftCount(OpOperand &operand) {
  return operand.getOperandNumber() == 1 && isa<arith::ShLIOp, arith::ShRUIOp, arith::ShRSIOp>(operand.getOwner());
}

// Returns the element that a constant has everywhere; null for other values.
static Attribute splatOf(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  if (!constant)
    return {};
  if (auto splat = dyn_cast<SplatElementsAttr>(constant.getValue()))
    return splat.getSplatValue<Attribute>();
  return isa<FloatAttr, IntegerAttr>(constant.getValue()) ? Attribute(constant.getValue()) : Attribute();
}

// Returns the type as wide as a mask of NEON's: what was compared for it.
static Type comparedType(Value mask) {
  while (Operation *op = mask.getDefiningOp()) {
    if (op->getNumOperands() == 0)
      break;
    mask = op->getOperands().back();
    if (!getElementTypeOrSelf(mask).isInteger(1))
      return mask.getType();
  }
  return {};
}

static unsigned numRegisters(Type type, VectorShape shape, unsigned lanes) {
  Type element = getElementTypeOrSelf(type);
  if (!element.isIntOrFloat() || isa<MemRefType, TensorType>(type))
    return 0;
  auto vector = dyn_cast<VectorType>(type);
  unsigned bits = (vector ? vector.getNumElements() : lanes) * element.getIntOrFloatBitWidth();
  return std::max(1u, bits / shape.bits);
}

static unsigned numRegisters(Value value, VectorShape shape, unsigned lanes) {
  if (!getElementTypeOrSelf(value).isInteger(1))
    return numRegisters(value.getType(), shape, lanes);
  if (shape.scalable)
    return 0; // predicates have registers of their own
  Type compared = comparedType(value);
  return compared ? numRegisters(compared, shape, lanes) : 1;
}

RegisterNeed tenon::registerNeed(Block &block, VectorShape shape, unsigned lanes) {
  RegisterNeed need;
  need.numSpare = shape.scalable ? 6 : 9;
  DenseMap<Value, Operation *> lastUse;
  for (Operation &op : block)
    for (OpOperand &operand : op.getOpOperands()) {
      Attribute splat = splatOf(operand.get());
      if (!splat)
        lastUse[operand.get()] = &op;
      else if (!isImmediate(splat, shape) && !isShiftCount(operand) && numRegisters(operand.get(), shape, lanes) > 0)
        need.constants[{splat, getElementTypeOrSelf(operand.get().getType())}].push_back(&operand);
    }
  unsigned live = 0;
  DenseSet<Value> alive;
  for (Operation &op : block) {
    // What comes from outside is loaded when it is first wanted; results take the place of operands that end.
    for (Value operand : op.getOperands())
      if (lastUse.contains(operand) && !operand.getDefiningOp() && alive.insert(operand).second)
        live += numRegisters(operand, shape, lanes);
    unsigned within = 0;
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        within = std::max(within, registerNeed(inner, shape, lanes).numLive);
    need.numLive = std::max(need.numLive, live + within);
    for (Value operand : op.getOperands())
      if (auto last = lastUse.find(operand); last != lastUse.end() && last->second == &op && alive.erase(operand))
        live -= numRegisters(operand, shape, lanes);
    for (Value result : op.getResults())
      if (lastUse.contains(result) && alive.insert(result).second)
        live += numRegisters(result, shape, lanes);
    need.numLive = std::max(need.numLive, live);
  }
  return need;
}

RegisterNeed tenon::registerNeed(ArrayRef<linalg::GenericOp> generics, VectorShape shape, unsigned lanes) {
  if (generics.empty())
    return {};
  linalg::GenericOp first = generics.front();
  Location loc = first.getLoc();
  OpBuilder builder(loc.getContext());
  OwningOpRef<func::FuncOp> bodies = func::FuncOp::create(loc, "bodies", builder.getFunctionType({}, {}));
  Block *block = bodies->addEntryBlock();
  builder.setInsertionPointToStart(block);
  for (linalg::GenericOp op : generics) {
    IRMapping mapping;
    for (BlockArgument argument : op.getBody()->getArguments())
      mapping.map(argument, block->addArgument(argument.getType(), loc));
    for (Operation &inner : op.getBody()->without_terminator()) {
      for (Value operand : inner.getOperands()) // sizes and scalars from around the loop
        if (!mapping.contains(operand))
          mapping.map(operand, block->addArgument(operand.getType(), loc));
      builder.clone(inner, mapping);
    }
  }
  expandMath(*bodies);
  return registerNeed(*block, shape, lanes);
}
