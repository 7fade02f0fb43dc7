//===- Branches.cpp - cond ----------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// cond is scf.if. Operands that a branch writes to are results of it: the other branch yields them as they are. What is written to
// is known only after both branches are imported, so they are imported into a draft without results, whose blocks the op takes.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Regions.h"

#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

namespace {

// A branch: what it yields for the results of cond, and for the operands that it writes to.
struct Branch {
  Block *block = nullptr;
  SmallVector<RegionValue> results;
  std::map<unsigned, Tensor> written; ///< by operand
};

} // namespace

// A boolean tensor of one element, a symbolic boolean, or a constant; null for anything else.
Value Importer::conditionValue(const Argument &arg, Scope &scope, Emitter &e) {
  if (auto *ref = arg.getIf<TensorRef>())
    if (auto alias = scope.tensors.find(ref->name); alias != scope.tensors.end())
      return elementValue(alias->second->read(e), e);
  if (auto *symbol = arg.getIf<SymBoolArg>(); symbol && symbol->isName())
    if (auto entry = scope.graph.symBoolValues.find(symbol->name()); entry != scope.graph.symBoolValues.end())
      return symbols.scalar(e, entry->second).materialize(e.b, e.loc, ScalarType::Bool);
  if (auto *symbol = arg.getIf<SymBoolArg>(); symbol && !symbol->isName())
    return scalarConstant(e.b, e.loc, ScalarType::Bool, int64_t{symbol->number()});
  if (auto *constant = arg.getIf<bool>())
    return scalarConstant(e.b, e.loc, ScalarType::Bool, int64_t{*constant});
  return nullptr;
}

// Ends `branch` with its results as values of `types`, then the operands in `written`. False where a result has another type.
static bool yieldFrom(Emitter e, const Branch &branch, ArrayRef<Type> types, ArrayRef<unsigned> written,
                      ArrayRef<RegionValue> operands) {
  SmallVector<Value> values;
  for (auto [result, type] : llvm::zip(branch.results, types))
    values.push_back(regionResult(e, result, type));
  if (llvm::is_contained(values, Value()))
    return false;
  for (unsigned operand : written) {
    auto own = branch.written.find(operand);
    values.push_back(own == branch.written.end() ? operands[operand].tensor.value : own->second.value);
  }
  scf::YieldOp::create(e.b, e.loc, values);
  return true;
}

// Takes the last `values.size() - numResults` of `values`, which importRegion appends, as the values of `written`.
static Branch asBranch(Block *block, ArrayRef<RegionValue> values, ArrayRef<unsigned> written) {
  Branch branch{block, llvm::to_vector(values.drop_back(written.size())), {}};
  for (auto [operand, value] : llvm::zip(written, values.take_back(written.size())))
    branch.written[operand] = value.tensor;
  return branch;
}

static bool isUndefinedSymbol(const Symbols &symbols, const SymInt &size) {
  return !size.isStatic() && size.expr().kind == SymExpr::Kind::Symbol && !symbols.isDefined(size.expr().name);
}

// The type of result `name` of cond; null where it cannot be one. A symbol that nothing has shown before is a size on which the
// branches differ.
Type Importer::conditionalType(Emitter &e, Scope &scope, const std::string &name) {
  if (scope.graph.symIntValues.count(name))
    return builder.getIndexType();
  auto meta = scope.graph.tensorValues.find(name);
  if (meta == scope.graph.tensorValues.end() || !elementType(&context, meta->second.dtype))
    return {};
  SmallVector<int64_t> shape;
  for (const SymInt &size : meta->second.sizes) {
    bool isUndefined = isUndefinedSymbol(symbols, size);
    if (!isUndefined && !size.isStatic() && !symbols.allDefined(size.expr()))
      return {};
    shape.push_back(isUndefined ? ShapedType::kDynamic : staticSize(symbols.size(e, size)).value_or(ShapedType::kDynamic));
  }
  if (isComplex(meta->second.dtype))
    shape.push_back(2);
  return RankedTensorType::get(shape, elementType(&context, meta->second.dtype));
}

// Gives `name` its value, and symbols of sizes on which the branches differ theirs.
void Importer::bindConditional(Emitter &e, Scope &scope, const std::string &name, Value result) {
  if (result.getType().isIndex())
    return bindRegionValue(scope.graph, scope, name, {{}, result});
  const TensorMeta &meta = scope.graph.tensorValues.at(name);
  bool isLate = false;
  for (auto [dim, size] : llvm::enumerate(meta.sizes))
    if (isUndefinedSymbol(symbols, size)) {
      isLate = true;
      defineLate(e, size.expr().name, tensor::DimOp::create(e.b, e.loc, result, dim));
    }
  Tensor tensor{result, meta.dtype, symbols.sizes(e, meta.sizes)};
  if (isLate) // says the sizes where the branches do not
    tensor.value = ReshapeOp::create(e.b, e.loc, result.getType(), result, e.dynamic(tensor.sizes));
  scope.tensors[name] = std::make_shared<Alias>(tensor);
}

std::string Importer::importCond(const Node &node, Scope &scope, Emitter &e) {
  const Graph *graphs[] = {graphAt(node, 1), graphAt(node, 2)};
  if (node.inputs.size() != 4 || !graphs[0] || !graphs[1])
    return differingOperands;
  Value condition = conditionValue(node.inputs[0].arg, scope, e);
  if (!condition)
    return "a condition that is no boolean";
  SmallVector<std::string> operandNames = namesOf(node.inputs[3].arg), resultNames = namesOf(node.outputs);
  FailureOr<SmallVector<RegionValue>> operands = regionValues(operandNames, scope, e);
  if (failed(operands))
    return differingOperands;
  SmallVector<Type> types;
  for (const std::string &name : resultNames) {
    types.push_back(conditionalType(e, scope, name));
    if (!types.back())
      return "branches whose results have sizes that are no symbols, or a dtype that is not known";
  }

  auto draft = scf::IfOp::create(builder, e.loc, TypeRange(), condition, /*addThenBlock=*/false,
                                 /*addElseBlock=*/false);
  SmallVector<Branch> branches;
  for (auto [graph, region] : llvm::zip(graphs, draft->getRegions())) {
    builder.createBlock(&region);
    SmallVector<unsigned> written;
    FailureOr<SmallVector<RegionValue>> values = importRegion(*graph, scope, *operands, &written);
    if (failed(values) || values->size() != resultNames.size() + written.size())
      return differingOperands;
    branches.push_back(asBranch(&region.front(), *values, written));
  }
  SmallVector<unsigned> written;
  for (unsigned operand = 0; operand < operandNames.size(); ++operand)
    if (llvm::any_of(branches, [&](const Branch &branch) { return branch.written.count(operand); })) {
      written.push_back(operand);
      types.push_back((*operands)[operand].tensor.value.getType());
    }
  for (const Branch &branch : branches) {
    builder.setInsertionPointToEnd(branch.block);
    if (!yieldFrom(emitterAt(e.loc), branch, types, written, *operands))
      return "branches whose results differ in type";
  }
  builder.setInsertionPoint(draft);
  auto op = scf::IfOp::create(builder, e.loc, types, condition, /*addThenBlock=*/false, /*addElseBlock=*/false);
  for (auto [from, to] : llvm::zip(draft->getRegions(), op->getRegions()))
    to.takeBody(from);
  draft.erase();
  builder.setInsertionPointAfter(op);

  for (auto [name, result] : llvm::zip(resultNames, op.getResults()))
    bindConditional(e, scope, name, result);
  for (auto [operand, result] : llvm::zip(written, op.getResults().drop_front(resultNames.size())))
    if (!scope.tensors[operandNames[operand]]->write(e, asRegionValue(result, (*operands)[operand].tensor).tensor))
      return writesToOverlap;
  return "";
}
