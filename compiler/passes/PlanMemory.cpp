//===- PlanMemory.cpp - one arena for all buffers of a run ----------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Gives every tenon.buffer an offset in the run's arena, so that a run in steady state allocates nothing.
//
// Buffers of constant size: largest first, each at the lowest offset where it meets no buffer that lives at the same time
// (the "greedy by size" strategy of https://arxiv.org/abs/2001.03288, within a few percent of the lower bound there).
// Buffers of dynamic size follow behind them: a buffer takes over the place of a dead one whose size is the same expression,
// else a new place; offsets are sums computed at the function's start, and so is the arena's size. Buffers whose size depends on
// values that the run computes are numbered and have memory of their own.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Passes.h"
#include "compiler/passes/StridedView.h"

#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace tenon {
#define GEN_PASS_DEF_PLANMEMORY
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

// A cache line, and what vector loads and libraries like best.
static constexpr int64_t alignment = 64;

static int64_t alignUp(int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

namespace {

/// A buffer and the positions, in its function's block, between which it is alive (inclusive).
struct Lifetime {
  BufferOp buffer;
  int64_t first, last;
  int64_t bytes = 0, offset = 0; // constant sizes

  bool overlaps(const Lifetime &other) const { return first <= other.last && other.first <= last; }
};

} // namespace

// Returns the last position at which `memory`, or a view of it, is used.
static int64_t lastUse(Value memory, Block &block, const DenseMap<Operation *, int64_t> &positions) {
  int64_t last = 0;
  for (Operation *user : memory.getUsers()) {
    last = std::max(last, positions.at(block.findAncestorOpInBlock(*user)));
    if (isa<ViewLikeOpInterface>(user))
      last = std::max(last, lastUse(user->getResult(0), block, positions));
    if (auto choice = dyn_cast<scf::YieldOp>(user) ? dyn_cast<scf::IfOp>(user->getParentOp()) : scf::IfOp())
      for (OpOperand &yielded : user->getOpOperands())
        if (yielded.get() == memory) // handed on by a branch
          last = std::max(last, lastUse(choice.getResult(yielded.getOperandNumber()), block, positions));
  }
  return last;
}

static int64_t elementBytes(Type type) { return type.isInteger(1) ? 1 : type.getIntOrFloatBitWidth() / 8; }

static SmallVector<Lifetime> lifetimesIn(func::FuncOp function) {
  Block &block = function.getBody().front();
  DenseMap<Operation *, int64_t> positions;
  for (auto [position, op] : llvm::enumerate(block))
    positions[&op] = position;
  SmallVector<Lifetime> lifetimes;
  function.walk([&](BufferOp buffer) {
    int64_t first = positions.at(block.findAncestorOpInBlock(*buffer));
    lifetimes.push_back({buffer, first, std::max(first, lastUse(buffer.getResult(), block, positions))});
    MemRefType type = cast<MemRefType>(buffer.getType());
    if (type.hasStaticShape())
      lifetimes.back().bytes = type.getNumElements() * elementBytes(type.getElementType());
  });
  return lifetimes;
}

// Gives constant-size buffers their offsets; returns the bytes they need.
static int64_t placeStatic(MutableArrayRef<Lifetime *> lifetimes) {
  llvm::stable_sort(lifetimes, [](const Lifetime *a, const Lifetime *b) { return a->bytes > b->bytes; });
  SmallVector<Lifetime *> placed; // by offset
  int64_t total = 0;
  for (Lifetime *lifetime : lifetimes) {
    int64_t offset = 0;
    for (Lifetime *other : placed) {
      if (!lifetime->overlaps(*other))
        continue;
      if (offset + alignUp(lifetime->bytes) <= other->offset)
        break;
      offset = std::max(offset, other->offset + alignUp(other->bytes));
    }
    lifetime->offset = offset;
    total = std::max(total, offset + alignUp(lifetime->bytes));
    placed.insert(llvm::upper_bound(placed, lifetime, [](Lifetime *a, Lifetime *b) { return a->offset < b->offset; }),
                  lifetime);
    Builder builder(lifetime->buffer.getContext());
    lifetime->buffer.setStaticOffsetAttr(builder.getI64IntegerAttr(offset));
  }
  return total;
}

// Moves what computes `value`, out of regions too, to before `position`, which must be at the function's start; false where it
// cannot be.
static bool hoistComputation(Value value, Operation *position) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return value.getParentBlock() == position->getBlock();
  if (op->getBlock() == position->getBlock() && op->isBeforeInBlock(position))
    return true;
  if (!isPure(op))
    return false;
  for (Value operand : op->getOperands())
    if (!hoistComputation(operand, position))
      return false;
  op->moveBefore(position);
  return true;
}

namespace {

/// A place behind the constant part of the arena, handed from buffer to buffer.
struct Place {
  SmallVector<Value> sizes;
  int64_t bytesPerProduct; // element bytes times the constant sizes
  int64_t freeAfter;
  Value offset;
};

struct PlanMemory : tenon::impl::PlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    if (getOperation()->hasAttr(kernelAttrName) || getOperation().isExternal())
      return;
    SmallVector<Lifetime> lifetimes = lifetimesIn(getOperation());
    SmallVector<Lifetime *> constantSize, dynamicSize;
    for (Lifetime &lifetime : lifetimes) {
      bool isStatic = cast<MemRefType>(lifetime.buffer.getType()).hasStaticShape();
      (isStatic ? constantSize : dynamicSize).push_back(&lifetime);
    }
    int64_t staticBytes = placeStatic(constantSize);
    if (failed(placeDynamic(dynamicSize, staticBytes)))
      signalPassFailure();
  }

  // Gives dynamic buffers their offsets behind `staticBytes` and the function its tenon.arena.
  LogicalResult placeDynamic(ArrayRef<Lifetime *> lifetimes, int64_t staticBytes) {
    Block &block = getOperation().getBody().front();
    OpBuilder builder = OpBuilder::atBlockBegin(&block);
    Location loc = getOperation().getLoc();
    if (lifetimes.empty()) {
      ArenaOp::create(builder, loc, /*bytes=*/Value(), builder.getI64IntegerAttr(staticBytes));
      return success();
    }
    Value total = arith::ConstantIndexOp::create(builder, loc, staticBytes);
    auto arena = ArenaOp::create(builder, loc, total, /*static_bytes=*/nullptr);
    builder.setInsertionPoint(arena);
    SmallVector<Place> places;
    int64_t numLate = 0;
    for (Lifetime *lifetime : lifetimes) {
      auto isKnown = [&](Value size) { return hoistComputation(size, arena); };
      if (!llvm::all_of(lifetime->buffer.getSizes(), isKnown)) {
        lifetime->buffer->setAttr(lateBufferAttrName, builder.getI64IntegerAttr(numLate++));
        continue;
      }
      lifetime->buffer.getOffsetMutable().assign(placeFor(*lifetime, places, total, builder).offset);
    }
    arena.getBytesMutable().assign(total);
    return success();
  }

  static Place &placeFor(const Lifetime &lifetime, SmallVectorImpl<Place> &places, Value &total, OpBuilder &builder) {
    MemRefType type = cast<MemRefType>(BufferOp(lifetime.buffer).getType());
    SmallVector<Value> sizes(BufferOp(lifetime.buffer).getSizes());
    int64_t bytes = elementBytes(type.getElementType());
    for (int64_t size : type.getShape())
      bytes *= ShapedType::isDynamic(size) ? 1 : size;
    for (Place &place : places)
      if (place.freeAfter < lifetime.first && place.bytesPerProduct == bytes && place.sizes == sizes) {
        place.freeAfter = lifetime.last;
        return place;
      }
    // total += alignUp(bytes * sizes…)
    Location loc = BufferOp(lifetime.buffer).getLoc();
    places.push_back({sizes, bytes, lifetime.last, total});
    Value needed = arith::ConstantIndexOp::create(builder, loc, bytes);
    for (Value size : sizes)
      needed = arith::MulIOp::create(builder, loc, needed, size);
    Value padding = arith::ConstantIndexOp::create(builder, loc, alignment - 1);
    Value mask = arith::ConstantIndexOp::create(builder, loc, -alignment);
    needed = arith::AndIOp::create(builder, loc, arith::AddIOp::create(builder, loc, needed, padding), mask);
    total = arith::AddIOp::create(builder, loc, total, needed);
    return places.back();
  }
};

} // namespace
