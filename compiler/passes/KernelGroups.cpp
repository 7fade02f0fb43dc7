//===- KernelGroups.cpp - which ops become one kernel ---------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/KernelGroups.h"

#include "compiler/ir/TenonDialect.h"
#include "compiler/passes/Remarks.h"
#include "compiler/passes/Views.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/PriorityQueue.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace tenon;

/// A kernel with more tensor arguments would spend its registers on addresses.
static constexpr size_t maxKernelOperands = 24;
/// A reduction that leaves fewer units than this keeps wide pointwise work out of its kernel, or most threads would idle...
static constexpr int64_t minParallelUnits = 8;
/// ...unless a unit has at most this many elements: then a second launch costs more than the lost threads.
static constexpr int64_t maxSerialElements = 1 << 16;

namespace {

/// Empty when a decision is yes, else the reason why not.
using Reason = std::string;

/// One dimension of a domain: `tensor`'s dimension `dim` has its size.
struct DomainDim {
  Value tensor;
  int64_t dim;
  int64_t staticSize() const { return cast<ShapedType>(tensor.getType()).getDimSize(dim); }
};

struct Domain {
  SmallVector<DomainDim> dims;
  llvm::SmallBitVector rows; // the dimensions that reductions reduce; none in a pointwise domain
};

/// A group under construction.
struct Group {
  SmallVector<unsigned> members; // indices of ops, ascending
  Domain domain;
};

/// How the domain of a group becomes part of another's: dimension i of it is dimension `dims[i]` of `merged`.
struct Merge {
  Domain merged;
  SmallVector<int64_t> dims;
  Reason refusal;
};

class Grouper {
public:
  explicit Grouper(Block &block) : block(block) {}
  SmallVector<KernelGroup> run();

private:
  void numberOps();
  void linkOps();
  void startGroups();
  void mergeIntoProducers(unsigned consumer);
  void reorder();

  Merge planMerge(unsigned into, unsigned from) const;
  Reason bindAlongValues(unsigned into, unsigned from, SmallVectorImpl<int64_t> &dims) const;
  void bindBySize(const Domain &into, const Domain &from, SmallVectorImpl<int64_t> &dims) const;
  Reason checkMembers(const Group &group, const Domain &merged, ArrayRef<int64_t> dims) const;
  Reason checkParallelism(unsigned into, unsigned from, const Domain &merged) const;
  Reason checkOperands(unsigned into, unsigned from) const;
  Reason checkConvexity(unsigned into, unsigned from) const;
  void merge(unsigned into, unsigned from, const Merge &plan);

  linalg::LinalgOp linalgOp(unsigned index) const { return cast<linalg::LinalgOp>(ops[index]); }
  bool isGrouped(unsigned index) const { return isa<linalg::LinalgOp>(ops[index]); }

  Block &block;
  SmallVector<Operation *> ops;                     // of the block without its terminator, in order
  DenseMap<Operation *, unsigned> indexOf;          // in `ops`
  SmallVector<SmallVector<unsigned>> successors;    // ops that must come later
  SmallVector<SmallVector<int64_t>> domainDims;     // per op: the domain dimension of each loop
  SmallVector<unsigned> groupOf;                    // per op; ops that are no linalg op are alone
  SmallVector<Group> groups;
};

} // namespace

//===--- the graph ---------------------------------------------------------------------------------------------------===//

void Grouper::numberOps() {
  for (Operation &op : block.without_terminator()) {
    indexOf[&op] = ops.size();
    ops.push_back(&op);
  }
  successors.resize(ops.size());
  domainDims.resize(ops.size());
}

static bool usesIndices(Operation *op) {
  auto isExtract = [](tensor::ExtractOp) { return WalkResult::interrupt(); };
  return isa<ScatterOp>(op) || (isa<linalg::LinalgOp>(op) && op->walk(isExtract).wasInterrupted());
}

// Edges are values, the order of ops with effects, and what uses indices after their checks.
void Grouper::linkOps() {
  std::optional<unsigned> lastEffect, lastCheck;
  for (auto [index, op] : llvm::enumerate(ops)) {
    auto link = [&, to = static_cast<unsigned>(index)](unsigned from) {
      if (from != to && (successors[from].empty() || successors[from].back() != to))
        successors[from].push_back(to);
    };
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (auto producer = operand.getDefiningOp())
          if (auto found = indexOf.find(producer); found != indexOf.end())
            link(found->second);
    });
    if (lastCheck && usesIndices(op))
      link(*lastCheck);
    if (isMemoryEffectFree(op))
      continue;
    if (lastEffect)
      link(*lastEffect);
    lastEffect = index;
    if (isa<CheckIndexOp>(op))
      lastCheck = index;
  }
}

// Returns a tensor dimension that has the size of each loop.
static SmallVector<DomainDim> loopDims(linalg::LinalgOp op) {
  SmallVector<DomainDim> dims(op.getNumLoops());
  auto visit = [&](OpOperand &operand) {
    for (auto [dim, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(expr); loop && !dims[loop.getPosition()].tensor)
        dims[loop.getPosition()] = {operand.get(), static_cast<int64_t>(dim)};
  };
  for (OpOperand &init : op.getDpsInitsMutable())
    visit(init);
  for (OpOperand *input : op.getDpsInputOperands())
    visit(*input);
  return dims;
}

// A fill that a linalg op starts from is part of that op, whatever its loops are.
static bool isInitialFill(Operation *op) {
  if (!isa<linalg::FillOp>(op) || !op->hasOneUse())
    return false;
  OpOperand &use = *op->use_begin();
  auto consumer = dyn_cast<linalg::LinalgOp>(use.getOwner());
  return consumer && consumer.isDpsInit(&use) && consumer->getBlock() == op->getBlock();
}

static Domain domainOf(linalg::LinalgOp op) {
  Domain domain{loopDims(op), llvm::SmallBitVector(op.getNumLoops())};
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    domain.rows[loop] = kind == utils::IteratorType::reduction;
  return domain;
}

void Grouper::startGroups() {
  groups.resize(ops.size());
  groupOf.resize(ops.size());
  for (unsigned index = 0; index < ops.size(); ++index) {
    Operation *op = ops[index];
    groupOf[index] = isInitialFill(op) ? indexOf[*op->user_begin()] : index;
    groups[groupOf[index]].members.push_back(index);
    if (isGrouped(index) && !isInitialFill(op)) {
      groups[index].domain = domainOf(linalgOp(index));
      domainDims[index] = llvm::to_vector(llvm::seq<int64_t>(0, linalgOp(index).getNumLoops()));
    }
  }
}

//===--- decisions ---------------------------------------------------------------------------------------------------===//

// Binds the dimensions that values passed between both groups have in common.
Reason Grouper::bindAlongValues(unsigned into, unsigned from, SmallVectorImpl<int64_t> &dims) const {
  auto bindEdge = [&](OpOperand &operand, unsigned producer, unsigned consumer) -> Reason {
    if (isInitialFill(ops[producer]))
      return {};
    if (operand.getOwner() != ops[consumer])
      return "gathers from a value of the kernel";
    AffineMap written = linalgOp(producer).getIndexingMapMatchingResult(cast<OpResult>(operand.get()));
    AffineMap read = linalgOp(consumer).getMatchingIndexingMap(&operand);
    bool fromProduces = groupOf[producer] == from;
    for (auto [writtenExpr, readExpr] : llvm::zip(written.getResults(), read.getResults())) {
      if (isa<AffineConstantExpr>(writtenExpr) && isa<AffineConstantExpr>(readExpr))
        continue;
      auto writtenLoop = dyn_cast<AffineDimExpr>(writtenExpr), readLoop = dyn_cast<AffineDimExpr>(readExpr);
      if (!writtenLoop || !readLoop)
        return "reads a value of the kernel at other places than it is made";
      int64_t producerDim = domainDims[producer][writtenLoop.getPosition()];
      int64_t consumerDim = domainDims[consumer][readLoop.getPosition()];
      int64_t fromDim = fromProduces ? producerDim : consumerDim, intoDim = fromProduces ? consumerDim : producerDim;
      bool taken = llvm::is_contained(dims, intoDim);
      if (dims[fromDim] != intoDim && (dims[fromDim] >= 0 || taken))
        return "reads a value of the kernel along other dimensions";
      dims[fromDim] = intoDim;
    }
    return {};
  };
  auto bindUses = [&](unsigned producers, unsigned consumers) -> Reason {
    for (unsigned producer : groups[producers].members)
      for (OpOperand &use : ops[producer]->getUses()) {
        Operation *user = block.findAncestorOpInBlock(*use.getOwner());
        auto found = indexOf.find(user);
        if (found == indexOf.end() || groupOf[found->second] != consumers)
          continue;
        if (Reason reason = bindEdge(use, producer, found->second); !reason.empty())
          return reason;
      }
    return {};
  };
  Reason reason = bindUses(into, from);
  return reason.empty() ? bindUses(from, into) : reason;
}

// Binds dimensions that no value ties to dimensions of the same size that are left.
void Grouper::bindBySize(const Domain &into, const Domain &from, SmallVectorImpl<int64_t> &dims) const {
  for (size_t dim = 0; dim < dims.size(); ++dim) {
    if (dims[dim] >= 0)
      continue;
    for (size_t candidate = 0; candidate < into.dims.size(); ++candidate) {
      const DomainDim &a = from.dims[dim], &b = into.dims[candidate];
      if (!llvm::is_contained(dims, static_cast<int64_t>(candidate)) && sameSize(a.tensor, a.dim, b.tensor, b.dim)) {
        dims[dim] = candidate;
        break;
      }
    }
  }
}

// Every op runs over the whole domain or, in a domain with rows, over its outer dimensions; reductions reduce the rows.
Reason Grouper::checkMembers(const Group &group, const Domain &merged, ArrayRef<int64_t> dims) const {
  llvm::SmallBitVector outer = merged.rows;
  outer.flip();
  for (unsigned member : group.members) {
    if (isInitialFill(ops[member]))
      continue;
    llvm::SmallBitVector used(merged.dims.size()), reduced(merged.dims.size());
    for (auto [loop, kind] : llvm::enumerate(linalgOp(member).getIteratorTypesArray())) {
      int64_t dim = dims[domainDims[member][loop]];
      used.set(dim);
      reduced[dim] = kind == utils::IteratorType::reduction;
    }
    bool whole = used.all();
    if (reduced.any() && !(whole && reduced == merged.rows))
      return "reduces other dimensions";
    if (!whole && !(merged.rows.any() && used == outer))
      return "has another iteration space";
  }
  return {};
}

static int64_t elements(const Domain &domain, bool rows) {
  int64_t count = 1;
  for (auto [dim, size] : llvm::enumerate(domain.dims))
    if (domain.rows[dim] == rows)
      count *= size.staticSize() < 0 ? minParallelUnits : size.staticSize();
  return count;
}

Reason Grouper::checkParallelism(unsigned into, unsigned from, const Domain &merged) const {
  bool bothReduce = groups[into].domain.rows.any() && groups[from].domain.rows.any();
  if (bothReduce || merged.rows.none() || elements(merged, false) >= minParallelUnits ||
      elements(merged, true) <= maxSerialElements)
    return {};
  return "would leave " + std::to_string(elements(merged, false)) + " parallel units";
}

Reason Grouper::checkOperands(unsigned into, unsigned from) const {
  llvm::SetVector<Value> operands;
  size_t outputs = 0;
  for (unsigned group : {into, from})
    for (unsigned member : groups[group].members) {
      for (Value operand : ops[member]->getOperands()) {
        auto found = indexOf.find(operand.getDefiningOp());
        bool inside = found != indexOf.end() && (groupOf[found->second] == into || groupOf[found->second] == from);
        if (isa<RankedTensorType>(operand.getType()) && !inside)
          operands.insert(operand);
      }
      outputs += llvm::any_of(ops[member]->getUsers(), [&](Operation *user) {
        auto found = indexOf.find(block.findAncestorOpInBlock(*user));
        return found == indexOf.end() || (groupOf[found->second] != into && groupOf[found->second] != from);
      });
    }
  if (operands.size() + outputs <= maxKernelOperands)
    return {};
  return "would give the kernel more than " + std::to_string(maxKernelOperands) + " tensors";
}

// A kernel must not wait for an op that waits for it: no path may leave both groups and come back.
Reason Grouper::checkConvexity(unsigned into, unsigned from) const {
  auto isInside = [&](unsigned op) { return groupOf[op] == into || groupOf[op] == from; };
  unsigned last = std::max(groups[into].members.back(), groups[from].members.back());
  llvm::SmallBitVector seen(ops.size());
  SmallVector<unsigned> worklist;
  auto enqueueSuccessors = [&](unsigned op) {
    for (unsigned successor : successors[op]) {
      const Group &group = groups[groupOf[successor]];
      if (isInside(successor) || seen[groupOf[successor]] || group.members.front() > last)
        continue;
      seen.set(groupOf[successor]);
      worklist.push_back(groupOf[successor]);
    }
  };
  for (unsigned group : {into, from})
    llvm::for_each(groups[group].members, enqueueSuccessors);
  while (!worklist.empty()) {
    for (unsigned member : groups[worklist.pop_back_val()].members) {
      auto back = llvm::find_if(successors[member], isInside);
      if (back != successors[member].end())
        return ("depends on the kernel through '" + ops[member]->getName().getStringRef() + "'").str();
      enqueueSuccessors(member);
    }
  }
  return {};
}

Merge Grouper::planMerge(unsigned into, unsigned from) const {
  const Domain &a = groups[into].domain, &b = groups[from].domain;
  Merge plan{a, SmallVector<int64_t>(b.dims.size(), -1), {}};
  plan.refusal = bindAlongValues(into, from, plan.dims);
  if (!plan.refusal.empty())
    return plan;
  bindBySize(a, b, plan.dims);
  for (size_t dim = 0; dim < b.dims.size(); ++dim) {
    if (plan.dims[dim] < 0) {
      plan.dims[dim] = plan.merged.dims.size();
      plan.merged.dims.push_back(b.dims[dim]);
      plan.merged.rows.push_back(false);
    }
    if (b.rows[dim])
      plan.merged.rows.set(plan.dims[dim]);
  }
  SmallVector<int64_t> identity = llvm::to_vector(llvm::seq<int64_t>(0, a.dims.size()));
  auto decide = [&](Reason reason) { return plan.refusal.empty() ? void(plan.refusal = std::move(reason)) : void(); };
  decide(checkMembers(groups[into], plan.merged, identity));
  decide(checkMembers(groups[from], plan.merged, plan.dims));
  decide(checkParallelism(into, from, plan.merged));
  decide(checkOperands(into, from));
  if (plan.refusal.empty())
    decide(checkConvexity(into, from));
  return plan;
}

//===--- actions -----------------------------------------------------------------------------------------------------===//

void Grouper::merge(unsigned into, unsigned from, const Merge &plan) {
  for (unsigned member : groups[from].members) {
    groupOf[member] = into;
    for (int64_t &dim : domainDims[member])
      dim = plan.dims[dim];
  }
  llvm::append_range(groups[into].members, groups[from].members);
  llvm::sort(groups[into].members);
  groups[into].domain = plan.merged;
  groups[from] = {};
}

void Grouper::mergeIntoProducers(unsigned consumer) {
  SmallVector<unsigned> producers;
  ops[consumer]->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      if (auto found = indexOf.find(operand.getDefiningOp()); found != indexOf.end() && isGrouped(found->second))
        producers.push_back(found->second);
  });
  for (unsigned producer : producers) {
    unsigned into = groupOf[producer], from = groupOf[consumer];
    if (into == from)
      continue;
    Merge plan = planMerge(into, from);
    if (plan.refusal.empty())
      merge(into, from, plan);
    else
      explain(ops[consumer], "form-kernels", "starts another kernel than its operand; it " + plan.refusal);
  }
}

// A stable topological order in which each group is one node, placed where its last op was.
void Grouper::reorder() {
  SmallVector<unsigned> pending(groups.size(), 0);
  for (unsigned op = 0; op < ops.size(); ++op)
    for (unsigned successor : successors[op])
      if (groupOf[op] != groupOf[successor])
        ++pending[groupOf[successor]];
  auto later = [&](unsigned a, unsigned b) { return groups[a].members.back() > groups[b].members.back(); };
  llvm::PriorityQueue<unsigned, std::vector<unsigned>, decltype(later)> ready(later);
  for (unsigned group = 0; group < groups.size(); ++group)
    if (!groups[group].members.empty() && pending[group] == 0)
      ready.push(group);
  while (!ready.empty()) {
    unsigned group = ready.top();
    ready.pop();
    for (unsigned member : groups[group].members) {
      ops[member]->moveBefore(&block, block.mightHaveTerminator() ? std::prev(block.end()) : block.end());
      for (unsigned successor : successors[member])
        if (groupOf[successor] != group && --pending[groupOf[successor]] == 0)
          ready.push(groupOf[successor]);
    }
  }
}

SmallVector<KernelGroup> Grouper::run() {
  numberOps();
  linkOps();
  startGroups();
  for (unsigned op = 0; op < ops.size(); ++op)
    if (isGrouped(op))
      mergeIntoProducers(op);
  reorder();
  SmallVector<KernelGroup> result;
  for (const Group &group : groups)
    if (!group.members.empty() && isGrouped(group.members.front()))
      result.push_back(llvm::map_to_vector(group.members, [&](unsigned op) { return linalgOp(op); }));
  return result;
}

SmallVector<KernelGroup> tenon::groupKernels(Block &block) { return Grouper(block).run(); }
