//===- KernelDomain.cpp - the iteration domain of a kernel function -------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/DomainBuilder.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tenon;

SizeProduct SizeProduct::operator*(const SizeProduct &other) const {
  if (isZero() || other.isZero())
    return zero();
  SizeProduct result{constant * other.constant, entries};
  llvm::append_range(result.entries, other.entries);
  llvm::sort(result.entries);
  return result;
}

uint64_t KernelDomain::rowDims() const {
  uint64_t result = 0;
  for (auto [index, dim] : llvm::enumerate(dims))
    result |= uint64_t(dim.isRow) << index;
  return result;
}

uint64_t KernelDomain::reductionDimsOf(linalg::GenericOp op) const {
  uint64_t result = 0;
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (int dim = dimOf(op, loop); kind == utils::IteratorType::reduction && dim >= 0)
      result |= uint64_t(1) << dim;
  return result;
}

uint64_t KernelDomain::dimsOf(Value tensor) const {
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  if (!op)
    return 0;
  uint64_t result = 0;
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (int dim = dimOf(op, loop); kind == utils::IteratorType::parallel && dim >= 0)
      result |= uint64_t(1) << dim;
  return result;
}

int KernelDomain::accessOf(OpOperand &operand) const {
  auto found = operandAccess.find(&operand);
  return found == operandAccess.end() ? -1 : static_cast<int>(found->second);
}

unsigned KernelDomain::sizeEntryOf(BlockArgument argument) {
  auto earlier = argument.getOwner()->getArguments().take_front(argument.getArgNumber());
  return llvm::count_if(earlier, [](BlockArgument other) { return other.getType().isIndex(); });
}

int KernelDomain::bufferOf(Value tensor) const {
  auto read = tensor.getDefiningOp<bufferization::ToTensorOp>();
  if (!read)
    return -1;
  auto found = bufferIndex.find(read.getBuffer());
  return found == bufferIndex.end() ? -1 : static_cast<int>(found->second);
}

//===--- buffers and nodes -------------------------------------------------------------------------------------------===//

LogicalResult DomainBuilder::collectBuffers() {
  for (BlockArgument argument : function.getArguments())
    domain.numSizeArguments += argument.getType().isIndex();
  unsigned entry = domain.numSizeArguments;
  for (BlockArgument argument : function.getArguments()) {
    if (argument.getType().isIndex())
      continue;
    auto type = dyn_cast<MemRefType>(argument.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (!type || failed(type.getStridesAndOffset(strides, offset)) || offset != 0)
      return function.emitError("argument ") << argument.getArgNumber() << " is " << argument.getType()
                                             << "; kernels take strided memrefs with offset zero, and indices";
    KernelBuffer buffer;
    buffer.type = type;
    for (int64_t size : type.getShape())
      buffer.sizes.push_back(ShapedType::isDynamic(size) ? SizeProduct{1, {entry++}} : SizeProduct{size, {}});
    buffer.strides.resize(type.getRank());
    if (type.getLayout().isIdentity()) {
      SizeProduct stride;
      for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
        buffer.strides[dim] = stride;
        stride = stride * buffer.sizes[dim];
      }
    } else {
      for (auto [dim, stride] : llvm::enumerate(strides))
        buffer.strides[dim] = ShapedType::isDynamic(stride) ? SizeProduct{1, {entry++}} : SizeProduct{stride, {}};
    }
    domain.bufferIndex[argument] = domain.buffers.size();
    domain.buffers.push_back(std::move(buffer));
  }
  canonicalEntry = llvm::to_vector(llvm::seq<unsigned>(0, entry));
  return success();
}

void DomainBuilder::addNode(Operation *op, ArrayRef<int64_t> staticSizes) {
  nodeOf[op] = nodes.size();
  nodes.push_back({op, static_cast<unsigned>(parent.size()), static_cast<unsigned>(staticSizes.size())});
  for (int64_t size : staticSizes) {
    parent.push_back(parent.size());
    sizeOf.push_back(ShapedType::isDynamic(size) ? std::nullopt : std::optional(SizeProduct{size, {}}));
  }
}

LogicalResult DomainBuilder::readGeneric(linalg::GenericOp op) {
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (AffineExpr result : map.getResults())
      if (!isa<AffineDimExpr>(result) && !isa<AffineConstantExpr>(result))
        return op.emitError("operand ") << operand.getOperandNumber() << " is read through " << AffineMapAttr::get(map)
                                        << "; kernels know dimensions and constant zero";
  }
  addNode(op, op.getStaticLoopRanges());
  return success();
}

LogicalResult DomainBuilder::collectNodes() {
  llvm::SetVector<Operation *> live;
  SmallVector<Value> worklist;
  auto visit = [&](Value value) {
    if (Operation *op = value.getDefiningOp(); op && isa<linalg::GenericOp>(op) && live.insert(op))
      llvm::append_range(worklist, op->getOperands());
  };
  for (auto op : function.getOps<bufferization::MaterializeInDestinationOp>()) {
    auto type = dyn_cast<MemRefType>(op.getDest().getType());
    if (!type || !domain.bufferIndex.contains(op.getDest()))
      return op.emitError("does not write an argument of its kernel");
    addNode(op, type.getShape());
    domain.outputs.push_back({op, op.getSource(), 0, 0});
    visit(op.getSource());
  }
  while (!worklist.empty())
    visit(worklist.pop_back_val());
  for (auto op : function.getOps<linalg::GenericOp>())
    if (live.contains(op)) {
      domain.generics.push_back(op);
      if (failed(readGeneric(op)))
        return failure();
    }
  return success();
}

//===--- the steps ---------------------------------------------------------------------------------------------------===//

FailureOr<KernelDomain> DomainBuilder::build() {
  if (failed(collectBuffers()) || failed(collectNodes()) || failed(connectProducers()))
    return failure();
  connectSharedFills();
  canonicalizeEntries();
  connectSharedInputs();
  connectEqualSizes();
  if (failed(checkNodes()) || failed(numberClasses()) || failed(addAccesses()))
    return failure();
  orderDims();
  collapseDims();
  if (failed(checkReductions()))
    return failure();
  return std::move(domain);
}

FailureOr<KernelDomain> KernelDomain::analyze(func::FuncOp function) { return DomainBuilder(function).build(); }
