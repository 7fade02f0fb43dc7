//===- FunctionBufferizer.cpp - one function from tensors to memrefs -------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Memory, destinations and straight-line ops; loops and branches are in BufferizeRegions.cpp.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/FunctionBufferizer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tenon;

//===--- memory ------------------------------------------------------------------------------------------------------===//

SmallVector<int64_t> tenon::rowMajorOrder(int64_t rank) { return llvm::to_vector(llvm::seq<int64_t>(0, rank)); }

StridedView FunctionBufferizer::rowMajorView(Value memref, ArrayRef<OpFoldResult> sizes) {
  StridedView view;
  view.base = memref;
  view.elementType = cast<MemRefType>(memref.getType()).getElementType();
  view.offset = builder.getIndexAttr(0);
  view.sizes.assign(sizes.begin(), sizes.end());
  view.strides = stridesInOrder(builder, memref.getLoc(), sizes, rowMajorOrder(sizes.size()));
  view.madeRowMajor = true;
  return view;
}

StridedView FunctionBufferizer::makeBuffer(Location loc, Type elementType, ArrayRef<OpFoldResult> sizes,
                                           ArrayRef<int64_t> order) {
  StridedView view;
  view.elementType = elementType;
  view.offset = builder.getIndexAttr(0);
  view.sizes.assign(sizes.begin(), sizes.end());
  view.strides = stridesInOrder(builder, loc, sizes, order);
  view.madeRowMajor = llvm::is_sorted(order);
  SmallVector<Value> dynamicSizes;
  for (OpFoldResult size : sizes)
    if (!getConstantIntValue(size))
      dynamicSizes.push_back(getValueOrCreateConstantIndexOp(builder, loc, size));
  auto buffer = BufferOp::create(builder, loc, view.type(), dynamicSizes, /*offset=*/Value(), /*static_offset=*/nullptr);
  // The type shows the order where everything is constant; dynamic strides do not.
  if (!dynamicSizes.empty() && !view.madeRowMajor)
    buffer->setAttr(layoutAttrName, builder.getDenseI64ArrayAttr(order));
  view.base = buffer;
  return view;
}

// The memory of `global` through its own strides.
StridedView FunctionBufferizer::globalView(Location loc, GlobalOp global, RankedTensorType type) {
  StridedView view;
  view.elementType = type.getElementType();
  view.offset = builder.getIndexAttr(0);
  view.sizes = getAsIndexOpFoldResult(builder.getContext(), type.getShape());
  view.strides = global.getStrides() ? getAsIndexOpFoldResult(builder.getContext(), *global.getStrides())
                                     : stridesInOrder(builder, loc, view.sizes, rowMajorOrder(type.getRank()));
  view.base = LoadGlobalOp::create(builder, loc, view.type(), global.getSymName());
  return view;
}

void FunctionBufferizer::copyInto(Location loc, const StridedView &source, const StridedView &destination) {
  memref::CopyOp::create(builder, loc, source.materialize(builder, loc), destination.materialize(builder, loc));
}

StridedView FunctionBufferizer::copyOf(Location loc, const StridedView &source) {
  StridedView copy = makeBuffer(loc, source.elementType, source.sizes, rowMajorOrder(source.rank()));
  copyInto(loc, source, copy);
  return copy;
}

//===--- arguments and destinations ----------------------------------------------------------------------------------===//

// Tensor arguments become row-major memrefs; results become memref arguments behind them.
void FunctionBufferizer::convertArguments() {
  Block &entry = function.getBody().front();
  builder.setInsertionPointToStart(&entry);
  auto convertType = [](Type type) -> Type {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor ? MemRefType::get(tensor.getShape(), tensor.getElementType()) : type;
  };
  llvm::append_range(inputs, entry.getArguments());
  for (BlockArgument argument : inputs) {
    auto type = dyn_cast<MemRefType>(convertType(argument.getType()));
    if (!type)
      continue;
    // The tensor argument stays as the key of its view until the old ops are gone.
    BlockArgument memref = entry.insertArgument(argument.getArgNumber() + 1, type, argument.getLoc());
    SmallVector<OpFoldResult> sizes;
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      sizes.push_back(ShapedType::isDynamic(size)
                          ? OpFoldResult(memref::DimOp::create(builder, argument.getLoc(), memref, dim).getResult())
                          : builder.getIndexAttr(size));
    views[argument] = rowMajorView(memref, sizes);
  }
  for (Type type : function.getResultTypes())
    outputs.push_back(entry.addArgument(convertType(type), function.getLoc()));
}

//===--- stores ------------------------------------------------------------------------------------------------------===//

// Decides how `store` gives `slot` its value; `memory` makes a view of the slot's memory.
void FunctionBufferizer::decideStore(Operation *store, const Slot &slot, function_ref<StridedView()> memory) {
  SlotUpdate update = updates.decide(slot);
  if (update == SlotUpdate::AtProducer)
    assignDestination(slot.stored, memory());
  if (update == SlotUpdate::AtProducer && !destinations.contains(skipReshapes(slot.stored)))
    update = SlotUpdate::AtStore;
  if (update == SlotUpdate::AfterCopy)
    copiedAtStart.insert(slot.old);
  storeUpdates[store] = update;
}

// A global that is loaded or stored more than once keeps its readers apart from its writers.
void FunctionBufferizer::decideStores(Block &entry) {
  builder.setInsertionPointToStart(&entry);
  llvm::StringMap<SmallVector<LoadGlobalOp, 1>> loads;
  llvm::StringMap<unsigned> numStores;
  for (auto load : entry.getOps<LoadGlobalOp>())
    loads[load.getGlobal()].push_back(load);
  for (auto store : entry.getOps<StoreGlobalOp>())
    ++numStores[store.getGlobal()];
  for (auto store : llvm::to_vector(entry.getOps<StoreGlobalOp>())) {
    auto global = SymbolTable::lookupNearestSymbolFrom<GlobalOp>(store, store.getGlobalAttr());
    auto type = cast<RankedTensorType>(store.getValue().getType());
    ArrayRef<LoadGlobalOp> readers = loads[store.getGlobal()];
    if (readers.size() > 1 || numStores[store.getGlobal()] > 1) {
      for (LoadGlobalOp load : readers)
        copiedAtStart.insert(load.getResult());
      storeUpdates[store] = SlotUpdate::AtStore;
      continue;
    }
    Value old = readers.empty() ? Value() : Value(LoadGlobalOp(readers.front()).getResult());
    decideStore(store, {old, store.getValue(), store, /*isRowMajor=*/!global.getStrides()}, [&] {
      StridedView view = globalView(store.getLoc(), global, type);
      if (old)
        views[old] = view; // one name for one memory
      return view;
    });
  }
  for (auto store : llvm::to_vector(entry.getOps<StoreInputOp>())) {
    Value input = inputs[store.getIndex()];
    decideStore(store, {input, store.getValue(), store}, [&] { return viewOf(input); });
  }
}

void FunctionBufferizer::assignDestination(Value value, const StridedView &destination) {
  Value producer = skipReshapes(value);
  if (producer == value) {
    destinations[producer] = destination;
    return;
  }
  // The destination is row-major, so the producer's shape is another reading of it.
  auto type = cast<RankedTensorType>(producer.getType());
  if (!type.hasStaticShape())
    return;
  SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(builder.getContext(), type.getShape());
  if (std::optional<StridedView> view = destination.reshaped(builder, value.getLoc(), sizes))
    destinations[producer] = *view;
}

// Results that are returned or joined by a concatenation are written there in the first place.
void FunctionBufferizer::assignDestinations(func::ReturnOp terminator) {
  Block *entry = terminator->getBlock();
  builder.setInsertionPointToStart(entry);
  for (auto [value, output] : llvm::zip(terminator.getOperands(), outputs)) {
    auto type = cast<RankedTensorType>(value.getType());
    Value producer = skipReshapes(value);
    if (type.hasStaticShape() && ownsFreshMemory(producer, entry) && !destinations.contains(producer) &&
        !updates.updatedInPlace(producer))
      assignDestination(value, rowMajorView(output, getAsIndexOpFoldResult(builder.getContext(), type.getShape())));
  }
  for (auto concat : entry->getOps<ConcatOp>())
    assignConcatSlices(concat);
}

// Kernels write straight into the slices of a concatenation. Library calls do not: a destination with gaps takes many of
// their fast implementations away.
void FunctionBufferizer::assignConcatSlices(ConcatOp concat) {
  auto type = cast<RankedTensorType>(concat.getInits()[0].getType());
  if (!type.hasStaticShape() || concat->hasAttr(layoutAttrName) || destinations.contains(concat->getResult(0)))
    return;
  auto isKernelResult = [&](Value source) {
    return source.hasOneUse() && source.getDefiningOp<LaunchOp>() && ownsFreshMemory(source, concat->getBlock()) &&
           !destinations.contains(source);
  };
  Operation *first = nullptr;
  for (Value source : concat.getSources())
    if (isKernelResult(source) && (!first || source.getDefiningOp()->isBeforeInBlock(first)))
      first = source.getDefiningOp();
  if (!first)
    return;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(first);
  int64_t rank = type.getRank();
  SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(builder.getContext(), type.getShape());
  StridedView whole = makeBuffer(concat.getLoc(), type.getElementType(), sizes, rowMajorOrder(rank));
  concatBuffers[concat] = whole;
  SmallVector<OpFoldResult> offsets(rank, builder.getIndexAttr(0)), steps(rank, builder.getIndexAttr(1));
  int64_t position = 0;
  for (Value source : concat.getSources()) {
    auto sourceType = cast<RankedTensorType>(source.getType());
    offsets[concat.getDim()] = builder.getIndexAttr(position);
    position += sourceType.getDimSize(concat.getDim());
    if (isKernelResult(source))
      destinations[source] =
          whole.sliced(builder, concat.getLoc(), offsets,
                       getAsIndexOpFoldResult(builder.getContext(), sourceType.getShape()), steps,
                       llvm::SmallBitVector(rank));
  }
}

//===--- structured ops ----------------------------------------------------------------------------------------------===//

StridedView FunctionBufferizer::allocate(Operation *op, unsigned index, Value init) {
  if (OpOperand *operand = updates.updatedInPlace(op->getResult(index)))
    return viewOf(operand->get());
  auto empty = init.getDefiningOp<tensor::EmptyOp>();
  if (!empty) // reads and updates a value that others need
    return copyOf(op->getLoc(), viewOf(init));
  if (auto destination = destinations.find(op->getResult(index)); destination != destinations.end())
    return destination->second;
  SmallVector<int64_t> order = rowMajorOrder(empty.getType().getRank());
  if (auto layouts = op->getAttrOfType<ArrayAttr>(layoutAttrName))
    if (auto layout = cast<DenseI64ArrayAttr>(layouts[index]); !layout.empty())
      order.assign(layout.asArrayRef().begin(), layout.asArrayRef().end());
  return makeBuffer(op->getLoc(), empty.getType().getElementType(), empty.getMixedSizes(), order);
}

LogicalResult FunctionBufferizer::convertStructured(DestinationStyleOpInterface op) {
  SmallVector<StridedView> results;
  for (auto [index, init] : llvm::enumerate(op.getDpsInits()))
    results.push_back(allocate(op, index, init));
  SmallVector<std::optional<StridedView>> operandViews; // none for scalars
  SmallVector<Value> operands;
  unsigned nextInit = 0;
  for (OpOperand &operand : op->getOpOperands()) {
    std::optional<StridedView> &view = operandViews.emplace_back();
    if (op.isDpsInit(&operand))
      view = results[nextInit++];
    else if (isa<RankedTensorType>(operand.get().getType()))
      view = viewOf(operand.get());
    operands.push_back(view ? view->materialize(builder, op.getLoc()) : operand.get());
  }
  OperationState state(op.getLoc(), op->getName(), operands, TypeRange(), op->getAttrs());
  state.attributes.erase(layoutAttrName);
  Operation *onMemrefs = builder.create(state);
  if (auto launch = dyn_cast<LaunchOp>(onMemrefs)) {
    // The kernel gets the address of each operand's first element: its argument types have no offset.
    SmallVector<Type> types = llvm::map_to_vector(operandViews, [](const std::optional<StridedView> &view) -> Type {
      return view ? Type(view->type(/*withOffset=*/false)) : Type();
    });
    for (auto [type, operand] : llvm::zip(types, operands))
      type = type ? type : operand.getType();
    launch.setKernelAttr(FlatSymbolRefAttr::get(kernels.specialise(launch.getKernelAttr().getAttr(), types)));
  }
  for (auto [result, memory] : llvm::zip(op->getResults(), results))
    views[result] = memory;
  return success();
}

//===--- views and copies --------------------------------------------------------------------------------------------===//

// Sizes that the result's type knows are constants from here on: kernels are given memory of the type they work on.
void FunctionBufferizer::convertCast(tensor::CastOp op) {
  StridedView view = viewOf(op.getSource());
  for (auto [dim, size] : llvm::enumerate(cast<RankedTensorType>(op.getType()).getShape()))
    if (!ShapedType::isDynamic(size))
      view.sizes[dim] = builder.getIndexAttr(size);
  views[op.getResult()] = view;
}

void FunctionBufferizer::convertView(ReshapeOp op) {
  SmallVector<OpFoldResult> sizes =
      getMixedValues(cast<RankedTensorType>(op.getType()).getShape(), op.getSizes(), builder);
  const StridedView &source = viewOf(op.getSource());
  std::optional<StridedView> view = source.reshaped(builder, op.getLoc(), sizes);
  if (!view) {
    StridedView copy = copyOf(op.getLoc(), source);
    view = copy.reshaped(builder, op.getLoc(), sizes);
  }
  views[op.getResult()] = *view;
}

void FunctionBufferizer::convertSlice(tensor::ExtractSliceOp op) {
  views[op.getResult()] =
      viewOf(op.getSource())
          .sliced(builder, op.getLoc(), op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides(),
                  op.getDroppedDims());
}

void FunctionBufferizer::convertInsertSlice(tensor::InsertSliceOp op) {
  StridedView whole = op.getDest().getDefiningOp<tensor::EmptyOp>()
                          ? makeBuffer(op.getLoc(), op.getType().getElementType(),
                                       op.getDest().getDefiningOp<tensor::EmptyOp>().getMixedSizes(),
                                       rowMajorOrder(op.getType().getRank()))
                      : updates.updatedInPlace(op.getResult()) ? viewOf(op.getDest())
                                                               : copyOf(op.getLoc(), viewOf(op.getDest()));
  copyInto(op.getLoc(), viewOf(op.getSource()),
           whole.sliced(builder, op.getLoc(), op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides(),
                        op.getDroppedDims()));
  views[op.getResult()] = whole;
}

void FunctionBufferizer::convertConcat(ConcatOp op) {
  StridedView whole = concatBuffers.contains(op) ? concatBuffers.at(op) : allocate(op, 0, op.getInits()[0]);
  int64_t rank = whole.rank();
  SmallVector<OpFoldResult> offsets(rank, builder.getIndexAttr(0)), steps(rank, builder.getIndexAttr(1));
  for (Value source : op.getSources()) {
    const StridedView &from = viewOf(source);
    if (!destinations.contains(source) || !concatBuffers.contains(op))
      copyInto(op.getLoc(), from,
               whole.sliced(builder, op.getLoc(), offsets, from.sizes, steps, llvm::SmallBitVector(rank)));
    offsets[op.getDim()] = add(builder, op.getLoc(), offsets[op.getDim()], from.sizes[op.getDim()]);
  }
  views[op->getResult(0)] = whole;
}

void FunctionBufferizer::convertDim(tensor::DimOp op) {
  int64_t dim = *op.getConstantIndex();
  auto empty = op.getSource().getDefiningOp<tensor::EmptyOp>();
  OpFoldResult size = empty ? empty.getMixedSizes()[dim] : viewOf(op.getSource()).sizes[dim];
  op.getResult().replaceAllUsesWith(getValueOrCreateConstantIndexOp(builder, op.getLoc(), size));
}

//===--- the function's borders --------------------------------------------------------------------------------------===//

void FunctionBufferizer::convertLoad(LoadGlobalOp op) {
  if (!views.contains(op.getResult())) {
    auto global = SymbolTable::lookupNearestSymbolFrom<GlobalOp>(op, op.getGlobalAttr());
    views[op.getResult()] = globalView(op.getLoc(), global, cast<RankedTensorType>(op.getType()));
  }
  if (copiedAtStart.contains(op.getResult()))
    views[op.getResult()] = copyOf(op.getLoc(), viewOf(op.getResult()));
}

// Gives the memory of `op` its value, unless the value is made there.
void FunctionBufferizer::convertStore(Operation *op, Value stored, function_ref<StridedView()> memory) {
  SlotUpdate update = storeUpdates.at(op);
  if (update == SlotUpdate::AtStore || update == SlotUpdate::AfterCopy)
    copyInto(op->getLoc(), viewOf(stored), memory());
}

void FunctionBufferizer::convertReturn(func::ReturnOp op) {
  for (auto [index, value, output] : llvm::enumerate(op.getOperands(), outputs)) {
    if (function.getResultAttr(index, lateOutputAttrName)) {
      SmallVector<OpFoldResult> sizes = viewOf(value).sizes;
      auto type = cast<MemRefType>(output.getType());
      SmallVector<Value> dynamicSizes;
      for (auto [dim, size] : llvm::enumerate(type.getShape()))
        if (ShapedType::isDynamic(size))
          dynamicSizes.push_back(getValueOrCreateConstantIndexOp(builder, op.getLoc(), sizes[dim]));
      auto memory = LateOutputOp::create(builder, op.getLoc(), type, dynamicSizes, index);
      copyInto(op.getLoc(), viewOf(value), rowMajorView(memory, sizes));
      continue;
    }
    for (auto [dim, size] : llvm::enumerate(viewOf(value).sizes))
      if (auto computed = dyn_cast<Value>(size); computed && isLateSize(computed))
        OutputSizeOp::create(builder, op.getLoc(), computed, index, dim);
    StridedView destination = rowMajorView(output, viewOf(value).sizes);
    auto known = destinations.find(skipReshapes(value));
    if (known == destinations.end() || known->second.base != output)
      copyInto(op.getLoc(), viewOf(value), destination);
  }
  func::ReturnOp::create(builder, op.getLoc());
}

//===--- the walk ----------------------------------------------------------------------------------------------------===//

LogicalResult FunctionBufferizer::convert(Operation *op) {
  builder.setInsertionPoint(op);
  Location loc = op->getLoc();
  if (isa<scf::IfOp, scf::ForOp, scf::WhileOp>(op)) {
    converted.push_back(op); // before its body's ops: users go first
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](scf::IfOp op) { return convertIf(op); })
        .Case([&](scf::ForOp op) { return convertFor(op); })
        .Case([&](scf::WhileOp op) { return convertWhile(op); });
  }
  auto usesTensors = [](TypeRange types) { return llvm::any_of(types, llvm::IsaPred<TensorType>); };
  if (!usesTensors(op->getOperandTypes()) && !usesTensors(op->getResultTypes()) && !isa<func::ReturnOp>(op))
    return success(); // scalars stay as they are; so does memory of a destination
  LogicalResult result =
      llvm::TypeSwitch<Operation *, LogicalResult>(op)
          .Case([&](tensor::EmptyOp) {
            return success(); // memory comes with the op that writes it; sizes are read from this op until then
          })
          .Case([&](LoadGlobalOp op) { return convertLoad(op), success(); })
          .Case([&](StoreGlobalOp op) {
            convertStore(op, op.getValue(), [&] {
              auto global = SymbolTable::lookupNearestSymbolFrom<GlobalOp>(op, op.getGlobalAttr());
              return globalView(loc, global, cast<RankedTensorType>(op.getValue().getType()));
            });
            return success();
          })
          .Case([&](StoreInputOp op) {
            convertStore(op, op.getValue(), [&] { return viewOf(inputs[op.getIndex()]); });
            return success();
          })
          .Case([&](ReshapeOp op) { return convertView(op), success(); })
          .Case([&](PermuteOp op) {
            views[op.getResult()] = viewOf(op.getSource()).permuted(op.getOrder());
            return success();
          })
          .Case([&](BroadcastOp op) {
            auto sizes = getMixedValues(cast<RankedTensorType>(op.getType()).getShape(), op.getSizes(), builder);
            views[op.getResult()] = viewOf(op.getSource()).broadcasted(builder, sizes);
            return success();
          })
          .Case([&](tensor::ExtractSliceOp op) { return convertSlice(op), success(); })
          .Case([&](tensor::InsertSliceOp op) { return convertInsertSlice(op), success(); })
          .Case([&](tensor::CastOp op) { return convertCast(op), success(); })
          .Case([&](tensor::DimOp op) { return convertDim(op), success(); })
          .Case([&](tensor::ExtractOp op) {
            auto load = memref::LoadOp::create(builder, loc, memrefOf(op.getTensor(), loc), op.getIndices());
            op.getResult().replaceAllUsesWith(load.getResult());
            return success();
          })
          .Case([&](CheckIndexOp op) {
            CheckIndexOp::create(builder, loc, memrefOf(op.getIndices(), loc), op.getSize(), op.getWhat(),
                                 op.getWraps());
            return success();
          })
          .Case([&](CheckDivisorOp op) {
            CheckDivisorOp::create(builder, loc, memrefOf(op.getDivisors(), loc), op.getWhat());
            return success();
          })
          .Case([&](CheckInfoOp op) {
            CheckInfoOp::create(builder, loc, memrefOf(op.getInfo(), loc), op.getMessage());
            return success();
          })
          .Case([&](ConcatOp op) { return convertConcat(op), success(); })
          .Case([&](arith::SelectOp op) { return convertSelect(op), success(); })
          .Case([&](func::ReturnOp op) { return convertReturn(op), success(); })
          .Case([&](DestinationStyleOpInterface op) {
            return isa<TenonDialect>(op->getDialect()) ? convertStructured(op) : failure();
          })
          .Default([](Operation *) { return failure(); });
  if (failed(result))
    return op->emitOpError("works on tensors outside a kernel; there is no way to give it memory");
  converted.push_back(op);
  return success();
}

LogicalResult FunctionBufferizer::convertBlock(Block &block) {
  SmallVector<Operation *> ops = llvm::map_to_vector(block, [](Operation &op) { return &op; });
  for (Operation *op : ops)
    if (!isa<scf::YieldOp, scf::ConditionOp>(op) && failed(convert(op)))
      return failure();
  return success();
}

LogicalResult FunctionBufferizer::run() {
  Block &entry = function.getBody().front();
  convertArguments();
  decideStores(entry);
  assignDestinations(cast<func::ReturnOp>(entry.getTerminator()));
  if (failed(convertBlock(entry)))
    return failure();
  for (Operation *op : llvm::reverse(converted))
    op->erase();
  entry.eraseArguments([](BlockArgument argument) { return isa<TensorType>(argument.getType()); });
  // Names of results move to the arguments that replace them.
  SmallVector<DictionaryAttr> argumentAttrs;
  function.getAllArgAttrs(argumentAttrs);
  argumentAttrs.resize(entry.getNumArguments() - outputs.size(), DictionaryAttr::get(function.getContext()));
  for (size_t index = 0; index < outputs.size(); ++index) {
    DictionaryAttr attributes = function.getResultAttrDict(index);
    argumentAttrs.push_back(attributes ? attributes : DictionaryAttr::get(function.getContext()));
  }
  function.removeResAttrsAttr();
  function.setFunctionType(FunctionType::get(function.getContext(), entry.getArgumentTypes(), {}));
  function.setAllArgAttrs(argumentAttrs);
  return success();
}
