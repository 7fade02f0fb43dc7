//===- TenonOps.cpp - verifiers, folders and effects of the ops -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/ir/TenonDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace tenon;

#define GET_OP_CLASSES
#include "compiler/ir/TenonOps.cpp.inc"

//===--- effects -----------------------------------------------------------------------------------------------------===//

using Effects = SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

// A structured op reads its memref inputs and writes its memref inits; on tensors it has no effect.
static void appendStructuredEffects(DestinationStyleOpInterface op, Effects &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    if (op.isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
    else
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  }
}

#define STRUCTURED_OP_EFFECTS(OP)                                                                                      \
  void OP::getEffects(Effects &effects) { appendStructuredEffects(*this, effects); }
STRUCTURED_OP_EFFECTS(MatmulOp)
STRUCTURED_OP_EFFECTS(ConvOp)
STRUCTURED_OP_EFFECTS(PoolOp)
STRUCTURED_OP_EFFECTS(PoolRegionsOp)
STRUCTURED_OP_EFFECTS(AttentionOp)
STRUCTURED_OP_EFFECTS(ConcatOp)
STRUCTURED_OP_EFFECTS(LaunchOp)
STRUCTURED_OP_EFFECTS(SortOp)
STRUCTURED_OP_EFFECTS(ScanOp)
STRUCTURED_OP_EFFECTS(GroupedMatmulOp)
STRUCTURED_OP_EFFECTS(RecurrenceOp)
STRUCTURED_OP_EFFECTS(DecomposeOp)
#undef STRUCTURED_OP_EFFECTS

void ScatterOp::getEffects(Effects &effects) {
  appendStructuredEffects(*this, effects);
  for (OpOperand &init : getInitsMutable())
    if (isa<MemRefType>(init.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &init);
}

// The generator is no operand, but it is written: the op must stay where it is.
void RandomOp::getEffects(Effects &effects) {
  appendStructuredEffects(*this, effects);
  effects.emplace_back(MemoryEffects::Write::get());
}

void LoadGlobalOp::getEffects(Effects &effects) {
  auto global = SymbolTable::lookupNearestSymbolFrom<GlobalOp>(*this, getGlobalAttr());
  if (!global || global.getKind() == GlobalKind::State)
    effects.emplace_back(MemoryEffects::Read::get());
}

// A check stops the run: it must stay where it is, like a write nobody reads.
void CheckDivisorOp::getEffects(Effects &effects) { effects.emplace_back(MemoryEffects::Write::get()); }
void CheckIndexOp::getEffects(Effects &effects) { effects.emplace_back(MemoryEffects::Write::get()); }
void CheckInfoOp::getEffects(Effects &effects) { effects.emplace_back(MemoryEffects::Write::get()); }

// Asks once, though nobody may write to an output without elements.
void LateOutputOp::getEffects(Effects &effects) { effects.emplace_back(MemoryEffects::Write::get()); }

//===--- sizes that a run computes ------------------------------------------------------------------------------------===//

bool tenon::isLateSize(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<LateSizeOp>(op))
    return op != nullptr;
  StringRef dialect = op->getName().getDialectNamespace();
  return (dialect == "arith" || dialect == "math") && llvm::any_of(op->getOperands(), isLateSize);
}

//===--- views -------------------------------------------------------------------------------------------------------===//

// Returns success when `sizes` has one value per dynamic dimension of `type`.
static LogicalResult verifyDynamicSizes(Operation *op, RankedTensorType type, ValueRange sizes) {
  if (static_cast<size_t>(type.getNumDynamicDims()) == sizes.size())
    return success();
  return op->emitOpError("has ") << sizes.size() << " sizes for " << type.getNumDynamicDims()
                                 << " dynamic dimensions of its result";
}

LogicalResult ReshapeOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto result = cast<RankedTensorType>(getType());
  if (source.getElementType() != result.getElementType())
    return emitOpError("changes the element type");
  if (source.hasStaticShape() && result.hasStaticShape() && source.getNumElements() != result.getNumElements())
    return emitOpError("changes the number of elements from ")
           << source.getNumElements() << " to " << result.getNumElements();
  return verifyDynamicSizes(*this, result, getSizes());
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  auto result = cast<RankedTensorType>(getType());
  if (getSource().getType() == result && result.hasStaticShape())
    return getSource();
  // A reshape of a reshape is one reshape.
  if (auto inner = getSource().getDefiningOp<ReshapeOp>()) {
    getSourceMutable().assign(inner.getSource());
    return getResult();
  }
  return {};
}

LogicalResult PermuteOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto result = cast<RankedTensorType>(getType());
  ArrayRef<int64_t> order = getOrder();
  if (source.getRank() != result.getRank() || static_cast<int64_t>(order.size()) != source.getRank())
    return emitOpError("order, source and result differ in rank");
  SmallVector<bool> seen(order.size(), false);
  for (auto [dim, from] : llvm::enumerate(order)) {
    if (from < 0 || from >= source.getRank() || std::exchange(seen[from], true))
      return emitOpError("order is no permutation");
    if (source.getDimSize(from) != result.getDimSize(dim))
      return emitOpError("result dimension ") << dim << " differs from source dimension " << from;
  }
  return success();
}

OpFoldResult PermuteOp::fold(FoldAdaptor) {
  if (llvm::equal(getOrder(), llvm::seq<int64_t>(0, getOrder().size())))
    return getSource();
  // A permutation of a permutation is one permutation.
  if (auto inner = getSource().getDefiningOp<PermuteOp>()) {
    SmallVector<int64_t> order;
    for (int64_t from : getOrder())
      order.push_back(inner.getOrder()[from]);
    setOrder(order);
    getSourceMutable().assign(inner.getSource());
    return getResult();
  }
  return {};
}

LogicalResult BroadcastOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto result = cast<RankedTensorType>(getType());
  int64_t added = result.getRank() - source.getRank();
  if (added < 0)
    return emitOpError("lowers the rank");
  for (int64_t dim = 0; dim < source.getRank(); ++dim) {
    int64_t from = source.getDimSize(dim), to = result.getDimSize(dim + added);
    if (from != to && from != 1 && !ShapedType::isDynamic(from) && !ShapedType::isDynamic(to))
      return emitOpError("stretches dimension ") << dim << " of size " << from << " to " << to;
  }
  return verifyDynamicSizes(*this, result, getSizes());
}

OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  auto result = cast<RankedTensorType>(getType());
  return getSource().getType() == result && result.hasStaticShape() ? OpFoldResult(getSource()) : OpFoldResult();
}

//===--- structured ops ----------------------------------------------------------------------------------------------===//

static ShapedType shapedType(Value value) { return cast<ShapedType>(value.getType()); }

// Returns success when an op on tensors has a result per init, and one on memrefs none.
static LogicalResult verifyDestinationStyle(DestinationStyleOpInterface op) {
  for (OpOperand &init : op.getDpsInitsMutable())
    if (isa<MemRefType>(init.get().getType()) && op->getNumResults() != 0)
      return op->emitOpError("has results although it writes a memref");
  return success();
}

// Returns success when the epilogue's operand steps are as many as the extras.
static LogicalResult verifyEpilogue(Operation *op, ArrayAttr epilogue, ValueRange extras) {
  size_t taken =
      llvm::count_if(epilogue, [](Attribute step) { return cast<EpilogueAttr>(step).takesOperand(); });
  if (taken != extras.size())
    return op->emitOpError("epilogue takes ") << taken << " operands but has " << extras.size();
  return success();
}

static bool disagree(int64_t a, int64_t b) { return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b; }

LogicalResult MatmulOp::verify() {
  if (getInits().size() != 1)
    return emitOpError("needs one init");
  ShapedType lhs = shapedType(getLhs()), rhs = shapedType(getRhs()), init = shapedType(getInits()[0]);
  int64_t rank = init.getRank();
  if (rank < 2 || lhs.getRank() != rank || rhs.getRank() != rank)
    return emitOpError("operands and init need one rank of at least two");
  if (disagree(lhs.getDimSize(rank - 1), rhs.getDimSize(rank - 2)))
    return emitOpError("sums over ") << lhs.getDimSize(rank - 1) << " and " << rhs.getDimSize(rank - 2) << " elements";
  if (disagree(lhs.getDimSize(rank - 2), init.getDimSize(rank - 2)) ||
      disagree(rhs.getDimSize(rank - 1), init.getDimSize(rank - 1)))
    return emitOpError("init has another shape than the product");
  if (failed(verifyEpilogue(*this, getEpilogue(), getExtras())))
    return failure();
  return verifyDestinationStyle(*this);
}

LogicalResult ConvOp::verify() {
  if (getInits().size() != 1)
    return emitOpError("needs one init");
  ShapedType input = shapedType(getInput()), weight = shapedType(getWeight()), init = shapedType(getInits()[0]);
  int64_t spatial = input.getRank() - 2;
  if (spatial < 1 || spatial > 3 || weight.getRank() != input.getRank() || init.getRank() != input.getRank())
    return emitOpError("input, weight and init need one rank from 3 to 5");
  if (static_cast<int64_t>(getStride().size()) != spatial || static_cast<int64_t>(getDilation().size()) != spatial ||
      static_cast<int64_t>(getPadding().size()) != 2 * spatial)
    return emitOpError("stride, dilation and padding need ") << spatial << ", " << spatial << " and " << 2 * spatial
                                                             << " entries";
  if (getGroups() < 1)
    return emitOpError("needs at least one group");
  int64_t channelDim = getTransposed() ? 0 : 1;
  int64_t perGroup = getTransposed() ? 1 : getGroups();
  if (!ShapedType::isDynamic(weight.getDimSize(channelDim)) &&
      disagree(input.getDimSize(1), weight.getDimSize(channelDim) * perGroup))
    return emitOpError("input has ") << input.getDimSize(1) << " channels, the weight is for "
                                     << weight.getDimSize(channelDim) * perGroup;
  if (failed(verifyEpilogue(*this, getEpilogue(), getExtras())))
    return failure();
  return verifyDestinationStyle(*this);
}

LogicalResult PoolOp::verify() {
  if (getInits().size() != 1)
    return emitOpError("needs one init");
  int64_t spatial = shapedType(getInput()).getRank() - 2;
  if (spatial < 1 || spatial > 3 || static_cast<int64_t>(getWindow().size()) != spatial ||
      static_cast<int64_t>(getStride().size()) != spatial || static_cast<int64_t>(getDilation().size()) != spatial ||
      static_cast<int64_t>(getPadding().size()) != 2 * spatial)
    return emitOpError("window, stride, dilation and padding do not fit the input's rank");
  return verifyDestinationStyle(*this);
}

LogicalResult AttentionOp::verify() {
  if (getInits().size() != 1)
    return emitOpError("needs one init");
  ShapedType query = shapedType(getQuery()), key = shapedType(getKey()), value = shapedType(getValue());
  if (query.getRank() != 4 || key.getRank() != 4 || value.getRank() != 4)
    return emitOpError("query, key and value need rank 4");
  if (disagree(query.getDimSize(3), key.getDimSize(3)) || disagree(key.getDimSize(2), value.getDimSize(2)))
    return emitOpError("query, key and value do not fit each other");
  return verifyDestinationStyle(*this);
}

LogicalResult ConcatOp::verify() {
  if (getInits().size() != 1 || getSources().empty())
    return emitOpError("needs one init and at least one source");
  if (getDim() >= static_cast<uint64_t>(shapedType(getInits()[0]).getRank()))
    return emitOpError("has no dimension ") << getDim();
  return verifyDestinationStyle(*this);
}

static bool haveOneElementType(Value a, Value b) {
  return shapedType(a).getElementType() == shapedType(b).getElementType();
}

LogicalResult PoolRegionsOp::verify() {
  if (getInits().size() != 1)
    return emitOpError("needs one init");
  ShapedType input = shapedType(getInput()), boxes = shapedType(getBoxes()), init = shapedType(getInits()[0]);
  if (input.getRank() != 4 || boxes.getRank() != 2 || init.getRank() != 4)
    return emitOpError("needs an input and an init of rank 4, and boxes of rank 2");
  if (!isa<FloatType>(input.getElementType()) || input.getElementType() != boxes.getElementType() ||
      !haveOneElementType(getInput(), getInits()[0]))
    return emitOpError("needs operands of one float type");
  return verifyDestinationStyle(*this);
}

LogicalResult SortOp::verify() {
  if (getInits().size() != 2 || !haveOneElementType(getInput(), getInits()[0]) ||
      !shapedType(getInits()[1]).getElementType().isInteger(64))
    return emitOpError("needs inits for values of the input's type and for positions");
  if (getDim() >= static_cast<uint64_t>(shapedType(getInput()).getRank()))
    return emitOpError("has no dimension ") << getDim();
  return verifyDestinationStyle(*this);
}

LogicalResult ScanOp::verify() {
  bool hasPositions = getKind() == ScanKind::Max || getKind() == ScanKind::Min;
  if (getInits().size() != (hasPositions ? 2u : 1u) || !haveOneElementType(getInput(), getInits()[0]))
    return emitOpError("needs an init of the input's type, and one for positions where it seeks extremes");
  if (getDim() >= static_cast<uint64_t>(shapedType(getInput()).getRank()))
    return emitOpError("has no dimension ") << getDim();
  return verifyDestinationStyle(*this);
}

LogicalResult ScatterOp::verify() {
  if (getInits().size() != 1 || !haveOneElementType(getUpdates(), getInits()[0]))
    return emitOpError("needs one init of the updates' type");
  ShapedType updates = shapedType(getUpdates());
  if (static_cast<int64_t>(getCoordinates().size()) != shapedType(getInits()[0]).getRank())
    return emitOpError("needs a coordinate per dimension of its init");
  for (int64_t coordinate : getCoordinates())
    if (coordinate >= updates.getRank() || -1 - coordinate >= static_cast<int64_t>(getIndices().size()))
      return emitOpError("has no coordinate ") << coordinate;
  for (Value index : getIndices())
    if (shapedType(index).getRank() != updates.getRank())
      return emitOpError("indices and updates need one shape");
  return verifyDestinationStyle(*this);
}

LogicalResult GroupedMatmulOp::verify() {
  if (getInits().size() != 1)
    return emitOpError("needs one init");
  ShapedType lhs = shapedType(getLhs()), rhs = shapedType(getRhs()), ends = shapedType(getEnds());
  if (lhs.getRank() != 2 || rhs.getRank() != 3 || ends.getRank() != 1)
    return emitOpError("lhs, rhs and ends need ranks 2, 3 and 1");
  if (disagree(lhs.getDimSize(1), rhs.getDimSize(1)) || disagree(rhs.getDimSize(0), ends.getDimSize(0)))
    return emitOpError("lhs, rhs and ends do not fit each other");
  return verifyDestinationStyle(*this);
}

static int64_t numGates(RecurrenceKind kind) {
  switch (kind) {
  case RecurrenceKind::Lstm: return 4;
  case RecurrenceKind::Gru: return 3;
  default: return 1;
  }
}

LogicalResult RecurrenceOp::verify() {
  bool isLstm = getKind() == RecurrenceKind::Lstm;
  if (static_cast<bool>(getCell()) != isLstm || getInits().size() != (isLstm ? 4u : 3u))
    return emitOpError("needs inits for states, last state and gates, and a cell with its init where it is an LSTM");
  ShapedType projected = shapedType(getProjected()), weight = shapedType(getWeight()), hidden = shapedType(getHidden());
  ShapedType states = shapedType(getInits()[0]);
  if (projected.getRank() != 3 || weight.getRank() != 2 || hidden.getRank() != 2 || states.getRank() != 3)
    return emitOpError("projected, weight, hidden and states need ranks 3, 2, 2 and 3");
  if (disagree(projected.getDimSize(2), weight.getDimSize(0)) || disagree(weight.getDimSize(1), hidden.getDimSize(1)) ||
      disagree(states.getDimSize(2), hidden.getDimSize(1)))
    return emitOpError("projected, weight, hidden and states do not fit each other");
  if (!ShapedType::isDynamic(weight.getDimSize(0)) && weight.getDimSize(0) % numGates(getKind()) != 0)
    return emitOpError("weight has no whole number of rows per gate");
  return verifyDestinationStyle(*this);
}

LogicalResult RandomOp::verify() {
  if (getInits().size() != 1)
    return emitOpError("needs one init");
  Type type = shapedType(getInits()[0]).getElementType();
  bool isReal = llvm::is_contained({RandomKind::Uniform, RandomKind::Normal, RandomKind::SerialNormal}, getKind());
  bool fits = isReal ? type.isF32() || type.isF64() : type.isInteger(64);
  if (!fits)
    return emitOpError("has no numbers of this kind and type");
  return verifyDestinationStyle(*this);
}

namespace {
/// How many operands and results a kind of tenon.decompose has, and which of its results is `info`.
struct DecomposeArity {
  size_t inputs, inits;
  std::optional<size_t> info;
};
} // namespace

static DecomposeArity arityOf(DecomposeKind kind) {
  switch (kind) {
  case DecomposeKind::Cholesky: return {1, 2, 1};
  case DecomposeKind::CholeskySolve: return {2, 1, {}};
  case DecomposeKind::CholeskyInverse: return {1, 1, {}};
  case DecomposeKind::Lu: return {1, 3, 2};
  case DecomposeKind::LuSolve: return {3, 1, {}};
  case DecomposeKind::TriangularSolve: return {2, 1, {}};
  case DecomposeKind::Ldl: return {1, 3, 2};
  case DecomposeKind::LdlSolve: return {3, 1, {}};
  case DecomposeKind::Qr: return {1, 2, {}};
  case DecomposeKind::HouseholderProduct: return {2, 1, {}};
  case DecomposeKind::HouseholderMultiply: return {3, 1, {}};
  case DecomposeKind::Eigh: return {1, 3, 2};
  case DecomposeKind::EighValues: return {1, 2, 1};
  case DecomposeKind::Svd: return {1, 4, 3};
  case DecomposeKind::SvdValues: return {1, 2, 1};
  case DecomposeKind::Eig: return {1, 3, 2};
  case DecomposeKind::EigValues: return {1, 2, 1};
  case DecomposeKind::Exponential: return {1, 1, {}};
  case DecomposeKind::LuPermutation: return {2, 1, {}};
  }
  llvm_unreachable("a kind without a row");
}

LogicalResult DecomposeOp::verify() {
  DecomposeArity arity = arityOf(getKind());
  if (getInputs().size() != arity.inputs || getInits().size() != arity.inits)
    return emitOpError("needs ") << arity.inputs << " operands and " << arity.inits << " results";
  ShapedType matrix = shapedType(getInputs()[0]);
  int64_t batchRank = matrix.getRank() - 2 - (getIsComplex() ? 1 : 0);
  if (batchRank < 0 || !(matrix.getElementType().isF32() || matrix.getElementType().isF64()))
    return emitOpError("needs matrices of f32 or f64");
  if (getIsComplex() && disagree(matrix.getDimSize(matrix.getRank() - 1), 2))
    return emitOpError("needs two parts of complex numbers");
  for (Value value : getOperands()) {
    ShapedType type = shapedType(value);
    bool agrees = type.getRank() >= batchRank;
    for (int64_t dim = 0; dim < batchRank && agrees; ++dim)
      agrees = !disagree(type.getDimSize(dim), matrix.getDimSize(dim));
    if (!agrees)
      return emitOpError("has operands or results for different numbers of matrices");
    if (type.getElementType() != matrix.getElementType() && !type.getElementType().isInteger(32))
      return emitOpError("has operands or results of different element types");
  }
  if (arity.info && !shapedType(getInits()[*arity.info]).getElementType().isInteger(32))
    return emitOpError("needs an info of 32-bit integers");
  return verifyDestinationStyle(*this);
}

LogicalResult LaunchOp::verify() { return verifyDestinationStyle(*this); }
