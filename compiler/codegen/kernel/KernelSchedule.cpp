//===- KernelSchedule.cpp - how a kernel walks its domain -----------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// 1. The vector dimension is the one along which most bytes are contiguous; writes count twice.
// 2. A reduction's phase is the number of reductions it waits for, one after the other; so is an output's. Work of one phase
//    over the same rows shares a loop nest.
// 3. A value which two nests need is computed twice when cheap, kept in a row of scratch when not.
// 4. Lanes follow the widest float the kernel computes (the widest integer where it has none); unrolling follows the cost.
// 5. Units are points of the other parallel dimensions, or blocks of the vector dimension.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/KernelSchedule.h"
#include "compiler/codegen/kernel/RegisterNeed.h"

#include "compiler/ir/TenonDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tenon;

// A unit of a kernel with one parallel dimension: one page of each buffer, so that threads meet rarely in a cache line.
static constexpr int64_t blockBytes = 4096;
// With rows below them, blocks are four AVX-512 registers wide: each element is a whole row's work.
static constexpr int64_t rowBlockBytes = 256;
static constexpr int64_t maxScratchBytes = 64 * 1024;
// Fewer units than this, and the vector dimension is cut into blocks as well.
static constexpr int64_t enoughUnits = 64;
static constexpr unsigned transcendentalCost = 16, longTranscendentalCost = 65, divisionCost = 8, gatherCost = 8;
// Scratch costs a store and a load with their addresses; anything cheaper is computed again.
static constexpr unsigned recomputeLimit = 8;
static constexpr int64_t assumedDynamicSize = 64;

Type tenon::registerType(Type type) { return type.isF16() || type.isBF16() ? Float32Type::get(type.getContext()) : type; }

Type tenon::storageType(Type type) {
  if (type.isInteger(1))
    return IntegerType::get(type.getContext(), 8);
  return type.isBF16() ? IntegerType::get(type.getContext(), 16) : type;
}

// Returns the size as decisions count it: dynamic sizes are taken to be middling.
static int64_t assumedSize(const SizeProduct &size) {
  int64_t product = size.constant;
  for (size_t entry = 0; entry < size.entries.size(); ++entry)
    product *= assumedDynamicSize;
  return std::max<int64_t>(product, 1);
}

static int64_t storageBytes(Type type) { return std::max<int64_t>(1, type.getIntOrFloatBitWidth() / 8); }

//===--- reductions --------------------------------------------------------------------------------------------------===//

static bool setKind(Operation *op, Combiner &combiner) {
  using vector::CombiningKind;
  using arith::AtomicRMWKind;
  auto set = [&](CombiningKind kind, AtomicRMWKind identity) {
    combiner.kind = kind;
    combiner.identity = identity;
    return true;
  };
  return TypeSwitch<Operation *, bool>(op)
      .Case([&](arith::AddFOp) { return set(CombiningKind::ADD, AtomicRMWKind::addf); })
      .Case([&](arith::AddIOp) { return set(CombiningKind::ADD, AtomicRMWKind::addi); })
      .Case([&](arith::MulFOp) { return set(CombiningKind::MUL, AtomicRMWKind::mulf); })
      .Case([&](arith::MulIOp) { return set(CombiningKind::MUL, AtomicRMWKind::muli); })
      .Case([&](arith::MaximumFOp) { return set(CombiningKind::MAXIMUMF, AtomicRMWKind::maximumf); })
      .Case([&](arith::MinimumFOp) { return set(CombiningKind::MINIMUMF, AtomicRMWKind::minimumf); })
      .Case([&](arith::MaxSIOp) { return set(CombiningKind::MAXSI, AtomicRMWKind::maxs); })
      .Case([&](arith::MinSIOp) { return set(CombiningKind::MINSI, AtomicRMWKind::mins); })
      .Case([&](arith::MaxUIOp) { return set(CombiningKind::MAXUI, AtomicRMWKind::maxu); })
      .Case([&](arith::MinUIOp) { return set(CombiningKind::MINUI, AtomicRMWKind::minu); })
      .Case([&](arith::AndIOp) { return set(CombiningKind::AND, AtomicRMWKind::andi); })
      .Case([&](arith::OrIOp) { return set(CombiningKind::OR, AtomicRMWKind::ori); })
      .Case([&](arith::XOrIOp) { return set(CombiningKind::XOR, AtomicRMWKind::xori); })
      .Default(false);
}

SmallVector<Combiner> tenon::matchCombiners(linalg::GenericOp op) {
  SmallVector<Combiner> combiners;
  Operation *yield = op.getBody()->getTerminator();
  for (auto [argument, yielded] : llvm::zip_equal(op.getRegionOutputArgs(), yield->getOperands())) {
    Combiner combiner;
    combiner.op = yielded.getDefiningOp();
    if (!combiner.op || combiner.op->getNumOperands() != 2 || !argument.hasOneUse() || !yielded.hasOneUse() ||
        *argument.user_begin() != combiner.op || !setKind(combiner.op, combiner))
      return {};
    combiner.contribution = combiner.op->getOperand(combiner.op->getOperand(0) == argument ? 1 : 0);
    combiners.push_back(combiner);
  }
  return combiners;
}

//===--- cost --------------------------------------------------------------------------------------------------------===//

static unsigned costOf(Operation *op) {
  using enum ActivationKind;
  if (isa<arith::ConstantOp, linalg::IndexOp, linalg::YieldOp, arith::ExtFOp, arith::TruncFOp, arith::IndexCastOp>(op))
    return 0;
  if (isa<tensor::ExtractOp>(op))
    return gatherCost;
  if (isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, math::SqrtOp, math::RsqrtOp>(op))
    return divisionCost;
  if (auto activation = dyn_cast<ActivationOp>(op)) {
    bool isCheap = llvm::is_contained({Relu, LeakyRelu, Clip, HardSigmoid, HardSwish}, activation.getKind());
    return isCheap ? 3 : transcendentalCost;
  }
  if (isa<math::PowFOp, math::SinOp, math::CosOp, math::TanOp>(op)) // in double precision, or with a long reduction
    return longTranscendentalCost;
  if (isa<arith::RemFOp>(op)) // a formula, too
    return transcendentalCost;
  bool isTranscendental = isa_and_present<math::MathDialect>(op->getDialect()) &&
                          !isa<math::AbsFOp, math::AbsIOp, math::FmaOp, math::FloorOp, math::CeilOp, math::CopySignOp,
                               math::RoundOp, math::RoundEvenOp, math::TruncOp>(op);
  return isTranscendental ? transcendentalCost : 1;
}

namespace {

/// Computes a KernelSchedule; its methods are the steps.
class Scheduler {
public:
  Scheduler(const KernelDomain &domain, VectorShape shape) : domain(domain), shape(shape) {}
  KernelSchedule run();

private:
  void chooseVectorDim();
  unsigned levelOf(Value tensor);
  bool variesAlong(Value value, uint64_t dims);
  bool argumentVariesAlong(BlockArgument argument, uint64_t dims);
  unsigned bodyCost(linalg::GenericOp op);
  unsigned recomputeCost(Value tensor);
  void formGroups();
  RowGroup &groupFor(unsigned phase, uint64_t rowDims, bool isSerial);
  void keepInScratch(Value tensor, unsigned group);
  void visitNeeds(Value tensor, unsigned group, llvm::SetVector<Value> &computed);
  void chooseScratch();
  void chooseLanes();
  void fitRegisters(const RowGroup &group);
  void chooseUnroll();
  void chooseUnits();
  uint64_t parallelDims() const { return ~domain.rowDims() & ((uint64_t(1) << domain.dims.size()) - 1); }
  uint64_t bit(int dim) const { return uint64_t(1) << dim; }

  const KernelDomain &domain;
  VectorShape shape;
  KernelSchedule schedule;
  DenseMap<Value, unsigned> levels;
  DenseMap<std::pair<Value, uint64_t>, bool> variations; // of a value along dimensions
  DenseMap<Value, unsigned> recomputeCosts;
  DenseMap<Value, unsigned> firstGroup; // the group that computes a full value first
};

} // namespace

//===--- the vector dimension ----------------------------------------------------------------------------------------===//

// Returns the bytes of contiguous elements that tensor.extract reads along `dim`: its last index is that loop's position.
static int64_t extractedBytes(const KernelDomain &domain, linalg::GenericOp op, int dim) {
  int64_t bytes = 0;
  op.walk([&](tensor::ExtractOp extract) {
    if (extract.getIndices().empty())
      return;
    auto index = extract.getIndices().back().getDefiningOp<linalg::IndexOp>();
    int buffer = domain.bufferOf(extract.getTensor());
    if (index && buffer >= 0 && domain.dimOf(op, index.getDim()) == dim && domain.buffers[buffer].strides.back().isOne())
      bytes += storageBytes(extract.getType());
  });
  return bytes;
}

void Scheduler::chooseVectorDim() {
  SmallVector<double> scores(domain.dims.size(), 0);
  auto bytesOf = [&](const Access &access) {
    double bytes = storageBytes(domain.buffers[access.buffer].type.getElementType());
    for (auto [dim, stride] : llvm::enumerate(access.strides))
      if (!stride.isZero())
        bytes *= assumedSize(domain.dims[dim].size);
    return bytes;
  };
  for (auto [dim, score] : llvm::enumerate(scores)) {
    for (const Access &access : domain.accesses)
      if (access.strides[dim].isOne())
        score += bytesOf(access);
    for (const KernelOutput &output : domain.outputs)
      if (domain.accesses[output.access].strides[dim].isOne())
        score += bytesOf(domain.accesses[output.access]);
    for (linalg::GenericOp op : domain.generics)
      score += extractedBytes(domain, op, dim) * static_cast<double>(assumedSize(domain.dims[dim].size));
  }
  // Of equals the innermost; where nothing is contiguous, the innermost of all is gathered.
  int best = -1;
  for (int dim = 0, count = domain.dims.size(); dim < count; ++dim)
    if (best < 0 || scores[dim] >= scores[best])
      best = dim;
  schedule.vectorDim = best;
  schedule.vectorDimIsRow = best >= 0 && domain.dims[best].isRow;
}

//===--- phases ------------------------------------------------------------------------------------------------------===//

// Returns the number of reductions that must be complete before `tensor` can be computed.
unsigned Scheduler::levelOf(Value tensor) {
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  if (!op)
    return 0;
  if (auto found = levels.find(tensor); found != levels.end())
    return found->second;
  unsigned level = 0;
  for (OpOperand &operand : op->getOpOperands())
    level = std::max(level, levelOf(operand.get()));
  level += op.getNumReductionLoops() > 0;
  for (Value result : op->getResults())
    levels[result] = level;
  return level;
}

bool Scheduler::argumentVariesAlong(BlockArgument argument, uint64_t dims) {
  auto op = dyn_cast<linalg::GenericOp>(argument.getOwner()->getParentOp());
  if (!op)
    return false;
  OpOperand &operand = *op.getMatchingOpOperand(argument);
  int access = domain.accessOf(operand);
  if (access < 0)
    return (domain.dimsOf(operand.get()) & dims) != 0;
  for (auto [dim, stride] : llvm::enumerate(domain.accesses[access].strides))
    if ((dims & bit(dim)) != 0 && !stride.isZero())
      return true;
  return false;
}

// Returns true when a value in a generic's body differs between points of `dims`. Each is asked once: x * x, squared again
// and again, has more paths than can be walked.
bool Scheduler::variesAlong(Value value, uint64_t dims) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argumentVariesAlong(argument, dims);
  Operation *op = value.getDefiningOp();
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    int dim = domain.dimOf(index->getParentOfType<linalg::GenericOp>(), index.getDim());
    return dim >= 0 && (dims & bit(dim)) != 0;
  }
  if (auto found = variations.find({value, dims}); found != variations.end())
    return found->second;
  bool varies = isa_and_present<linalg::GenericOp>(op->getParentOp()) &&
                llvm::any_of(op->getOperands(), [&](Value operand) { return variesAlong(operand, dims); });
  return variations[{value, dims}] = varies;
}

// Returns the operations of a body that run once per element, those that do not vary along the innermost loops left out.
unsigned Scheduler::bodyCost(linalg::GenericOp op) {
  uint64_t dims = domain.rowDims() | (schedule.vectorDim >= 0 ? bit(schedule.vectorDim) : 0);
  unsigned cost = 0;
  for (Operation &inner : *op.getBody())
    if (inner.getNumResults() == 1 && variesAlong(inner.getResult(0), dims))
      cost += costOf(&inner);
  return cost;
}

// Returns the operations per element that computing `tensor` again from memory takes.
unsigned Scheduler::recomputeCost(Value tensor) {
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumReductionLoops() > 0 || (domain.dimsOf(tensor) & domain.rowDims()) == 0)
    return 0;
  if (auto found = recomputeCosts.find(tensor); found != recomputeCosts.end())
    return found->second;
  unsigned cost = bodyCost(op);
  for (Value input : op.getDpsInputs())
    cost = std::min(cost + recomputeCost(input), recomputeLimit + 1); // anything beyond is as good
  return recomputeCosts[tensor] = cost;
}

RowGroup &Scheduler::groupFor(unsigned phase, uint64_t rowDims, bool isSerial) {
  for (RowGroup &group : schedule.groups)
    if (group.phase == phase && group.rowDims == rowDims && group.isSerial == isSerial)
      return group;
  schedule.groups.push_back({});
  RowGroup &group = schedule.groups.back();
  group.phase = phase;
  group.rowDims = rowDims;
  group.isSerial = isSerial;
  return group;
}

void Scheduler::formGroups() {
  for (auto [index, output] : llvm::enumerate(domain.outputs))
    groupFor(levelOf(output.tensor), output.dims & domain.rowDims(), false).outputs.push_back(index);
  for (linalg::GenericOp op : domain.generics)
    if (op.getNumReductionLoops() > 0) {
      bool isSerial = matchCombiners(op).empty() && schedule.vectorDimIsRow;
      groupFor(levelOf(op->getResult(0)) - 1, domain.reductionDimsOf(op), isSerial).reductions.push_back(op);
    }
  llvm::stable_sort(schedule.groups, [](const RowGroup &a, const RowGroup &b) {
    return std::tuple(a.phase, a.rowDims, a.isSerial) < std::tuple(b.phase, b.rowDims, b.isSerial);
  });
}

//===--- scratch -----------------------------------------------------------------------------------------------------===//

void Scheduler::keepInScratch(Value tensor, unsigned group) {
  if (llvm::any_of(schedule.scratch, [&](RowScratch &row) { return row.tensor == tensor; }))
    return;
  RowScratch row;
  row.tensor = tensor;
  row.access.buffer = domain.buffers.size() + schedule.scratch.size();
  row.access.strides.assign(domain.dims.size(), SizeProduct::zero());
  SizeProduct stride;
  auto place = [&](unsigned dim) {
    row.access.strides[dim] = stride;
    stride = stride * domain.dims[dim].size;
  };
  place(schedule.vectorDim);
  for (unsigned dim = domain.dims.size(); dim-- > 0;)
    if (domain.dims[dim].isRow && static_cast<int>(dim) != schedule.vectorDim &&
        (schedule.groups[group].rowDims & bit(dim)) != 0)
      place(dim);
  row.numElements = stride.constant;
  schedule.groups[group].scratchStores.push_back(schedule.scratch.size());
  schedule.scratch.push_back(std::move(row));
}

// Visits what `group` computes to get `tensor`, from the end: the first value that an earlier group has had, too, and that
// costs more than a load, is loaded.
void Scheduler::visitNeeds(Value tensor, unsigned group, llvm::SetVector<Value> &computed) {
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumReductionLoops() > 0 || computed.contains(tensor))
    return;
  auto first = firstGroup.find(tensor);
  if (first != firstGroup.end() && schedule.vectorDimIsRow) {
    const RowGroup &earlier = schedule.groups[first->second];
    bool isWholeRow = earlier.rowDims == schedule.groups[group].rowDims && (earlier.rowDims & bit(schedule.vectorDim)) != 0;
    SizeProduct elements;
    for (unsigned dim = 0; dim < domain.dims.size(); ++dim)
      if ((earlier.rowDims & bit(dim)) != 0)
        elements = elements * domain.dims[dim].size;
    Type element = registerType(getElementTypeOrSelf(tensor.getType()));
    bool fits = elements.isStatic() && elements.constant * storageBytes(element) <= maxScratchBytes;
    if (isWholeRow && fits && !element.isInteger(1) && recomputeCost(tensor) > recomputeLimit) {
      keepInScratch(tensor, first->second);
      return;
    }
  }
  computed.insert(tensor);
  for (Value input : op.getDpsInputs())
    visitNeeds(input, group, computed);
}

void Scheduler::chooseScratch() {
  for (unsigned index = 0; index < schedule.groups.size(); ++index) {
    llvm::SetVector<Value> computed;
    for (unsigned output : schedule.groups[index].outputs)
      visitNeeds(domain.outputs[output].tensor, index, computed);
    for (linalg::GenericOp op : schedule.groups[index].reductions)
      for (Value operand : op.getDpsInputs())
        visitNeeds(operand, index, computed);
    RowGroup &group = schedule.groups[index];
    llvm::SetVector<linalg::GenericOp> bodies;
    for (Value tensor : llvm::reverse(computed)) {
      firstGroup.try_emplace(tensor, index);
      bodies.insert(tensor.getDefiningOp<linalg::GenericOp>());
      group.cost += bodyCost(bodies.back());
    }
    for (linalg::GenericOp op : group.reductions) {
      bodies.insert(op);
      group.cost += bodyCost(op);
    }
    group.bodies = bodies.takeVector();
  }
}

//===--- lanes, unrolling, units -------------------------------------------------------------------------------------===//

void Scheduler::chooseLanes() {
  if (schedule.vectorDim < 0)
    return;
  unsigned floatBits = 0, integerBits = 8;
  auto note = [&](Type type) {
    type = registerType(getElementTypeOrSelf(type));
    if (isa<FloatType>(type))
      floatBits = std::max(floatBits, type.getIntOrFloatBitWidth());
    else if (!type.isIndex())
      integerBits = std::max(integerBits, type.getIntOrFloatBitWidth());
  };
  uint64_t dim = bit(schedule.vectorDim);
  for (const Access &access : domain.accesses)
    if (!access.strides[schedule.vectorDim].isZero())
      note(domain.buffers[access.buffer].type.getElementType());
  for (linalg::GenericOp op : domain.generics)
    for (Operation &inner : *op.getBody())
      if (inner.getNumResults() == 1 && variesAlong(inner.getResult(0), dim))
        note(inner.getResult(0).getType());
  schedule.scalable = shape.scalable;
  schedule.lanes = std::max(1u, (shape.scalable ? 128 : shape.bits) / (floatBits ? floatBits : integerBits));
}

// Makes fewer copies where those and the constants do not fit, and shorter vectors where a single copy of formulas in double
// precision, whose values take two registers each, does not.
void Scheduler::fitRegisters(const RowGroup &group) {
  RegisterNeed need = registerNeed(group.bodies, shape, schedule.lanes);
  while (schedule.unroll > 1 && need.total(schedule.unroll) > shape.numRegisters)
    schedule.unroll /= 2;
  bool isNarrow = schedule.lanes * 64 <= shape.bits;
  if (!isNarrow && need.numLive + need.numSpare > shape.numRegisters)
    schedule.lanes /= 2;
}

void Scheduler::chooseUnroll() {
  if (schedule.vectorDim < 0)
    return;
  unsigned cost = 0;
  for (const RowGroup &group : schedule.groups)
    cost = std::max(cost, group.cost);
  // Live values grow with the cost: four copies of a cheap body, two of one with an exponential or two, one beyond.
  schedule.unroll = cost <= 8 ? 4 : cost < longTranscendentalCost ? 2 : 1;
  if (shape.numRegisters != 0 && cost >= transcendentalCost)
    for (const RowGroup &group : schedule.groups)
      fitRegisters(group);
  if (schedule.scalable)
    return;
  const SizeProduct &size = domain.dims[schedule.vectorDim].size;
  if (size.isStatic())
    while (schedule.unroll > 1 && size.constant < int64_t(schedule.unroll) * schedule.lanes)
      schedule.unroll /= 2;
}

void Scheduler::chooseUnits() {
  bool vectorIsParallel = schedule.vectorDim >= 0 && !schedule.vectorDimIsRow;
  int64_t numOthers = 1, points = 1;
  bool hasOthers = false, hasRows = domain.rowDims() != 0;
  for (auto [dim, info] : llvm::enumerate(domain.dims)) {
    if (info.isRow) {
      points *= assumedSize(info.size);
    } else if (static_cast<int>(dim) != schedule.vectorDim) {
      hasOthers = true;
      numOthers *= assumedSize(info.size);
      schedule.extent = schedule.extent * info.size;
    }
  }
  if (vectorIsParallel) {
    const SizeProduct &size = domain.dims[schedule.vectorDim].size;
    int64_t bytes = 1;
    for (const KernelOutput &output : domain.outputs)
      bytes = std::max(bytes, storageBytes(domain.buffers[domain.accesses[output.access].buffer].type.getElementType()));
    int64_t block = (hasRows ? rowBlockBytes : blockBytes) / bytes;
    schedule.unitsAreBlocks = !hasOthers;
    if (!size.isStatic() && !hasOthers) {
      schedule.block = std::max<int64_t>(size.constant, 1); // the table has no quotients
      schedule.extent = {size.isZero() ? 0 : 1, size.entries};
    } else if (size.isStatic() && (!hasOthers || (size.constant > block && numOthers < enoughUnits))) {
      schedule.block = block;
      schedule.extent = schedule.extent * SizeProduct{(size.constant + block - 1) / block, {}};
    }
    points *= schedule.block != 0 ? std::min(schedule.block, assumedSize(size)) : assumedSize(size);
  }
  unsigned cost = domain.accesses.size();
  for (const RowGroup &group : schedule.groups)
    cost += group.cost;
  schedule.unitCost = points * std::max(cost, 1u);
}

KernelSchedule Scheduler::run() {
  chooseVectorDim();
  formGroups();
  chooseScratch();
  chooseLanes();
  chooseUnroll();
  chooseUnits();
  return std::move(schedule);
}

KernelSchedule tenon::scheduleKernel(const KernelDomain &domain, VectorShape shape) {
  return Scheduler(domain, shape).run();
}
