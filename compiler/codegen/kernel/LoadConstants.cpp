//===- LoadConstants.cpp - constants that registers do not hold -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Polynomials have many constants. LLVM moves all of them in front of a loop, and where the registers do not hold them it
// stores whole vectors on the stack and loads those in each iteration. Here the constants that are too many, those with the
// fewest uses first, become loads from a table beside the code: one instruction that repeats an element in all of a vector.
// Constants of branches within a loop are loaded there. The address goes through an empty piece of assembly, which
// LLVM cannot see through, or it would move the loads out of the loop again. Uses that are far apart, as in two logarithms, get a
// load each, from an address of their own, or LLVM would keep the first one's result and spill it.
//
//     scf.for ... {                                     %address = llvm.inline_asm "" (%table)
//       ... math.fma %x, %y, %c41             ->        %number = llvm.load %address[3]
//     }                                                 ... math.fma %x, %y, (vector.broadcast %number)
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/KernelPasses.h"
#include "compiler/codegen/kernel/RegisterNeed.h"

#include "llvm/ADT/SetVector.h"

namespace tenon {
#define GEN_PASS_DEF_LOADCONSTANTS
#include "compiler/codegen/kernel/KernelPasses.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

namespace {

using Constant = std::pair<Attribute, Type>;

/// The constants of one function that are in memory: a table per element type.
class Tables {
public:
  explicit Tables(func::FuncOp function) : function(function) {}

  /// Makes `uses` of `constant` in one block, as a vector or a scalar, uses of loads in front of the first of them in each
  /// stretch of the block.
  void load(const Constant &constant, ArrayRef<OpOperand *> uses);
  /// Defines the tables behind the function.
  void define();

private:
  Operation *stretchOf(Operation *op);
  void loadInStretch(const Constant &constant, ArrayRef<OpOperand *> uses, Operation *stretch);
  Value addressIn(Operation *stretch, Type type);

  func::FuncOp function;
  llvm::MapVector<Type, llvm::SetVector<Attribute>> tables;
  DenseMap<Operation *, Operation *> stretches; // operations to the first ones of their stretches
  DenseMap<std::pair<Operation *, Type>, Value> addresses;
};

} // namespace

static std::string nameOf(func::FuncOp function, Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << function.getName() << "_constants_" << type;
  return name;
}

// Operations of one stretch use the same loads.
static constexpr unsigned stretchLength = 32;

Operation *Tables::stretchOf(Operation *op) {
  if (!stretches.contains(op)) {
    Operation *first = nullptr;
    for (auto [position, each] : llvm::enumerate(*op->getBlock())) {
      if (position % stretchLength == 0)
        first = &each;
      stretches[&each] = first;
    }
  }
  return stretches.lookup(op);
}

Value Tables::addressIn(Operation *stretch, Type type) {
  Value &address = addresses[{stretch, type}];
  if (!address) {
    OpBuilder builder(stretch);
    Location loc = function.getLoc();
    Type pointer = LLVM::LLVMPointerType::get(function.getContext());
    Value table = LLVM::AddressOfOp::create(builder, loc, pointer, nameOf(function, type));
    address = LLVM::InlineAsmOp::create(builder, loc, pointer, table, /*asm_string=*/"", /*constraints=*/"=r,0",
                                        /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
                                        LLVM::AsmDialectAttr{}, ArrayAttr{})
                  .getResult(0);
  }
  return address;
}

void Tables::load(const Constant &constant, ArrayRef<OpOperand *> uses) {
  llvm::MapVector<Operation *, SmallVector<OpOperand *>> parts;
  for (OpOperand *use : uses)
    parts[stretchOf(use->getOwner())].push_back(use);
  for (auto &[stretch, ofStretch] : parts)
    loadInStretch(constant, ofStretch, stretch);
}

void Tables::loadInStretch(const Constant &constant, ArrayRef<OpOperand *> uses, Operation *stretch) {
  auto [value, type] = constant;
  auto &table = tables[type];
  table.insert(value);
  auto index = static_cast<int32_t>(llvm::find(table, value) - table.begin());
  Value address = addressIn(stretch, type);
  OpBuilder builder(uses.front()->getOwner());
  Location loc = uses.front()->getOwner()->getLoc();
  Value place = LLVM::GEPOp::create(builder, loc, address.getType(), type, address, LLVM::GEPArg(index));
  auto number = LLVM::LoadOp::create(builder, loc, type, place);
  number.setInvariant(true);
  DenseMap<Type, Value> forms = {{type, number}};
  for (OpOperand *use : uses) {
    Value &form = forms[use->get().getType()];
    if (!form)
      form = vector::BroadcastOp::create(builder, loc, use->get().getType(), number);
    use->set(form);
  }
}

void Tables::define() {
  OpBuilder builder(function);
  for (auto &[type, table] : tables) {
    auto arrayType = LLVM::LLVMArrayType::get(type, table.size());
    auto values = DenseElementsAttr::get(RankedTensorType::get({static_cast<int64_t>(table.size())}, type), table.getArrayRef());
    LLVM::GlobalOp::create(builder, function.getLoc(), arrayType, /*isConstant=*/true, LLVM::Linkage::Internal,
                           nameOf(function, type), values);
  }
}

// Loads every vector constant that the regions of `op` use where they use it.
static void loadInRegions(Operation &op, VectorShape shape, Tables &tables) {
  for (Region &region : op.getRegions())
    for (Block &block : region) {
      for (auto &[constant, uses] : registerNeed(block, shape, 1).constants)
        if (isa<VectorType>(uses.front()->get().getType()))
          tables.load(constant, uses);
      for (Operation &inner : block)
        loadInRegions(inner, shape, tables);
    }
}

static bool isInnermost(scf::ForOp loop) {
  return !loop.getBody()->walk([](scf::ForOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

static void loadInLoop(scf::ForOp loop, VectorShape shape, Tables &tables) {
  Block &body = *loop.getBody();
  RegisterNeed need = registerNeed(body, shape, /*lanes=*/0);
  unsigned total = need.total();
  auto constants = need.constants.takeVector();
  llvm::erase_if(constants, [](auto &entry) { return !isa<VectorType>(entry.second.front()->get().getType()); });
  llvm::stable_sort(constants, [](auto &a, auto &b) { return a.second.size() < b.second.size(); });
  // Where not all fit, half of the registers are for what the estimate does not see: with less, long formulas spill.
  if (total > shape.numRegisters)
    total += shape.numRegisters / 2;
  for (auto &[constant, uses] : constants) {
    if (total <= shape.numRegisters)
      break;
    tables.load(constant, uses);
    --total;
  }
  for (Operation &op : body)
    loadInRegions(op, shape, tables);
}

namespace {
struct LoadConstantsPass : tenon::impl::LoadConstantsBase<LoadConstantsPass> {
  using LoadConstantsBase::LoadConstantsBase;
  void runOnOperation() override {
    for (func::FuncOp function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      Tables tables(function);
      SmallVector<scf::ForOp> loops;
      function.walk([&](scf::ForOp loop) { loops.push_back(loop); });
      for (scf::ForOp loop : loops)
        if (isInnermost(loop))
          loadInLoop(loop, {vectorBits, scalable, numRegisters}, tables);
      tables.define();
    }
  }
};
} // namespace
