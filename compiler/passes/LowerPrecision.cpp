//===- LowerPrecision.cpp - which f32 values are stored and multiplied in half width --------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Where the target multiplies half-width numbers faster than f32 (`computes-low`):
//
//   %h = linalg.generic (norm of %x) : f32                      %h = linalg.generic (norm of %x, truncf) : bf16
//   %m = tenon.matmul ins(%h, %w : f32, f32) : f32        =>    %m = tenon.matmul ins(%h, %w : bf16, bf16) : f32
//
// and elsewhere only the weights change: tenon.matmul ins(%h, %w : f32, bf16), which the runtime expands once, at load.
//
// 1. A product of f32 (matmul, convolution) is computed low, or in f32 with a low weight; sums are f32 either way. All else,
//    attention, softmax, norms, losses and reductions included, computes in f32.
// 2. A weight is low where every reader takes it so: products, and, for parameters, generics, which extend it in their bodies.
//    Vectors (biases, scales, statistics) and values beyond the low type's range stay.
// 3. A value that a low product multiplies is stored low by its producer, if it may: the rounding is then part of an epilogue
//    or a kernel, and other readers read half the bytes. Where the producer may not (an input, an output, a reduction), the
//    product gets a rounded copy. All other values stay f32: a residual stream that only norms and sums read is never rounded.
// 4. The leading convolutions stay f32: a convolutional network starts with few weights on many pixels, and each of its layers
//    amplifies the rounding errors of those before it. Their weights cost little memory.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/NarrowValues.h"
#include "compiler/passes/Passes.h"
#include "compiler/passes/Remarks.h"
#include "compiler/passes/ScalarChain.h"

#include "mlir/Analysis/SliceAnalysis.h"

namespace tenon {
#define GEN_PASS_DEF_LOWERPRECISION
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

/// Half-width floats round by 2^-12 (f16) or less of a weight tensor's largest element, as long as that is no smaller; below,
/// elements drown in f16's subnormals. bf16 has f32's range.
static constexpr double smallestMagnitudeInF16 = 1.0 / 1024;

/// The leading convolutions are those, in program order, that hold at most one in so many of all multiplied weights. With
/// bf16, a ResNet-50 of random weights has the cosine 0.992 to f32 without them, 0.9996 with 32, 0.9999 with 16.
static constexpr int64_t leadingShare = 16;

namespace {

/// How a product multiplies.
enum class Compute {
  AsWritten, ///< not in f32, which is none of this pass's business, or of a constant beyond the low type's range
  Protected, ///< in f32, as a leading convolution
  Expanded,  ///< in f32, the weight stored low
  Low,       ///< low operands, f32 sums
};

class PrecisionLowering {
public:
  PrecisionLowering(ModuleOp module, Type low, bool computesLow)
      : module(module), symbols(module), low(low), computesLow(computesLow) {}
  void run(func::FuncOp main);

private:
  void findLeadingConvolutions();
  void protectConstantsBehind(Value weight);
  Compute computeOf(Operation *product) const;
  bool takesLow(OpOperand &use) const;
  std::string refusal(GlobalOp global, ArrayRef<LoadGlobalOp> loads) const;
  std::string refusalOfRange(GlobalOp global) const;
  void narrowConstants();
  void narrow(GlobalOp global, ArrayRef<LoadGlobalOp> loads);
  bool canStoreLow(Value value) const;
  void chooseStorage();
  void want(Value operand);
  void narrowOperands();
  void explainProducts() const;

  ModuleOp module;
  SymbolTable symbols;
  Type low;
  bool computesLow;
  SmallVector<Operation *> ops;          // of @main, definitions before uses
  DenseSet<Operation *> leading;         // convolutions that stay f32
  DenseSet<Operation *> protectedConstants; // globals behind their weights
  DenseSet<Value> beyondRange;           // loads of constants that the low type cannot hold
  DenseSet<Value> wanted;                // roots that a low product multiplies
  DenseSet<Value> stored;                // those of them that their producers store low
  DenseSet<Operation *> carriers;        // pools and concats between low values
};

} // namespace

//===--- products ----------------------------------------------------------------------------------------------------===//

static OpOperand *weightOf(Operation *product) {
  if (auto matmul = dyn_cast<MatmulOp>(product))
    return &matmul.getRhsMutable();
  return &cast<ConvOp>(product).getWeightMutable();
}

static OpOperand *inputOf(Operation *product) {
  if (auto matmul = dyn_cast<MatmulOp>(product))
    return &matmul.getLhsMutable();
  return &cast<ConvOp>(product).getInputMutable();
}

static bool isF32(Value value) { return getElementTypeOrSelf(value.getType()).isF32(); }

// One row meets each weight once: reading the weights decides, and rounding the row gains nothing.
static bool isOneRow(Operation *product) {
  if (!isa<MatmulOp>(product))
    return false;
  ArrayRef<int64_t> sizes = cast<ShapedType>(product->getResult(0).getType()).getShape();
  return llvm::all_of(sizes.drop_back(), [](int64_t size) { return size == 1; });
}

void PrecisionLowering::findLeadingConvolutions() {
  auto numWeights = [](Operation *product) {
    auto type = cast<ShapedType>(weightOf(product)->get().getType());
    return type.hasStaticShape() ? type.getNumElements() : 0;
  };
  int64_t total = 0, held = 0;
  for (Operation *op : ops)
    if (isa<MatmulOp, ConvOp>(op) && rootOf(weightOf(op)->get()).getDefiningOp<LoadGlobalOp>())
      total += numWeights(op);
  for (Operation *op : ops) {
    if (!isa<ConvOp>(op))
      continue;
    held += numWeights(op);
    if (held * leadingShare > total)
      return;
    leading.insert(op);
    protectConstantsBehind(weightOf(op)->get());
  }
}

// Keeps the constants that `weight` is, or that @init computes it from, as they are.
void PrecisionLowering::protectConstantsBehind(Value weight) {
  auto load = rootOf(weight).getDefiningOp<LoadGlobalOp>();
  if (!load || !protectedConstants.insert(symbols.lookup(load.getGlobal())).second)
    return;
  module.walk([&](StoreGlobalOp store) {
    if (store.getGlobal() != load.getGlobal())
      return;
    llvm::SetVector<Operation *> behind;
    (void)getBackwardSlice(store.getValue(), &behind);
    for (Operation *op : behind)
      if (isa<LoadGlobalOp>(op))
        protectConstantsBehind(op->getResult(0));
  });
}

Compute PrecisionLowering::computeOf(Operation *product) const {
  if (leading.contains(product))
    return Compute::Protected;
  auto isWideOrLow = [&](Value value) {
    return (isF32(value) && !beyondRange.contains(rootOf(value))) || getElementTypeOrSelf(value.getType()) == low;
  };
  if (!isWideOrLow(inputOf(product)->get()) || !isWideOrLow(weightOf(product)->get()) ||
      !isWideOrLow(product->getResult(0)))
    return Compute::AsWritten;
  return computesLow && !isOneRow(product) ? Compute::Low : Compute::Expanded;
}

// True where the reader at `use` works on low elements as well as on f32.
bool PrecisionLowering::takesLow(OpOperand &use) const {
  Operation *owner = use.getOwner();
  if (isa<tensor::DimOp, tensor::ExtractOp>(owner))
    return true;
  if (auto generic = dyn_cast<linalg::GenericOp>(owner))
    return generic.isDpsInput(&use);
  if (!isa<MatmulOp, ConvOp>(owner))
    return carriers.contains(owner);
  if (&use == inputOf(owner))
    return computeOf(owner) == Compute::Low;
  if (&use == weightOf(owner))
    return computeOf(owner) == Compute::Low ||
           (computeOf(owner) == Compute::Expanded && rootOf(use.get()).getDefiningOp<LoadGlobalOp>());
  auto extras = isa<MatmulOp>(owner) ? cast<MatmulOp>(owner).getExtras() : cast<ConvOp>(owner).getExtras();
  return llvm::is_contained(extras, use.get());
}

//===--- constants ---------------------------------------------------------------------------------------------------===//

static bool isMatrix(RankedTensorType type) {
  return llvm::count_if(type.getShape(), [](int64_t size) { return size != 1; }) >= 2;
}

// Returns why the elements of `global` lose more than a rounding in the low type, or nothing.
std::string PrecisionLowering::refusalOfRange(GlobalOp global) const {
  if (!global.getMagnitude())
    return "its magnitude is not known";
  double magnitude = global.getMagnitude()->convertToDouble();
  APFloat largest = APFloat::getLargest(cast<FloatType>(low).getFloatSemantics());
  if (magnitude > largest.convertToDouble())
    return "it has values beyond the range";
  if (low.isF16() && magnitude != 0 && magnitude < smallestMagnitudeInF16)
    return "its values are too small for the range";
  return {};
}

// Returns why `global` stays f32, or nothing.
std::string PrecisionLowering::refusal(GlobalOp global, ArrayRef<LoadGlobalOp> loads) const {
  if (protectedConstants.contains(global))
    return "a leading convolution multiplies it in f32";
  bool isHoisted = global.getKind() == GlobalKind::Hoisted;
  std::string reason = isHoisted ? std::string() : refusalOfRange(global);
  if (!reason.empty())
    return reason;
  for (LoadGlobalOp load : loads) {
    bool inInit = load->getParentOfType<func::FuncOp>().getSymName() == initFunctionName;
    forEachRead(load.getResult(), [&](OpOperand &use) {
      bool isProduct = isa<MatmulOp, ConvOp>(use.getOwner());
      if (isHoisted && !(isProduct && takesLow(use) && computeOf(use.getOwner()) == Compute::Low))
        reason = "it is computed at load and read in f32";
      else if (!isProduct && !global.getIsParameter())
        reason = "it is a buffer that is not only multiplied";
      else if (!takesLow(use) && !inInit)
        reason = "an op reads it that needs f32";
    });
  }
  return reason;
}

void PrecisionLowering::narrow(GlobalOp global, ArrayRef<LoadGlobalOp> loads) {
  auto type = cast<RankedTensorType>(global.getType());
  global.setTypeAttr(TypeAttr::get(withElementType(type, low)));
  if (global.getKind() == GlobalKind::Weight)
    global.setRecordTypeAttr(TypeAttr::get(type.getElementType()));
  for (LoadGlobalOp load : loads)
    narrowReads(load.getResult(), low, carriers);
  module.walk([&](StoreGlobalOp store) {
    if (store.getGlobal() == global.getSymName())
      store.getValueMutable().assign(converted(store.getValue(), low));
  });
}

void PrecisionLowering::narrowConstants() {
  llvm::MapVector<Operation *, SmallVector<LoadGlobalOp>> loads;
  module.walk([&](LoadGlobalOp load) { loads[symbols.lookup(load.getGlobal())].push_back(load); });
  for (auto &[op, loadsOfOne] : loads) // first, since it decides how products compute, and they what others may be
    if (cast<GlobalOp>(op).getKind() == GlobalKind::Weight && !refusalOfRange(cast<GlobalOp>(op)).empty())
      beyondRange.insert_range(llvm::map_range(loadsOfOne, [](LoadGlobalOp load) { return load.getResult(); }));
  for (auto &[op, loadsOfOne] : loads) {
    auto global = cast<GlobalOp>(op);
    auto type = cast<RankedTensorType>(global.getType());
    if (global.getKind() == GlobalKind::State || !type.getElementType().isF32() || !isMatrix(type))
      continue;
    if (std::string reason = refusal(global, loadsOfOne); reason.empty())
      narrow(global, loadsOfOne);
    else if (global.getKind() == GlobalKind::Weight)
      explain(global, "lower-precision", "constant '" + global.getSymName() + "' stays f32; " + reason);
  }
}

//===--- values ------------------------------------------------------------------------------------------------------===//

bool PrecisionLowering::canStoreLow(Value value) const {
  bool readersTakeIt = isF32(value) && canStoreNarrow(value);
  if (readersTakeIt)
    forEachRead(value, [&](OpOperand &use) { readersTakeIt &= takesLow(use); });
  return readersTakeIt;
}

void PrecisionLowering::want(Value operand) {
  if (isF32(operand))
    wanted.insert(rootOf(operand));
}

// From the last op to the first, so that all readers of a value are decided before it.
void PrecisionLowering::chooseStorage() {
  for (Operation *op : llvm::reverse(ops)) {
    if (isa<MatmulOp, ConvOp>(op) && computeOf(op) == Compute::Low) {
      want(inputOf(op)->get());
      want(weightOf(op)->get());
    }
    for (Value result : op->getResults())
      if (wanted.contains(result) && canStoreLow(result))
        stored.insert(result);
    if (isa<PoolOp, ConcatOp>(op) && stored.contains(op->getResult(0))) {
      carriers.insert(op);
      auto carrier = cast<DestinationStyleOpInterface>(op);
      for (OpOperand *input : carrier.getDpsInputOperands())
        want(input->get());
    }
  }
}

// Rounds what low products and carriers read and no producer stores low.
void PrecisionLowering::narrowOperands() {
  DenseMap<Value, Value> copies;
  auto narrowOperand = [&](OpOperand &operand) {
    if (!isF32(operand.get()))
      return;
    Value &copy = copies[operand.get()];
    if (!copy)
      copy = converted(operand.get(), low);
    operand.set(copy);
  };
  for (Operation *op : ops) {
    if (carriers.contains(op))
      for (OpOperand *input : cast<DestinationStyleOpInterface>(op).getDpsInputOperands())
        narrowOperand(*input);
    if (!isa<MatmulOp, ConvOp>(op) || computeOf(op) != Compute::Low)
      continue;
    narrowOperand(*inputOf(op));
    narrowOperand(*weightOf(op));
  }
}

//===--- the pass ----------------------------------------------------------------------------------------------------===//

void PrecisionLowering::explainProducts() const {
  std::string name = low.isBF16() ? "bf16" : "f16";
  for (Operation *op : ops) {
    if (isa<AttentionOp>(op) && isF32(op->getOperand(0)))
      explain(op, "lower-precision", "computed in f32; softmax needs it");
    if (!isa<MatmulOp, ConvOp>(op))
      continue;
    bool hasLowWeight = getElementTypeOrSelf(weightOf(op)->get().getType()) == low;
    switch (computeOf(op)) {
    case Compute::AsWritten:
      explain(op, "lower-precision", "left as it is; an operand is not f32, or beyond the range of " + name);
      break;
    case Compute::Protected:
      explain(op, "lower-precision", "stays f32; the layers behind this leading convolution would amplify its rounding");
      break;
    case Compute::Low:
      explain(op, "lower-precision", "multiplies " + name + ", sums in f32");
      break;
    case Compute::Expanded:
      explain(op, "lower-precision", "computed in f32" + (hasLowWeight ? " from a weight stored in " + name : std::string()) +
                                         (computesLow ? "; one row is bound by reading the weight" : ""));
    }
  }
}

void PrecisionLowering::run(func::FuncOp main) {
  main.walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
  findLeadingConvolutions();
  narrowConstants();
  chooseStorage();
  for (Operation *op : ops)
    for (Value result : op->getResults())
      if (stored.contains(result)) {
        storeNarrow(result, low);
        narrowReads(result, low, carriers);
      }
  narrowOperands();
  explainProducts();
}

// Warns of products that multiply neither f32 nor the type that was asked for: they are left as the model has them.
static void warnOfOtherTypes(func::FuncOp main, StringRef precision) {
  llvm::SetVector<Type> others;
  main.walk([&](Operation *op) {
    if (!isa<MatmulOp, ConvOp>(op))
      return;
    Type multiplied = getElementTypeOrSelf(inputOf(op)->get().getType());
    if (isa<FloatType>(multiplied) && !multiplied.isF32())
      others.insert(multiplied);
  });
  for (Type type : others) {
    std::string name;
    llvm::raw_string_ostream(name) << type;
    if (name != precision)
      emitWarning(UnknownLoc::get(main.getContext()))
          << "--precision " << precision << " leaves the model's products of " << name
          << " as they are, only values of f32 are lowered; export the model in f32";
  }
}

namespace {
struct LowerPrecision : tenon::impl::LowerPrecisionBase<LowerPrecision> {
  using LowerPrecisionBase::LowerPrecisionBase;
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>(mainFunctionName);
    if (!main)
      return;
    warnOfOtherTypes(main, precision);
    if (precision == "f32")
      return;
    Builder builder(&getContext());
    Type low = precision == "f16" ? Type(builder.getF16Type()) : Type(builder.getBF16Type());
    if (!computesLow && !fallback.empty())
      emitWarning(builder.getUnknownLoc()) << "--precision " << precision << " keeps weights in " << precision
                                           << " and computes in f32; " << fallback;
    PrecisionLowering(getOperation(), low, computesLow).run(main);
  }
};
} // namespace
