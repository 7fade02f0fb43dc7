//===- LoopClasses.cpp - which loops of a kernel walk one dimension -------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Steps 2 and 3 of DomainBuilder.h.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/DomainBuilder.h"

using namespace mlir;
using namespace tenon;

unsigned DomainBuilder::find(unsigned e) const {
  while (parent[e] != e)
    e = parent[e];
  return e;
}

void DomainBuilder::unite(unsigned a, unsigned b) {
  a = find(a), b = find(b);
  if (a == b)
    return;
  if (b < a)
    std::swap(a, b); // the earliest loop represents its class, so that numbering follows the outputs
  parent[b] = a;
  if (sizeOf[b] && (!sizeOf[a] || sizeOf[b]->isStatic()))
    sizeOf[a] = sizeOf[b];
}

// Returns true when no node has a loop in both classes.
bool DomainBuilder::mayUnite(unsigned a, unsigned b) const {
  for (const Node &node : nodes) {
    bool inA = false, inB = false;
    for (unsigned e = node.first; e < node.first + node.count; ++e) {
      inA |= find(e) == a;
      inB |= find(e) == b;
    }
    if (inA && inB)
      return false;
  }
  return true;
}

LogicalResult DomainBuilder::connect(Operation *consumer, Value tensor, AffineMap map) {
  auto producer = tensor.getDefiningOp<linalg::GenericOp>();
  if (!producer)
    return success();
  AffineMap written = producer.getIndexingMapMatchingResult(cast<OpResult>(tensor));
  for (auto [read, write] : llvm::zip_equal(map.getResults(), written.getResults())) {
    auto from = dyn_cast<AffineDimExpr>(write), to = dyn_cast<AffineDimExpr>(read);
    if (from && to)
      unite(element(producer, from.getPosition()), element(consumer, to.getPosition()));
    else if (from && sizeOf[find(element(producer, from.getPosition()))] != SizeProduct{})
      return consumer->emitError("reads one element of a dimension that its producer computes whole; split the kernel");
  }
  return success();
}

LogicalResult DomainBuilder::connectProducers() {
  for (KernelOutput &output : domain.outputs) {
    unsigned rank = cast<MemRefType>(output.op.getDest().getType()).getRank();
    if (failed(connect(output.op, output.tensor, identityMap(rank))))
      return failure();
  }
  for (linalg::GenericOp op : domain.generics)
    for (OpOperand &operand : op->getOpOperands())
      if (failed(connect(op, operand.get(), op.getMatchingIndexingMap(&operand))))
        return failure();
  return success();
}

// Whatever reads or stores one filled tensor walks the same dimensions: no producer's loops say so.
void DomainBuilder::connectSharedFills() {
  DenseMap<std::pair<Value, unsigned>, unsigned> seen; // (tensor, dimension) -> a loop that walks it
  auto visit = [&](Operation *op, Value tensor, AffineMap map) {
    if (!tensor.getDefiningOp<linalg::FillOp>())
      return;
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop || cast<ShapedType>(tensor.getType()).getDimSize(dim) == 1)
        continue;
      unsigned here = find(element(op, loop.getPosition()));
      auto [found, inserted] = seen.try_emplace({tensor, static_cast<unsigned>(dim)}, here);
      unsigned there = find(found->second);
      if (!inserted && here != there && mayUnite(here, there))
        unite(here, there);
    }
  };
  for (KernelOutput &output : domain.outputs)
    visit(output.op, output.tensor, identityMap(cast<MemRefType>(output.op.getDest().getType()).getRank()));
  for (linalg::GenericOp op : domain.generics)
    for (OpOperand *operand : op.getDpsInputOperands())
      visit(op, operand->get(), op.getMatchingIndexingMap(operand));
}

template <typename Callback> void DomainBuilder::forEachMemoryOperand(Callback callback) {
  for (KernelOutput &output : domain.outputs) {
    unsigned buffer = domain.bufferIndex.lookup(output.op.getDest());
    callback(output.op, buffer, identityMap(domain.buffers[buffer].type.getRank()));
  }
  for (linalg::GenericOp op : domain.generics)
    for (OpOperand &operand : op->getOpOperands())
      if (int buffer = domain.bufferOf(operand.get()); buffer >= 0 && op.payloadUsesValueFromOperand(&operand))
        callback(op, buffer, op.getMatchingIndexingMap(&operand));
}

void DomainBuilder::noteSize(unsigned e, const SizeProduct &size) {
  unsigned root = find(e);
  std::optional<SizeProduct> &known = sizeOf[root];
  if (!known || (size.isStatic() && !known->isStatic()))
    known = size;
  else if (!known->isStatic() && !size.isStatic())
    canonicalEntry[size.entries[0]] = canonicalEntry[known->entries[0]];
}

// A value made from positions alone may have loops that no buffer has: its destination names their sizes.
void DomainBuilder::noteSizesOfGenerated() {
  for (linalg::GenericOp op : domain.generics)
    for (OpOperand &init : op.getDpsInitsMutable()) {
      auto empty = init.get().getDefiningOp<tensor::EmptyOp>();
      if (!empty)
        continue;
      for (auto [size, expr] : llvm::zip(empty.getMixedSizes(), op.getMatchingIndexingMap(&init).getResults())) {
        auto loop = dyn_cast<AffineDimExpr>(expr);
        auto argument = dyn_cast_if_present<BlockArgument>(dyn_cast<Value>(size));
        if (loop && argument && !sizeOf[find(element(op, loop.getPosition()))])
          noteSize(element(op, loop.getPosition()), {1, {KernelDomain::sizeEntryOf(argument)}});
      }
    }
}

// Gives classes of dynamic loops a size-table entry. Outputs come first, so entries of theirs name the sizes.
void DomainBuilder::canonicalizeEntries() {
  forEachMemoryOperand([&](Operation *op, unsigned buffer, AffineMap map) {
    for (auto [dim, expr] : llvm::enumerate(map.getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(expr))
        noteSize(element(op, loop.getPosition()), domain.buffers[buffer].sizes[dim]);
  });
  noteSizesOfGenerated();
  auto canonicalize = [&](SizeProduct &product) {
    for (unsigned &entry : product.entries)
      entry = canonicalEntry[entry];
    llvm::sort(product.entries);
  };
  for (KernelBuffer &buffer : domain.buffers) {
    llvm::for_each(buffer.sizes, canonicalize);
    llvm::for_each(buffer.strides, canonicalize);
  }
  for (std::optional<SizeProduct> &size : sizeOf)
    if (size)
      canonicalize(*size);
}

void DomainBuilder::connectSharedInputs() {
  DenseMap<std::pair<unsigned, unsigned>, unsigned> seen; // (buffer, dimension) -> a loop that walks it
  forEachMemoryOperand([&](Operation *op, unsigned buffer, AffineMap map) {
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop || domain.buffers[buffer].type.getDimSize(dim) == 1)
        continue;
      unsigned here = find(element(op, loop.getPosition()));
      auto [found, inserted] = seen.try_emplace({buffer, static_cast<unsigned>(dim)}, here);
      unsigned there = find(found->second);
      if (!inserted && here != there && mayUnite(here, there))
        unite(here, there);
    }
  });
}

void DomainBuilder::connectEqualSizes() {
  for (unsigned b = 0; b < parent.size(); ++b)
    for (unsigned a = 0; a < b && find(b) == b; ++a)
      if (find(a) == a && sizeOf[a] && sizeOf[b] && *sizeOf[a] == *sizeOf[b] && !sizeOf[a]->isOne() && mayUnite(a, b))
        unite(a, b);
}

// Every loop has a size, and no node walks one dimension by two loops.
LogicalResult DomainBuilder::checkNodes() {
  for (const Node &node : nodes) {
    llvm::SmallDenseSet<unsigned> seen;
    for (unsigned e = node.first; e < node.first + node.count; ++e) {
      unsigned root = find(e);
      if (!sizeOf[root])
        return node.op->emitError("loop ") << e - node.first << " has a size that no buffer of the kernel shows";
      if (!sizeOf[root]->isOne() && !seen.insert(root).second)
        return node.op->emitError("two loops walk one dimension of the kernel's domain; split the kernel");
    }
  }
  return success();
}
