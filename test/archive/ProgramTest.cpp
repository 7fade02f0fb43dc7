//===- ProgramTest.cpp - what inconsistent programs are refused ---------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/GraphChecks.h"
#include "test/archive/SmallArchive.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace tenon::frontend;
using namespace tenon::test;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

struct Change {
  const char *place, *value, *message;
};

#define GRAPH "/graph_module/graph"
#define SIGNATURE "/graph_module/signature"

const Change kChanges[] = {
    {GRAPH "/nodes/0/inputs/0/arg/as_tensor/name", "\"relu\"",
     "$.graph_module.graph.nodes[0]: value 'relu' is used before it is defined"},
    {GRAPH "/nodes/0/inputs/0/arg/as_tensor/name", "\"add\"", "nodes[0]: value 'add' is used before it is defined"},
    {GRAPH "/nodes/0/inputs/0/arg/as_tensor/name", "\"ghost\"", "nodes[0]: value 'ghost' is used before it is defined"},
    {GRAPH "/nodes/0/inputs/0/arg", R"({"as_sym_int":{"as_name":"x"}})",
     "nodes[0]: value 'x' is used as something that it is not"},
    {GRAPH "/nodes/0/inputs/0/arg", R"({"as_sym_ints":[{"as_name":"y"}]})", "value 'y' is used before"},
    {GRAPH "/nodes/0/inputs/0/arg", R"({"as_optional_tensors":[{"as_tensor":{"name":"y"}}]})",
     "value 'y' is used before"},
    {GRAPH "/nodes/0/inputs/0/arg", R"({"as_nested_tensors":[[{"name":"y"}]]})", "value 'y' is used before"},
    {GRAPH "/nodes/0/inputs/0/arg", R"({"as_string_to_argument":{"k":{"as_tensor":{"name":"y"}}}})",
     "value 'y' is used before"},
    {GRAPH "/nodes/0/inputs/0/arg", R"({"as_custom_obj":{"name":"y","class_fqn":"C"}})", "value 'y' is used before"},
    {GRAPH "/nodes/1/outputs/0/as_tensor/name", "\"add\"", "nodes[1]: value 'add' is defined twice"},
    {GRAPH "/nodes/1/outputs/0/as_tensor/name", "\"other\"",
     "nodes[1]: value 'other' has no entry, or several, in the graph's value tables"},
    {GRAPH "/sym_int_values/add", R"({"as_int":1})", "nodes[0]: value 'add' has no entry, or several"},
    {GRAPH "/outputs/0/as_tensor/name", "\"ghost\"",
     "$.graph_module.graph.outputs: value 'ghost' is used before it is defined"},
    {GRAPH "/inputs/1/as_tensor/name", "\"p_w\"", "$.graph_module.graph.inputs: value 'p_w' is defined twice"},
    {SIGNATURE "/input_specs", "[]", "$.graph_module.signature.input_specs: the graph has 2 inputs, the signature 0"},
    {SIGNATURE "/output_specs", "[]",
     "$.graph_module.signature.output_specs: the graph has 1 outputs, the signature 0"},
    {SIGNATURE "/input_specs/1/user_input/arg/as_tensor/name", "\"p_w\"",
     "input_specs[1]: the spec is of input 'p_w', the graph's input is 'x'"},
    {SIGNATURE "/output_specs/0/user_output/arg/as_tensor/name", "\"x\"",
     "output_specs[0]: the spec is of output 'x', the graph's output is 'relu'"},
    {SIGNATURE "/output_specs/0/user_output/arg", R"({"as_none":true})",
     "output_specs[0]: the spec is of output '', the graph's output is 'relu'"},
    {SIGNATURE "/input_specs/0/parameter/parameter_name", "\"v\"",
     "input_specs[0]: the archive stores no tensor 'v'; export the model with its weights"},
    {SIGNATURE "/output_specs/0", R"({"buffer_mutation":{"arg":{"name":"relu"},"buffer_name":"w"}})",
     "output_specs[0]: the output is written to 'w', which is no input"},
    {SIGNATURE "/output_specs/0", R"({"user_input_mutation":{"arg":{"name":"relu"},"user_input_name":"p_w"}})",
     "'p_w', which is no input"},
    {SIGNATURE "/output_specs/0", R"({"parameter_mutation":{"arg":{"name":"relu"},"parameter_name":"x"}})",
     "'x', which is no input"},
    {GRAPH "/tensor_values/p_w/dtype", "5",
     "input_specs[0]: dtype or sizes of 'w' in the graph and in the stored tensor differ"},
    {GRAPH "/tensor_values/p_w/sizes/0/as_int", "1", "dtype or sizes of 'w'"},
};

json emptyGraph() {
  return {{"inputs", json::array()},         {"outputs", json::array()},         {"nodes", json::array()},
          {"tensor_values", json::object()}, {"sym_int_values", json::object()}, {"sym_bool_values", json::object()}};
}

Node callOf(std::shared_ptr<const Graph> graph) {
  Node node;
  node.target = "torch.ops.higher_order.cond";
  node.inputs.push_back({"", {GraphArg{"body", std::move(graph)}}});
  return node;
}

} // namespace

TEST_CASE("inconsistent programs are refused") {
  for (const Change &change : kChanges) {
    INFO(change.place << " = " << change.value);
    SmallArchive archive;
    archive.program[json::json_pointer(change.place)] = json::parse(change.value);
    std::string error = open(archive).error;
    CHECK_THAT(error, Catch::Matchers::StartsWith("FILE: m/models/model.json: $"));
    CHECK_THAT(error, ContainsSubstring(change.message));
  }
}

TEST_CASE("mutations of inputs that exist are accepted") {
  auto spec = GENERATE(R"({"parameter_mutation":{"arg":{"name":"relu"},"parameter_name":"w"}})",
                       R"({"user_input_mutation":{"arg":{"name":"relu"},"user_input_name":"x"}})",
                       R"({"token":{"arg":{"name":"relu"}}})", R"({"loss_output":{"arg":{"name":"relu"}}})");
  SmallArchive archive;
  archive.program[json::json_pointer(SIGNATURE "/output_specs/0")] = json::parse(spec);
  CHECK(open(archive).error == "");
}

TEST_CASE("a parameter must be a tensor") {
  SmallArchive archive;
  archive.program[json::json_pointer(GRAPH "/inputs/0")] = {{"as_sym_int", {{"as_name", "n"}}}};
  archive.program[json::json_pointer(GRAPH "/sym_int_values/n")] = {{"as_int", 3}};
  archive.program[json::json_pointer(SIGNATURE "/input_specs/0/parameter/arg/name")] = "n";
  archive.program[json::json_pointer(GRAPH "/nodes/0/inputs")].erase(1);
  CHECK_THAT(open(archive).error, ContainsSubstring("input_specs[0]: 'w' is no tensor"));
}

TEST_CASE("subgraphs see nothing of the graph around them") {
  SmallArchive archive;
  json body = emptyGraph();
  body["outputs"] = json::array({{{"as_tensor", {{"name", "x"}}}}});
  json &node = archive.program[json::json_pointer(GRAPH "/nodes/0")];
  node["inputs"].push_back({{"name", ""}, {"arg", {{"as_graph", {{"name", "body_0"}, {"graph", body}}}}}});
  CHECK_THAT(
      open(archive).error,
      ContainsSubstring("$.graph_module.graph.nodes[0](body_0).outputs: value 'x' is used before it is defined"));
}

TEST_CASE("a graph is no result") {
  SmallArchive archive;
  json &outputs = archive.program[json::json_pointer(GRAPH "/nodes/0/outputs")];
  outputs.push_back({{"as_graph", {{"name", "g"}, {"graph", emptyGraph()}}}});
  CHECK_THAT(open(archive).error, ContainsSubstring("nodes[0]: a graph is no result"));
}

TEST_CASE("lists of tensors may name sizes in higher-order ops only") {
  auto [target, opens] =
      GENERATE(std::pair("torch.ops.higher_order.cond", true), std::pair("torch.ops.aten.stack.default", false));
  SmallArchive archive;
  json &graph = archive.program[json::json_pointer(GRAPH)];
  graph["sym_int_values"]["n"] = {{"as_int", 3}};
  graph["nodes"][0]["outputs"].push_back({{"as_sym_int", {{"as_name", "n"}}}});
  graph["nodes"][1]["target"] = target;
  graph["nodes"][1]["inputs"].push_back(
      {{"name", ""}, {"arg", json::parse(R"({"as_tensors":[{"name":"x"},{"name":"n"}]})")}});
  std::string error = open(archive).error;
  CHECK(error.empty() == opens);
  if (!opens)
    CHECK_THAT(error, ContainsSubstring("value 'n' is used as something that it is not"));
}

TEST_CASE("the nodes of all graphs are counted together") {
  auto body = std::make_shared<Graph>();
  body->nodes.resize(999);
  Graph graph;
  for (int i = 0; i < 1000; ++i)
    graph.nodes.push_back(callOf(body));
  CHECK_FALSE(findGraphFault(graph, "$"));
  graph.nodes.push_back(callOf(body));
  std::optional<GraphFault> fault = findGraphFault(graph, "$");
  REQUIRE(fault);
  CHECK(fault->sentence == "the program has more than 1000000 nodes");
}
