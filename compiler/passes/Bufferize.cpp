//===- Bufferize.cpp - gives every tensor memory --------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Rewrites @main and @init from tensors to memrefs, and kernel functions to the memref types they are launched with.
//
//   %e = tensor.empty() : tensor<2x3xf32>                  %b = tenon.buffer : memref<2x3xf32>
//   %r = tenon.launch @k ins(%x) outs(%e) -> tensor        tenon.launch @k ins(%x) outs(%b)
//   %t = tenon.permute %r [1, 0]                           %t = memref.reinterpret_cast %b … strides [1, 3]
//   return %t : tensor<3x2xf32>                            memref.copy %t, %result
//
// Upstream's one-shot bufferisation is not used: at this level @main is straight-line code whose every op either views
// memory, writes fresh memory, or is a check. What matters is layout (tenon.layout), views as strides, and writing results
// where they are wanted (outputs, globals, slices of a concatenation), and that is the whole of this pass.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Passes.h"
#include "compiler/passes/StridedView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace tenon {
#define GEN_PASS_DEF_BUFFERIZE
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

//===--- kernels -----------------------------------------------------------------------------------------------------===//

namespace {

/// Gives kernel functions the memref types of their launches; one function per distinct signature.
class KernelSignatures {
public:
  explicit KernelSignatures(ModuleOp module) : symbols(module) {}

  /// Returns the name of kernel `name` for arguments of `types`.
  StringAttr specialise(StringAttr name, ArrayRef<Type> types);

private:
  SymbolTable symbols;
  DenseMap<std::pair<StringAttr, Attribute>, StringAttr> known;   // (kernel, signature) -> specialised
  DenseMap<StringAttr, OwningOpRef<func::FuncOp>> originals; // tensor-level kernels, taken out of the module
};

} // namespace

// Reads tensor arguments from memrefs, and ends by writing each result to its init.
static void rewriteKernelBody(func::FuncOp kernel, ArrayRef<Type> types) {
  Block &body = kernel.getBody().front();
  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  auto terminator = cast<func::ReturnOp>(body.getTerminator());
  unsigned numShaped = llvm::count_if(types, llvm::IsaPred<MemRefType>);
  unsigned numResults = terminator.getNumOperands();
  for (auto [argument, type] : llvm::zip(body.getArguments(), types)) {
    if (!isa<MemRefType>(type))
      continue;
    Type tensorType = argument.getType();
    argument.setType(type);
    auto read = bufferization::ToTensorOp::create(builder, kernel.getLoc(), tensorType, argument, /*restrict=*/true,
                                                  /*writable=*/argument.getArgNumber() + numResults >= numShaped);
    argument.replaceAllUsesExcept(read, read);
  }
  builder.setInsertionPoint(terminator);
  for (auto [index, value] : llvm::enumerate(terminator.getOperands())) {
    Value destination = body.getArgument(numShaped - numResults + index);
    bufferization::MaterializeInDestinationOp::create(builder, terminator.getLoc(), /*result=*/Type(), value,
                                                      destination, /*restrict=*/true, /*writable=*/true);
  }
  func::ReturnOp::create(builder, terminator.getLoc());
  terminator.erase();
  kernel.setFunctionType(builder.getFunctionType(types, {}));
  kernel.removeResAttrsAttr();
}

StringAttr KernelSignatures::specialise(StringAttr name, ArrayRef<Type> types) {
  auto signature = TypeAttr::get(FunctionType::get(name.getContext(), types, {}));
  StringAttr &specialised = known[{name, signature}];
  if (specialised)
    return specialised;
  OwningOpRef<func::FuncOp> &original = originals[name];
  if (!original) {
    auto function = symbols.lookup<func::FuncOp>(name);
    symbols.remove(function);
    function->remove();
    original = function;
  }
  auto kernel = original->clone();
  rewriteKernelBody(kernel, types);
  specialised = symbols.insert(kernel); // renamed where the name is taken by another signature
  return specialised;
}

//===--- functions ---------------------------------------------------------------------------------------------------===//

namespace {

/// Bufferises one function.
class FunctionBufferizer {
public:
  FunctionBufferizer(func::FuncOp function, KernelSignatures &kernels)
      : function(function), kernels(kernels), builder(function.getContext()) {}

  LogicalResult run();

private:
  void convertArguments();
  void findUpdatesInPlace();
  void assignDestinations(func::ReturnOp terminator);
  void assignDestination(Value value, const StridedView &destination);
  void assignConcatSlices(ConcatOp concat);

  LogicalResult convertBlock(Block &block);
  LogicalResult convert(Operation *op);
  void convertView(ReshapeOp op);
  void convertSlice(tensor::ExtractSliceOp op);
  void convertInsertSlice(tensor::InsertSliceOp op);
  void convertConcat(ConcatOp op);
  LogicalResult convertStructured(DestinationStyleOpInterface op);
  LogicalResult convertIf(scf::IfOp op);
  void convertReturn(func::ReturnOp op);

  /// The memory of `value`, which must have been converted.
  const StridedView &viewOf(Value value) const { return views.at(value); }
  Value memrefOf(Value value, Location loc) { return viewOf(value).materialize(builder, loc); }
  /// The memory that op's init number `index` gets: its destination, or a fresh buffer in its layout.
  FailureOr<StridedView> allocate(Operation *op, unsigned index, Value init);
  StridedView makeBuffer(Location loc, Type elementType, ArrayRef<OpFoldResult> sizes, ArrayRef<int64_t> order);
  StridedView rowMajorView(Value memref, ArrayRef<OpFoldResult> sizes);
  StridedView globalView(Location loc, GlobalOp global, RankedTensorType type);
  void copyInto(Location loc, const StridedView &source, const StridedView &destination);
  StridedView copyOf(Location loc, const StridedView &source);

  func::FuncOp function;
  KernelSignatures &kernels;
  OpBuilder builder;
  DenseMap<Value, StridedView> views;
  llvm::SmallPtrSet<OpOperand *, 8> inPlace;      // operands whose memory their op may change: nothing reads it afterwards
  llvm::SmallPtrSet<Operation *, 8> readInPlace;  // loads of state that is written only after their last use
  DenseMap<Value, StridedView> destinations;      // results that are wanted in given memory
  DenseMap<Operation *, StridedView> concatBuffers; // concatenations whose memory exists before them
  SmallVector<Value> outputs;                     // memref arguments for the function's results
  SmallVector<Operation *> converted;
};

} // namespace

static SmallVector<int64_t> rowMajorOrder(int64_t rank) { return llvm::to_vector(llvm::seq<int64_t>(0, rank)); }

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
  SmallVector<BlockArgument> tensors(entry.getArguments());
  for (BlockArgument argument : tensors) {
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

// Returns the value that a chain of reshapes starts from.
static Value skipReshapes(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getSource();
  return value;
}

// True when `value` is the result of an op that writes fresh row-major memory, in the function's own block.
static bool ownsFreshMemory(Value value, Block *block) {
  auto op = value.getDefiningOp<DestinationStyleOpInterface>();
  if (!op || op->getBlock() != block || op->hasAttr(layoutAttrName))
    return false;
  return op.getDpsInits()[cast<OpResult>(value).getResultNumber()].getDefiningOp<tensor::EmptyOp>() != nullptr;
}

void FunctionBufferizer::assignDestination(Value value, const StridedView &destination) {
  Value producer = skipReshapes(value);
  if (!ownsFreshMemory(producer, &function.getBody().front()) || destinations.contains(producer))
    return;
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

// Results that are returned, kept in a hoisted global or joined by a concatenation are written there in the first place.
void FunctionBufferizer::assignDestinations(func::ReturnOp terminator) {
  builder.setInsertionPointToStart(terminator->getBlock());
  for (auto [value, output] : llvm::zip(terminator.getOperands(), outputs)) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.hasStaticShape())
      assignDestination(value, rowMajorView(output, getAsIndexOpFoldResult(builder.getContext(), type.getShape())));
  }
  for (auto store : terminator->getBlock()->getOps<StoreGlobalOp>()) {
    auto global = SymbolTable::lookupNearestSymbolFrom<GlobalOp>(store, store.getGlobalAttr());
    auto type = cast<RankedTensorType>(store.getValue().getType());
    if (global.getKind() != GlobalKind::Hoisted || !type.hasStaticShape())
      continue;
    auto memory = LoadGlobalOp::create(builder, store.getLoc(),
                                       MemRefType::get(type.getShape(), type.getElementType()), store.getGlobal());
    assignDestination(store.getValue(),
                      rowMajorView(memory, getAsIndexOpFoldResult(builder.getContext(), type.getShape())));
  }
  for (auto concat : terminator->getBlock()->getOps<ConcatOp>())
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

//===--- updates in place --------------------------------------------------------------------------------------------===//

static bool isView(Operation *op) {
  return isa<ReshapeOp, PermuteOp, BroadcastOp, tensor::ExtractSliceOp, tensor::CastOp>(op);
}

// True where `value` and its views are used before `limit` only, except by the operand `ignored`.
static bool isUsedOnlyBefore(Value value, Operation *limit, const OpOperand *ignored = nullptr) {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    if (&use == ignored)
      return true;
    Operation *user = limit->getBlock()->findAncestorOpInBlock(*use.getOwner());
    return user && user->isBeforeInBlock(limit) && (!isView(user) || isUsedOnlyBefore(user->getResult(0), limit));
  });
}

// The operand whose elements `op` keeps where it does not write: what a copy is made of unless that memory may change.
static OpOperand *updatedOperand(Value result) {
  auto insert = result.getDefiningOp<tensor::InsertSliceOp>();
  OpOperand *operand = insert ? &insert.getDestMutable() : nullptr;
  if (auto op = result.getDefiningOp<DestinationStyleOpInterface>(); op && isa<TenonDialect>(op->getDialect()))
    operand = op.getTiedOpOperand(cast<OpResult>(result));
  return operand && !operand->get().getDefiningOp<tensor::EmptyOp>() ? operand : nullptr;
}

// State that the run replaces: its load needs no copy where the old value is read before the write only, and a chain of
// updates that ends in the store happens in the state's own memory.
void FunctionBufferizer::findUpdatesInPlace() {
  Block &entry = function.getBody().front();
  llvm::StringMap<unsigned> numLoads, numStores;
  for (auto load : entry.getOps<LoadGlobalOp>())
    ++numLoads[load.getGlobal()];
  for (auto store : entry.getOps<StoreGlobalOp>())
    ++numStores[store.getGlobal()];
  for (auto store : entry.getOps<StoreGlobalOp>()) {
    auto load = llvm::find_if(entry.getOps<LoadGlobalOp>(),
                              [&](LoadGlobalOp load) { return load.getGlobal() == store.getGlobal(); });
    if (numLoads[store.getGlobal()] != 1 || numStores[store.getGlobal()] != 1)
      continue;
    Value state = (*load).getResult();
    SmallVector<OpOperand *> chain;
    Value value = store.getValue();
    while (OpOperand *operand = updatedOperand(value)) {
      if (operand->getOwner()->getBlock() != &entry || !isUsedOnlyBefore(operand->get(), operand->getOwner(), operand))
        break;
      chain.push_back(operand);
      value = operand->get();
    }
    if (value == state && !chain.empty())
      inPlace.insert(chain.begin(), chain.end());
    else if (!isUsedOnlyBefore(state, store))
      continue;
    readInPlace.insert(*load);
  }
}

//===--- ops ---------------------------------------------------------------------------------------------------------===//

FailureOr<StridedView> FunctionBufferizer::allocate(Operation *op, unsigned index, Value init) {
  auto empty = init.getDefiningOp<tensor::EmptyOp>();
  if (!empty) { // reads and updates a value: in its memory, or in a copy of it
    OpOperand *operand = updatedOperand(op->getResult(index));
    return inPlace.contains(operand) ? viewOf(init) : copyOf(op->getLoc(), viewOf(init));
  }
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
  for (auto [index, init] : llvm::enumerate(op.getDpsInits())) {
    FailureOr<StridedView> memory = allocate(op, index, init);
    if (failed(memory))
      return failure();
    results.push_back(*memory);
  }
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
                      : inPlace.contains(&op.getDestMutable()) ? viewOf(op.getDest())
                                                               : copyOf(op.getLoc(), viewOf(op.getDest()));
  copyInto(op.getLoc(), viewOf(op.getSource()),
           whole.sliced(builder, op.getLoc(), op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides(),
                        op.getDroppedDims()));
  views[op.getResult()] = whole;
}

void FunctionBufferizer::convertConcat(ConcatOp op) {
  FailureOr<StridedView> whole = concatBuffers.contains(op) ? concatBuffers.at(op) : allocate(op, 0, op.getInits()[0]);
  int64_t rank = whole->rank();
  SmallVector<OpFoldResult> offsets(rank, builder.getIndexAttr(0)), steps(rank, builder.getIndexAttr(1));
  for (Value source : op.getSources()) {
    const StridedView &from = viewOf(source);
    if (!destinations.contains(source) || !concatBuffers.contains(op))
      copyInto(op.getLoc(), from,
               whole->sliced(builder, op.getLoc(), offsets, from.sizes, steps, llvm::SmallBitVector(rank)));
    offsets[op.getDim()] = add(builder, op.getLoc(), offsets[op.getDim()], from.sizes[op.getDim()]);
  }
  views[op->getResult(0)] = *whole;
}

// Both branches write their values into memory that is made before.
LogicalResult FunctionBufferizer::convertIf(scf::IfOp op) {
  SmallVector<StridedView> results;
  for (Type type : op.getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape())
      return op.emitOpError("returns a value of dynamic shape from a branch, which has no memory plan");
    results.push_back(makeBuffer(op.getLoc(), tensor.getElementType(),
                                 getAsIndexOpFoldResult(builder.getContext(), tensor.getShape()),
                                 rowMajorOrder(tensor.getRank())));
  }
  auto branch = scf::IfOp::create(builder, op.getLoc(), op.getCondition(), /*withElse=*/true);
  for (auto [from, to] : {std::pair{&op.getThenRegion(), &branch.getThenRegion()},
                          std::pair{&op.getElseRegion(), &branch.getElseRegion()}}) {
    if (from->empty())
      continue;
    if (failed(convertBlock(from->front())))
      return failure();
    auto yield = cast<scf::YieldOp>(from->front().getTerminator());
    builder.setInsertionPoint(yield);
    for (auto [value, memory] : llvm::zip(yield.getOperands(), results))
      copyInto(op.getLoc(), viewOf(value), memory);
    to->front().getOperations().splice(to->front().begin(), from->front().getOperations(), from->front().begin(),
                                       yield->getIterator());
  }
  builder.setInsertionPointAfter(op);
  for (auto [result, memory] : llvm::zip(op.getResults(), results))
    views[result] = memory;
  return success();
}

void FunctionBufferizer::convertReturn(func::ReturnOp op) {
  for (auto [value, output] : llvm::zip(op.getOperands(), outputs)) {
    StridedView destination = rowMajorView(output, viewOf(value).sizes);
    auto known = destinations.find(skipReshapes(value));
    if (known == destinations.end() || known->second.base != output)
      copyInto(op.getLoc(), viewOf(value), destination);
  }
  func::ReturnOp::create(builder, op.getLoc());
}

LogicalResult FunctionBufferizer::convert(Operation *op) {
  builder.setInsertionPoint(op);
  Location loc = op->getLoc();
  if (isa<tensor::EmptyOp>(op)) {
    // Memory comes with the op that writes it; sizes are read from this op until then.
  } else if (auto load = dyn_cast<LoadGlobalOp>(op); load && isa<MemRefType>(load.getType())) {
    return success(); // memory of a destination
  } else if (auto load = dyn_cast<LoadGlobalOp>(op)) {
    auto type = cast<RankedTensorType>(load.getType());
    auto global = SymbolTable::lookupNearestSymbolFrom<GlobalOp>(load, load.getGlobalAttr());
    StridedView view = globalView(loc, global, type);
    // A state whose old value is read after it is written is read through a copy.
    bool isWritten = global.getKind() == GlobalKind::State &&
                     llvm::any_of(function.getOps<StoreGlobalOp>(),
                                  [&](StoreGlobalOp store) { return store.getGlobal() == load.getGlobal(); });
    views[load.getResult()] = isWritten && !readInPlace.contains(load) ? copyOf(loc, view) : view;
  } else if (auto store = dyn_cast<StoreGlobalOp>(op)) {
    const StridedView &value = viewOf(store.getValue());
    auto known = destinations.find(skipReshapes(store.getValue()));
    auto written = known == destinations.end() ? LoadGlobalOp() : known->second.base.getDefiningOp<LoadGlobalOp>();
    bool updatedInPlace = updatedOperand(store.getValue()) && inPlace.contains(updatedOperand(store.getValue()));
    if (!updatedInPlace && (!written || written.getGlobal() != store.getGlobal())) {
      auto global = SymbolTable::lookupNearestSymbolFrom<GlobalOp>(store, store.getGlobalAttr());
      copyInto(loc, value, globalView(loc, global, cast<RankedTensorType>(store.getValue().getType())));
    }
  } else if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    convertView(reshape);
  } else if (auto permute = dyn_cast<PermuteOp>(op)) {
    views[permute.getResult()] = viewOf(permute.getSource()).permuted(permute.getOrder());
  } else if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
    auto sizes = getMixedValues(cast<RankedTensorType>(broadcast.getType()).getShape(), broadcast.getSizes(), builder);
    views[broadcast.getResult()] = viewOf(broadcast.getSource()).broadcasted(builder, sizes);
  } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    convertSlice(slice);
  } else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    convertInsertSlice(insert);
  } else if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    views[cast.getResult()] = viewOf(cast.getSource());
  } else if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    OpFoldResult size = dim.getSource().getDefiningOp<tensor::EmptyOp>()
                            ? dim.getSource().getDefiningOp<tensor::EmptyOp>().getMixedSizes()[*dim.getConstantIndex()]
                            : viewOf(dim.getSource()).sizes[*dim.getConstantIndex()];
    dim.getResult().replaceAllUsesWith(getValueOrCreateConstantIndexOp(builder, loc, size));
  } else if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    auto load = memref::LoadOp::create(builder, loc, memrefOf(extract.getTensor(), loc), extract.getIndices());
    extract.getResult().replaceAllUsesWith(load.getResult());
  } else if (auto check = dyn_cast<CheckIndexOp>(op)) {
    CheckIndexOp::create(builder, loc, memrefOf(check.getIndices(), loc), check.getSize(), check.getWhat());
  } else if (auto concat = dyn_cast<ConcatOp>(op)) {
    convertConcat(concat);
  } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
    if (failed(convertIf(branch)))
      return failure();
  } else if (auto terminator = dyn_cast<func::ReturnOp>(op)) {
    convertReturn(terminator);
  } else if (auto structured = dyn_cast<DestinationStyleOpInterface>(op);
             structured && isa<TenonDialect>(op->getDialect())) {
    if (failed(convertStructured(structured)))
      return failure();
  } else if (llvm::any_of(op->getOperandTypes(), llvm::IsaPred<TensorType>) ||
             llvm::any_of(op->getResultTypes(), llvm::IsaPred<TensorType>)) {
    return op->emitOpError("works on tensors outside a kernel; there is no way to give it memory");
  } else {
    return success(); // scalars: stays as it is
  }
  converted.push_back(op);
  return success();
}

LogicalResult FunctionBufferizer::convertBlock(Block &block) {
  SmallVector<Operation *> ops = llvm::map_to_vector(block, [](Operation &op) { return &op; });
  for (Operation *op : ops)
    if (!isa<scf::YieldOp>(op) && failed(convert(op)))
      return failure();
  return success();
}

LogicalResult FunctionBufferizer::run() {
  Block &entry = function.getBody().front();
  convertArguments();
  findUpdatesInPlace();
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

//===--- pass --------------------------------------------------------------------------------------------------------===//

namespace {

struct Bufferize : tenon::impl::BufferizeBase<Bufferize> {
  void runOnOperation() override {
    KernelSignatures kernels(getOperation());
    for (StringRef name : {initFunctionName, mainFunctionName}) {
      auto function = getOperation().lookupSymbol<func::FuncOp>(name);
      if (function && failed(FunctionBufferizer(function, kernels).run()))
        return signalPassFailure();
    }
  }
};

} // namespace
