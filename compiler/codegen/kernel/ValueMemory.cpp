//===- ValueMemory.cpp - loads and stores of a kernel's values ------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The members of ValueEmitter that reach memory: an address is a sum of positions times strides, whose shape decides between
// a scalar access, consecutive lanes and a gather; booleans and half-width floats have a storage form of their own.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/ValueEmitter.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace tenon;

//===--- addresses ---------------------------------------------------------------------------------------------------===//

void ValueEmitter::addOffset(Address &address, Value term, unsigned depth) {
  address.depth = std::max(address.depth, depth);
  address.offset =
      address.offset ? at(address.depth).createOrFold<arith::AddIOp>(loc, address.offset, term) : term;
}

// Offsets of the lanes of a vector that advances by `stride`: 32 bits wide where they surely fit.
Value ValueEmitter::strideLanes(const SizeProduct &stride) {
  if (!laneNumbers)
    laneNumbers = vector::StepOp::create(at(0), loc, vectorOf(builder.getIndexType()));
  constexpr int64_t maxNarrowStride = int64_t(1) << 20; // times at most 2048 / 8 lanes
  if (stride.isStatic() && stride.constant <= maxNarrowStride) {
    Type narrow = vectorOf(builder.getI32Type());
    Value numbers = arith::IndexCastOp::create(at(0), loc, narrow, laneNumbers);
    return arith::MulIOp::create(at(0), loc, numbers, splat(builder.getI32IntegerAttr(stride.constant)));
  }
  Value factor = vector::BroadcastOp::create(at(0), loc, vectorOf(builder.getIndexType()), size(stride));
  return arith::MulIOp::create(at(0), loc, laneNumbers, factor);
}

// Adds `position` times `stride` to an address.
void ValueEmitter::addTerm(Address &address, Lane position, const SizeProduct &stride) {
  if (stride.isZero())
    return;
  Value factor = size(stride);
  if (!position.isVector || position.base) {
    Value scalar = position.isVector ? position.base : position.value;
    addOffset(address, at(position.depth).createOrFold<arith::MulIOp>(loc, scalar, factor), position.depth);
    if (!position.isVector)
      return;
    if (!address.isVector() && stride.isOne()) {
      address.isContiguous = true;
      return;
    }
  }
  Value lanes;
  if (position.base) {
    lanes = strideLanes(stride);
  } else {
    Value wide = vector::BroadcastOp::create(at(0), loc, vectorOf(builder.getIndexType()), factor);
    lanes = at(position.depth).createOrFold<arith::MulIOp>(loc, position.value, wide);
    address.depth = std::max(address.depth, position.depth);
  }
  if (address.isContiguous) {
    address.lanes = strideLanes({});
    address.isContiguous = false;
  }
  if (address.lanes && address.lanes.getType() != lanes.getType()) {
    Type wide = vectorOf(builder.getIndexType());
    for (Value *part : {&address.lanes, &lanes})
      if (part->getType() != wide)
        *part = arith::IndexCastOp::create(at(address.depth), loc, wide, *part);
  }
  address.laneStride = !address.lanes && position.base && stride.isStatic() ? stride.constant : 0;
  address.lanes = address.lanes ? arith::AddIOp::create(at(address.depth), loc, address.lanes, lanes) : lanes;
}

// Sums terms, outer positions first, so that their part is computed in their loop.
ValueEmitter::Address ValueEmitter::sumOf(SmallVector<std::pair<Lane, const SizeProduct *>> terms) {
  llvm::stable_sort(terms, [](auto &a, auto &b) { return a.first.depth < b.first.depth; });
  Address address;
  for (auto &[position, stride] : terms)
    addTerm(address, position, *stride);
  if (!address.offset)
    addOffset(address, index(0), 0);
  return address;
}

ValueEmitter::Address ValueEmitter::addressOf(const Access &access, unsigned instance) {
  SmallVector<std::pair<Lane, const SizeProduct *>> terms;
  for (auto [dim, stride] : llvm::enumerate(access.strides))
    if (!stride.isZero())
      terms.push_back({positionOf(dim, instance), &stride});
  return sumOf(std::move(terms));
}

//===--- memory ------------------------------------------------------------------------------------------------------===//

Type ValueEmitter::elementTypeOf(unsigned buffer) const {
  if (buffer < domain.buffers.size())
    return domain.buffers[buffer].type.getElementType();
  return cast<MemRefType>(buffers[buffer].getType()).getElementType();
}

Value ValueEmitter::allLanes() { return vectorMask ? vectorMask : splat(builder.getBoolAttr(true)); }

// Every other element from the address on: of two vectors, the second of which ends with the last such element.
Value ValueEmitter::loadEveryOther(Value base, const Address &address) {
  Type type = vectorOf(cast<MemRefType>(base.getType()).getElementType());
  Value toSecond = index(schedule.lanes - 1);
  OpBuilder &b = at(address.depth);
  Value first = vector::LoadOp::create(b, loc, type, base, ValueRange{address.offset});
  Value secondOffset = b.createOrFold<arith::AddIOp>(loc, address.offset, toSecond);
  Value second = vector::LoadOp::create(b, loc, type, base, ValueRange{secondOffset});
  SmallVector<int64_t> elements;
  for (int64_t lane = 0; lane < schedule.lanes; ++lane)
    elements.push_back(2 * lane < schedule.lanes ? 2 * lane : 2 * lane + 1);
  return vector::ShuffleOp::create(b, loc, first, second, elements);
}

Lane ValueEmitter::loadFrom(unsigned buffer, const Address &address) {
  Value base = buffers[buffer];
  Type storage = cast<MemRefType>(base.getType()).getElementType();
  OpBuilder &b = at(address.depth);
  Value value;
  if (!address.isVector()) {
    value = memref::LoadOp::create(b, loc, base, address.offset);
  } else if (address.isContiguous && !vectorMask) {
    value = vector::LoadOp::create(b, loc, vectorOf(storage), base, ValueRange{address.offset});
  } else if (address.laneStride == 2 && !vectorMask && !schedule.scalable) {
    value = loadEveryOther(base, address);
  } else {
    Value mask = allLanes(), rest = splat(builder.getZeroAttr(storage));
    at(address.depth);
    if (address.isContiguous)
      value = vector::MaskedLoadOp::create(b, loc, vectorOf(storage), base, ValueRange{address.offset}, mask, rest);
    else
      value = vector::GatherOp::create(b, loc, vectorOf(storage), base, ValueRange{address.offset}, address.lanes, mask,
                                       rest);
  }
  Type element = elementTypeOf(buffer);
  Value result = fromStorage(value, element);
  if (registerType(element) != element)
    storedForm[{result, element}] = value;
  return {result, address.depth, address.isVector(), {}};
}

Lane ValueEmitter::load(const Access &access, unsigned instance) {
  for (Scope &scope : llvm::reverse(scopes))
    for (int key : {static_cast<int>(instance), -1})
      if (auto found = scope.loads.find({key, &access}); found != scope.loads.end())
        return found->second;
  Lane lane = loadFrom(access.buffer, addressOf(access, instance));
  scopes[lane.depth].loads[{lane.isVector ? static_cast<int>(instance) : -1, &access}] = lane;
  return lane;
}

Lane ValueEmitter::extract(tensor::ExtractOp op, unsigned instance) {
  int buffer = domain.bufferOf(op.getTensor());
  if (buffer < 0)
    return fail(op, op.getType(), "extracts from a tensor that is no argument of its kernel");
  SmallVector<std::pair<Lane, const SizeProduct *>> terms;
  for (auto [number, indexValue] : llvm::enumerate(op.getIndices()))
    terms.push_back({evaluate(indexValue, instance), &domain.buffers[buffer].strides[number]});
  return loadFrom(buffer, sumOf(std::move(terms)));
}

void ValueEmitter::store(const Access &access, Lane lane, unsigned instance) {
  Address address = addressOf(access, instance);
  Value base = buffers[access.buffer];
  Value value = address.isVector() ? widened(lane) : lane.value;
  here();
  value = toStorage(value, elementTypeOf(access.buffer));
  Value mask = address.isVector() ? allLanes() : Value();
  OpBuilder &b = here();
  if (!address.isVector())
    memref::StoreOp::create(b, loc, value, base, address.offset);
  else if (!address.isContiguous)
    vector::ScatterOp::create(b, loc, Type(), base, ValueRange{address.offset}, address.lanes, mask, value);
  else if (vectorMask)
    vector::MaskedStoreOp::create(b, loc, base, ValueRange{address.offset}, mask, value);
  else
    vector::StoreOp::create(b, loc, value, base, ValueRange{address.offset});
}

//===--- storage types -----------------------------------------------------------------------------------------------===//

// Returns `element` as a scalar, or as a vector where `type` is one.
Value ValueEmitter::like(Type type, TypedAttr element) {
  OpBuilder::InsertionGuard guard(builder);
  return isa<VectorType>(type) ? splat(element) : constant(element);
}

Value ValueEmitter::integerLike(Type shape, unsigned width, int64_t value) {
  return like(shape, builder.getIntegerAttr(builder.getIntegerType(width), value));
}

static Type withElement(Type shape, Type element) {
  auto vector = dyn_cast<VectorType>(shape);
  return vector ? vector.clone(element) : element;
}

// At the builder's place: a loaded value in its register type.
Value ValueEmitter::fromStorage(Value value, Type element) {
  Type shape = value.getType();
  if (element.isInteger(1))
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, value, integerLike(shape, 8, 0));
  if (element.isF16())
    return arith::ExtFOp::create(builder, loc, withElement(shape, builder.getF32Type()), value);
  if (!element.isBF16())
    return value;
  Value bits = arith::ExtUIOp::create(builder, loc, withElement(shape, builder.getI32Type()), value);
  Value shifted = arith::ShLIOp::create(builder, loc, bits, integerLike(shape, 32, 16));
  return arith::BitcastOp::create(builder, loc, withElement(shape, builder.getF32Type()), shifted);
}

// Rounds to nearest, ties to even, in integers: bf16 is the upper half of an f32. NaNs become the quiet one.
Value ValueEmitter::roundToBF16(Value value) {
  Type shape = value.getType();
  Value bits = arith::BitcastOp::create(builder, loc, withElement(shape, builder.getI32Type()), value);
  Value upper = arith::ShRUIOp::create(builder, loc, bits, integerLike(shape, 32, 16));
  Value isOdd = arith::AndIOp::create(builder, loc, upper, integerLike(shape, 32, 1));
  Value bias = arith::AddIOp::create(builder, loc, isOdd, integerLike(shape, 32, 0x7fff));
  Value rounded = arith::AddIOp::create(builder, loc, bits, bias);
  Value isNaN = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, value, value);
  Value kept = arith::SelectOp::create(builder, loc, isNaN, integerLike(shape, 32, 0x7fc00000), rounded);
  Value half = arith::ShRUIOp::create(builder, loc, kept, integerLike(shape, 32, 16));
  return arith::TruncIOp::create(builder, loc, withElement(shape, builder.getI16Type()), half);
}

// At the builder's place: a register value rounded to `element`, a half-width float, and back in its register type.
Value ValueEmitter::rounded(Value value, Type element) {
  Value stored = toStorage(value, element);
  Value result = fromStorage(stored, element);
  storedForm[{result, element}] = stored;
  return result;
}

// At the builder's place: the value of type `to` that has the bits of a register value of type `from`.
Value ValueEmitter::reinterpreted(Value value, Type from, Type to) {
  Value stored = toStorage(value, from);
  Type type = withElement(stored.getType(), storageType(to));
  if (stored.getType() != type)
    stored = arith::BitcastOp::create(builder, loc, type, stored);
  return fromStorage(stored, to);
}

// At the builder's place: a register value as memory holds it.
Value ValueEmitter::toStorage(Value value, Type element) {
  if (Value stored = storedForm.lookup({value, element}))
    return stored;
  if (element.isInteger(1))
    return arith::ExtUIOp::create(builder, loc, withElement(value.getType(), builder.getI8Type()), value);
  if (element.isF16())
    return arith::TruncFOp::create(builder, loc, withElement(value.getType(), element), value);
  return element.isBF16() ? roundToBF16(value) : value;
}
