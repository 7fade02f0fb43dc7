//===- DomainDims.cpp - dimensions and accesses of a kernel's domain ------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Step 4 of DomainBuilder.h.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/DomainBuilder.h"

using namespace mlir;
using namespace tenon;

//===--- dimensions and accesses -------------------------------------------------------------------------------------===//

LogicalResult DomainBuilder::numberClasses() {
  DenseMap<unsigned, int> dimOfClass;
  auto dimOf = [&](unsigned e) {
    unsigned root = find(e);
    if (sizeOf[root]->isOne())
      return -1;
    auto [found, inserted] = dimOfClass.try_emplace(root, domain.dims.size());
    if (inserted)
      domain.dims.push_back({*sizeOf[root], false});
    return found->second;
  };
  for (const Node &node : nodes) {
    SmallVector<int> &loops = domain.loopDims[node.op];
    for (unsigned e = node.first; e < node.first + node.count; ++e)
      loops.push_back(dimOf(e));
  }
  if (domain.dims.size() > 64)
    return function.emitError("has more than 64 dimensions");
  isIndexed.assign(domain.dims.size(), false);
  for (linalg::GenericOp op : domain.generics) {
    for (auto [dim, kind] : llvm::zip(domain.loopDims[op], op.getIteratorTypesArray()))
      if (dim >= 0 && kind == utils::IteratorType::reduction)
        domain.dims[dim].isRow = true;
    op.walk([&](linalg::IndexOp index) {
      if (int dim = domain.dimOf(op, index.getDim()); dim >= 0)
        isIndexed[dim] = true;
    });
  }
  for (KernelOutput &output : domain.outputs)
    for (auto [index, dim] : llvm::enumerate(domain.dims))
      dim.isRow |= !llvm::is_contained(domain.loopDims[output.op], static_cast<int>(index));
  return success();
}

FailureOr<unsigned> DomainBuilder::addAccess(Operation *op, int bufferIndex, AffineMap map) {
  const KernelBuffer &buffer = domain.buffers[bufferIndex];
  Access access{static_cast<unsigned>(bufferIndex), SmallVector<SizeProduct>(domain.dims.size(), SizeProduct::zero())};
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    int to = loop ? domain.loopDims[op][loop.getPosition()] : -1;
    if (to < 0 || buffer.sizes[dim].isOne())
      continue;
    SizeProduct &stride = access.strides[to];
    if (!stride.isZero() && !(stride.isStatic() && buffer.strides[dim].isStatic()))
      return op->emitError("reads a diagonal of a buffer with dynamic strides; split the kernel");
    if (stride.isZero())
      stride = buffer.strides[dim];
    else
      stride.constant += buffer.strides[dim].constant;
  }
  auto found = llvm::find(domain.accesses, access);
  if (found == domain.accesses.end()) {
    domain.accesses.push_back(std::move(access));
    found = std::prev(domain.accesses.end());
  }
  return static_cast<unsigned>(found - domain.accesses.begin());
}

LogicalResult DomainBuilder::addAccesses() {
  for (KernelOutput &output : domain.outputs) {
    unsigned buffer = domain.bufferIndex.lookup(output.op.getDest());
    auto access = addAccess(output.op, buffer, identityMap(domain.buffers[buffer].type.getRank()));
    if (failed(access))
      return failure();
    output.access = *access;
  }
  for (linalg::GenericOp op : domain.generics)
    for (OpOperand &operand : op->getOpOperands()) {
      int buffer = domain.bufferOf(operand.get());
      if (buffer < 0 || !op.payloadUsesValueFromOperand(&operand))
        continue;
      auto access = addAccess(op, buffer, op.getMatchingIndexingMap(&operand));
      if (failed(access))
        return failure();
      domain.operandAccess[&operand] = *access;
    }
  // A copy has no generic between its buffers.
  for (KernelOutput &output : domain.outputs)
    if (int buffer = domain.bufferOf(output.tensor); buffer >= 0) {
      auto access = addAccess(output.op, buffer, identityMap(domain.buffers[buffer].type.getRank()));
      if (failed(access))
        return failure();
      domain.operandAccess[&output.op.getSourceMutable()] = *access;
    }
  return success();
}

//===--- order and collapse ------------------------------------------------------------------------------------------===//

// Returns true when `outer` is the larger stride for all sizes above zero.
static bool isLargerStride(const SizeProduct &outer, const SizeProduct &inner) {
  return !outer.isZero() && !inner.isZero() && outer.constant >= inner.constant && !(outer == inner) &&
         std::includes(outer.entries.begin(), outer.entries.end(), inner.entries.begin(), inner.entries.end());
}

// Returns true when dimension `a` belongs outside of `b`: the first access that tells them apart decides (outputs are first).
static bool belongsOutside(ArrayRef<Access> accesses, unsigned a, unsigned b) {
  for (const Access &access : accesses) {
    if (isLargerStride(access.strides[a], access.strides[b]))
      return true;
    if (isLargerStride(access.strides[b], access.strides[a]))
      return false;
  }
  return a < b;
}

// Renumbers dimensions: `kept` lists old numbers in their order; `to` maps every old number to its place in it.
static void renumber(KernelDomain &domain, ArrayRef<unsigned> kept, SmallVectorImpl<SmallVector<int> *> &loops,
                     ArrayRef<int> to) {
  SmallVector<DomainDim> dims;
  for (unsigned old : kept)
    dims.push_back(domain.dims[old]);
  domain.dims = std::move(dims);
  for (Access &access : domain.accesses) {
    SmallVector<SizeProduct> strides;
    for (unsigned old : kept)
      strides.push_back(access.strides[old]);
    access.strides = std::move(strides);
  }
  for (SmallVector<int> *loop : loops)
    for (int &dim : *loop)
      if (dim >= 0)
        dim = to[dim];
}

void DomainBuilder::orderDims() {
  SmallVector<unsigned> order;
  for (unsigned dim = 0; dim < domain.dims.size(); ++dim) {
    auto place = order.end();
    while (place != order.begin()) {
      unsigned before = *std::prev(place);
      bool rowBefore = domain.dims[before].isRow, row = domain.dims[dim].isRow;
      bool moves = rowBefore != row ? rowBefore : belongsOutside(domain.accesses, dim, before);
      if (!moves)
        break;
      --place;
    }
    order.insert(place, dim);
  }
  SmallVector<int> to(order.size());
  SmallVector<bool> indexed(order.size());
  for (auto [place, old] : llvm::enumerate(order)) {
    to[old] = place;
    indexed[place] = isIndexed[old];
  }
  isIndexed = indexed;
  SmallVector<SmallVector<int> *> loops;
  for (auto &entry : domain.loopDims)
    loops.push_back(&entry.second);
  renumber(domain, order, loops, to);
}

void DomainBuilder::collapseDims() {
  // A dimension that only some nodes have cannot merge with one that others have.
  auto sameNodes = [&](int a, int b) {
    return llvm::all_of(domain.loopDims, [&](auto &entry) {
      return llvm::is_contained(entry.second, a) == llvm::is_contained(entry.second, b);
    });
  };
  SmallVector<unsigned> kept;
  SmallVector<int> to(domain.dims.size());
  for (unsigned dim = 0; dim < domain.dims.size(); ++dim) {
    if (!kept.empty()) {
      unsigned outer = kept.back();
      bool merges = domain.dims[outer].isRow == domain.dims[dim].isRow && !isIndexed[outer] && !isIndexed[dim] &&
                    sameNodes(outer, dim) && llvm::all_of(domain.accesses, [&](Access &access) {
                      return access.strides[outer] == access.strides[dim] * domain.dims[dim].size;
                    });
      if (merges) { // `dim` is the inner one: its strides stay
        domain.dims[dim].size = domain.dims[outer].size * domain.dims[dim].size;
        for (auto &entry : domain.loopDims)
          llvm::replace(entry.second, static_cast<int>(outer), static_cast<int>(dim));
        kept.back() = dim;
        continue;
      }
    }
    kept.push_back(dim);
  }
  for (auto [place, old] : llvm::enumerate(kept))
    to[old] = place;
  SmallVector<SmallVector<int> *> loops;
  for (auto &entry : domain.loopDims)
    loops.push_back(&entry.second);
  renumber(domain, kept, loops, to);
  for (KernelOutput &output : domain.outputs)
    for (int dim : domain.loopDims[output.op])
      if (dim >= 0)
        output.dims |= uint64_t(1) << dim;
}

// A row is reduced as a whole.
LogicalResult DomainBuilder::checkReductions() {
  for (linalg::GenericOp op : domain.generics)
    if (domain.reductionDimsOf(op) != 0 && (domain.dimsOf(op->getResult(0)) & domain.rowDims()) != 0)
      return op.emitError("reduces a part of the row that others reduce; split the kernel");
  return success();
}
