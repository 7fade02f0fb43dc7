//===- ControlFlow.cpp - higher-order ops: regions and loops ----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
//   wrap_with_set_grad_enabled, wrap_with_autocast   their nodes become nodes of the caller
//   while_loop                                       scf.while
//   scan, map                                        scf.for over dimension 0; stacked results are slices of one tensor
//   cond                                             Branches.cpp
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Regions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

//===--- dispatch ----------------------------------------------------------------------------------------------------===//

bool Importer::importHigherOrder(const Node &node, Scope &scope) {
  StringRef op = node.target;
  if (!op.consume_front("torch.ops.higher_order."))
    return false;
  using Import = std::string (Importer::*)(const Node &, Scope &, Emitter &);
  static const std::pair<StringRef, Import> table[] = {
      {"wrap_with_set_grad_enabled", &Importer::importNoGrad}, {"wrap_with_autocast", &Importer::importAutocast},
      {"cond", &Importer::importCond},                         {"while_loop", &Importer::importWhileLoop},
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
