//===- Regions.cpp - what crosses the border of a higher-order op's graph ---------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A region's graph is imported in a scope of its own. Operands are read before the region and bound to fresh aliases inside: a
// value that is read inside a region must not be found outside of it.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Regions.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

//===--- operands and results ----------------------------------------------------------------------------------------===//

static void appendNames(const Argument &arg, SmallVectorImpl<std::string> &names) {
  if (auto *ref = arg.getIf<TensorRef>())
    names.push_back(ref->name);
  else if (auto *refs = arg.getIf<std::vector<TensorRef>>())
    for (const TensorRef &ref : *refs)
      names.push_back(ref.name);
  else if (auto *number = arg.getIf<SymIntArg>())
    names.push_back(number->isName() ? number->name() : "");
  else if (auto *numbers = arg.getIf<std::vector<SymIntArg>>())
    for (const SymIntArg &number : *numbers)
      names.push_back(number.isName() ? number.name() : "");
  else
    names.push_back("");
}

SmallVector<std::string> aten::namesOf(ArrayRef<Argument> arguments) {
  SmallVector<std::string> names;
  for (const Argument &argument : arguments)
    appendNames(argument, names);
  return names;
}

// What `name` is in `scope`: the tensor as of now, or the value of a symbolic number as an index.
FailureOr<RegionValue> Importer::regionValue(const std::string &name, Scope &scope, Emitter &e) {
  if (auto alias = scope.tensors.find(name); alias != scope.tensors.end())
    return RegionValue{alias->second->read(e), {}};
  auto number = scope.graph.symIntValues.find(name);
  if (number == scope.graph.symIntValues.end())
    return failure();
  return RegionValue{{}, e.index(symbols.size(e, number->second))};
}

FailureOr<SmallVector<RegionValue>> Importer::regionValues(ArrayRef<std::string> names, Scope &scope, Emitter &e) {
  SmallVector<RegionValue> values;
  for (const std::string &name : names) {
    FailureOr<RegionValue> value = regionValue(name, scope, e);
    if (failed(value))
      return failure();
    values.push_back(*value);
  }
  return values;
}

// Gives `name` of `graph` a number: the symbol that its entry is, unless it stands for a size that is known.
void Importer::defineNumber(const Graph &graph, const std::string &name, Value number) {
  auto entry = graph.symIntValues.find(name);
  if (entry == graph.symIntValues.end() || entry->second.isStatic() ||
      entry->second.expr().kind != SymExpr::Kind::Symbol)
    return;
  if (symbols.isDefined(entry->second.expr().name) && !isa<BlockArgument>(number))
    return;
  symbols.define(entry->second.expr().name, {ScalarType::Int64, 0, 0, number}, /*atEntry=*/false);
}

// Binds a name of `graph` in `scope`. Symbols that the tensor's sizes show for the first time get their values.
void Importer::bindRegionValue(const Graph &graph, Scope &scope, const std::string &name, const RegionValue &value) {
  if (value.number)
    return defineNumber(graph, name, value.number);
  scope.tensors[name] = std::make_shared<Alias>(value.tensor);
  auto meta = graph.tensorValues.find(name);
  if (meta == graph.tensorValues.end())
    return;
  for (auto [size, known] : llvm::zip(meta->second.sizes, value.tensor.sizes))
    if (!size.isStatic() && size.expr().kind == SymExpr::Kind::Symbol && !symbols.isDefined(size.expr().name)) {
      Emitter e = emitterAt(main.getLoc());
      symbols.define(size.expr().name, {ScalarType::Int64, 0, 0, e.index(known)}, /*atEntry=*/false);
    }
}

// Imports `graph` at the builder's position; returns its results. Inputs that it writes to are listed in `written`.
FailureOr<SmallVector<RegionValue>> Importer::importRegion(const Graph &graph, const Scope &outer,
                                                           ArrayRef<RegionValue> operands,
                                                           SmallVectorImpl<unsigned> *written) {
  SmallVector<std::string> inputs = namesOf(graph.inputs);
  if (inputs.size() != operands.size())
    return failure();
  Scope scope{graph, {}, outer.autocast};
  for (auto [name, operand] : llvm::zip(inputs, operands))
    bindRegionValue(graph, scope, name, operand);
  // Results that are views of an input must not be bound to its alias.
  std::map<unsigned, AliasRef> inputAliases;
  for (auto [i, name] : llvm::enumerate(inputs))
    if (auto alias = scope.tensors.find(name); alias != scope.tensors.end())
      inputAliases[i] = alias->second;
  importGraph(scope);
  Emitter e = emitterAt(main.getLoc());
  FailureOr<SmallVector<RegionValue>> results = regionValues(namesOf(graph.outputs), scope, e);
  if (failed(results))
    return failure();
  for (auto &[i, alias] : inputAliases)
    if (alias->isMutated()) {
      if (!written)
        return failure();
      written->push_back(i);
      results->push_back({alias->read(e), {}});
    }
  return results;
}

Value aten::valueOf(const RegionValue &value) { return value.number ? value.number : value.tensor.value; }

RegionValue aten::asRegionValue(Value value, Tensor shape) {
  if (value.getType().isIndex())
    return {{}, value};
  shape.value = value;
  return {shape, {}};
}

Value aten::regionResult(Emitter &e, const RegionValue &value, Type type) {
  Value result = valueOf(value);
  if (result.getType() == type)
    return result;
  auto from = dyn_cast<RankedTensorType>(result.getType()), to = dyn_cast<RankedTensorType>(type);
  if (!from || !to || from.getElementType() != to.getElementType() || failed(verifyCompatibleShape(from, to)))
    return nullptr;
  return tensor::CastOp::create(e.b, e.loc, to, result);
}

// The tensor that result `name` of a higher-order op is; null where its sizes or its type are not known before it.
Tensor Importer::resultTensor(Emitter &e, Scope &scope, const std::string &name) {
  auto meta = scope.graph.tensorValues.find(name);
  if (meta == scope.graph.tensorValues.end() || !elementType(&context, meta->second.dtype))
    return {};
  for (const SymInt &size : meta->second.sizes)
    if (!size.isStatic() && !symbols.allDefined(size.expr()))
      return {};
  return {nullptr, meta->second.dtype, symbols.sizes(e, meta->second.sizes)};
}

const Graph *aten::graphAt(const Node &node, size_t operand) {
  auto *region = operand < node.inputs.size() ? node.inputs[operand].arg.getIf<GraphArg>() : nullptr;
  return region ? region->graph.get() : nullptr;
}

Value aten::elementValue(const Tensor &tensor, Emitter &e) {
  if (tensor.dtype != ScalarType::Bool || llvm::any_of(tensor.sizes, [](Size size) { return staticSize(size) != 1; }))
    return nullptr;
  SmallVector<Value> zeros(tensor.rank(), e.index(e.size(0)));
  return tensor::ExtractOp::create(e.b, e.loc, tensor.value, zeros);
}
