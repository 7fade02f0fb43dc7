//===- OutlineKernels.cpp - a group of ops as a kernel function -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/OutlineKernels.h"

#include "compiler/passes/KernelNames.h"
#include "compiler/passes/Views.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace tenon;

namespace {

/// What crosses the border of a group.
struct Interface {
  llvm::SetVector<Value> inputs;         // tensors made outside
  llvm::SetVector<Value> sizes;          // indices made outside
  llvm::SetVector<Operation *> scalars;  // scalar ops outside that the kernel repeats, in order
  SmallVector<OpResult> outputs;         // tensors used outside
};

} // namespace

//===--- the interface -----------------------------------------------------------------------------------------------===//

// Adds what the kernel needs to have the value `outer`; fails for a scalar that it can neither be given nor compute.
static LogicalResult require(Value outer, Interface &interface) {
  if (isa<RankedTensorType>(outer.getType()))
    return interface.inputs.insert(outer), success();
  Operation *op = outer.getDefiningOp();
  bool repeatable = op && op->getNumRegions() == 0 && isMemoryEffectFree(op) && !isa<tensor::DimOp>(op);
  if (outer.getType().isIndex() && !(op && op->hasTrait<OpTrait::ConstantLike>()))
    return interface.sizes.insert(outer), success();
  if (!repeatable)
    return emitError(outer.getLoc(), "a kernel needs a scalar of type ")
           << outer.getType() << " that it cannot compute; make it a tensor";
  for (Value operand : op->getOperands())
    if (failed(require(operand, interface)))
      return failure();
  interface.scalars.insert(op);
  return success();
}

// A tensor.empty is made inside; its sizes come from outside.
static bool isMadeInside(Value value) { return value.getDefiningOp<tensor::EmptyOp>() != nullptr; }

static FailureOr<Interface> interfaceOf(const KernelGroup &group) {
  Interface interface;
  llvm::SmallPtrSet<Operation *, 16> members;
  for (Operation *op : group)
    members.insert(op);
  for (Operation *op : group) {
    llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), used);
    for (Value value : used) {
      if (members.contains(value.getDefiningOp()))
        continue;
      ValueRange needed = isMadeInside(value) ? value.getDefiningOp()->getOperands() : ValueRange(value);
      for (Value outer : needed)
        if (failed(require(outer, interface)))
          return failure();
    }
    for (OpResult result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !members.contains(op->getBlock()->findAncestorOpInBlock(*user));
          }))
        interface.outputs.push_back(result);
  }
  return interface;
}

//===--- the function ------------------------------------------------------------------------------------------------===//

// Returns the init at the start of the chain of members that makes `output`, to be replaced by the kernel's argument.
static OpOperand *firstInit(OpResult output, const KernelGroup &group) {
  while (true) {
    auto op = cast<linalg::LinalgOp>(output.getOwner());
    OpOperand *init = op.getTiedOpOperand(output);
    auto producer = dyn_cast<OpResult>(init->get());
    if (!producer || !llvm::is_contained(group, producer.getOwner()) || !producer.hasOneUse())
      return init;
    output = producer;
  }
}

static Location fusedLoc(const KernelGroup &group) {
  SmallVector<Location> locs = llvm::map_to_vector(group, [](Operation *op) { return op->getLoc(); });
  return FusedLoc::get(locs.front()->getContext(), locs);
}

// Returns a tensor.empty of the shape of `output`, whose sizes are those of the value it starts from.
static Value makeInit(OpBuilder &builder, OpResult output, const KernelGroup &group) {
  Value start = firstInit(output, group)->get();
  auto type = cast<RankedTensorType>(output.getType());
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim)) {
      OpFoldResult size = sizeOf(start, dim);
      sizes.push_back(size ? cast<Value>(size) : tensor::DimOp::create(builder, output.getLoc(), start, dim));
    }
  return tensor::EmptyOp::create(builder, output.getLoc(), type, sizes);
}

static func::FuncOp makeKernel(const KernelGroup &group, const Interface &interface) {
  OpBuilder builder(group.front()->getContext());
  Location loc = fusedLoc(group);
  SmallVector<Type> arguments, results;
  for (Value input : interface.inputs)
    arguments.push_back(input.getType());
  for (OpResult output : interface.outputs)
    results.push_back(output.getType());
  llvm::append_range(arguments, results);
  arguments.append(interface.sizes.size(), builder.getIndexType());
  auto kernel = func::FuncOp::create(loc, kernelName(group), builder.getFunctionType(arguments, results));
  kernel.setPrivate();
  kernel->setAttr(kernelAttrName, builder.getUnitAttr());

  Block *body = kernel.addEntryBlock();
  builder.setInsertionPointToStart(body);
  IRMapping mapping;
  mapping.map(interface.inputs.getArrayRef(), body->getArguments().take_front(interface.inputs.size()));
  mapping.map(interface.sizes.getArrayRef(), body->getArguments().take_back(interface.sizes.size()));
  // require() inserts operands before their users, so this is a topological order.
  for (Operation *scalar : interface.scalars)
    builder.clone(*scalar, mapping);
  llvm::SmallDenseMap<OpOperand *, Value> inits;
  for (auto [index, output] : llvm::enumerate(interface.outputs)) {
    OpOperand *init = firstInit(output, group);
    if (isMadeInside(init->get()))
      inits[init] = body->getArgument(interface.inputs.size() + index);
  }
  for (linalg::LinalgOp op : group) {
    for (OpOperand &operand : op->getOpOperands())
      if (isMadeInside(operand.get()) && !inits.contains(&operand))
        mapping.map(operand.get(), builder.clone(*operand.get().getDefiningOp(), mapping)->getResult(0));
    Operation *copy = builder.clone(*op, mapping);
    for (OpOperand &operand : op->getOpOperands())
      if (auto init = inits.find(&operand); init != inits.end())
        copy->setOperand(operand.getOperandNumber(), init->second);
  }
  SmallVector<Value> values;
  for (OpResult output : interface.outputs)
    values.push_back(mapping.lookup(output));
  func::ReturnOp::create(builder, loc, values);
  return kernel;
}

//===--- sharing -----------------------------------------------------------------------------------------------------===//

static unsigned structuralHash(func::FuncOp kernel) {
  llvm::hash_code hash = llvm::hash_value(kernel.getFunctionType().getAsOpaquePointer());
  kernel.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    hash = llvm::hash_combine(hash, OperationEquivalence::computeHash(op, OperationEquivalence::ignoreHashValue,
                                                                      OperationEquivalence::ignoreHashValue,
                                                                      OperationEquivalence::IgnoreLocations));
  });
  return static_cast<unsigned>(hash);
}

func::FuncOp KernelOutliner::insertOrReuse(func::FuncOp kernel) {
  SmallVector<func::FuncOp> &candidates = kernelsByHash[structuralHash(kernel)];
  for (func::FuncOp candidate : candidates)
    if (candidate.getFunctionType() == kernel.getFunctionType() &&
        OperationEquivalence::isRegionEquivalentTo(&candidate.getBody(), &kernel.getBody(),
                                                   OperationEquivalence::IgnoreLocations)) {
      kernel->erase();
      return candidate;
    }
  symbols.insert(kernel, module.getBody()->end());
  candidates.push_back(kernel);
  return kernel;
}

//===--- the launch --------------------------------------------------------------------------------------------------===//

LogicalResult KernelOutliner::outline(const KernelGroup &group) {
  FailureOr<Interface> interface = interfaceOf(group);
  if (failed(interface))
    return failure();
  func::FuncOp kernel = insertOrReuse(makeKernel(group, *interface));
  OpBuilder builder(group.back()->getBlock(), std::next(group.back()->getIterator()));
  SmallVector<Value> inits;
  SmallVector<Type> types;
  for (OpResult output : interface->outputs) {
    inits.push_back(makeInit(builder, output, group));
    types.push_back(output.getType());
  }
  auto launch = LaunchOp::create(builder, fusedLoc(group), types, SymbolRefAttr::get(kernel),
                                 interface->inputs.getArrayRef(), inits, interface->sizes.getArrayRef());
  for (auto [output, result] : llvm::zip(interface->outputs, launch.getResults()))
    output.replaceAllUsesWith(result);
  for (Operation *op : llvm::reverse(group))
    op->erase();
  return success();
}
