//===- SchemaTest.cpp - what JSON of the wrong shape is refused, and where ----------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "test/archive/SmallArchive.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>

using namespace tenon::frontend;
using namespace tenon::test;
using nlohmann::json;

namespace {

/// A value put at a place of the program's JSON, and the message.
struct Change {
  const char *place, *value, *message;
};

#define GRAPH "/graph_module/graph"
#define ARG GRAPH "/nodes/0/inputs/0/arg"
#define SIZE GRAPH "/tensor_values/x/sizes/0"
#define META GRAPH "/tensor_values/x"
#define SIGNATURE "/graph_module/signature"
#define CALL "/graph_module/module_call_graph/0/signature"

const Change kChanges[] = {
    {"/schema_version/major", "7",
     "$.schema_version: the schema version is 7.20, supported is 8.x; export with torch 2.9 to 2.14"},
    {"/schema_version/major", "9", "the schema version is 9.20"},
    {"/schema_version/minor", "-1", "$.schema_version: the schema version is out of range"},
    {"/schema_version", "null", "$.schema_version: expected an object, found null"},
    {"/verifiers", R"(["EDGE"])", "$.verifiers: unknown dialect 'EDGE'; export with torch.export.export"},
    {"/guards_code", "[1]", "$.guards_code[0]: expected a string, found number"},
    {"/torch_version", "[]", "$.torch_version: expected a string, found array"},
    {"/range_constraints/s0", R"({"min_val":3,"max_val":2})", "$.range_constraints.s0: the range is empty"},
    {"/range_constraints/s0/min_val", "2.5", "$.range_constraints.s0.min_val: expected an integer, found number"},
    {GRAPH, "[]", "$.graph_module.graph: expected an object, found array"},
    {GRAPH "/nodes", "{}", "$.graph_module.graph.nodes: expected an array, found object"},
    {GRAPH "/nodes/1", "null", "$.graph_module.graph.nodes[1]: expected an object, found null"},
    {GRAPH "/nodes/1/target", "3", "$.graph_module.graph.nodes[1].target: expected a string, found number"},
    {GRAPH "/nodes/1/metadata/stack_trace", "3", "nodes[1].metadata.stack_trace: expected a string"},
    {GRAPH "/tensor_values", "[]", "$.graph_module.graph.tensor_values: expected an object, found array"},
    {GRAPH "/is_single_tensor_return", "1", "is_single_tensor_return: expected a boolean, found number"},
    {ARG, "{}", "$.graph_module.graph.nodes[0].inputs[0].arg: expected an object with exactly one member"},
    {ARG, R"({"as_int":1,"as_float":1})", "expected an object with exactly one member"},
    {ARG, R"({"as_quaternion":1})",
     "inputs[0].arg: unknown kind of argument 'as_quaternion'; the file needs a newer version"},
    {ARG, R"({"as_none":false})", "inputs[0].arg.as_none: expected true"},
    {ARG, R"({"as_int":1.0})", "inputs[0].arg.as_int: expected an integer, found number"},
    {ARG, R"({"as_int":9223372036854775808})", "as_int: the integer does not fit 64 bits with a sign"},
    {ARG, R"({"as_float":"1.0"})", "as_float: expected a number, found string"},
    {ARG, R"({"as_floats":[1,true]})", "as_floats[1]: expected a number, found boolean"},
    {ARG, R"({"as_tensor":{}})", "inputs[0].arg.as_tensor: the field 'name' is missing"},
    {ARG, R"({"as_tensors":{"name":"x"}})", "as_tensors: expected an array, found object"},
    {ARG, R"({"as_optional_tensors":[{"as_int":1}]})",
     "as_optional_tensors[0]: unknown kind of optional tensor 'as_int'"},
    {ARG, R"({"as_sym_int":{"as_float":1}})", "as_sym_int: unknown kind of symbolic argument 'as_float'"},
    {ARG, R"({"as_scalar_type":99})", "as_scalar_type: unknown dtype 99"},
    {ARG, R"({"as_scalar_type":0})", "unknown dtype 0"},
    {ARG, R"({"as_scalar_type":263})", "unknown dtype 263"},
    {ARG, R"({"as_int_lists":[1]})", "as_int_lists[0]: expected an array, found number"},
    {ARG, R"({"as_complex":{"real":1}})", "as_complex: the field 'imag' is missing"},
    {ARG, R"({"as_device":{"type":1}})", "as_device.type: expected a string"},
    {ARG, R"({"as_graph":{"name":"g","graph":{}}})", "as_graph.graph: the field 'nodes' is missing"},
    {ARG, R"({"as_string_to_argument":{"a b":{"as_x":1}}})", "as_string_to_argument['a b']: unknown kind of argument"},
    {META "/dtype", "14", "$.graph_module.graph.tensor_values.x.dtype: unknown dtype 14"},
    {META "/layout", "1",
     "tensor_values.x: the tensor is sparse or in an opaque layout; only strided tensors are read"},
    {META "/strides", "[]", "tensor_values.x: the tensor has 1 sizes and 0 strides"},
    {META "/storage_offset", R"({"as_int":-1})", "tensor_values.x: the storage offset is negative"},
    {META "/device", "\"cpu\"", "tensor_values.x.device: expected an object, found string"},
    {SIZE, R"({"as_int":-1})", "sizes[0]: the size or stride is negative"},
    {META "/strides/0", R"({"as_int":-1})", "strides[0]: the size or stride is negative"},
    {SIZE, R"({"as_bool":true})", "sizes[0]: unknown kind of size 'as_bool'"},
    {SIZE, R"({"as_expr":{"expr_str":"Foo(1) ","hint":null}})",
     "sizes[0].as_expr.expr_str: malformed expression: unknown function 'Foo' at character 0"},
    {SIZE, R"({"as_expr":{"expr_str":"s0","hint":{"as_float":1}}})", "as_expr.hint: the field 'as_int' is missing"},
    {GRAPH "/sym_float_values/f", R"({"as_int":1})", "sym_float_values.f: unknown kind of number 'as_int'"},
    {GRAPH "/sym_bool_values/b", R"({"as_int":1})", "sym_bool_values.b: unknown kind of condition 'as_int'"},
    {GRAPH "/custom_obj_values/o", R"({"name":"o"})", "custom_obj_values.o: the field 'class_fqn' is missing"},
    {SIGNATURE "/input_specs/1", R"({"gift":{}})",
     "$.graph_module.signature.input_specs[1]: unknown kind of spec 'gift'; the file needs a newer"},
    {SIGNATURE "/output_specs/0", R"({"gift":{}})", "output_specs[0]: unknown kind of spec 'gift'"},
    {SIGNATURE "/input_specs/0/parameter/parameter_name", "null",
     "input_specs[0].parameter.parameter_name: expected a string, found null"},
    {SIGNATURE "/input_specs/1", R"({"buffer":{"arg":{"name":"x"},"buffer_name":"b"}})",
     "the field 'persistent' is missing"},
    {CALL "/in_spec", "\"[1\"", "signature.in_spec: malformed pytree: byte 3: not JSON"},
    {CALL "/in_spec", R"("[2, {}]")", "signature.in_spec: malformed pytree: $: expected a version, 1, and a tree"},
    {CALL "/out_spec", R"("[1, {\"type\": null}]")",
     "signature.out_spec: malformed pytree: $[1]: the field 'children_spec' is missing"},
    {CALL "/in_spec",
     R"("[1, {\"type\":null,\"context\":null,\"children_spec\":[{\"type\":null,\"context\":null,\"children_spec\":[]}]}]")",
     "malformed pytree: $[1]: a leaf has children"},
    {CALL "/in_spec", "[1]", "signature.in_spec: expected a string, found array"},
};

std::string errorOf(const char *place, json value) {
  SmallArchive archive;
  archive.program[json::json_pointer(place)] = std::move(value);
  return open(archive).error;
}

/// Opens the archive with `value` as an additional argument of the first node.
template <typename T> T readArgument(json value) {
  SmallArchive archive;
  archive.program[json::json_pointer(GRAPH "/nodes/0/inputs")].push_back({{"name", "a"}, {"arg", std::move(value)}});
  auto [opened, error] = open(archive);
  INFO(error);
  REQUIRE(opened);
  const T *arg = opened->program().graph.nodes[0].inputs.back().arg.getIf<T>();
  REQUIRE(arg);
  return *arg;
}

} // namespace

TEST_CASE("wrong types, tags and values are refused with their JSON path") {
  for (const Change &change : kChanges) {
    INFO(change.place << " = " << change.value);
    std::string error = errorOf(change.place, json::parse(change.value));
    CHECK_THAT(error, Catch::Matchers::StartsWith("FILE: m/models/model.json: $"));
    CHECK_THAT(error, Catch::Matchers::ContainsSubstring(change.message));
  }
}

TEST_CASE("fields without default are required, others are not") {
  auto without = [](std::string place) {
    SmallArchive archive;
    json::json_pointer pointer(place);
    archive.program[pointer.parent_pointer()].erase(pointer.back());
    return open(archive).error;
  };
  for (const char *place : {"/graph_module",
                            "/schema_version",
                            "/range_constraints",
                            GRAPH "/inputs",
                            GRAPH "/outputs",
                            GRAPH "/nodes",
                            GRAPH "/tensor_values",
                            GRAPH "/sym_int_values",
                            GRAPH "/sym_bool_values",
                            GRAPH "/nodes/0/target",
                            GRAPH "/nodes/0/inputs",
                            GRAPH "/nodes/0/outputs",
                            GRAPH "/nodes/0/metadata",
                            META "/dtype",
                            META "/layout",
                            META "/device",
                            META "/requires_grad",
                            SIGNATURE,
                            SIGNATURE "/input_specs",
                            CALL "/in_spec",
                            "/graph_module/module_call_graph"}) {
    std::string name = std::string(place).substr(std::string(place).rfind('/') + 1);
    CHECK_THAT(without(place), Catch::Matchers::EndsWith("the field '" + name + "' is missing"));
  }
  for (const char *place :
       {"/verifiers", "/guards_code", "/torch_version", "/opset_version", GRAPH "/sym_float_values",
        GRAPH "/custom_obj_values", GRAPH "/is_single_tensor_return", GRAPH "/nodes/0/name",
        GRAPH "/nodes/0/is_hop_single_tensor_return", GRAPH "/nodes/0/inputs/0/kind", "/graph_module/metadata"})
    CHECK(without(place) == "");
}

TEST_CASE("archives of torch 2.9 to 2.14 are read, with the fields that each writes") {
  struct Version {
    const char *torch;
    int minor;
    bool namesNodes;
  };
  for (auto [torch, minor, namesNodes] : {Version{"2.9.0", 14, false}, {"2.9.1", 14, false}, {"2.10.0", 15, false},
                                          {"2.11.0", 17, true}, {"2.12.0", 20, true}, {"2.13.0", 20, true}, {"2.14.1", 20, true}}) {
    SmallArchive archive;
    archive.program["schema_version"]["minor"] = minor;
    archive.program["torch_version"] = torch;
    if (!namesNodes)
      archive.program[json::json_pointer(GRAPH "/nodes/0")].erase("name");
    auto opened = open(archive);
    REQUIRE(opened.archive);
    CHECK(opened.archive->program().schemaMinor == minor);
    CHECK(opened.archive->program().torchVersion == torch);
    CHECK(opened.archive->program().graph.nodes[0].name == "add");
  }
}

TEST_CASE("a node without name is named after its first result") {
  SmallArchive archive;
  archive.program[json::json_pointer(GRAPH "/nodes/0")].erase("name");
  CHECK(open(archive).archive->program().graph.nodes[0].name == "add");
}

TEST_CASE("unknown members of structs are ignored") {
  CHECK(errorOf("/future", 1) == "");
  CHECK(errorOf(GRAPH "/nodes/0/future", json::object()) == "");
}

TEST_CASE("tensors of too high rank are refused") {
  SmallArchive archive;
  json meta = tensorMeta(7, std::vector<int64_t>(65, 1));
  archive.program[json::json_pointer(META)] = meta;
  CHECK_THAT(open(archive).error, Catch::Matchers::ContainsSubstring("the tensor has rank 65; at most 64 is read"));
}

TEST_CASE("graphs of too many nodes are refused before they are read") {
  CHECK_THAT(errorOf(GRAPH "/nodes", json::array_t(1'000'001)),
             Catch::Matchers::ContainsSubstring("nodes: the graph has more than 1000000 nodes"));
}

TEST_CASE("every kind of argument is read") {
  CHECK(readArgument<int64_t>({{"as_int", INT64_MAX}}) == INT64_MAX);
  CHECK(readArgument<double>({{"as_float", "-Infinity"}}) == -INFINITY);
  CHECK(readArgument<double>({{"as_float", 1}}) == 1.0);
  CHECK(readArgument<bool>({{"as_bool", true}}));
  CHECK(readArgument<std::string>({{"as_string", "none"}}) == "none");
  CHECK(readArgument<ComplexArg>({{"as_complex", {{"real", 1}, {"imag", "NaN"}}}}).real == 1);
  CHECK(readArgument<std::vector<int64_t>>({{"as_ints", {1, -1}}}) == std::vector<int64_t>{1, -1});
  CHECK(readArgument<std::vector<double>>({{"as_floats", {0.5, "Infinity"}}}) == std::vector<double>{0.5, INFINITY});
  CHECK(readArgument<std::vector<bool>>({{"as_bools", {true, false}}}) == std::vector<bool>{true, false});
  CHECK(readArgument<std::vector<std::string>>({{"as_strings", json::array()}}).empty());
  CHECK(readArgument<std::vector<std::vector<int64_t>>>({{"as_int_lists", json::parse("[[1],[2,3]]")}})[1][1] == 3);
  CHECK(readArgument<std::vector<std::vector<double>>>({{"as_float_lists", json::parse("[[1.5]]")}})[0][0] == 1.5);
  CHECK(readArgument<std::vector<std::vector<TensorRef>>>(
            {{"as_nested_tensors", json::parse(R"([[{"name":"x"}],[]])")}})[0][0]
            .name == "x");
  CHECK(readArgument<TensorRef>({{"as_optional_tensor", {{"as_tensor", {{"name", "x"}}}}}}).name == "x");
  CHECK(readArgument<None>({{"as_optional_tensor", {{"as_none", true}}}}) == None{});
  CHECK(readArgument<MemoryFormatArg>({{"as_memory_format", 2}}).code == 2);
  CHECK(readArgument<LayoutArg>({{"as_layout", 7}}).code == 7);
  CHECK(readArgument<ScalarTypeArg>({{"as_scalar_type", 13}}).type == ScalarType::BFloat16);
  CHECK(*readArgument<Device>({{"as_device", {{"type", "cuda"}, {"index", 1}}}}).index == 1);
  CHECK(readArgument<OperatorArg>({{"as_operator", "torch.ops.a.b.default"}}).target == "torch.ops.a.b.default");
  CHECK(readArgument<SymFloatArg>({{"as_sym_float", {{"as_float", 2}}}}).number() == 2);
  CHECK(readArgument<SymBoolArg>({{"as_sym_bool", {{"as_bool", true}}}}).number());
  auto dictionary = readArgument<std::map<std::string, std::shared_ptr<const Argument>>>(
      {{"as_string_to_argument", {{"k", {{"as_int", 4}}}}}});
  CHECK(*dictionary.at("k")->getIf<int64_t>() == 4);
}

TEST_CASE("lists of sizes mix numbers and names; values of every table are read") {
  SmallArchive archive;
  json &graph = archive.program[json::json_pointer(GRAPH)];
  graph["sym_int_values"]["n"] = {{"as_expr", {{"expr_str", "s0 + 1"}, {"hint", {{"as_int", 5}}}}}};
  graph["sym_float_values"]["f"] = {{"as_float", 0.5}};
  graph["sym_bool_values"]["b"] = {{"as_expr", {{"expr_str", "Eq(s0, 1)"}, {"hint", nullptr}}}};
  json outputs = json::parse(
      R"([{"as_sym_int":{"as_name":"n"}},{"as_sym_float":{"as_name":"f"}},{"as_sym_bool":{"as_name":"b"}}])");
  json node = {{"target", "torch.ops.test.sizes.default"},
               {"inputs", json::array()},
               {"outputs", outputs},
               {"metadata", json::object()}};
  graph["nodes"].insert(graph["nodes"].begin(), node);
  graph["nodes"][1]["inputs"].push_back(
      {{"name", "size"}, {"arg", json::parse(R"({"as_sym_ints":[{"as_name":"n"},{"as_int":-1}]})")}});
  auto [opened, error] = open(archive);
  INFO(error);
  REQUIRE(opened);
  const Graph &read = opened->program().graph;
  CHECK(read.symIntValues.at("n").expr().toString() == "s0 + 1");
  CHECK(read.symIntValues.at("n").hint == 5);
  CHECK(read.symFloatValues.at("f").real == 0.5);
  CHECK(read.symBoolValues.at("b").toString() == "s0 == 1");
  const auto *sizes = read.nodes[1].inputs.back().arg.getIf<std::vector<SymIntArg>>();
  REQUIRE(sizes);
  CHECK(sizes->at(0).name() == "n");
  CHECK(sizes->at(1).number() == -1);
}
