//===- HoistConstants.cpp - what depends on constants only is computed at load --------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
//   func.func @main(…) {                                     tenon.global @hoisted_0 : tensor<8xf32> hoisted
//     %w = tenon.load_global @w                              func.func @main(…) {
//     %s = linalg.generic (rsqrt) ins(%w) …                    %s = tenon.load_global @hoisted_0
//     … use of %s                                        =>    … use of %s
//   }                                                        func.func @init() {
//                                                              %w = tenon.load_global @w
//                                                              %s = linalg.generic (rsqrt) ins(%w) …
//                                                              tenon.store_global %s, @hoisted_0
// 1. Constant are pure ops whose operands are.
// 2. Of those, the ones that compute tensors are hoisted as long as the budget lasts; views of constants are free and stay.
// 3. Values that a remaining op uses become globals; @init gets a copy of everything they need, in order.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Passes.h"
#include "compiler/passes/Remarks.h"
#include "compiler/passes/Views.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace tenon {
#define GEN_PASS_DEF_HOISTCONSTANTS
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

/// A hoisted value stays in memory as long as the model. Up to this size it is hoisted whatever it is made of...
static constexpr int64_t freeSizeInBytes = 1 << 20;
/// ...above it, it may be so many times as large as the weights it is made of...
static constexpr int64_t maxGrowthFactor = 4;
/// ...and all of them together may exceed the weights they replace by so much.
static constexpr int64_t maxTotalGrowthInBytes = int64_t(64) << 20;

namespace {

class Hoister {
public:
  Hoister(ModuleOp module, func::FuncOp main) : module(module), symbols(module), block(main.getBody().front()) {}
  void run();

private:
  void findConstants();
  bool keepWithinBudget();
  std::string refusal(OpResult value, int64_t &growth) const;
  SmallVector<OpResult> exportedValues() const;
  llvm::SetVector<Operation *> slice(ArrayRef<Operation *> roots) const;
  void exportValue(OpResult value, IRMapping &toInit, OpBuilder &init);

  ModuleOp module;
  SymbolTable symbols;
  Block &block;
  DenseSet<Operation *> constants;     // every op that depends on constants only
  llvm::SetVector<Operation *> hoisted; // those that move to @init
};

} // namespace

//===--- decision ----------------------------------------------------------------------------------------------------===//

static void forEachOperand(Operation *op, function_ref<void(Value)> visit) {
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  llvm::for_each(used, visit);
}

static bool isCheck(Operation *op) { return isa<CheckIndexOp, CheckDivisorOp, CheckInfoOp>(op); }

static bool isStateless(Operation *op) { return isCheck(op) || isMemoryEffectFree(op); }

static bool hasStaticTensors(Operation *op) {
  return llvm::all_of(op->getResultTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  });
}

// True for a fill that only starts other ops: it belongs to them.
static bool onlyStartsOps(Operation *op) {
  return isa<linalg::FillOp>(op) && llvm::all_of(op->getUses(), [](OpOperand &use) {
           auto user = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
           return user && user.isDpsInit(&use);
         });
}

static bool computesTensors(Operation *op) {
  if (isCheck(op))
    return true;
  return op->getNumResults() > 0 && hasStaticTensors(op) && !isView(op) && !onlyStartsOps(op) &&
         !isa<LoadGlobalOp, tensor::EmptyOp>(op) && !op->hasTrait<OpTrait::ConstantLike>();
}

void Hoister::findConstants() {
  for (Operation &op : block.without_terminator()) {
    bool constant = isStateless(&op);
    forEachOperand(&op, [&](Value operand) { constant &= constants.contains(operand.getDefiningOp()); });
    if (!constant)
      continue;
    constants.insert(&op);
    if (computesTensors(&op))
      hoisted.insert(&op);
  }
}

// Returns `roots` and all they depend on, in block order.
llvm::SetVector<Operation *> Hoister::slice(ArrayRef<Operation *> roots) const {
  DenseSet<Operation *> needed;
  SmallVector<Operation *> worklist(roots);
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    if (needed.insert(op).second)
      forEachOperand(op, [&](Value operand) { worklist.push_back(operand.getDefiningOp()); });
  }
  llvm::SetVector<Operation *> ordered;
  for (Operation &op : block)
    if (needed.contains(&op))
      ordered.insert(&op);
  return ordered;
}

// A value leaves @init where an op that stays uses it.
SmallVector<OpResult> Hoister::exportedValues() const {
  SmallVector<OpResult> values;
  for (Operation *op : hoisted)
    for (OpResult result : op->getResults()) {
      // Views that only hoisted ops use are no reason; views stay in @main, so follow them.
      SmallVector<Operation *> users(result.getUsers());
      bool leaves = false;
      while (!users.empty() && !leaves) {
        Operation *user = block.findAncestorOpInBlock(*users.pop_back_val());
        if (constants.contains(user) && !hoisted.contains(user))
          llvm::append_range(users, user->getUsers());
        else
          leaves = !hoisted.contains(user);
      }
      if (leaves)
        values.push_back(result);
    }
  return values;
}

static int64_t sizeInBytes(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() * llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
}

// Returns why `value` stays in @main, or nothing; then `growth` includes it.
std::string Hoister::refusal(OpResult value, int64_t &growth) const {
  int64_t size = sizeInBytes(value.getType()), inputs = 0, replaced = 0;
  llvm::SetVector<Operation *> needed = slice({value.getOwner()});
  for (Operation *op : needed) {
    if (!isa<LoadGlobalOp>(op))
      continue;
    inputs += sizeInBytes(op->getResult(0).getType());
    if (llvm::all_of(op->getUsers(), [&](Operation *user) { return needed.contains(user); }))
      replaced += sizeInBytes(op->getResult(0).getType());
  }
  if (size > freeSizeInBytes && size > maxGrowthFactor * inputs)
    return "is " + std::to_string(size) + " bytes made of " + std::to_string(inputs);
  int64_t added = std::max<int64_t>(0, size - replaced);
  if (growth + added > maxTotalGrowthInBytes)
    return "would exceed the budget of hoisted constants";
  growth += added;
  return {};
}

// Returns false after taking something out, which makes other values leave.
bool Hoister::keepWithinBudget() {
  int64_t growth = 0;
  SmallVector<Operation *> refused;
  for (OpResult value : exportedValues())
    if (std::string reason = refusal(value, growth); !reason.empty()) {
      explain(value.getOwner(), "hoist-constants", "computed in every run; its result " + reason);
      refused.push_back(value.getOwner());
    }
  for (Operation *op : refused)
    hoisted.remove(op);
  return refused.empty();
}

//===--- action ------------------------------------------------------------------------------------------------------===//

static func::FuncOp initFunction(ModuleOp module, func::FuncOp main) {
  if (auto existing = module.lookupSymbol<func::FuncOp>(initFunctionName))
    return existing;
  OpBuilder builder(module.getContext());
  builder.setInsertionPointAfter(main);
  auto init = func::FuncOp::create(builder, main.getLoc(), initFunctionName, builder.getFunctionType({}, {}));
  builder.setInsertionPointToEnd(init.addEntryBlock());
  func::ReturnOp::create(builder, main.getLoc());
  return init;
}

void Hoister::exportValue(OpResult value, IRMapping &toInit, OpBuilder &init) {
  OpBuilder atStart = OpBuilder::atBlockBegin(module.getBody());
  auto global = GlobalOp::create(atStart, value.getLoc(), "hoisted", cast<RankedTensorType>(value.getType()), GlobalKind::Hoisted,
                                 /*record=*/StringAttr(), /*offset=*/0, /*strides=*/{}, /*name_in_model=*/StringAttr(),
                                 /*is_parameter=*/false, /*record_type=*/TypeAttr(), /*magnitude=*/FloatAttr());
  symbols.insert(global);
  StoreGlobalOp::create(init, value.getLoc(), toInit.lookup(value), global.getSymName());
  OpBuilder builder(value.getOwner());
  Value loaded = LoadGlobalOp::create(builder, value.getLoc(), value.getType(), global.getSymName());
  value.replaceAllUsesWith(loaded);
}

void Hoister::run() {
  findConstants();
  while (!keepWithinBudget())
    ;
  SmallVector<OpResult> values = exportedValues();
  SmallVector<Operation *> roots = llvm::map_to_vector(values, [](OpResult value) { return value.getOwner(); });
  llvm::copy_if(hoisted, std::back_inserter(roots), isCheck);
  if (roots.empty())
    return;
  auto main = cast<func::FuncOp>(block.getParentOp());
  OpBuilder init(initFunction(module, main).getBody().front().getTerminator());
  IRMapping toInit;
  for (Operation *op : slice(roots))
    init.clone(*op, toInit);
  for (OpResult value : values)
    exportValue(value, toInit, init);
  // What is left of the hoisted ops in @main has no readers but other hoisted ops.
  for (Operation *op : llvm::reverse(hoisted.getArrayRef()))
    if (op->use_empty())
      op->erase();
}

namespace {
struct HoistConstants : tenon::impl::HoistConstantsBase<HoistConstants> {
  void runOnOperation() override {
    if (auto main = getOperation().lookupSymbol<func::FuncOp>(mainFunctionName))
      Hoister(getOperation(), main).run();
  }
};
} // namespace
