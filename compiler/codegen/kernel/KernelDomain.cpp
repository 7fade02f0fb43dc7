//===- KernelDomain.cpp - the iteration domain of a kernel function -------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// 1. Nodes are the outputs and the generics they depend on; each has loops (an output: one per dimension of its memref).
// 2. Loops become one class where a node reads another's result through them.
// 3. Classes nobody connected merge where they walk the same dimension of an input, then where their sizes are equal: the
//    maximum and the sum of a softmax run over one row although no value links their loops. Two loops of one node never merge.
// 4. Classes of more than one iteration are the domain's dimensions, rows where something is reduced over them or an output
//    lacks them; they are ordered by stride and merged where every access walks both as one.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/KernelDomain.h"

#include "llvm/ADT/EquivalenceClasses.h"
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

int KernelDomain::bufferOf(Value tensor) const {
  auto read = tensor.getDefiningOp<bufferization::ToTensorOp>();
  if (!read)
    return -1;
  auto found = bufferIndex.find(read.getBuffer());
  return found == bufferIndex.end() ? -1 : static_cast<int>(found->second);
}

namespace tenon {

/// Builds a KernelDomain; its methods are the steps of the analysis.
class DomainBuilder {
public:
  explicit DomainBuilder(func::FuncOp function) : function(function) {}
  FailureOr<KernelDomain> build();

private:
  // A node is an output (op: its materialize_in_destination) or a generic; its loops are elements [first, first + count).
  struct Node {
    Operation *op;
    unsigned first, count;
  };

  LogicalResult collectBuffers();
  LogicalResult collectNodes();
  void addNode(Operation *op, ArrayRef<int64_t> staticSizes);
  LogicalResult readGeneric(linalg::GenericOp op);
  LogicalResult connectProducers();
  LogicalResult connect(Operation *consumer, Value tensor, AffineMap map);
  void connectSharedFills();
  void connectSharedInputs();
  void connectEqualSizes();
  void canonicalizeEntries();
  LogicalResult checkNodes();
  LogicalResult numberClasses();
  LogicalResult addAccesses();
  FailureOr<unsigned> addAccess(Operation *op, int buffer, AffineMap map);
  void orderDims();
  void collapseDims();
  LogicalResult checkReductions();

  unsigned element(Operation *op, unsigned loop) const { return nodes[nodeOf.lookup(op)].first + loop; }
  unsigned find(unsigned e) const;
  void unite(unsigned a, unsigned b);
  bool mayUnite(unsigned a, unsigned b) const;
  void noteSize(unsigned e, const SizeProduct &size);
  AffineMap identityMap(unsigned rank) { return AffineMap::getMultiDimIdentityMap(rank, function.getContext()); }
  template <typename Callback> void forEachMemoryOperand(Callback callback);

  func::FuncOp function;
  KernelDomain domain;
  SmallVector<Node> nodes;
  DenseMap<Operation *, unsigned> nodeOf;
  SmallVector<unsigned> parent;
  SmallVector<std::optional<SizeProduct>> sizeOf; // by element; a class's is its representative's
  SmallVector<unsigned> canonicalEntry;           // size-table entries that are known to be equal share the smallest
  SmallVector<bool> isIndexed;                    // by domain dimension: linalg.index reads its position
};

} // namespace tenon

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

//===--- classes of loops --------------------------------------------------------------------------------------------===//

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

// Gives classes of dynamic loops a size-table entry. Outputs come first, so entries of theirs name the sizes.
void DomainBuilder::canonicalizeEntries() {
  forEachMemoryOperand([&](Operation *op, unsigned buffer, AffineMap map) {
    for (auto [dim, expr] : llvm::enumerate(map.getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(expr))
        noteSize(element(op, loop.getPosition()), domain.buffers[buffer].sizes[dim]);
  });
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
