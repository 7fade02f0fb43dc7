//===- NarrowValues.cpp - other element types for values that exist -------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/NarrowValues.h"

#include "compiler/passes/Passes.h"
#include "compiler/passes/Views.h"

using namespace mlir;
using namespace tenon;

RankedTensorType tenon::withElementType(Type type, Type element) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(tensor.getShape(), element, tensor.getEncoding());
}

Value tenon::rootOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isView(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

void tenon::forEachRead(Value value, function_ref<void(OpOperand &)> visit) {
  for (OpOperand &use : llvm::make_early_inc_range(value.getUses()))
    if (isView(use.getOwner()) && use.getOperandNumber() == 0)
      forEachRead(use.getOwner()->getResult(0), visit);
    else
      visit(use);
}

//===--- conversions -------------------------------------------------------------------------------------------------===//

// Roundings may be left out where the value stays in a register (`contract`): the model does not ask for them.
static Value convertScalar(OpBuilder &builder, Location loc, Value scalar, Type type) {
  if (scalar.getType().getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(builder, loc, type, scalar);
  auto rounded = arith::TruncFOp::create(builder, loc, type, scalar);
  rounded.setFastmath(arith::FastMathFlags::contract);
  return rounded;
}

// Returns memory of the shape of `value`.
static Value emptyLike(OpBuilder &builder, Value value, Type element) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim))
      continue;
    OpFoldResult known = sizeOf(value, dim);
    auto size = dyn_cast_if_present<Value>(known);
    sizes.push_back(size ? size : tensor::DimOp::create(builder, value.getLoc(), value, dim).getResult());
  }
  return tensor::EmptyOp::create(builder, value.getLoc(), type.getShape(), element, sizes);
}

Value tenon::converted(Value value, Type element) {
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  Location loc = value.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<AffineMap> maps(2, builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> kinds(type.getRank(), utils::IteratorType::parallel);
  Value empty = emptyLike(builder, value, element);
  return linalg::GenericOp::create(builder, loc, empty.getType(), value, empty, maps, kinds,
                                   [&](OpBuilder &nested, Location loc, ValueRange arguments) {
                                     linalg::YieldOp::create(nested, loc,
                                                             convertScalar(nested, loc, arguments[0], element));
                                   })
      .getResult(0);
}

//===--- readers -----------------------------------------------------------------------------------------------------===//

// The body of `generic` extends the element it gets of `input`.
static void extendArgument(linalg::GenericOp generic, OpOperand &input, Type element) {
  BlockArgument argument = generic.getMatchingBlockArgument(&input);
  Type wide = argument.getType();
  argument.setType(element);
  OpBuilder builder = OpBuilder::atBlockBegin(generic.getBody());
  auto extended = arith::ExtFOp::create(builder, generic.getLoc(), wide, argument);
  argument.replaceAllUsesExcept(extended, extended);
}

static void extendExtracted(tensor::ExtractOp extract, Type element) {
  Type wide = extract.getType();
  extract.getResult().setType(element);
  OpBuilder builder(extract);
  builder.setInsertionPointAfter(extract);
  auto extended = arith::ExtFOp::create(builder, extract.getLoc(), wide, extract.getResult());
  extract.getResult().replaceAllUsesExcept(extended, extended);
}

void tenon::narrowReads(Value value, Type element, const DenseSet<Operation *> &takers) {
  Type wide = cast<RankedTensorType>(value.getType()).getElementType();
  value.setType(withElementType(value.getType(), element));
  SmallVector<OpOperand *> uses = llvm::map_to_vector(value.getUses(), [](OpOperand &use) { return &use; });
  Value extended;
  for (OpOperand *use : uses) {
    Operation *owner = use->getOwner();
    auto generic = dyn_cast<linalg::GenericOp>(owner);
    if (isView(owner) && use->getOperandNumber() == 0) {
      narrowReads(owner->getResult(0), element, takers);
    } else if (generic && generic.isDpsInput(use)) {
      extendArgument(generic, *use, element);
    } else if (auto extract = dyn_cast<tensor::ExtractOp>(owner)) {
      extendExtracted(extract, element);
    } else if (!isa<MatmulOp, ConvOp, tensor::DimOp>(owner) && !takers.contains(owner)) {
      if (!extended)
        extended = converted(value, wide);
      use->set(extended);
    }
  }
}

//===--- producers ---------------------------------------------------------------------------------------------------===//

static bool isPointwise(linalg::GenericOp generic) {
  return generic.getNumReductionLoops() == 0 && llvm::all_of(generic.getRegionOutputArgs(), [](BlockArgument argument) {
           return argument.use_empty();
         });
}

bool tenon::canStoreNarrow(Value value) {
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return false;
  Operation *op = result.getOwner();
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!isa<MatmulOp, ConvOp, AttentionOp, PoolOp, ConcatOp>(op) && !(generic && isPointwise(generic)))
    return false;
  OpOperand *init = cast<DestinationStyleOpInterface>(op).getTiedOpOperand(result);
  return init->get().getDefiningOp<tensor::EmptyOp>() != nullptr;
}

void tenon::storeNarrow(Value value, Type element) {
  auto result = cast<OpResult>(value);
  auto op = cast<DestinationStyleOpInterface>(result.getOwner());
  OpOperand *init = op.getTiedOpOperand(result);
  auto empty = init->get().getDefiningOp<tensor::EmptyOp>();
  OpBuilder builder(op);
  init->set(tensor::EmptyOp::create(builder, empty.getLoc(), empty.getType().getShape(), element, empty.getDynamicSizes()));
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (!generic)
    return;
  generic.getMatchingBlockArgument(init).setType(element);
  auto yield = cast<linalg::YieldOp>(generic.getBody()->getTerminator());
  builder.setInsertionPoint(yield);
  OpOperand &yielded = yield->getOpOperand(result.getResultNumber());
  yielded.set(convertScalar(builder, generic.getLoc(), yielded.get(), element));
}
