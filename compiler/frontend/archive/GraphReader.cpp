//===- GraphReader.cpp - graphs from JSON -------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/SchemaReaders.h"

namespace tenon::frontend {

static NamedArgument readNamedArgument(JsonReader json) {
  // "kind" (positional or keyword) is not kept: arguments are bound by name.
  return {.name = json.field("name").string(), .arg = readArgument(json.field("arg"))};
}

/// Returns the name under which FX knows the node: before 8.17 the file lacks it, and the first result's name is next
/// best.
static std::string nameOf(JsonReader json, const Node &node) {
  if (auto name = json.find("name"))
    return name->string();
  if (!node.outputs.empty())
    if (auto *tensor = node.outputs.front().getIf<TensorRef>())
      return tensor->name;
  return {};
}

static Node readNode(JsonReader json) {
  Node node;
  node.target = json.field("target").string();
  node.inputs = json.field("inputs").list(readNamedArgument);
  node.outputs = json.field("outputs").list(readArgument);
  node.name = nameOf(json, node);
  JsonReader metadata = json.field("metadata");
  if (auto trace = metadata.find("stack_trace"))
    node.stackTrace = trace->string();
  if (auto modules = metadata.find("nn_module_stack"))
    node.nnModuleStack = modules->string();
  return node;
}

Graph readGraph(JsonReader json) {
  Graph graph;
  JsonReader nodes = json.field("nodes");
  if (nodes.json().size() > kMaxNodes) {
    nodes.fail("the graph has more than " + llvm::Twine(kMaxNodes) + " nodes");
    return graph;
  }
  graph.inputs = json.field("inputs").list(readArgument);
  graph.outputs = json.field("outputs").list(readArgument);
  graph.nodes = nodes.list(readNode);
  graph.tensorValues = json.field("tensor_values").map(readTensorMeta);
  graph.symIntValues = json.field("sym_int_values").map(readSymInt);
  graph.symBoolValues = json.field("sym_bool_values").map(readSymBool);
  if (auto values = json.find("sym_float_values"))
    graph.symFloatValues = values->map(readSymFloat);
  if (auto values = json.find("custom_obj_values"))
    graph.customObjValues = values->map([](JsonReader value) { return value.field("class_fqn").string(); });
  if (auto isSingle = json.find("is_single_tensor_return"))
    graph.isSingleTensorReturn = isSingle->boolean();
  return graph;
}

} // namespace tenon::frontend
