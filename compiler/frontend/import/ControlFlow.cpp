//===- ControlFlow.cpp - higher-order ops: regions, branches and loops --------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
//   wrap_with_set_grad_enabled, wrap_with_autocast   their nodes become nodes of the caller
//   while_loop                                       scf.while
//   scan, map                                        scf.for over dimension 0; stacked results are slices of one tensor
//
// A region's graph is imported in a scope of its own. Operands are read before the region and bound to fresh aliases inside: a
// value that is read inside a region must not be found outside of it.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Importer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

//===--- operands and results ----------------------------------------------------------------------------------------===//

// The names of a list of operands or results, tensors and symbolic numbers alike; an empty name is a constant or None.
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

static SmallVector<std::string> namesOf(ArrayRef<Argument> arguments) {
  SmallVector<std::string> names;
  for (const Argument &argument : arguments)
    appendNames(argument, names);
  return names;
}

static SmallVector<std::string> namesOf(const Argument &argument) { return namesOf(ArrayRef(argument)); }

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

static Value valueOf(const RegionValue &value) { return value.number ? value.number : value.tensor.value; }

static RegionValue asRegionValue(Value value, Tensor shape) {
  if (value.getType().isIndex())
    return {{}, value};
  shape.value = value;
  return {shape, {}};
}

// `value` as a value of `type`: a tensor whose static sizes are written otherwise is cast.
static Value regionResult(Emitter &e, const RegionValue &value, Type type) {
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

//===--- dispatch ----------------------------------------------------------------------------------------------------===//

bool Importer::importHigherOrder(const Node &node, Scope &scope) {
  StringRef op = node.target;
  if (!op.consume_front("torch.ops.higher_order."))
    return false;
  using Import = std::string (Importer::*)(const Node &, Scope &, Emitter &);
  static const std::pair<StringRef, Import> table[] = {
      {"wrap_with_set_grad_enabled", &Importer::importNoGrad}, {"wrap_with_autocast", &Importer::importAutocast},
      {"while_loop", &Importer::importWhileLoop},
      {"scan", &Importer::importScan},                         {"map_impl", &Importer::importMap}};
  for (auto [name, importOp] : table) {
    if (name != op)
      continue;
    Emitter e = emitterAt(nodeLocation(node));
    OpBuilder::InsertPoint before = builder.saveInsertionPoint();
    if (std::string problem = (this->*importOp)(node, scope, e); !problem.empty()) {
      reportUnsupported(displayName(node.target), problem, &node);
      builder.restoreInsertionPoint(before);
      bindStandIns(node, scope, e);
    }
    return true;
  }
  return false;
}

static const Graph *graphAt(const Node &node, size_t operand) {
  auto *region = operand < node.inputs.size() ? node.inputs[operand].arg.getIf<GraphArg>() : nullptr;
  return region ? region->graph.get() : nullptr;
}

static const char *const differingOperands = "operands that differ from its graph's";

//===--- regions without an effect on values -------------------------------------------------------------------------===//

// The nodes of a region become nodes of the caller. Operands before the graph are settings.
std::string Importer::inlineRegion(const Node &node, Scope &scope, size_t graphOperand, std::optional<ScalarType> autocast) {
  const Graph *graph = graphAt(node, graphOperand);
  if (!graph || node.inputs.size() - graphOperand - 1 != graph->inputs.size())
    return differingOperands;
  Scope inner{*graph, {}, autocast};
  for (auto [i, input] : llvm::enumerate(graph->inputs)) {
    auto *to = input.getIf<TensorRef>();
    auto *from = node.inputs[graphOperand + 1 + i].arg.getIf<TensorRef>();
    if (to && from)
      if (auto alias = scope.tensors.find(from->name); alias != scope.tensors.end())
        inner.tensors[to->name] = alias->second;
  }
  importGraph(inner);
  for (auto [name, source] : llvm::zip(namesOf(node.outputs), namesOf(graph->outputs)))
    if (auto alias = inner.tensors.find(source); alias != inner.tensors.end())
      scope.tensors[name] = alias->second;
  return "";
}

std::string Importer::importNoGrad(const Node &node, Scope &scope, Emitter &) {
  return inlineRegion(node, scope, 1, scope.autocast);
}

// (device, dtype, enabled, cache, graph, operands…): the ops of the region are not cast yet.
std::string Importer::importAutocast(const Node &node, Scope &scope, Emitter &) {
  auto *device = node.inputs.empty() ? nullptr : node.inputs[0].arg.getIf<std::string>();
  if (!device || node.inputs.size() < 5)
    return differingOperands;
  if (*device != "cpu")
    return inlineRegion(node, scope, 4, scope.autocast); // says nothing about what runs on a CPU
  auto *enabled = node.inputs[2].arg.getIf<bool>();
  auto *type = node.inputs[1].arg.getIf<ScalarTypeArg>();
  std::optional<ScalarType> autocast;
  if (!enabled || *enabled)
    autocast = type ? type->type : ScalarType::BFloat16;
  return inlineRegion(node, scope, 4, autocast);
}

//===--- while_loop --------------------------------------------------------------------------------------------------===//

// The one element of a boolean tensor; null for any other tensor.
static Value elementValue(const Tensor &tensor, Emitter &e) {
  if (tensor.dtype != ScalarType::Bool || llvm::any_of(tensor.sizes, [](Size size) { return staticSize(size) != 1; }))
    return nullptr;
  SmallVector<Value> zeros(tensor.rank(), e.index(e.size(0)));
  return tensor::ExtractOp::create(e.b, e.loc, tensor.value, zeros);
}

std::string Importer::importWhileLoop(const Node &node, Scope &scope, Emitter &e) {
  const Graph *condition = graphAt(node, 0), *body = graphAt(node, 1);
  if (node.inputs.size() != 4 || !condition || !body)
    return differingOperands;
  SmallVector<std::string> names = namesOf(node.inputs[2].arg);
  FailureOr<SmallVector<RegionValue>> carried = regionValues(names, scope, e);
  FailureOr<SmallVector<RegionValue>> additional = regionValues(namesOf(node.inputs[3].arg), scope, e);
  SmallVector<std::string> resultNames = namesOf(node.outputs);
  if (failed(carried) || failed(additional) || resultNames.size() != carried->size())
    return differingOperands;
  SmallVector<Value> inits = llvm::map_to_vector(*carried, valueOf);
  SmallVector<Type> types = llvm::to_vector(ValueRange(inits).getTypes());
  SmallVector<Location> locations(types.size(), e.loc);
  auto loop = scf::WhileOp::create(builder, e.loc, types, inits);
  auto operandsIn = [&](Block *block) {
    SmallVector<RegionValue> operands;
    for (auto [argument, value] : llvm::zip(block->getArguments(), *carried))
      operands.push_back(asRegionValue(argument, value.tensor));
    llvm::append_range(operands, *additional);
    return operands;
  };

  Block *before = builder.createBlock(&loop.getBefore(), {}, types, locations);
  FailureOr<SmallVector<RegionValue>> test = importRegion(*condition, scope, operandsIn(before), nullptr);
  Emitter inside = emitterAt(e.loc);
  Value goesOn = succeeded(test) && test->size() == 1 && !test->front().number ? elementValue(test->front().tensor, inside)
                                                                               : Value();
  if (!goesOn)
    return "a condition that is no boolean, or writes to its operands";
  scf::ConditionOp::create(builder, e.loc, goesOn, before->getArguments());

  Block *after = builder.createBlock(&loop.getAfter(), {}, types, locations);
  FailureOr<SmallVector<RegionValue>> next = importRegion(*body, scope, operandsIn(after), nullptr);
  if (failed(next) || next->size() != types.size())
    return "a body that writes to its operands";
  SmallVector<Value> values;
  for (auto [value, type] : llvm::zip(*next, types)) {
    values.push_back(regionResult(inside, value, type));
    if (!values.back())
      return "a body that changes the type or the sizes of what the loop carries";
  }
  scf::YieldOp::create(builder, e.loc, values);
  builder.setInsertionPointAfter(loop);
  for (auto [i, name] : llvm::enumerate(resultNames))
    bindRegionValue(scope.graph, scope, name, asRegionValue(loop.getResult(i), (*carried)[i].tensor));
  return "";
}

//===--- scan, map ---------------------------------------------------------------------------------------------------===//

// Element `position` of dimension 0.
static Tensor rowOf(Emitter &e, const Tensor &tensor, Value position) {
  return e.squeeze(e.slice(tensor, 0, position, e.size(1)), 0);
}

// A loop over dimension 0 of `rows`. `body` gets what is carried and the rows, and returns the next carried values and a
// row of each of `stacked`, which are given with their initial contents. Returns carried values, then stacked ones.
FailureOr<SmallVector<Value>> Importer::loopOverRows(Emitter &e, ArrayRef<Tensor> rows, ArrayRef<Tensor> carried,
                                                     ArrayRef<Tensor> stacked, RowBody body) {
  SmallVector<Value> inits;
  for (const Tensor &tensor : llvm::concat<const Tensor>(carried, stacked))
    inits.push_back(tensor.value);
  auto loop = scf::ForOp::create(builder, e.loc, e.index(e.size(0)), e.index(rows.front().sizes[0]),
                                 e.index(e.size(1)), inits);
  Block *block = loop.getBody();
  builder.setInsertionPointToStart(block);
  Emitter inside = emitterAt(e.loc);
  SmallVector<Tensor> state, row;
  for (auto [i, tensor] : llvm::enumerate(carried)) {
    state.push_back(tensor);
    state.back().value = loop.getRegionIterArg(i);
  }
  for (const Tensor &tensor : rows)
    row.push_back(rowOf(inside, tensor, loop.getInductionVar()));
  FailureOr<SmallVector<RegionValue>> results = body(state, row);
  if (failed(results) || results->size() != inits.size())
    return failure();
  SmallVector<Value> yielded;
  for (auto [i, result] : llvm::enumerate(*results)) {
    if (i < carried.size()) {
      yielded.push_back(regionResult(inside, result, inits[i].getType()));
    } else {
      Tensor whole = stacked[i - carried.size()];
      whole.value = loop.getRegionIterArg(i);
      Sizes sizes = whole.sizes;
      sizes[0] = e.size(1);
      if (result.number || result.tensor.rank() + 1 != whole.rank() || result.tensor.dtype != whole.dtype)
        return failure();
      yielded.push_back(inside.insertSlice(whole, inside.reshape(result.tensor, sizes), 0, loop.getInductionVar()).value);
    }
    if (!yielded.back())
      return failure();
  }
  if (!block->empty() && block->back().hasTrait<OpTrait::IsTerminator>())
    block->back().erase();
  builder.setInsertionPointToEnd(block);
  scf::YieldOp::create(builder, e.loc, yielded);
  builder.setInsertionPointAfter(loop);
  return llvm::to_vector_of<Value>(loop.getResults());
}

// The tensors among `values`; nullopt where there is a number.
static std::optional<SmallVector<Tensor>> tensorsOf(FailureOr<SmallVector<RegionValue>> values) {
  SmallVector<Tensor> tensors;
  if (failed(values))
    return std::nullopt;
  for (const RegionValue &value : *values) {
    if (value.number)
      return std::nullopt;
    tensors.push_back(value.tensor);
  }
  return tensors;
}

static SmallVector<RegionValue> asOperands(ArrayRef<Tensor> carried, ArrayRef<Tensor> rows, ArrayRef<RegionValue> additional) {
  SmallVector<RegionValue> operands;
  for (const Tensor &tensor : llvm::concat<const Tensor>(carried, rows))
    operands.push_back({tensor, {}});
  llvm::append_range(operands, additional);
  return operands;
}

static const char *const unusualLoop = "a body that writes to its operands, or whose values change their type or sizes";

std::string Importer::importRowLoop(const Node &node, Scope &scope, Emitter &e, ArrayRef<std::string> initNames,
                                    size_t rowsOperand) {
  const Graph *graph = graphAt(node, 0);
  if (!graph || node.inputs.size() != rowsOperand + 2)
    return differingOperands;
  auto inits = tensorsOf(regionValues(initNames, scope, e));
  auto rows = tensorsOf(regionValues(namesOf(node.inputs[rowsOperand].arg), scope, e));
  FailureOr<SmallVector<RegionValue>> additional = regionValues(namesOf(node.inputs[rowsOperand + 1].arg), scope, e);
  SmallVector<std::string> names = namesOf(node.outputs);
  if (!inits || !rows || rows->empty() || failed(additional) || names.size() < inits->size())
    return differingOperands;
  SmallVector<Tensor> stacked;
  for (const std::string &name : ArrayRef(names).drop_front(inits->size())) {
    Tensor result = resultTensor(e, scope, name);
    if (result.dtype == ScalarType::Unknown)
      return "results whose sizes or dtype are not known";
    stacked.push_back(e.empty(result.sizes, result.dtype));
  }
  auto values = loopOverRows(e, *rows, *inits, stacked, [&](ArrayRef<Tensor> carried, ArrayRef<Tensor> row) {
    return importRegion(*graph, scope, asOperands(carried, row, *additional), nullptr);
  });
  if (failed(values))
    return unusualLoop;
  for (auto [i, name] : llvm::enumerate(names))
    bindRegionValue(scope.graph, scope, name,
                    asRegionValue((*values)[i], i < inits->size() ? (*inits)[i] : stacked[i - inits->size()]));
  return "";
}

std::string Importer::importScan(const Node &node, Scope &scope, Emitter &e) {
  return node.inputs.size() < 2 ? differingOperands : importRowLoop(node, scope, e, namesOf(node.inputs[1].arg), 2);
}

std::string Importer::importMap(const Node &node, Scope &scope, Emitter &e) { return importRowLoop(node, scope, e, {}, 1); }
