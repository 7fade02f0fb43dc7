//===- VmapRegions.cpp - torch.vmap: nodes between two marks, run for each row ------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// An exported vmap is no region of its own: _vmap_increment_nesting begins it and _vmap_decrement_nesting ends it,
// among the nodes of its graph. _add_batch_dim(x, dim, …) takes a row of x along dim, _remove_batch_dim(y, …, outDim)
// stacks the rows' y. What lies between is written for one row, so it becomes the body of a loop over rows; nested ones
// become nested loops.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Importer.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;
using namespace tenon::frontend;

static constexpr StringLiteral beginMark = "torch._functorch.predispatch._vmap_increment_nesting";
static constexpr StringLiteral endMark = "torch._functorch.predispatch._vmap_decrement_nesting";
static constexpr StringLiteral takesRow = "torch._functorch.predispatch._add_batch_dim";
static constexpr StringLiteral stacksRows = "torch._functorch.predispatch._remove_batch_dim";

namespace {
/// The nodes of one vmap. `takes` and `stacks` are its own, without those of vmaps inside.
struct VmapRegion {
  size_t begin, end; ///< the marks
  SmallVector<const Node *> takes, stacks;

  bool owns(const Node &node) const { return llvm::is_contained(takes, &node) || llvm::is_contained(stacks, &node); }
};
} // namespace

bool tenon::aten::beginsVmap(const Node &node) { return node.target == beginMark; }

static VmapRegion regionAt(const std::vector<Node> &nodes, size_t begin) {
  VmapRegion region{begin, begin, {}, {}};
  for (int depth = 0; region.end < nodes.size(); ++region.end) {
    const Node &node = nodes[region.end];
    depth += node.target == beginMark ? 1 : node.target == endMark ? -1 : 0;
    if (depth == 0)
      return region;
    if (depth == 1 && node.target == takesRow)
      region.takes.push_back(&node);
    if (depth == 1 && node.target == stacksRows)
      region.stacks.push_back(&node);
  }
  return region;
}

static std::string tensorName(const Argument &argument) {
  auto *ref = argument.getIf<TensorRef>();
  return ref ? ref->name : "";
}

static std::optional<int64_t> integerAt(const Node &node, size_t position) {
  auto *value = position < node.inputs.size() ? node.inputs[position].arg.getIf<int64_t>() : nullptr;
  return value ? std::optional(*value) : std::nullopt;
}

// `tensor` with dimension `from` (negative ones count from the end) moved to `to`.
static Tensor withDimMoved(Emitter &e, const Tensor &tensor, int64_t from, int64_t to) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, tensor.rank()));
  from += from < 0 ? tensor.rank() : 0;
  to += to < 0 ? tensor.rank() : 0;
  order.erase(order.begin() + from);
  order.insert(order.begin() + to, from);
  return e.permute(tensor, order);
}

// The rows along dimension 0 of what the region takes; nothing where the marks are not as expected.
FailureOr<SmallVector<Tensor>> Importer::vmapRows(ArrayRef<const Node *> takes, Scope &scope, Emitter &e) {
  SmallVector<Tensor> rows;
  for (const Node *node : takes) {
    auto alias = node->inputs.empty() ? scope.tensors.end() : scope.tensors.find(tensorName(node->inputs[0].arg));
    std::optional<int64_t> dim = integerAt(*node, 1);
    if (alias == scope.tensors.end() || !dim)
      return failure();
    rows.push_back(withDimMoved(e, alias->second->read(e), *dim, 0));
  }
  if (rows.empty())
    return failure();
  return rows;
}

std::string Importer::importVmapLoop(Scope &scope, size_t begin, size_t end, Emitter &e) {
  const std::vector<Node> &nodes = scope.graph.nodes;
  VmapRegion region = regionAt(nodes, begin);
  FailureOr<SmallVector<Tensor>> rows = vmapRows(region.takes, scope, e);
  if (failed(rows))
    return "a vmap whose operands are not tensors with a batch dimension";
  SmallVector<Tensor> stacked;
  SmallVector<int64_t> outDims;
  for (const Node *node : region.stacks) {
    Tensor result = resultTensor(e, scope, tensorName(node->outputs[0]));
    std::optional<int64_t> dim = integerAt(*node, 3);
    if (result.dtype == ScalarType::Unknown || !dim)
      return "a vmap whose results have no known sizes";
    outDims.push_back(*dim < 0 ? *dim + result.rank() : *dim);
    Size count = result.sizes[outDims.back()];
    result.sizes.erase(result.sizes.begin() + outDims.back());
    result.sizes.insert(result.sizes.begin(), count);
    stacked.push_back(e.empty(result.sizes, result.dtype));
  }
  // What the body reads of its surroundings is read before the loop: values of the body must not be found outside.
  Scope inner{scope.graph, {}, scope.autocast};
  std::set<std::string> read;
  for (size_t i = begin + 1; i < end; ++i)
    for (const NamedArgument &input : nodes[i].inputs)
      collectNames(input.arg, read);
  for (const std::string &name : read)
    if (auto alias = scope.tensors.find(name); alias != scope.tensors.end())
      inner.tensors[name] = std::make_shared<Alias>(alias->second->read(e));
  auto outside = inner.tensors;
  auto values = loopOverRows(e, *rows, {}, stacked,
                             [&](ArrayRef<Tensor>, ArrayRef<Tensor> row) -> FailureOr<SmallVector<RegionValue>> {
                               for (auto [node, tensor] : llvm::zip(region.takes, row))
                                 inner.tensors[tensorName(node->outputs[0])] = std::make_shared<Alias>(tensor);
                               for (size_t i = begin + 1; i < end; ++i)
                                 if (!region.owns(nodes[i]))
                                   i = importNodeOrVmap(inner, i);
                               SmallVector<RegionValue> results;
                               for (const Node *node : region.stacks) {
                                 auto alias = inner.tensors.find(tensorName(node->inputs[0].arg));
                                 if (alias == inner.tensors.end())
                                   return failure();
                                 Emitter inside = emitterAt(e.loc);
                                 results.push_back({alias->second->read(inside), {}});
                               }
                               return results;
                             });
  if (failed(values) || llvm::any_of(outside, [](auto &entry) { return entry.second->isMutated(); }))
    return "a vmap that writes to tensors of its surroundings, or whose rows differ in type";
  for (auto [node, value, shape, dim] : llvm::zip(region.stacks, *values, stacked, outDims)) {
    shape.value = value;
    scope.tensors[tensorName(node->outputs[0])] = std::make_shared<Alias>(withDimMoved(e, shape, 0, dim));
  }
  return "";
}

size_t Importer::importVmap(Scope &scope, size_t begin) {
  const Node &mark = scope.graph.nodes[begin];
  VmapRegion region = regionAt(scope.graph.nodes, begin);
  Emitter e = emitterAt(nodeLocation(mark));
  OpBuilder::InsertPoint before = builder.saveInsertionPoint();
  std::string problem = importVmapLoop(scope, begin, region.end, e);
  if (problem.empty())
    return region.end;
  builder.restoreInsertionPoint(before);
  reportUnsupported(displayName(mark.target), problem, &mark);
  for (const Node *node : region.stacks)
    bindStandIns(*node, scope, e);
  return region.end;
}
