//===- ImportNodes.cpp - nodes of the graph, one after the other --------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Importer.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

void Importer::importGraph(Scope &scope) {
  for (size_t i = 0; i < scope.graph.nodes.size(); ++i)
    i = importNodeOrVmap(scope, i);
}

size_t Importer::importNodeOrVmap(Scope &scope, size_t i) {
  const Node &node = scope.graph.nodes[i];
  if (beginsVmap(node))
    return importVmap(scope, i);
  importNode(node, scope);
  return i;
}

void Importer::reportUnsupported(const std::string &target, const std::string &reason, const Node *node) {
  for (UnsupportedOp &known : unsupported)
    if (known.target == target && known.reason == reason) {
      ++known.count;
      return;
    }
  unsupported.push_back({target, reason, node ? innermostUserFrame(node->stackTrace).text() : "", 1});
}

std::string tenon::aten::displayName(StringRef target) {
  target.consume_front("torch.ops.");
  return target.str();
}

static bool isSymbolic(const Argument &output) {
  return output.getIf<SymIntArg>() || output.getIf<SymFloatArg>() || output.getIf<SymBoolArg>();
}

// True where the node computes sizes only: the value tables hold an expression for every such result.
static bool isSizeArithmetic(const Node &node) {
  return !StringRef(node.target).starts_with("torch.ops.higher_order.") && !node.outputs.empty() && llvm::all_of(node.outputs, isSymbolic);
}

// Results nobody reads and no effect: nothing to import.
static bool isDead(const Node &node, const std::set<std::string> &used) {
  auto [op, overload] = StringRef(node.target).rsplit('.');
  bool isRegion = op.starts_with("torch.ops.higher_order"); // what a region writes to is found when it is imported
  if (node.outputs.empty() || isRegion || op.ends_with("_") || drawsRandomNumbers(op.rsplit('.').second, overload))
    return false;
  return llvm::all_of(node.outputs, [&](const Argument &output) {
    if (auto *ref = output.getIf<TensorRef>())
      return used.count(ref->name) == 0;
    if (auto *refs = output.getIf<std::vector<TensorRef>>())
      return llvm::none_of(*refs, [&](const TensorRef &ref) { return used.count(ref.name) != 0; });
    return output.isNone();
  });
}

// The operator that with_effects(token, operator, arguments…) calls, as a node of its own: nodes stay in order, so that the
// token, which the first result is as well, says nothing. Its arguments have lost their names.
static Node withoutToken(const Node &node) {
  static const struct {
    StringRef target;
    SmallVector<StringRef, 2> names;
  } effectful[] = {{"torch.ops.aten._linalg_check_errors.default", {"info", "api_name"}}};
  Node called = node;
  auto *callee = node.inputs.size() > 1 ? node.inputs[1].arg.getIf<OperatorArg>() : nullptr;
  if (!callee)
    return called;
  called.target = callee->target;
  called.inputs.erase(called.inputs.begin(), called.inputs.begin() + 2);
  called.outputs.erase(called.outputs.begin(), called.outputs.begin() + !called.outputs.empty());
  llvm::erase_if(called.outputs, [](const Argument &output) { return output.isNone(); });
  for (auto &[target, names] : effectful)
    if (target == called.target)
      for (auto [input, name] : llvm::zip(called.inputs, names))
        input.name = name.str();
  return called;
}

void Importer::importNode(const Node &node, Scope &scope) {
  StringRef target = node.target;
  if (target == "torch.ops.higher_order.with_effects" && withoutToken(node).target != target)
    return importCall(withoutToken(node), scope);
  if (importBookkeeping(node, scope))
    return;
  importCall(node, scope);
}

void Importer::importCall(const Node &node, Scope &scope) {
  StringRef target = node.target;
  if (importHigherOrder(node, scope))
    return;
  StringRef custom = target;
  bool hasRow = custom.consume_front("torch.ops.") && OpTable::get().find(custom.rsplit('.').first, "");
  if (target.starts_with("torch.ops.aten.") || hasRow)
    return importAten(node, scope);
  Emitter e = emitterAt(nodeLocation(node));
  reportUnsupported(displayName(target), "no importer row", &node);
  bindStandIns(node, scope, e);
}

// Names of the tensor results, elements of lists one by one.
static SmallVector<std::string> resultNames(const Node &node) {
  SmallVector<std::string> names;
  for (const Argument &output : node.outputs) {
    if (auto *ref = output.getIf<TensorRef>())
      names.push_back(ref->name);
    if (auto *refs = output.getIf<std::vector<TensorRef>>())
      for (const TensorRef &ref : *refs)
        names.push_back(ref.name);
  }
  return names;
}

// True where a result shows a size for the first time: others may use the size alone.
bool Importer::definesSize(const Node &node, const Scope &scope) const {
  return llvm::any_of(resultNames(node), [&](const std::string &name) {
    auto meta = scope.graph.tensorValues.find(name);
    return meta != scope.graph.tensorValues.end() && llvm::any_of(meta->second.sizes, [&](const SymInt &size) {
             return !size.isStatic() && !symbols.allDefined(size.expr());
           });
  });
}

//===--- nodes without tensors ---------------------------------------------------------------------------------------===//

// The expression that the value tables hold for a symbolic result; nothing where there is none.
static std::optional<SymExpr> expressionOf(const Graph &graph, const Argument &output) {
  auto lookUp = [](const auto &table, const auto *arg) {
    auto entry = arg && arg->isName() ? table.find(arg->name()) : table.end();
    return entry == table.end() ? nullptr : &entry->second;
  };
  if (const SymExpr *real = lookUp(graph.symFloatValues, output.getIf<SymFloatArg>()))
    return *real;
  if (const SymExpr *truth = lookUp(graph.symBoolValues, output.getIf<SymBoolArg>()))
    return *truth;
  const SymInt *integer = lookUp(graph.symIntValues, output.getIf<SymIntArg>());
  if (!integer)
    return std::nullopt;
  if (!integer->isStatic())
    return integer->expr();
  SymExpr constant;
  constant.kind = SymExpr::Kind::Integer;
  constant.integer = integer->staticValue();
  return constant;
}

// The symbol behind "u0", or behind "Eq(u0, 1)", as a truth value is written; empty for another expression.
static std::string symbolOf(const SymExpr &expr) {
  bool isTruth = expr.kind == SymExpr::Kind::Call && (expr.name == "Equality" || expr.name == "Eq") &&
                 expr.operands.size() == 2 && expr.operands[1].isInteger(1);
  const SymExpr &symbol = isTruth ? expr.operands[0] : expr;
  return symbol.kind == SymExpr::Kind::Symbol ? symbol.name : "";
}

// True where `expr` shows one of `symbols`.
static bool mentions(const SymExpr &expr, const std::set<std::string> &symbols) {
  return (expr.kind == SymExpr::Kind::Symbol && symbols.count(expr.name)) ||
         llvm::any_of(expr.operands, [&](const SymExpr &operand) { return mentions(operand, symbols); });
}

// A check of a size or a value. One of where in memory the exporting program had a view says nothing about this one.
void Importer::importAssert(const Node &node, Scope &scope) {
  std::optional<SymExpr> condition = node.inputs.empty() ? std::nullopt : expressionOf(scope.graph, node.inputs[0].arg);
  if (condition && mentions(*condition, memoryOffsets))
    return;
  Call call(emitterAt(nodeLocation(node)), node, scope, symbols);
  Value holds = call.scalar("self").materialize(builder, call.e.loc, ScalarType::Bool);
  guard(call.e, holds, call.string("assert_msg"), {});
}

bool Importer::importBookkeeping(const Node &node, Scope &scope) {
  StringRef target = node.target;
  static const StringRef dropped[] = {
      "torch.ops.aten._assert_tensor_metadata.default",
      "torch._C._set_grad_enabled",
      "torch._functorch.predispatch.lazy_load_decompositions",
  };
  if (llvm::is_contained(dropped, target))
    return true;
  if (target == "torch.ops.aten._assert_scalar.default") {
    importAssert(node, scope);
    return true;
  }
  if (target == "torch.ops.aten.sym_constrain_range.default" ||
      target == "torch.ops.aten.sym_constrain_range_for_size.default") {
    constrainRange(node, scope);
    return true;
  }
  if (target == "torch.ops.aten.item.default" || target == "torch.ops.aten._local_scalar_dense.default") {
    importItem(node, scope);
    return true;
  }
  if (target == "torch.ops.aten.sym_storage_offset.default")
    if (std::optional<SymExpr> offset = expressionOf(scope.graph, node.outputs.front()))
      memoryOffsets.insert(symbolOf(*offset));
  if (isSizeArithmetic(node))
    return true;
  return &scope == &mainScope && isDead(node, usedNames) && !definesSize(node, scope);
}

void Importer::importItem(const Node &node, Scope &scope) {
  Call call(emitterAt(nodeLocation(node)), node, scope, symbols);
  Emitter &e = call.e;
  std::optional<SymExpr> expr = node.outputs.empty() ? std::nullopt : expressionOf(scope.graph, node.outputs[0]);
  std::string symbol = expr ? symbolOf(*expr) : "";
  Tensor self = call.tensor("self");
  bool isConstant = expr && !isFloat(self.dtype) &&
                    (expr->kind == SymExpr::Kind::Integer || expr->kind == SymExpr::Kind::Boolean);
  if ((symbol.empty() && !isConstant) || !call.problem().empty() || self.rank() != 0)
    return reportUnsupported(displayName(node.target), "its value is no symbol", &node);
  if (self.dtype == ScalarType::Float16 || self.dtype == ScalarType::BFloat16)
    self = e.cast(self, ScalarType::Float32); // C++ text has no half-width scalars
  Value element = tensor::ExtractOp::create(e.b, e.loc, self.value, ValueRange{});
  if (isFloat(self.dtype)) {
    Value wide = castScalar(e.b, e.loc, element, self.dtype, ScalarType::Float64);
    return symbols.define(symbol, {ScalarType::Float64, 0, 0, wide}, /*atEntry=*/false);
  }
  Value wide = castScalar(e.b, e.loc, element, self.dtype, ScalarType::Int64);
  Value index = arith::IndexCastOp::create(e.b, e.loc, e.b.getIndexType(), wide);
  std::string subject = "the value of '" + node.name + "' is {0}";
  if (isConstant) // the program was exported for this value alone
    return guardRange(e, index, {expr->integer, expr->integer}, subject);
  defineLate(e, symbol, index);
  if (auto range = program.symbolRanges.find(symbol); range != program.symbolRanges.end())
    guardRange(e, index, range->second, subject);
}

void Importer::defineLate(Emitter &e, const std::string &symbol, Value size) {
  auto range = program.symbolRanges.find(symbol);
  bool isBounded = range != program.symbolRanges.end() && range->second.max;
  Value bound = isBounded ? e.index(e.size(*range->second.max)) : Value();
  Value late = LateSizeOp::create(e.b, e.loc, e.b.getIndexType(), size, bound);
  symbols.define(symbol, {ScalarType::Int64, 0, 0, late}, /*atEntry=*/false);
}

// (size, min, max); a size is not negative.
void Importer::constrainRange(const Node &node, Scope &scope) {
  Call call(emitterAt(nodeLocation(node)), node, scope, symbols);
  frontend::Range range;
  if (call.has("min"))
    range.min = call.integer("min");
  if (call.has("max"))
    range.max = call.integer("max");
  if (StringRef(node.target).contains("for_size"))
    range.min = std::max<int64_t>(range.min.value_or(0), 0);
  if (!call.problem().empty())
    return reportUnsupported(displayName(node.target), call.problem(), &node);
  guardRange(call.e, call.e.index(call.size("size")), range, "a size that the model computes is {0}");
}

//===--- ATen --------------------------------------------------------------------------------------------------------===//

// Values of the right types in the place of what cannot be imported, so that the walk goes on and finds the rest.
void Importer::bindStandIns(const Node &node, Scope &scope, Emitter &e) {
  for (const std::string &name : resultNames(node)) {
    auto meta = scope.graph.tensorValues.find(name);
    if (meta == scope.graph.tensorValues.end())
      continue;
    bool hasType = static_cast<bool>(elementType(&context, meta->second.dtype));
    ScalarType dtype = hasType ? meta->second.dtype : ScalarType::Float32;
    bool hasSizes = llvm::all_of(
        meta->second.sizes, [&](const SymInt &size) { return size.isStatic() || symbols.allDefined(size.expr()); });
    Sizes sizes;
    for (const SymInt &size : meta->second.sizes)
      sizes.push_back(hasSizes ? symbols.size(e, size) : e.size(size.hint.value_or(2)));
    scope.tensors[name] = std::make_shared<Alias>(e.empty(sizes, dtype));
  }
}

// True where no result has an element: then the row has nothing to say, and need not mind sizes of zero.
static bool makesNothing(Call &call) {
  if (call.isInPlace || call.numResults() == 0)
    return false;
  for (size_t i = 0; i < call.numResults(); ++i)
    if (!call.resultIsEmpty(i))
      return false;
  return true;
}

static Tensor emptyResult(Call &call, size_t i) {
  return call.e.fill(call.resultSizes(i), call.resultDtype(i), Scalar::of(int64_t{0}));
}

static Results emptyResults(Call &call) {
  Results results;
  for (size_t i = 0; i < call.numResults(); ++i)
    results.push_back(emptyResult(call, i));
  return results;
}

void Importer::importAten(const Node &node, Scope &scope) {
  Emitter e = emitterAt(nodeLocation(node));
  Call call(e, node, scope, symbols);
  auto reject = [&](const std::string &reason) {
    reportUnsupported(displayName(node.target), reason, &node);
    bindStandIns(node, scope, e);
  };
  bool isComplexCall = call.involvesComplex();
  const Row *row = OpTable::get().find(isComplexCall ? "complex." + call.op.str() : call.op.str(), call.overload);
  if (!row)
    return reject(isComplexCall ? "no importer row for complex numbers" : "no importer row");
  for (size_t i = 0; i < call.numResults(); ++i)
    if (!elementType(&context, call.resultDtype(i)))
      return reject(std::string("dtype ") + scalarTypeName(call.resultDtype(i)));
  Results results = makesNothing(call) ? emptyResults(call) : (*row)(call);
  if (call.problem().empty())
    call.isInPlace ? bindInPlace(call, std::move(results)) : bindResults(call, std::move(results));
  if (!call.problem().empty())
    reject(call.problem());
}

// The first tensor argument's alias: what a view is of, what an in-place op writes.
static AliasRef *baseOf(Call &call) {
  for (const NamedArgument &input : call.node.inputs)
    if (auto *ref = input.arg.getIf<TensorRef>())
      if (auto alias = call.scope.tensors.find(ref->name); alias != call.scope.tensors.end())
        return &alias->second;
  return nullptr;
}

// Gives a row's tensor the result's exact type: a shape that metadata knows better is a tensor.cast, anything else is a
// mistake of the row.
Tensor Importer::conform(Call &call, size_t result, Tensor tensor) {
  Emitter &e = call.e;
  Sizes sizes = call.resultSizes(result);
  ScalarType dtype = call.resultDtype(result);
  RankedTensorType expected = e.type(sizes, dtype);
  auto actual = cast<RankedTensorType>(tensor.value.getType());
  if (tensor.dtype != dtype || actual.getRank() != expected.getRank() ||
      failed(verifyCompatibleShape(actual, expected)))
    return call.unsupported("importer row makes another type than the program says");
  if (actual != expected)
    tensor.value = tensor::CastOp::create(e.b, e.loc, expected, tensor.value);
  tensor.sizes = sizes;
  return tensor;
}

AliasRef Importer::aliasOf(Call &call, size_t result, const Result &value) {
  if (!value.view)
    return std::make_shared<Alias>(conform(call, result, value.tensor));
  AliasRef *base = baseOf(call);
  if (!base) {
    call.unsupported("a view of no tensor");
    return nullptr;
  }
  auto alias = std::make_shared<Alias>(*base, *value.view);
  auto actual = cast<RankedTensorType>(alias->read(call.e).value.getType());
  if (failed(verifyCompatibleShape(actual, call.e.type(call.resultSizes(result), call.resultDtype(result)))))
    call.unsupported("importer row makes another view than the program says");
  return alias;
}

// y of op(x, out=y), which writes y and returns it.
static const TensorRef *outArgument(const Node &node) {
  for (const NamedArgument &input : node.inputs)
    if (input.name == "out")
      return input.arg.getIf<TensorRef>();
  return nullptr;
}

void Importer::bindResults(Call &call, Results results) {
  SmallVector<std::string> names = resultNames(call.node);
  results.resize(std::max(results.size(), names.size()), Tensor()); // what only training uses comes last
  if (const TensorRef *out = outArgument(call.node); out && names.size() == 1 && !results.empty() && results[0].tensor) {
    call.write("out", results[0].tensor);
    call.scope.tensors[names[0]] = call.scope.tensors[out->name];
    return;
  }
  for (size_t i = 0; i < names.size() && call.problem().empty(); ++i) {
    if (!results[i].view && !results[i].tensor && call.resultIsEmpty(i))
      results[i] = emptyResult(call, i);
    if (!results[i].view && !results[i].tensor) {
      if (usedNames.count(names[i]))
        call.unsupported("result " + std::to_string(i));
      continue;
    }
    if (AliasRef alias = aliasOf(call, i, results[i]))
      call.scope.tensors[names[i]] = alias;
  }
}

// x.resize_(): all names of x stand for other memory.
void Importer::bindResized(Call &call, AliasRef self, Tensor resized) {
  auto memory = std::make_shared<Alias>(std::move(resized));
  for (auto &known : call.scope.tensors)
    if (known.second == self)
      known.second = memory;
  for (const std::string &name : resultNames(call.node))
    call.scope.tensors[name] = memory;
}

// x.op_(): x's memory gets the functional op's result, and the node's result is x. An in-place view op (unsqueeze_)
// gives x other sizes instead.
void Importer::bindInPlace(Call &call, Results results) {
  AliasRef *self = baseOf(call);
  if (!self || results.empty()) {
    call.unsupported("an in-place op without a tensor to write");
    return;
  }
  if (results[0].view) {
    auto alias = std::make_shared<Alias>(*self, *results[0].view);
    *self = alias;
  } else {
    const Tensor &target = (*self)->read(call.e);
    Tensor updated = call.e.cast(results[0].tensor, target.dtype);
    if (call.op.starts_with("resize"))
      return bindResized(call, *self, std::move(updated));
    if (updated.value.getType() != target.value.getType()) {
      if (failed(verifyCompatibleShape(updated.value.getType(), target.value.getType()))) {
        call.unsupported("an in-place op that changes its operand's sizes");
        return;
      }
      updated.value = tensor::CastOp::create(builder, call.e.loc, target.value.getType(), updated.value);
    }
    updated.sizes = target.sizes;
    if (!(*self)->write(call.e, updated)) {
      call.unsupported(writesToOverlap);
      return;
    }
  }
  AliasRef bound = *self;
  for (const std::string &name : resultNames(call.node))
    call.scope.tensors[name] = bound;
}
