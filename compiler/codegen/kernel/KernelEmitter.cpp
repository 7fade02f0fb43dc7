//===- KernelEmitter.cpp - vector code for a scheduled kernel -------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
//   units      for every unit of [begin, end): the positions of the parallel dimensions
//     vectors    the vector dimension, where it is parallel: main loop, single vectors, one masked tail
//       groups     one loop nest each over the rows; stores between them
//         vectors    the vector dimension, where it is a row: the same three, with accumulators
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/KernelEmitter.h"

#include "compiler/codegen/kernel/KernelPasses.h"
#include "compiler/codegen/kernel/ValueEmitter.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tenon;

namespace {

using Values = SmallVector<Value>;

/// A range of the vector dimension; `numElements` where it is known.
struct VectorRange {
  Value lower, upper;
  std::optional<int64_t> numElements;
};

/// What a walk along the vector dimension carries from one vector to the next.
struct Carried {
  Values values;
  /// One set of values per unrolled copy, from one; and back to one.
  std::function<Values(ValueRange)> widen = [](ValueRange values) { return llvm::to_vector(values); };
  std::function<Values(ValueRange)> narrow = [](ValueRange values) { return llvm::to_vector(values); };
};

class KernelEmitter {
public:
  KernelEmitter(OpBuilder &builder, func::FuncOp source, const KernelDomain &domain, const KernelSchedule &schedule,
                bool keepsRounding)
      : source(source), domain(domain), schedule(schedule), loc(source.getLoc()),
        values(builder, loc, domain, schedule, keepsRounding) {}
  FailureOr<func::FuncOp> run(OpBuilder &builder);

private:
  void emitUnits(Block *entry);
  void emitUnit(Value unit);
  VectorRange blockRange(Value block);
  Values walkVectors(const VectorRange &range, Carried carried, function_ref<Values(ValueRange)> body);
  Values emitStage(Value lower, Value upper, Value step, unsigned unroll, Values carried,
                   function_ref<Values(ValueRange)> body);
  void emitGroups();
  void emitStores(const RowGroup &group);
  void emitSequentialRows(const RowGroup &group);
  void emitVectorRows(const RowGroup &group);
  Values nest(uint64_t dims, Values carried, function_ref<Values(ValueRange)> body, unsigned from = 0);
  Values accumulate(const RowGroup &group, ValueRange accumulators);
  Values rebuild(linalg::GenericOp op, ValueRange accumulators, unsigned instance);
  Value combine(const Combiner &combiner, Value a, Value b);
  Value identity(const Combiner &combiner);
  Value fold(const Combiner &combiner, Value partial);
  Value initialValue(linalg::GenericOp op, unsigned result, unsigned instance);

  uint64_t vectorBit() const { return schedule.vectorDim < 0 ? 0 : uint64_t(1) << schedule.vectorDim; }
  Value add(Value a, Value b) { return values.here().createOrFold<arith::AddIOp>(loc, a, b); }
  Value mul(Value a, Value b) { return values.here().createOrFold<arith::MulIOp>(loc, a, b); }
  Value min(Value a, Value b) { return values.here().createOrFold<arith::MinSIOp>(loc, a, b); }
  Value sub(Value a, Value b) { return values.here().createOrFold<arith::SubIOp>(loc, a, b); }

  func::FuncOp source;
  const KernelDomain &domain;
  const KernelSchedule &schedule;
  Location loc;
  ValueEmitter values;
};

} // namespace

//===--- reductions --------------------------------------------------------------------------------------------------===//

Value KernelEmitter::combine(const Combiner &combiner, Value a, Value b) {
  return values.cloneFor(combiner.op, {a, b}, values.depth())->getResult(0);
}

static TypedAttr identityAttr(const Combiner &combiner, OpBuilder &builder, Location loc) {
  return arith::getIdentityValueAttr(combiner.identity, registerType(combiner.contribution.getType()), builder, loc);
}

Value KernelEmitter::identity(const Combiner &combiner) {
  return values.splat(identityAttr(combiner, values.here(), loc));
}

// Folds the lanes of `partial`, which began as the identity.
Value KernelEmitter::fold(const Combiner &combiner, Value partial) {
  OpBuilder &builder = values.here();
  auto reassociate = arith::FastMathFlags::reassoc;
  if (combiner.kind != vector::CombiningKind::ADD || !isa<FloatType>(getElementTypeOrSelf(partial)))
    return vector::ReductionOp::create(builder, loc, combiner.kind, partial, reassociate);
  // To what else a sum begins with, LLVM adds the lanes' sum.
  auto nothing = builder.getFloatAttr(getElementTypeOrSelf(partial), -0.0);
  return vector::ReductionOp::create(builder, loc, combiner.kind, partial, arith::ConstantOp::create(builder, loc, nothing),
                                     reassociate);
}

Value KernelEmitter::initialValue(linalg::GenericOp op, unsigned result, unsigned instance) {
  Lane lane = values.evaluateOperand(*op.getDpsInitOperand(result), instance);
  return values.widened(lane);
}

// Returns the accumulators after one more element of a reduction without combiners: its body, run on them.
Values KernelEmitter::rebuild(linalg::GenericOp op, ValueRange accumulators, unsigned instance) {
  for (auto [argument, value] : llvm::zip_equal(op.getRegionOutputArgs(), accumulators))
    values.define(argument, instance, value);
  Values results;
  for (Value yielded : op.getBody()->getTerminator()->getOperands()) {
    Lane lane = values.evaluate(yielded, instance);
    results.push_back(values.widened(lane));
  }
  return results;
}

// Returns the group's accumulators, by reduction, result and instance, after the element at the current positions.
Values KernelEmitter::accumulate(const RowGroup &group, ValueRange accumulators) {
  Values updated;
  unsigned numInstances = values.numInstances();
  for (linalg::GenericOp op : group.reductions) {
    SmallVector<Combiner> combiners = matchCombiners(op);
    unsigned numResults = op->getNumResults();
    ValueRange own = accumulators.take_front(numResults * numInstances);
    accumulators = accumulators.drop_front(own.size());
    SmallVector<Values> byInstance(numInstances);
    for (unsigned instance = 0; instance < numInstances; ++instance) {
      if (combiners.empty()) {
        Values current;
        for (unsigned result = 0; result < numResults; ++result)
          current.push_back(own[result * numInstances + instance]);
        byInstance[instance] = rebuild(op, current, instance);
        continue;
      }
      for (auto [result, combiner] : llvm::enumerate(combiners)) {
        Lane lane = values.evaluate(combiner.contribution, instance);
        Value contribution = values.widened(lane);
        if (values.mask() && schedule.vectorDimIsRow) {
          Value neutral = identity(combiner);
          contribution = arith::SelectOp::create(values.here(), loc, values.mask(), contribution, neutral);
        }
        byInstance[instance].push_back(combine(combiner, own[result * numInstances + instance], contribution));
      }
    }
    for (unsigned result = 0; result < numResults; ++result)
      for (Values &results : byInstance)
        updated.push_back(results[result]);
  }
  return updated;
}

//===--- loops -------------------------------------------------------------------------------------------------------===//

Values KernelEmitter::emitStage(Value lower, Value upper, Value step, unsigned unroll, Values carried,
                                function_ref<Values(ValueRange)> body) {
  return values.loop(lower, upper, step, carried, [&](Value position, ValueRange current) {
    Values starts{position};
    while (starts.size() < unroll)
      starts.push_back(add(starts.back(), values.vectorStep()));
    values.enterVectors(starts, {});
    Values results = body(current);
    values.leaveVectors();
    return results;
  });
}

// Runs `body` for every vector of `range`: `unroll` at a time, then one at a time, then what is left under a mask.
Values KernelEmitter::walkVectors(const VectorRange &range, Carried carried, function_ref<Values(ValueRange)> body) {
  int64_t lanes = schedule.lanes, unroll = schedule.unroll;
  // Of a known number of elements, stages that surely do not run are left out.
  std::optional<int64_t> known = range.numElements;
  bool hasMain = unroll > 1 && !(known && *known < unroll * lanes);
  bool hasSingles = !(known && *known < lanes);
  bool hasTail = true;
  if (known && !schedule.scalable) {
    hasSingles = *known % (hasMain ? unroll * lanes : lanes) >= lanes || (!hasMain && *known >= lanes);
    hasTail = *known % lanes != 0;
  }

  Value one = values.vectorStep(), position = range.lower;
  Value span = sub(range.upper, range.lower);
  // Steps are powers of two: so are lanes, unrolling, and the vector lengths that kernels run at.
  auto endOf = [&](Value step) {
    Value rest = values.here().createOrFold<arith::AndIOp>(loc, span, sub(step, values.index(1)));
    return add(range.lower, sub(span, rest));
  };
  Values current = std::move(carried.values);
  if (hasMain) {
    Value several = values.at(0).createOrFold<arith::MulIOp>(loc, one, values.index(unroll));
    Value end = endOf(several);
    current = carried.narrow(emitStage(position, end, several, unroll, carried.widen(current), body));
    position = end;
  }
  if (hasSingles) {
    Value end = endOf(one);
    current = emitStage(position, end, one, 1, current, body);
    position = end;
  }
  if (!hasTail)
    return current;
  auto tail = [&] {
    Type maskType = values.vectorOf(values.here().getI1Type());
    Value mask = vector::CreateMaskOp::create(values.here(), loc, maskType, ValueRange{sub(range.upper, position)});
    values.enterVectors({position}, mask);
    Values results = body(current);
    values.leaveVectors();
    return results;
  };
  Value hasRest = arith::CmpIOp::create(values.here(), loc, arith::CmpIPredicate::slt, position, range.upper);
  return values.branch(hasRest, current, tail);
}

// Loops over the row dimensions `dims` other than the vector dimension of vector code, from outermost to innermost.
Values KernelEmitter::nest(uint64_t dims, Values carried, function_ref<Values(ValueRange)> body, unsigned from) {
  while (from < domain.dims.size() && (dims >> from & 1) == 0)
    ++from;
  if (from == domain.dims.size())
    return body(carried);
  return values.loop(values.index(0), values.size(domain.dims[from].size), values.index(1), carried,
                     [&](Value position, ValueRange current) {
                       values.setPosition(from, position);
                       return nest(dims, llvm::to_vector(current), body, from + 1);
                     });
}

//===--- groups ------------------------------------------------------------------------------------------------------===//

// Stores the group's outputs and scratch rows at the current positions. All values are computed before one is stored: an
// output may lie in the memory of an input.
void KernelEmitter::emitStores(const RowGroup &group) {
  SmallVector<std::tuple<const Access *, Lane, unsigned>> stores;
  for (unsigned instance = 0; instance < values.numInstances(); ++instance) {
    for (unsigned index : group.scratchStores)
      stores.emplace_back(&schedule.scratch[index].access, values.evaluateTensor(schedule.scratch[index].tensor, instance),
                          instance);
    for (unsigned index : group.outputs) {
      bufferization::MaterializeInDestinationOp op = domain.outputs[index].op;
      stores.emplace_back(&domain.accesses[domain.outputs[index].access],
                          values.evaluateOperand(op.getSourceMutable(), instance), instance);
    }
  }
  for (auto &[access, lane, instance] : stores)
    values.store(*access, lane, instance);
}

// Rows walked element by element; each lane of vector code (or the scalar) has accumulators of its own. Without row dimensions
// it is one element.
void KernelEmitter::emitSequentialRows(const RowGroup &group) {
  Values accumulators;
  unsigned numInstances = values.numInstances();
  for (linalg::GenericOp op : group.reductions)
    for (unsigned result = 0; result < op->getNumResults(); ++result)
      for (unsigned instance = 0; instance < numInstances; ++instance)
        accumulators.push_back(initialValue(op, result, instance));
  Values results = nest(group.rowDims, accumulators, [&](ValueRange current) {
    Values updated = accumulate(group, current);
    emitStores(group);
    return updated;
  });
  unsigned next = 0;
  for (linalg::GenericOp op : group.reductions)
    for (Value result : op->getResults())
      for (unsigned instance = 0; instance < numInstances; ++instance)
        values.define(result, instance, results[next++]);
}

// Rows walked by vectors: accumulators of partial results, folded at the row's end.
void KernelEmitter::emitVectorRows(const RowGroup &group) {
  SmallVector<Combiner> combiners;
  Carried carried;
  for (linalg::GenericOp op : group.reductions)
    llvm::append_range(combiners, matchCombiners(op));
  for (const Combiner &combiner : combiners)
    carried.values.push_back(identity(combiner));
  carried.widen = [&](ValueRange single) {
    Values wide;
    for (auto [combiner, value] : llvm::zip_equal(combiners, single)) {
      wide.push_back(value);
      wide.append(schedule.unroll - 1, identity(combiner));
    }
    return wide;
  };
  carried.narrow = [&](ValueRange wide) {
    Values single;
    for (const Combiner &combiner : combiners) {
      Values copies = llvm::to_vector(wide.take_front(schedule.unroll));
      wide = wide.drop_front(schedule.unroll);
      for (; copies.size() > 1; copies.resize(copies.size() / 2)) // unroll is a power of two
        for (unsigned low = 0, half = copies.size() / 2; low < half; ++low)
          copies[low] = combine(combiner, copies[low], copies[low + half]);
      single.push_back(copies.front());
    }
    return single;
  };

  const SizeProduct &size = domain.dims[schedule.vectorDim].size;
  VectorRange range{values.index(0), values.size(size), {}};
  if (size.isStatic())
    range.numElements = size.constant;
  Values partial = nest(group.rowDims & ~vectorBit(), carried.values, [&](ValueRange outer) {
    Carried inner = carried;
    inner.values = llvm::to_vector(outer);
    return walkVectors(range, inner, [&](ValueRange current) {
      Values updated = accumulate(group, current);
      emitStores(group);
      return updated;
    });
  });
  for (unsigned index : group.scratchStores)
    values.finishScratch(index);

  unsigned next = 0;
  Attribute known;
  for (linalg::GenericOp op : group.reductions)
    for (OpResult result : op->getResults()) {
      const Combiner &combiner = combiners[next];
      Value total = fold(combiner, partial[next++]);
      Value initial = initialValue(op, result.getResultNumber(), 0);
      bool isIdentity = matchPattern(initial, m_Constant(&known)) && known == identityAttr(combiner, values.here(), loc);
      values.define(result, 0, isIdentity ? total : combine(combiner, initial, total));
    }
}

void KernelEmitter::emitGroups() {
  for (const RowGroup &group : schedule.groups) {
    if (group.isSerial)
      for (linalg::GenericOp op : group.reductions)
        op.emitRemark("walks its row element by element; its body is no plain reduction");
    if (schedule.vectorDimIsRow && (group.rowDims & vectorBit()) != 0 && !group.isSerial)
      emitVectorRows(group);
    else
      emitSequentialRows(group);
  }
}

//===--- units -------------------------------------------------------------------------------------------------------===//

// Returns the elements of block number `block` of the vector dimension (null: all of it).
VectorRange KernelEmitter::blockRange(Value block) {
  const SizeProduct &size = domain.dims[schedule.vectorDim].size;
  if (!block) {
    VectorRange all{values.index(0), values.size(size), {}};
    if (size.isStatic())
      all.numElements = size.constant;
    return all;
  }
  Value lower = mul(block, values.index(schedule.block));
  Value upper = min(add(lower, values.index(schedule.block)), values.size(size));
  VectorRange range{lower, upper, {}};
  if (size.isStatic() && size.constant % schedule.block == 0)
    range.numElements = schedule.block;
  return range;
}

void KernelEmitter::emitUnit(Value unit) {
  bool vectorIsParallel = schedule.vectorDim >= 0 && !schedule.vectorDimIsRow;
  // The last position advances fastest: the block, where there are blocks, then the parallel dimensions from inside out.
  Value block, rest = unit;
  if (vectorIsParallel && schedule.block != 0) {
    int64_t size = domain.dims[schedule.vectorDim].size.constant;
    Value numBlocks = values.index((size + schedule.block - 1) / schedule.block);
    block = values.here().createOrFold<arith::RemUIOp>(loc, rest, numBlocks);
    rest = values.here().createOrFold<arith::DivUIOp>(loc, rest, numBlocks);
  }
  SmallVector<unsigned> others;
  for (unsigned dim = 0; dim < domain.dims.size(); ++dim)
    if (!domain.dims[dim].isRow && static_cast<int>(dim) != schedule.vectorDim)
      others.push_back(dim);
  for (unsigned dim : llvm::reverse(others)) {
    if (dim == others.front()) {
      values.setPosition(dim, rest);
      break;
    }
    Value size = values.size(domain.dims[dim].size);
    values.setPosition(dim, values.here().createOrFold<arith::RemUIOp>(loc, rest, size));
    rest = values.here().createOrFold<arith::DivUIOp>(loc, rest, size);
  }
  if (!vectorIsParallel)
    return emitGroups();
  walkVectors(blockRange(block), {}, [&](ValueRange) {
    emitGroups();
    return Values();
  });
}

void KernelEmitter::emitUnits(Block *entry) {
  Value begin = entry->getArgument(2), end = entry->getArgument(3);
  if (!schedule.unitsAreBlocks) {
    values.loop(begin, end, values.index(1), {}, [&](Value unit, ValueRange) {
      emitUnit(unit);
      return Values();
    });
    return;
  }
  // Blocks that follow each other are one range: one tail, however many units this call has.
  Value size = values.size(domain.dims[schedule.vectorDim].size), blockSize = values.index(schedule.block);
  Value upper = min(mul(end, blockSize), size);
  walkVectors({mul(begin, blockSize), upper, {}}, {}, [&](ValueRange) {
    emitGroups();
    return Values();
  });
}

FailureOr<func::FuncOp> KernelEmitter::run(OpBuilder &builder) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext()), indexType = builder.getIndexType();
  builder.setInsertionPoint(source);
  auto kernel = func::FuncOp::create(builder, loc, source.getName(),
                                     builder.getFunctionType({pointer, pointer, indexType, indexType}, {}));
  kernel->setAttr(kernelAttrName, builder.getUnitAttr());
  kernel->setAttr(extentAttrName, builder.getI64IntegerAttr(schedule.extent.constant));
  kernel->setAttr(extentSizesAttrName, builder.getDenseI64ArrayAttr(llvm::to_vector_of<int64_t>(schedule.extent.entries)));
  kernel->setAttr(unitCostAttrName, builder.getI64IntegerAttr(schedule.unitCost));
  Block *entry = kernel.addEntryBlock();
  values.begin(entry);
  emitUnits(entry);
  func::ReturnOp::create(values.here(), loc);
  if (!values.hasFailed())
    return kernel;
  kernel.erase();
  return failure();
}

FailureOr<func::FuncOp> tenon::emitKernel(func::FuncOp function, const KernelDomain &domain,
                                          const KernelSchedule &schedule, bool keepsRounding) {
  OpBuilder builder(function.getContext());
  return KernelEmitter(builder, function, domain, schedule, keepsRounding).run(builder);
}
