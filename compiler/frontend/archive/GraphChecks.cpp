//===- GraphChecks.cpp - whether a graph's values are defined and used rightly ------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/GraphChecks.h"

#include "compiler/frontend/archive/SchemaReaders.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringSet.h"

namespace tenon::frontend {

namespace {

enum class Table { Tensor, SymInt, SymFloat, SymBool, CustomObj, Any };

bool isIn(const Graph &graph, Table table, const std::string &name) {
  switch (table) {
  case Table::Tensor:
    return graph.tensorValues.count(name);
  case Table::SymInt:
    return graph.symIntValues.count(name);
  case Table::SymFloat:
    return graph.symFloatValues.count(name);
  case Table::SymBool:
    return graph.symBoolValues.count(name);
  case Table::CustomObj:
    return graph.customObjValues.count(name);
  case Table::Any:
    break;
  }
  size_t count = 0;
  for (Table each : {Table::Tensor, Table::SymInt, Table::SymFloat, Table::SymBool, Table::CustomObj})
    count += isIn(graph, each, name);
  return count == 1;
}

/// Calls `visit(name, table)` for every value that an argument refers to, and `visitGraph` for a subgraph.
class ReferenceVisitor {
public:
  using VisitName = llvm::function_ref<void(const std::string &, Table)>;
  using VisitGraph = llvm::function_ref<void(const GraphArg &)>;
  /// `listTable`: where names of a list of tensors may be; lists of higher-order ops mix tensors and sizes.
  ReferenceVisitor(Table listTable, VisitName visitName, VisitGraph visitGraph)
      : listTable(listTable), visitName(visitName), visitGraph(visitGraph) {}

  void operator()(const Argument &arg) const { std::visit(*this, arg.value); }
  void operator()(const TensorRef &tensor) const { visitName(tensor.name, Table::Tensor); }
  void operator()(const std::vector<TensorRef> &tensors) const {
    for (const TensorRef &tensor : tensors)
      visitName(tensor.name, listTable);
  }
  void operator()(const OptionalTensorRefs &tensors) const {
    for (const std::optional<TensorRef> &tensor : tensors)
      if (tensor)
        visitName(tensor->name, listTable);
  }
  void operator()(const std::vector<std::vector<TensorRef>> &lists) const {
    for (const std::vector<TensorRef> &tensors : lists)
      (*this)(tensors);
  }
  void operator()(const SymIntArg &arg) const { visitScalar(arg, Table::SymInt); }
  void operator()(const SymFloatArg &arg) const { visitScalar(arg, Table::SymFloat); }
  void operator()(const SymBoolArg &arg) const { visitScalar(arg, Table::SymBool); }
  template <typename T> void operator()(const std::vector<SymArg<T>> &args) const {
    for (const SymArg<T> &arg : args)
      (*this)(arg);
  }
  void operator()(const CustomObjArg &object) const { visitName(object.name, Table::CustomObj); }
  void operator()(const GraphArg &graph) const { visitGraph(graph); }
  void operator()(const std::map<std::string, std::shared_ptr<const Argument>> &dictionary) const {
    for (const auto &[key, arg] : dictionary)
      (*this)(*arg);
  }
  template <typename Constant> void operator()(const Constant &) const {}

private:
  template <typename T> void visitScalar(const SymArg<T> &arg, Table table) const {
    if (arg.isName())
      visitName(arg.name(), table);
  }

  Table listTable;
  VisitName visitName;
  VisitGraph visitGraph;
};

constexpr llvm::StringLiteral kHigherOrder = "torch.ops.higher_order.";

/// Walks one graph in order, and the subgraphs of its nodes. Stops at the first fault.
class GraphChecker {
public:
  GraphChecker(const Graph &graph, std::string path, size_t &numNodes)
      : graph(graph), path(std::move(path)), numNodes(numNodes) {}

  std::optional<GraphFault> check();

private:
  void use(const std::string &name, Table table);
  void define(const std::string &name, Table table);
  void checkSubgraph(const GraphArg &subgraph);
  void checkInTable(const std::string &name, Table table);
  void visitUses(const Argument &arg, Table listTable);
  void visitDefinitions(const Argument &arg, Table listTable);
  void checkNode(const Node &node);
  void fail(const llvm::Twine &sentence) {
    if (!fault)
      fault = {path + position, sentence.str()};
  }

  const Graph &graph;
  const std::string path; ///< of the graph in the document
  size_t &numNodes;       ///< of all graphs
  std::string position;   ///< inside the graph
  llvm::StringSet<> defined;
  std::optional<GraphFault> fault;
};

void GraphChecker::checkInTable(const std::string &name, Table table) {
  if (!isIn(graph, Table::Any, name))
    fail("value '" + name + "' has no entry, or several, in the graph's value tables");
  else if (!isIn(graph, table, name))
    fail("value '" + name + "' is used as something that it is not");
}

void GraphChecker::use(const std::string &name, Table table) {
  if (!defined.contains(name))
    fail("value '" + name + "' is used before it is defined");
  checkInTable(name, table);
}

void GraphChecker::define(const std::string &name, Table table) {
  if (!defined.insert(name).second)
    fail("value '" + name + "' is defined twice");
  checkInTable(name, table);
}

void GraphChecker::checkSubgraph(const GraphArg &subgraph) {
  if (!fault)
    fault = GraphChecker(*subgraph.graph, path + position + "(" + subgraph.name + ")", numNodes).check();
}

void GraphChecker::visitUses(const Argument &arg, Table listTable) {
  ReferenceVisitor(
      listTable, [&](const std::string &name, Table table) { use(name, table); },
      [&](const GraphArg &subgraph) { checkSubgraph(subgraph); })(arg);
}

void GraphChecker::visitDefinitions(const Argument &arg, Table listTable) {
  ReferenceVisitor(
      listTable, [&](const std::string &name, Table table) { define(name, table); },
      [&](const GraphArg &) { fail("a graph is no result"); })(arg);
}

void GraphChecker::checkNode(const Node &node) {
  Table listTable = llvm::StringRef(node.target).starts_with(kHigherOrder) ? Table::Any : Table::Tensor;
  for (const NamedArgument &input : node.inputs)
    visitUses(input.arg, listTable);
  for (const Argument &output : node.outputs)
    visitDefinitions(output, listTable);
}

std::optional<GraphFault> GraphChecker::check() {
  numNodes += graph.nodes.size();
  if (numNodes > kMaxNodes)
    fail("the program has more than " + llvm::Twine(kMaxNodes) + " nodes");
  position = ".inputs";
  for (const Argument &input : graph.inputs)
    visitDefinitions(input, Table::Tensor);
  for (size_t i = 0; i < graph.nodes.size() && !fault; ++i) {
    position = ".nodes[" + std::to_string(i) + "]";
    checkNode(graph.nodes[i]);
  }
  position = ".outputs";
  for (const Argument &output : graph.outputs)
    visitUses(output, Table::Any);
  return fault;
}

} // namespace

std::optional<GraphFault> findGraphFault(const Graph &graph, const std::string &path) {
  size_t numNodes = 0;
  return GraphChecker(graph, path, numNodes).check();
}

} // namespace tenon::frontend
