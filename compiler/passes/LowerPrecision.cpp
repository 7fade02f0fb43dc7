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
// 1. A product of f32 (matmul, convolution, grouped matmul, the two of attention) is computed low, or in f32, a matmul's or
//    convolution's weight being low; sums are f32 either way. All else, softmax, norms, losses and reductions included, computes
//    in f32.
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
#include "compiler/passes/Products.h"
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

static bool isF32(Value value) { return getElementTypeOrSelf(value.getType()).isF32(); }

namespace {

/// How a product multiplies.
enum class Compute {
  AsWritten, ///< not in f32, which is none of this pass's business, or of a constant beyond the low type's range
  Protected, ///< in f32, as a leading convolution
  Wide,      ///< in f32, no operand stored low for it
  Expanded,  ///< in f32, the weight stored low
  Low,       ///< low operands, f32 sums
};

/// What the target makes of the low type: empty where it multiplies it, else why not.
struct Fallbacks {
  bool computesLow;
  StringRef ofProducts, ofAttention;
};

class PrecisionLowering {
public:
  PrecisionLowering(ModuleOp module, Type low, Fallbacks fallbacks)
      : module(module), symbols(module), low(low), fallbacks(fallbacks) {}
  void run(func::FuncOp main);

private:
  void findLeadingConvolutions();
  void protectConstantsBehind(Value weight);
  Compute computeOf(Operation *product) const;
  bool isLow(Operation *op) const { return isProduct(op) && computeOf(op) == Compute::Low; }
  bool takesLow(OpOperand &use) const;
  std::string refusal(GlobalOp global, ArrayRef<LoadGlobalOp> loads) const;
  std::string refusalOfRange(GlobalOp global) const;
  void narrowConstants();
  void narrow(GlobalOp global, ArrayRef<LoadGlobalOp> loads);
  std::string refusalOfStorage(Value value) const;
  void chooseStorage();
  void want(Value operand);
  void narrowOperands();
  std::string whyWide(Operation *product) const;
  std::string decision(Operation *product) const;
  void explainValues(linalg::GenericOp generic) const;
  void explainDecisions() const;

  ModuleOp module;
  SymbolTable symbols;
  Type low;
  Fallbacks fallbacks;
  SmallVector<Operation *> ops;             // of @main, definitions before uses
  DenseSet<Operation *> leading;            // convolutions that stay f32
  DenseSet<Operation *> protectedConstants; // globals behind their weights
  DenseSet<Value> beyondRange;              // loads of constants that the low type cannot hold
  DenseSet<Value> wanted;                   // roots that a low product multiplies
  DenseSet<Value> stored;                   // those of them that their producers store low
  DenseMap<Value, std::string> refusals;    // of wanted ones: why not
  DenseSet<Operation *> carriers;           // pools and concats between low values
  DenseSet<Operation *> takers;             // they, and low products that have no mixed form
};

} // namespace

//===--- how products compute ----------------------------------------------------------------------------------------===//

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
  for (OpOperand *operand : multipliedOperands(product))
    if (!isWideOrLow(operand->get()))
      return Compute::AsWritten;
  if (!isWideOrLow(product->getResult(0)))
    return Compute::AsWritten;
  bool isLow = fallbacks.computesLow && !hasFewRows(product) && (!isa<AttentionOp>(product) || fallbacks.ofAttention.empty());
  return isLow ? Compute::Low : isa<MatmulOp, ConvOp>(product) ? Compute::Expanded : Compute::Wide;
}

// True where the reader at `use` works on low elements as well as on f32.
bool PrecisionLowering::takesLow(OpOperand &use) const {
  Operation *owner = use.getOwner();
  if (isa<tensor::DimOp, tensor::ExtractOp>(owner))
    return true;
  if (auto generic = dyn_cast<linalg::GenericOp>(owner))
    return generic.isDpsInput(&use);
  if (!isProduct(owner))
    return carriers.contains(owner);
  if (llvm::is_contained(multipliedOperands(owner), &use))
    return isLow(owner) || (&use == weightOf(owner) && computeOf(owner) == Compute::Expanded &&
                            rootOf(use.get()).getDefiningOp<LoadGlobalOp>());
  if (!isa<MatmulOp, ConvOp>(owner))
    return false;
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
      bool isMultiplied = isProduct(use.getOwner());
      if (isHoisted && !(isMultiplied && takesLow(use) && isLow(use.getOwner())))
        reason = "it is computed at load and read in f32";
      else if (!isMultiplied && !global.getIsParameter())
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
    narrowReads(load.getResult(), low, takers);
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
  for (Operation *op : ops)
    if (isa<AttentionOp, GroupedMatmulOp>(op) && isLow(op))
      takers.insert(op);
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

// Returns why the producer of `value` must not store it low, or nothing.
std::string PrecisionLowering::refusalOfStorage(Value value) const {
  if (!isF32(value))
    return "it is not f32";
  if (!canStoreNarrow(value))
    return "its producer stores f32 only";
  bool readersTakeIt = true;
  forEachRead(value, [&](OpOperand &use) { readersTakeIt &= takesLow(use); });
  return readersTakeIt ? "" : "another op reads it that needs f32";
}

void PrecisionLowering::want(Value operand) {
  if (isF32(operand))
    wanted.insert(rootOf(operand));
}

// From the last op to the first, so that all readers of a value are decided before it.
void PrecisionLowering::chooseStorage() {
  for (Operation *op : llvm::reverse(ops)) {
    if (isLow(op))
      for (OpOperand *operand : multipliedOperands(op))
        want(operand->get());
    for (Value result : op->getResults())
      if (wanted.contains(result)) {
        refusals[result] = refusalOfStorage(result);
        if (refusals[result].empty())
          stored.insert(result);
      }
    if (isa<PoolOp, ConcatOp>(op) && stored.contains(op->getResult(0))) {
      carriers.insert(op);
      takers.insert(op);
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
    if (isLow(op))
      for (OpOperand *operand : multipliedOperands(op))
        narrowOperand(*operand);
  }
}

//===--- the pass ----------------------------------------------------------------------------------------------------===//

static StringRef nameOf(Type low) { return low.isBF16() ? "bf16" : "f16"; }

// Returns why `product`, whose types would allow it, does not compute low.
std::string PrecisionLowering::whyWide(Operation *product) const {
  if (!fallbacks.computesLow)
    return fallbacks.ofProducts.str();
  if (hasFewRows(product))
    return isa<AttentionOp>(product) ? "a few queries are bound by reading the keys" : "one row is bound by reading the weight";
  return fallbacks.ofAttention.str();
}

std::string PrecisionLowering::decision(Operation *product) const {
  std::string name = nameOf(low).str();
  switch (computeOf(product)) {
  case Compute::AsWritten:
    return "left as it is; an operand is not f32, or beyond the range of " + name;
  case Compute::Protected:
    return "stays f32; the layers behind this leading convolution would amplify its rounding";
  case Compute::Low:
    return "multiplies " + name + ", sums in f32" +
           (isa<AttentionOp>(product) ? "; softmax is f32, its weights are rounded for the second product" : "");
  case Compute::Wide:
    return "computed in f32; " + whyWide(product);
  case Compute::Expanded:
    bool hasLowWeight = getElementTypeOrSelf(weightOf(product)->get().getType()) == low;
    return "computed in f32" + (hasLowWeight ? " from a weight stored in " + name : std::string()) + "; " + whyWide(product);
  }
  llvm_unreachable("all are handled");
}

// Says in which type the results of `generic` are computed and stored, where that is a choice.
void PrecisionLowering::explainValues(linalg::GenericOp generic) const {
  std::string name = nameOf(low).str();
  for (Value result : generic->getResults()) {
    if (!isa<FloatType>(getElementTypeOrSelf(result.getType())))
      continue;
    bool isReduction = generic.getNumReductionLoops() > 0;
    if (stored.contains(result))
      explain(generic, "lower-precision", "computed in f32, stored in " + name + "; products multiply it");
    else if (wanted.contains(result))
      explain(generic, "lower-precision", "computed and stored in f32 beside a copy in " + name + " that products multiply; " +
                                              refusals.lookup(result));
    else if (isReduction && isF32(result))
      explain(generic, "lower-precision", "reduced in f32; a sum in " + name + " would lose what is small beside it");
  }
}

void PrecisionLowering::explainDecisions() const {
  for (Operation *op : ops) {
    if (isProduct(op))
      explain(op, "lower-precision", decision(op));
    else if (auto generic = dyn_cast<linalg::GenericOp>(op))
      explainValues(generic);
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
        narrowReads(result, low, takers);
      }
  narrowOperands();
  explainDecisions();
}

// Warns of products that multiply neither f32 nor the type that was asked for: they are left as the model has them.
static void warnOfOtherTypes(func::FuncOp main, StringRef precision) {
  llvm::SetVector<Type> others;
  main.walk([&](Operation *op) {
    if (!isProduct(op))
      return;
    Type type = getElementTypeOrSelf(multipliedOperands(op).front()->get().getType());
    if (isa<FloatType>(type) && !type.isF32())
      others.insert(type);
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
    PrecisionLowering(getOperation(), low, {computesLow, fallback, attentionFallback}).run(main);
  }
};
} // namespace
