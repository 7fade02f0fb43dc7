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
    if (argument.getType().isIndex())
      return {size({1, {KernelDomain::sizeEntryOf(argument)}}), 0, false, {}};
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

// True for a rounding to a type that the compiler chose for memory: a value that stays in a register is not rounded.
static bool roundsInMemoryOnly(Operation *op) {
  auto rounding = dyn_cast<arith::TruncFOp>(op);
  return rounding && rounding.getFastmath() && bitEnumContainsAll(*rounding.getFastmath(), arith::FastMathFlags::contract);
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
    if (!keepsRounding || isExactIn(type, op) || roundsInMemoryOnly(op))
      return operands[0];
    at(depth);
    return {rounded(operands[0].value, type), depth, isVector, {}};
  }
  if (std::optional<Lane> consecutive = computeConsecutive(op, operands))
    return *consecutive;
  SmallVector<Value> values;
  for (auto [number, lane] : llvm::enumerate(operands)) {
    values.push_back(isVector ? widened(lane) : lane.value);
    if (lane.base) // it has a vector from here on
      remember(op->getOperand(number), instance, lane);
  }
  if (isa<arith::BitcastOp>(op)) {
    at(depth);
    return {reinterpreted(values[0], op->getOperand(0).getType(), type), depth, isVector, {}};
  }
  Value result = cloneFor(op, values, depth)->getResult(0);
  if (keepsRounding && !isExactIn(type, op)) {
    at(depth);
    result = rounded(result, type);
  }
  return {result, depth, isVector, {}};
}
