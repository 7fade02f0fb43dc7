//===- Vmap.cpp - regions of torch.vmap ---------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Inside a region the graph speaks of one example. A value that varies is a tensor [levels…, example's dimensions…] here, a
// level per nested region, outermost first. Element-wise ops need no rule of their own: operands whose examples are brought to
// one rank broadcast as wholes. What else reads such a value is unsupported.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Importer.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

static SmallVector<std::string> tensorOperands(const Node &node) {
  SmallVector<std::string> names;
  for (const NamedArgument &input : node.inputs) {
    if (auto *ref = input.arg.getIf<TensorRef>())
      names.push_back(ref->name);
    if (auto *refs = input.arg.getIf<std::vector<TensorRef>>())
      for (const TensorRef &ref : *refs)
        names.push_back(ref.name);
    if (auto *refs = input.arg.getIf<OptionalTensorRefs>())
      for (const std::optional<TensorRef> &ref : *refs)
        if (ref)
          names.push_back(ref->name);
  }
  return names;
}

static std::optional<SymInt> sizeArgument(const Node &node, size_t i, const Graph &graph) {
  if (i >= node.inputs.size())
    return std::nullopt;
  const Argument &arg = node.inputs[i].arg;
  if (auto *number = arg.getIf<int64_t>())
    return SymInt{*number, std::nullopt};
  auto *symbol = arg.getIf<SymIntArg>();
  if (!symbol)
    return std::nullopt;
  if (!symbol->isName())
    return SymInt{symbol->number(), std::nullopt};
  auto entry = graph.symIntValues.find(symbol->name());
  return entry == graph.symIntValues.end() ? std::nullopt : std::optional(entry->second);
}

static std::optional<int64_t> numberArgument(const Node &node, size_t i, const Graph &graph) {
  std::optional<SymInt> size = sizeArgument(node, i, graph);
  return size && size->isStatic() ? std::optional(size->staticValue()) : std::nullopt;
}

// `value` with `levels` levels and an example of rank `rank`.
static BatchedTensor aligned(Emitter &e, const BatchedTensor &value, size_t levels, int64_t rank) {
  int64_t own = value.tensor.rank() - static_cast<int64_t>(value.varies.size());
  BatchedTensor result = value;
  result.varies.resize(levels, false);
  Sizes sizes(SizesRef(value.tensor.sizes).take_front(value.varies.size()));
  sizes.append(levels - value.varies.size() + std::max<int64_t>(rank - own, 0), e.size(1));
  llvm::append_range(sizes, SizesRef(value.tensor.sizes).take_back(own));
  result.tensor = e.reshape(value.tensor, sizes);
  return result;
}

static Tensor moveDim(Emitter &e, const Tensor &tensor, int64_t from, int64_t to) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, tensor.rank()));
  order.erase(order.begin() + from);
  order.insert(order.begin() + to, from);
  return e.permute(tensor, order);
}

// What `name` stands for, varying or not; null where it is no tensor of the scope.
static std::optional<BatchedTensor> batchedValue(Emitter &e, Scope &scope, const std::string &name) {
  if (auto known = scope.batched.find(name); known != scope.batched.end())
    return known->second;
  auto alias = scope.tensors.find(name);
  if (alias == scope.tensors.end())
    return std::nullopt;
  return BatchedTensor{alias->second->read(e), {}};
}

// A value that varies along no level is an ordinary tensor.
void Importer::bindBatched(Emitter &e, Scope &scope, const std::string &name, const BatchedTensor &value) {
  scope.batched.erase(name);
  scope.tensors.erase(name);
  if (llvm::is_contained(value.varies, true))
    scope.batched[name] = value;
  else
    scope.tensors[name] = std::make_shared<Alias>(
        e.reshape(value.tensor, symbols.sizes(e, scope.graph.tensorValues.at(name).sizes)));
}

// _add_batch_dim(x, dimension, level): inside, x is one of the elements along that dimension.
std::string Importer::importAddBatchDim(Emitter &e, const Node &node, Scope &scope, const std::string &result) {
  SmallVector<std::string> operands = tensorOperands(node);
  std::optional<int64_t> dim = numberArgument(node, 1, scope.graph);
  std::optional<BatchedTensor> value = operands.size() == 1 ? batchedValue(e, scope, operands[0]) : std::nullopt;
  if (!value || !dim || scope.vmapSizes.empty())
    return "a batch dimension of no tensor";
  int64_t outer = scope.vmapSizes.size() - 1;
  BatchedTensor batched = aligned(e, *value, outer, 0);
  int64_t from = *dim < 0 ? batched.tensor.rank() + *dim : outer + *dim;
  if (from < outer || from >= batched.tensor.rank())
    return "a batch dimension that its tensor does not have";
  batched.tensor = moveDim(e, batched.tensor, from, outer);
  batched.varies.push_back(true);
  bindBatched(e, scope, result, batched);
  return "";
}

// _remove_batch_dim(x, level, size, dimension): the innermost level becomes that dimension of the example.
std::string Importer::importRemoveBatchDim(Emitter &e, const Node &node, Scope &scope, const std::string &result) {
  SmallVector<std::string> operands = tensorOperands(node);
  std::optional<SymInt> size = sizeArgument(node, 2, scope.graph);
  std::optional<int64_t> dim = numberArgument(node, 3, scope.graph);
  std::optional<BatchedTensor> value = operands.size() == 1 ? batchedValue(e, scope, operands[0]) : std::nullopt;
  if (!value || !size || !dim || scope.vmapSizes.empty())
    return "a result of no tensor";
  BatchedTensor batched = aligned(e, *value, scope.vmapSizes.size(), 0);
  int64_t level = scope.vmapSizes.size() - 1;
  if (!batched.varies.back()) {
    Sizes repeated = batched.tensor.sizes;
    repeated[level] = symbols.size(e, *size);
    batched.tensor = e.broadcast(batched.tensor, repeated);
  }
  int64_t to = *dim < 0 ? batched.tensor.rank() + *dim : level + *dim;
  if (to < level || to >= batched.tensor.rank())
    return "a result dimension that its tensor does not have";
  batched.tensor = moveDim(e, batched.tensor, level, to);
  batched.varies.pop_back();
  bindBatched(e, scope, result, batched);
  return "";
}

bool Importer::importVmapRegion(const Node &node, Scope &scope) {
  StringRef name = node.target;
  if (!name.consume_front("torch._functorch.predispatch."))
    return false;
  Emitter e = emitterAt(nodeLocation(node));
  auto *ref = node.outputs.size() == 1 ? node.outputs[0].getIf<TensorRef>() : nullptr;
  std::string problem;
  if (name == "_vmap_increment_nesting") {
    std::optional<SymInt> size = sizeArgument(node, 0, scope.graph);
    problem = size ? "" : "a number of examples that is no size";
    scope.vmapSizes.push_back(size.value_or(SymInt{int64_t{1}, std::nullopt}));
  } else if (name == "_vmap_decrement_nesting") {
    if (!scope.vmapSizes.empty())
      scope.vmapSizes.pop_back();
  } else if (name == "_add_batch_dim" && ref) {
    problem = importAddBatchDim(e, node, scope, ref->name);
  } else if (name == "_remove_batch_dim" && ref) {
    problem = importRemoveBatchDim(e, node, scope, ref->name);
  } else {
    return false;
  }
  if (!problem.empty()) {
    reportUnsupported(displayName(node.target), problem, &node);
    bindStandIns(node, scope, e);
  }
  return true;
}

// Ops that take of their operand its dtype and sizes only.
static bool ignoresElements(StringRef op) {
  return llvm::is_contained({"new_ones", "new_zeros", "new_full", "new_empty", "ones_like", "zeros_like", "full_like"}, op);
}

// The row's op on whole tensors: of a program whose result has the levels before the example's dimensions.
void Importer::importElementwiseOverBatch(Emitter &e, const Node &node, Scope &scope, const std::string &result) {
  const TensorMeta &meta = scope.graph.tensorValues.at(result);
  size_t levels = scope.vmapSizes.size();
  Graph graph;
  graph.symIntValues = scope.graph.symIntValues;
  graph.symFloatValues = scope.graph.symFloatValues;
  graph.symBoolValues = scope.graph.symBoolValues;
  Scope inner{graph, {}, scope.autocast};
  SmallVector<bool> varies(levels, false);
  for (const std::string &name : tensorOperands(node)) {
    std::optional<BatchedTensor> value = batchedValue(e, scope, name);
    if (value && !value->varies.empty()) {
      BatchedTensor operand = aligned(e, *value, levels, meta.sizes.size());
      for (auto [any, own] : llvm::zip_equal(varies, operand.varies))
        any |= own;
      inner.tensors[name] = std::make_shared<Alias>(operand.tensor);
    } else if (value) {
      inner.tensors[name] = scope.tensors.find(name)->second;
    }
  }
  TensorMeta whole = meta;
  whole.strides.clear();
  whole.sizes.clear();
  for (auto [varying, size] : llvm::zip_equal(varies, scope.vmapSizes))
    whole.sizes.push_back(varying ? size : SymInt{int64_t{1}, std::nullopt});
  llvm::append_range(whole.sizes, meta.sizes);
  graph.tensorValues[result] = whole;
  importAten(node, inner);
  if (auto value = inner.tensors.find(result); value != inner.tensors.end())
    bindBatched(e, scope, result, {value->second->read(e), varies});
}

bool Importer::importOverBatch(const Node &node, Scope &scope) {
  SmallVector<std::string> operands = tensorOperands(node);
  if (llvm::none_of(operands, [&](const std::string &name) { return scope.batched.contains(name); }))
    return false;
  Emitter e = emitterAt(nodeLocation(node));
  auto *ref = node.outputs.size() == 1 ? node.outputs[0].getIf<TensorRef>() : nullptr;
  StringRef op = StringRef(node.target).rsplit('.').first.rsplit('.').second;
  if (ref && ignoresElements(op)) {
    Scope inner{scope.graph, {}, scope.autocast};
    for (const std::string &name : operands)
      if (auto meta = scope.graph.tensorValues.find(name); meta != scope.graph.tensorValues.end())
        inner.tensors[name] = std::make_shared<Alias>(e.empty(symbols.sizes(e, meta->second.sizes), meta->second.dtype));
    importAten(node, inner);
    scope.tensors[ref->name] = inner.tensors[ref->name];
  } else if (ref && OpTable::get().isElementwise(op)) {
    importElementwiseOverBatch(e, node, scope, ref->name);
  } else {
    reportUnsupported(displayName(node.target), "of examples in a vmap region", &node);
    bindStandIns(node, scope, e);
  }
  return true;
}
