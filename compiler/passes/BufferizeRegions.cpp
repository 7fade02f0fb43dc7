//===- BufferizeRegions.cpp - branches and loops on memory -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// What tensors control flow carries lies in memory that is made before it, so that scf ops carry scalars only:
//
//   %r = scf.for %i = … iter_args(%c = %x) {               %m = tenon.buffer            memref.copy %x, %m
//     %n = tenon.launch @k ins(%c) outs(%e)        =>      scf.for %i = … {
//     scf.yield %n                                           tenon.launch @k ins(%m) outs(%m)     (or a copy at the end)
//   }                                                      }                            … uses of %m
//
// Branches write their values into one buffer; a loop's body updates what it carries in place where InPlaceUpdates allows. Where
// the branches of an scf.if differ in a size, each makes memory of its own and hands on its address and the size.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/FunctionBufferizer.h"
#include "compiler/passes/Views.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tenon;

static bool isTensor(Value value) { return isa<RankedTensorType>(value.getType()); }

// Moves the ops of `from` before its terminator, converted ones included, to the end of `to`.
static void moveBody(Block &from, Block &to) {
  to.getOperations().splice(to.end(), from.getOperations(), from.begin(), from.getTerminator()->getIterator());
}

// The scalars among `values`.
static SmallVector<Value> scalarsOf(ValueRange values) {
  return llvm::filter_to_vector(values, [](Value value) { return !isTensor(value); });
}

// Replaces the scalars among `from` by `to`, in order.
static void replaceScalars(ValueRange from, ValueRange to) {
  for (auto [scalar, replacement] : llvm::zip_equal(scalarsOf(from), to))
    scalar.replaceAllUsesWith(replacement);
}

//===--- branches ----------------------------------------------------------------------------------------------------===//

// Memory for a result of `op` that is one of `yielded`, values of its regions. Its sizes must be known before `op`.
FailureOr<StridedView> FunctionBufferizer::makeResult(Operation *op, RankedTensorType type, ArrayRef<Value> yielded) {
  SmallVector<OpFoldResult> sizes;
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    OpFoldResult known = ShapedType::isDynamic(size) ? OpFoldResult() : builder.getIndexAttr(size);
    for (Value value : yielded) {
      OpFoldResult made = known ? known : sizeOf(value, dim);
      auto computed = made ? dyn_cast<Value>(made) : Value();
      if (!computed || !op->isAncestor(computed.getParentBlock()->getParentOp()))
        known = made;
    }
    if (!known)
      return op->emitOpError("gives dimension ") << dim << " of a value a size that only its regions know";
    sizes.push_back(known);
  }
  return makeBuffer(op->getLoc(), type.getElementType(), sizes, rowMajorOrder(type.getRank()));
}

// A size of `value`, which `op` or one of its regions yields, where that is known before `op`.
OpFoldResult FunctionBufferizer::sizeBefore(Operation *op, Value value, int64_t dim) {
  while (auto cast = value.getDefiningOp<tensor::CastOp>())
    value = cast.getSource();
  auto view = views.find(value);
  OpFoldResult size = view == views.end() ? sizeOf(value, dim) : view->second.sizes[dim];
  auto computed = size ? dyn_cast<Value>(size) : Value();
  return computed && op->isAncestor(computed.getParentBlock()->getParentOp()) ? OpFoldResult() : size;
}

// Where a tensor of an scf.if goes: to memory made before it, unless the branches may differ in a size.
FunctionBufferizer::Choice FunctionBufferizer::chooseMemory(scf::IfOp op, OpResult result) {
  auto type = cast<RankedTensorType>(result.getType());
  Choice choice;
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    OpFoldResult size = builder.getIndexAttr(type.getDimSize(dim));
    if (type.isDynamicDim(dim)) {
      size = sizeBefore(op, op.thenYield().getOperand(result.getResultNumber()), dim);
      OpFoldResult other = sizeBefore(op, op.elseYield().getOperand(result.getResultNumber()), dim);
      if (!size || !other || !isEqualConstantIntOrValue(size, other))
        choice.ownDims.push_back(dim);
    }
    sizes.push_back(size);
  }
  if (choice.ownDims.empty())
    choice.memory = makeBuffer(op.getLoc(), type.getElementType(), sizes, rowMajorOrder(type.getRank()));
  choice.memory.elementType = type.getElementType();
  choice.memory.sizes = sizes;
  return choice;
}

// Ends a branch with its value of a tensor: a copy to the memory made before, or the address of its own and sizes.
void FunctionBufferizer::yieldChoice(Location loc, Block *branch, const StridedView &value, const Choice &choice,
                                     SmallVectorImpl<Value> &yielded) {
  if (choice.ownDims.empty())
    return copyInto(loc, value, choice.memory);
  auto buffer = value.base.getDefiningOp<BufferOp>();
  bool isOwn = buffer && buffer->getBlock() == branch && value.isRowMajor() && getConstantIntValue(value.offset) == 0;
  StridedView address = isOwn ? value : copyOf(loc, value);
  address.sizes.clear();
  address.strides.clear();
  yielded.push_back(address.materialize(builder, loc));
  for (int64_t dim : choice.ownDims)
    yielded.push_back(getValueOrCreateConstantIndexOp(builder, loc, value.sizes[dim]));
}

// The memory that a branch has made, seen behind the scf.if whose results `address` and those behind it are.
StridedView FunctionBufferizer::chosenMemory(Location loc, const Choice &choice, ValueRange yielded) {
  StridedView view = choice.memory;
  view.base = yielded.front();
  view.offset = builder.getIndexAttr(0);
  for (auto [dim, size] : llvm::zip_equal(choice.ownDims, yielded.drop_front()))
    view.sizes[dim] = LateSizeOp::create(builder, loc, builder.getIndexType(), size, /*bound=*/Value()).getResult();
  view.strides = stridesInOrder(builder, loc, view.sizes, rowMajorOrder(view.rank()));
  view.madeRowMajor = true;
  return view;
}

// Converts a branch, ends it with its values for `choices`, and moves it.
LogicalResult FunctionBufferizer::convertBranch(Block &from, Block &to, ArrayRef<Choice> choices) {
  if (failed(convertBlock(from)))
    return failure();
  auto yield = cast<scf::YieldOp>(from.getTerminator());
  builder.setInsertionPoint(yield);
  SmallVector<Value> yielded = scalarsOf(yield.getOperands());
  unsigned next = 0;
  for (Value value : yield.getOperands())
    if (isTensor(value))
      yieldChoice(yield.getLoc(), &from, viewOf(value), choices[next++], yielded);
  Location loc = yield.getLoc();
  moveBody(from, to);
  yield.erase();
  builder.setInsertionPointToEnd(&to);
  scf::YieldOp::create(builder, loc, yielded);
  return success();
}

LogicalResult FunctionBufferizer::convertIf(scf::IfOp op) {
  SmallVector<Choice> choices;
  SmallVector<Type> types = llvm::to_vector(ValueRange(scalarsOf(op.getResults())).getTypes());
  unsigned numScalars = types.size();
  for (OpResult result : op->getResults()) {
    if (!isTensor(result))
      continue;
    const Choice &choice = choices.emplace_back(chooseMemory(op, result));
    if (!choice.ownDims.empty())
      types.push_back(MemRefType::get({}, choice.memory.elementType));
    types.append(choice.ownDims.size(), builder.getIndexType());
  }
  bool hasElse = !op.getElseRegion().empty();
  auto branch = scf::IfOp::create(builder, op.getLoc(), types, op.getCondition(), /*addThenBlock=*/true,
                                  /*addElseBlock=*/hasElse);
  for (auto [from, to] : {std::pair{&op.getThenRegion(), &branch.getThenRegion()},
                          std::pair{&op.getElseRegion(), &branch.getElseRegion()}})
    if (!from->empty() && failed(convertBranch(from->front(), to->front(), choices)))
      return failure();
  builder.setInsertionPointAfter(branch);
  replaceScalars(op.getResults(), branch.getResults().take_front(numScalars));
  ValueRange rest = branch.getResults().drop_front(numScalars);
  for (auto [result, choice] : llvm::zip_equal(llvm::make_filter_range(op.getResults(), isTensor), choices)) {
    unsigned numYielded = choice.ownDims.empty() ? 0 : 1 + choice.ownDims.size();
    views[result] = numYielded ? chosenMemory(op.getLoc(), choice, rest.take_front(numYielded)) : choice.memory;
    rest = rest.drop_front(numYielded);
  }
  return success();
}

// A choice between two values that exist already: one of them is copied.
void FunctionBufferizer::convertSelect(arith::SelectOp op) {
  StridedView yes = viewOf(op.getTrueValue()), no = viewOf(op.getFalseValue());
  SmallVector<OpFoldResult> sizes = yes.sizes;
  for (auto [size, other] : llvm::zip_equal(sizes, no.sizes))
    if (!isEqualConstantIntOrValue(size, other)) {
      Value chosen = arith::SelectOp::create(builder, op.getLoc(), op.getCondition(),
                                             getValueOrCreateConstantIndexOp(builder, op.getLoc(), size),
                                             getValueOrCreateConstantIndexOp(builder, op.getLoc(), other));
      size = LateSizeOp::create(builder, op.getLoc(), builder.getIndexType(), chosen, /*bound=*/Value()).getResult();
    }
  StridedView result = makeBuffer(op.getLoc(), yes.elementType, sizes, rowMajorOrder(yes.rank()));
  scf::IfOp::create(
      builder, op.getLoc(), op.getCondition(),
      [&](OpBuilder &, Location loc) {
        copyInto(loc, yes, result);
        scf::YieldOp::create(builder, loc);
      },
      [&](OpBuilder &, Location loc) {
        copyInto(loc, no, result);
        scf::YieldOp::create(builder, loc);
      });
  views[op.getResult()] = result;
}

//===--- loops -------------------------------------------------------------------------------------------------------===//

// Memory for what a loop carries, holding `init`; a tensor.empty has nothing to hold.
StridedView FunctionBufferizer::startCarried(Location loc, Value init) {
  auto empty = init.getDefiningOp<tensor::EmptyOp>();
  if (!empty)
    return copyOf(loc, viewOf(init));
  return makeBuffer(loc, empty.getType().getElementType(), empty.getMixedSizes(), rowMajorOrder(empty.getType().getRank()));
}

// Converts `body`, whose arguments and yielded values `carried` lists, and ends it by bringing what it carries up to date.
LogicalResult FunctionBufferizer::convertLoopBody(Block &body, MutableArrayRef<Carried> carried) {
  Operation *terminator = body.getTerminator();
  builder.setInsertionPointToStart(&body);
  for (Carried &slot : carried) {
    views[slot.argument] = slot.memory;
    slot.update = updates.decide({slot.argument, slot.yielded, terminator});
    if (slot.update == SlotUpdate::AtProducer)
      assignDestination(slot.yielded, slot.memory);
    if (slot.update == SlotUpdate::AtProducer && !destinations.contains(skipReshapes(slot.yielded)))
      slot.update = SlotUpdate::AtStore;
  }
  if (failed(convertBlock(body)))
    return failure();
  builder.setInsertionPoint(terminator);
  storeCarried(terminator->getLoc(), carried);
  return success();
}

static bool isCopied(SlotUpdate update) { return update == SlotUpdate::AtStore || update == SlotUpdate::AfterCopy; }

// Copies the values of the next step to their places. A value that lies where another is about to be written (two places
// that swap) is moved away first.
void FunctionBufferizer::storeCarried(Location loc, ArrayRef<Carried> carried) {
  std::vector<std::pair<StridedView, StridedView>> copies;
  for (const Carried &slot : carried) {
    if (!isCopied(slot.update))
      continue;
    StridedView source = viewOf(slot.yielded);
    bool isOverwritten = llvm::any_of(carried, [&](const Carried &other) {
      return isCopied(other.update) && other.memory.base == source.base;
    });
    copies.emplace_back(isOverwritten ? copyOf(loc, source) : source, slot.memory);
  }
  for (auto &[source, destination] : copies)
    copyInto(loc, source, destination);
}

LogicalResult FunctionBufferizer::convertFor(scf::ForOp op) {
  std::vector<Carried> carried;
  for (auto [init, argument, yielded, result] :
       llvm::zip_equal(op.getInits(), op.getRegionIterArgs(), op.getYieldedValues(), op.getResults()))
    if (isTensor(init)) {
      carried.push_back({argument, yielded, startCarried(op.getLoc(), init)});
      views[result] = carried.back().memory;
    }
  auto loop = scf::ForOp::create(builder, op.getLoc(), op.getLowerBound(), op.getUpperBound(), op.getStep(),
                                 scalarsOf(op.getInits()));
  Block &body = *op.getBody(), &target = *loop.getBody();
  if (!target.empty())
    target.back().erase(); // the builder adds a terminator where nothing is carried
  if (failed(convertLoopBody(body, carried)))
    return failure();
  auto yield = cast<scf::YieldOp>(body.getTerminator());
  SmallVector<Value> scalars = scalarsOf(yield.getOperands());
  moveBody(body, target);
  builder.setInsertionPointToEnd(&target);
  scf::YieldOp::create(builder, yield.getLoc(), scalars);
  yield.erase();
  op.getInductionVar().replaceAllUsesWith(loop.getInductionVar());
  replaceScalars(op.getRegionIterArgs(), loop.getRegionIterArgs());
  replaceScalars(op.getResults(), loop.getResults());
  return success();
}

// The condition's region reads the carried memory; what it hands on is that memory, or a value it computes, which is copied to
// memory of its own.
LogicalResult FunctionBufferizer::convertWhile(scf::WhileOp op) {
  Block &before = op.getBefore().front(), &after = op.getAfter().front();
  auto condition = cast<scf::ConditionOp>(before.getTerminator());
  auto yield = cast<scf::YieldOp>(after.getTerminator());
  std::vector<Carried> carried;
  for (auto [init, argument, yielded] : llvm::zip_equal(op.getInits(), before.getArguments(), yield.getOperands()))
    if (isTensor(init)) {
      carried.push_back({argument, yielded, startCarried(op.getLoc(), init)});
      views[argument] = carried.back().memory;
    }
  std::vector<std::pair<Value, StridedView>> handedOn;
  for (auto [value, argument, result] : llvm::zip_equal(condition.getArgs(), after.getArguments(), op.getResults())) {
    if (!isTensor(value))
      continue;
    auto slot = llvm::find_if(carried, [&](const Carried &slot) { return slot.argument == value; });
    bool isCarried = slot != carried.end();
    FailureOr<StridedView> memory =
        isCarried ? slot->memory : makeResult(op, cast<RankedTensorType>(value.getType()), {value});
    if (failed(memory))
      return failure();
    if (isCarried)
      slot->argument = argument; // its name in the body
    else
      handedOn.emplace_back(value, *memory);
    views[argument] = views[result] = *memory;
  }

  auto loop = scf::WhileOp::create(builder, op.getLoc(), TypeRange(ValueRange(scalarsOf(op.getResults()))),
                                   scalarsOf(op.getInits()));
  auto makeBlock = [&](Region &region, Block &model) {
    SmallVector<Value> scalars = scalarsOf(model.getArguments());
    SmallVector<Location> locations(scalars.size(), op.getLoc());
    return builder.createBlock(&region, {}, TypeRange(ValueRange(scalars)), locations);
  };
  Block *newBefore = makeBlock(loop.getBefore(), before), *newAfter = makeBlock(loop.getAfter(), after);

  if (failed(convertBlock(before)))
    return failure();
  builder.setInsertionPoint(condition);
  for (auto &[value, memory] : handedOn)
    copyInto(op.getLoc(), viewOf(value), memory);
  SmallVector<Value> handedScalars = scalarsOf(condition.getArgs());
  moveBody(before, *newBefore);
  builder.setInsertionPointToEnd(newBefore);
  scf::ConditionOp::create(builder, op.getLoc(), condition.getCondition(), handedScalars);
  condition.erase();
  replaceScalars(before.getArguments(), newBefore->getArguments());

  if (failed(convertLoopBody(after, carried)))
    return failure();
  SmallVector<Value> yieldedScalars = scalarsOf(yield.getOperands());
  moveBody(after, *newAfter);
  builder.setInsertionPointToEnd(newAfter);
  scf::YieldOp::create(builder, op.getLoc(), yieldedScalars);
  yield.erase();
  replaceScalars(after.getArguments(), newAfter->getArguments());
  replaceScalars(op.getResults(), loop.getResults());
  return success();
}
