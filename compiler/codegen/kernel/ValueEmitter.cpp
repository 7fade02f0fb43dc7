//===- ValueEmitter.cpp - values of a kernel at one point of its domain ---------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/ValueEmitter.h"

#include "compiler/ir/TenonDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tenon;

//===--- buffers, constants, sizes -----------------------------------------------------------------------------------===//

// Buffers are bound as one dimension: offsets are computed from strides, whatever the rank.
void ValueEmitter::bindBuffer(Value table, unsigned index) {
  const KernelBuffer &buffer = domain.buffers[index];
  SizeProduct elements;
  bool isStatic = true;
  for (auto [size, stride] : llvm::zip(buffer.sizes, buffer.strides)) {
    isStatic &= size.isStatic() && stride.isStatic();
    elements.constant += (size.constant - 1) * stride.constant;
  }
  SmallVector<Value> dynamics;
  if (!isStatic) {
    Value total = this->index(1);
    for (auto [extent, stride] : llvm::zip(buffer.sizes, buffer.strides)) {
      Value last = here().createOrFold<arith::SubIOp>(loc, size(extent), this->index(1));
      Value span = here().createOrFold<arith::MulIOp>(loc, last, size(stride));
      total = here().createOrFold<arith::AddIOp>(loc, total, span);
    }
    dynamics.push_back(total);
  }
  int64_t length = isStatic ? std::max<int64_t>(elements.constant, 0) : ShapedType::kDynamic;
  auto type = MemRefType::get({length}, storageType(buffer.type.getElementType()));
  buffers.push_back(BindBufferOp::create(here(), loc, type, table, index, dynamics).getResult());
}

void ValueEmitter::begin(Block *entry) {
  scopes.emplace_back();
  scopes.back().point = OpBuilder::InsertPoint(entry, entry->end());
  positions.resize(domain.dims.size());
  sizeTable = entry->getArgument(1);
  for (unsigned index = 0; index < domain.buffers.size(); ++index)
    bindBuffer(entry->getArgument(0), index);
  for (const RowScratch &row : schedule.scratch) {
    auto type = MemRefType::get({row.numElements}, registerType(getElementTypeOrSelf(row.tensor.getType())));
    buffers.push_back(memref::AllocaOp::create(here(), loc, type, builder.getI64IntegerAttr(64)).getResult());
  }
}

Value ValueEmitter::constant(TypedAttr attribute) {
  Value &value = constants[attribute];
  if (!value)
    value = arith::ConstantOp::create(at(0), loc, attribute);
  return value;
}

Value ValueEmitter::splat(TypedAttr element) {
  return constant(DenseElementsAttr::get(vectorOf(element.getType()), Attribute(element)));
}

Value ValueEmitter::size(const SizeProduct &product) {
  Value result = index(product.constant);
  for (unsigned entry : product.entries) {
    Value &factor = tableSizes[entry];
    if (!factor)
      factor = BindSizeOp::create(at(0), loc, sizeTable, entry);
    result = at(0).createOrFold<arith::MulIOp>(loc, factor, result);
  }
  return result;
}

Value ValueEmitter::vectorStep() {
  if (!elementsPerVector) {
    elementsPerVector = index(schedule.lanes);
    if (schedule.scalable)
      elementsPerVector =
          arith::MulIOp::create(at(0), loc, vector::VectorScaleOp::create(at(0), loc), elementsPerVector);
  }
  return elementsPerVector;
}

Lane ValueEmitter::fail(Operation *op, Type type, const Twine &message) {
  if (!failed)
    op->emitError(message);
  failed = true;
  return {constant(builder.getZeroAttr(registerType(type))), 0, false, {}};
}

//===--- scopes ------------------------------------------------------------------------------------------------------===//

SmallVector<Value> ValueEmitter::loop(Value lower, Value upper, Value step, ValueRange carried, LoopBody body) {
  auto loop = scf::ForOp::create(here(), loc, lower, upper, step, carried);
  unsigned outer = depth();
  scopes[outer].point = OpBuilder::InsertPoint(loop->getBlock(), Block::iterator(loop));
  Block *block = loop.getBody();
  scopes.emplace_back();
  scopes.back().point =
      OpBuilder::InsertPoint(block, block->mightHaveTerminator() ? Block::iterator(block->back()) : block->end());
  SmallVector<Value> results = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!carried.empty())
    scf::YieldOp::create(here(), loc, results);
  scopes.pop_back();
  scopes[outer].point = OpBuilder::InsertPoint(loop->getBlock(), std::next(Block::iterator(loop)));
  return llvm::to_vector_of<Value>(loop.getResults());
}

SmallVector<Value> ValueEmitter::branch(Value condition, ValueRange carried, BranchBody body) {
  auto branch = scf::IfOp::create(here(), loc, carried.getTypes(), condition, /*withElseRegion=*/!carried.empty());
  unsigned outer = depth();
  scopes[outer].point = OpBuilder::InsertPoint(branch->getBlock(), Block::iterator(branch));
  Block *block = branch.thenBlock();
  scopes.emplace_back();
  scopes.back().point =
      OpBuilder::InsertPoint(block, carried.empty() ? Block::iterator(block->getTerminator()) : block->end());
  SmallVector<Value> results = body();
  if (!carried.empty()) {
    scf::YieldOp::create(here(), loc, results);
    builder.setInsertionPointToEnd(branch.elseBlock());
    scf::YieldOp::create(builder, loc, carried);
  }
  scopes.pop_back();
  scopes[outer].point = OpBuilder::InsertPoint(branch->getBlock(), std::next(Block::iterator(branch)));
  return llvm::to_vector_of<Value>(branch.getResults());
}

void ValueEmitter::enterVectors(ArrayRef<Value> starts, Value mask) {
  vectorStarts.assign(starts.begin(), starts.end());
  vectorMask = mask;
  vectorDepth = depth();
}

void ValueEmitter::leaveVectors() {
  vectorStarts.clear();
  vectorMask = {};
}

//===--- the memory of what is computed ------------------------------------------------------------------------------===//

Lane *ValueEmitter::find(Value value, unsigned instance) {
  for (Scope &scope : llvm::reverse(scopes))
    for (int key : {static_cast<int>(instance), -1})
      if (auto found = scope.values.find({key, value}); found != scope.values.end())
        return &found->second;
  return nullptr;
}

Lane ValueEmitter::remember(Value key, unsigned instance, Lane lane) {
  scopes[lane.depth].values[{lane.isVector ? static_cast<int>(instance) : -1, key}] = lane;
  return lane;
}

void ValueEmitter::define(Value key, unsigned instance, Value value) {
  remember(key, instance, {value, depth(), isa<VectorType>(value.getType()), {}});
}

Value ValueEmitter::widened(Lane &lane) {
  if (!lane.value) {
    if (!laneNumbers)
      laneNumbers = vector::StepOp::create(at(0), loc, vectorOf(builder.getIndexType()));
    Value numbers = laneNumbers;
    if (!lane.base.getType().isIndex())
      numbers = arith::IndexCastOp::create(at(0), loc, vectorOf(lane.base.getType()), numbers);
    Value base = vector::BroadcastOp::create(at(lane.depth), loc, vectorOf(lane.base.getType()), lane.base);
    lane.value = arith::AddIOp::create(at(lane.depth), loc, base, numbers);
  }
  if (lane.isVector || !isVector())
    return lane.value;
  if (auto scalar = lane.value.getDefiningOp<arith::ConstantOp>())
    return splat(scalar.getValue());
  Value &splat = scopes[lane.depth].splats[lane.value];
  if (!splat)
    splat = vector::BroadcastOp::create(at(lane.depth), loc, vectorOf(lane.value.getType()), lane.value);
  return splat;
}

//===--- evaluation --------------------------------------------------------------------------------------------------===//

Lane ValueEmitter::evaluate(Value value, unsigned instance) {
  if (Lane *known = find(value, instance))
    return *known;
  return remember(value, instance, compute(value, instance));
}

Lane ValueEmitter::evaluateOperand(OpOperand &operand, unsigned instance) {
  int access = domain.accessOf(operand);
  return access >= 0 ? load(domain.accesses[access], instance) : evaluateTensor(operand.get(), instance);
}

Lane ValueEmitter::evaluateTensor(Value tensor, unsigned instance) {
  if (Lane *known = find(tensor, instance))
    return *known;
  Operation *op = tensor.getDefiningOp();
  Type element = getElementTypeOrSelf(tensor.getType());
  if (!op)
    return fail(builder.getInsertionBlock()->getParentOp(), element, "a kernel's tensors come from its own body");
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return evaluate(fill.getInputs().front(), instance);
  if (auto scratch = loadableScratch.find(tensor); scratch != loadableScratch.end())
    return load(*scratch->second, instance);
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    if (generic.getNumReductionLoops() > 0)
      return fail(op, element, "is read before its reduction ends; split the kernel");
    unsigned number = cast<OpResult>(tensor).getResultNumber();
    return evaluate(generic.getBody()->getTerminator()->getOperand(number), instance);
  }
  if (auto constantOp = dyn_cast<arith::ConstantOp>(op))
    if (auto elements = dyn_cast<SplatElementsAttr>(constantOp.getValue())) {
      TypedAttr scalar = elements.getSplatValue<TypedAttr>();
      if (auto number = dyn_cast<FloatAttr>(scalar); number && registerType(element) != element)
        scalar = FloatAttr::get(registerType(element), number.getValueAsDouble());
      return {constant(scalar), 0, false, {}};
    }
  return fail(op, element, "has no element-wise meaning inside a kernel");
}

Lane ValueEmitter::positionOf(int dim, unsigned instance) {
  if (dim < 0)
    return {index(0), 0, false, {}};
  if (dim != schedule.vectorDim || !isVector())
    return positions[dim];
  return {{}, vectorDepth, true, vectorStarts[instance]};
}

Lane ValueEmitter::compute(Value value, unsigned instance) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (auto generic = dyn_cast<linalg::GenericOp>(parent))
      return evaluateOperand(*generic.getMatchingOpOperand(argument), instance);
    if (argument.getType().isIndex()) {
      auto before = llvm::count_if(argument.getOwner()->getArguments().take_front(argument.getArgNumber()),
                                   [](BlockArgument other) { return other.getType().isIndex(); });
      return {size({1, {static_cast<unsigned>(before)}}), 0, false, {}};
    }
    return fail(parent, builder.getIndexType(), "uses a buffer as a scalar");
  }
  Operation *op = value.getDefiningOp();
  if (auto indexOp = dyn_cast<linalg::IndexOp>(op))
    return positionOf(domain.dimOf(op->getParentOfType<linalg::GenericOp>(), indexOp.getDim()), instance);
  if (auto extractOp = dyn_cast<tensor::ExtractOp>(op))
    return extract(extractOp, instance);
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    if (int buffer = domain.bufferOf(dim.getSource()); buffer >= 0 && dim.getConstantIndex())
      return {size(domain.buffers[buffer].sizes[*dim.getConstantIndex()]), 0, false, {}};
  if (auto constantOp = dyn_cast<arith::ConstantOp>(op); constantOp && value.getType().isIntOrIndexOrFloat()) {
    auto number = dyn_cast<FloatAttr>(constantOp.getValue());
    Type type = registerType(value.getType());
    bool widens = number && type != value.getType();
    return {constant(widens ? FloatAttr::get(type, number.getValueAsDouble()) : constantOp.getValue()), 0, false, {}};
  }
  return computeElementwise(op, instance);
}

// True where the result of `op`, computed in the register type of `type`, is a value of `type` already.
static bool isExactIn(Type type, Operation *op) {
  return registerType(type) == type ||
         isa<arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp, arith::SelectOp,
             math::AbsFOp, math::CopySignOp>(op);
}

// Returns `op` on a vector of consecutive integers as another such vector, where it is one.
std::optional<Lane> ValueEmitter::computeConsecutive(Operation *op, ArrayRef<Lane> operands) {
  bool isSum = isa<arith::AddIOp>(op), isDifference = isa<arith::SubIOp>(op);
  auto isWide = [](Type type) { return type.isIndex() || type.isInteger(64); }; // no sum wraps between the two
  bool isCast = isa<arith::IndexCastOp>(op) && isWide(op->getResult(0).getType()) && isWide(op->getOperand(0).getType());
  if (!isSum && !isDifference && !isCast)
    return std::nullopt;
  unsigned consecutive = operands[0].base ? 0 : 1;
  if (consecutive >= operands.size() || !operands[consecutive].base || (isDifference && consecutive == 1))
    return std::nullopt;
  SmallVector<Value> scalars;
  unsigned depth = 0;
  for (auto [number, operand] : llvm::enumerate(operands)) {
    if (operand.isVector && number != consecutive)
      return std::nullopt;
    scalars.push_back(number == consecutive ? operand.base : operand.value);
    depth = std::max(depth, operand.depth);
  }
  return Lane{{}, depth, true, cloneFor(op, scalars, depth)->getResult(0)};
}

Operation *ValueEmitter::cloneFor(Operation *op, ValueRange operands, unsigned depth) {
  IRMapping mapping;
  for (auto [from, to] : llvm::zip_equal(op->getOperands(), operands))
    mapping.map(from, to);
  Operation *clone = at(depth).clone(*op, mapping);
  clone->setLoc(loc);
  bool isVector = llvm::any_of(operands.getTypes(), llvm::IsaPred<VectorType>);
  for (OpResult result : clone->getResults()) {
    Type type = registerType(result.getType());
    result.setType(isVector ? vectorOf(type) : type);
  }
  return clone;
}

Lane ValueEmitter::computeElementwise(Operation *op, unsigned instance) {
  Type type = op->getNumResults() == 1 ? op->getResult(0).getType() : builder.getIndexType();
  if (op->getNumResults() != 1 || op->getNumRegions() != 0 || !op->hasTrait<OpTrait::Elementwise>())
    return fail(op, type, "has no vector form; keep it out of kernels");
  SmallVector<Lane> operands;
  unsigned depth = 0;
  bool isVector = false;
  for (Value operand : op->getOperands()) {
    operands.push_back(evaluate(operand, instance));
    depth = std::max(depth, operands.back().depth);
    isVector |= operands.back().isVector;
  }
  // Half-width floats are f32 in registers, so their casts are none, or a rounding.
  if (isa<arith::ExtFOp, arith::TruncFOp>(op) && registerType(type) == registerType(op->getOperand(0).getType())) {
    if (!keepsRounding || isExactIn(type, op))
      return operands[0];
    at(depth);
    return {rounded(operands[0].value, type), depth, isVector, {}};
  }
  if (isa<arith::BitcastOp>(op) &&
      (registerType(type) != type || registerType(op->getOperand(0).getType()) != op->getOperand(0).getType()))
    return fail(op, type, "reinterprets the bits of a half-width float; split the kernel");
  if (std::optional<Lane> consecutive = computeConsecutive(op, operands))
    return *consecutive;
  SmallVector<Value> values;
  for (auto [number, lane] : llvm::enumerate(operands)) {
    values.push_back(isVector ? widened(lane) : lane.value);
    if (lane.base) // it has a vector from here on
      remember(op->getOperand(number), instance, lane);
  }
  Value result = cloneFor(op, values, depth)->getResult(0);
  if (keepsRounding && !isExactIn(type, op)) {
    at(depth);
    result = rounded(result, type);
  }
  return {result, depth, isVector, {}};
}

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
  address.lanes = address.lanes ? arith::AddIOp::create(at(address.depth), loc, address.lanes, lanes) : lanes;
}

ValueEmitter::Address ValueEmitter::addressOf(const Access &access, unsigned instance) {
  // Outer positions first, so that their part of the sum is computed in their loop.
  SmallVector<std::pair<Lane, const SizeProduct *>> terms;
  for (auto [dim, stride] : llvm::enumerate(access.strides))
    if (!stride.isZero())
      terms.push_back({positionOf(dim, instance), &stride});
  llvm::stable_sort(terms, [](auto &a, auto &b) { return a.first.depth < b.first.depth; });
  Address address;
  for (auto &[position, stride] : terms)
    addTerm(address, position, *stride);
  if (!address.offset)
    addOffset(address, index(0), 0);
  return address;
}

//===--- memory ------------------------------------------------------------------------------------------------------===//

Type ValueEmitter::elementTypeOf(unsigned buffer) const {
  if (buffer < domain.buffers.size())
    return domain.buffers[buffer].type.getElementType();
  return cast<MemRefType>(buffers[buffer].getType()).getElementType();
}

Value ValueEmitter::allLanes() { return vectorMask ? vectorMask : splat(builder.getBoolAttr(true)); }

Lane ValueEmitter::loadFrom(unsigned buffer, const Address &address) {
  Value base = buffers[buffer];
  Type storage = cast<MemRefType>(base.getType()).getElementType();
  OpBuilder &b = at(address.depth);
  Value value;
  if (!address.isVector()) {
    value = memref::LoadOp::create(b, loc, base, address.offset);
  } else if (address.isContiguous && !vectorMask) {
    value = vector::LoadOp::create(b, loc, vectorOf(storage), base, ValueRange{address.offset});
  } else {
    Value mask = allLanes(), rest = splat(builder.getZeroAttr(storage));
    at(address.depth);
    if (address.isContiguous)
      value = vector::MaskedLoadOp::create(b, loc, vectorOf(storage), base, ValueRange{address.offset}, mask, rest);
    else
      value = vector::GatherOp::create(b, loc, vectorOf(storage), base, ValueRange{address.offset}, address.lanes, mask,
                                       rest);
  }
  return {fromStorage(value, elementTypeOf(buffer)), address.depth, address.isVector(), {}};
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
  llvm::stable_sort(terms, [](auto &a, auto &b) { return a.first.depth < b.first.depth; });
  Address address;
  for (auto &[position, stride] : terms)
    addTerm(address, position, *stride);
  if (!address.offset)
    addOffset(address, index(0), 0);
  return loadFrom(buffer, address);
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
