//===- FixtureTest.cpp - what torch.export.save wrote, value by value ---------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "test/archive/SmallArchive.h"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstring>

using namespace tenon::frontend;
using tenon::test::openFixture;

namespace {

template <typename T> std::vector<T> valuesOf(const Payload &payload) {
  std::vector<T> values(payload.bytes.size() / sizeof(T));
  std::memcpy(values.data(), payload.bytes.data(), payload.bytes.size());
  return values;
}

std::vector<int64_t> staticExtents(const std::vector<SymInt> &extents) {
  std::vector<int64_t> values;
  for (const SymInt &extent : extents)
    values.push_back(extent.staticValue());
  return values;
}

std::vector<std::string> targetsOf(const Graph &graph) {
  std::vector<std::string> targets;
  for (const Node &node : graph.nodes)
    targets.push_back(node.target);
  return targets;
}

using Strings = std::vector<std::string>;
using Sizes = std::vector<int64_t>;

} // namespace

TEST_CASE("an MLP: nodes, arguments, metadata, weights, calling convention") {
  auto archive = openFixture("mlp");
  const ExportedProgram &program = archive->program();
  CHECK(program.modelName == "model");
  CHECK(program.torchVersion.starts_with("2.14.1"));
  CHECK(program.schemaMinor == 20);
  CHECK_FALSE(program.isFunctional);
  CHECK(targetsOf(program.graph) ==
        Strings{"torch.ops.aten.linear.default", "torch.ops.aten.relu.default", "torch.ops.aten.linear.default"});

  const Node &linear = program.graph.nodes[0];
  CHECK(linear.name == "linear");
  REQUIRE(linear.inputs.size() == 3);
  CHECK(linear.inputs[1].name == "weight");
  CHECK(linear.inputs[1].arg.getIf<TensorRef>()->name == "p_0_weight");
  CHECK(linear.outputs.at(0).getIf<TensorRef>()->name == "linear");
  CHECK(linear.stackTrace.find("File \"") != std::string::npos);
  CHECK(linear.nnModuleStack.find("torch.nn.modules.linear.Linear") != std::string::npos);

  const TensorMeta &meta = program.graph.tensorValues.at("linear_1");
  CHECK(meta.dtype == ScalarType::Float32);
  CHECK(staticExtents(meta.sizes) == Sizes{2, 2});
  CHECK(staticExtents(meta.strides) == Sizes{2, 1});
  CHECK(meta.device.type == "cpu");

  REQUIRE(program.payloads.size() == 4);
  const Payload &weight = program.payloads.at("0.weight");
  CHECK(weight.isParameter);
  CHECK(weight.record == "data/weights/weight_0");
  CHECK(valuesOf<float>(weight) == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(reinterpret_cast<uintptr_t>(weight.bytes.data()) % 64 == 0);

  REQUIRE(program.inputSpecs.size() == 5);
  CHECK(program.inputSpecs[0].kind == InputSpec::Kind::Parameter);
  CHECK(program.inputSpecs[0].targetName == "0.weight");
  CHECK(program.inputSpecs[4].kind == InputSpec::Kind::UserInput);
  CHECK(program.inputSpecs[4].argName == "input");
  CHECK(program.outputSpecs.at(0).arg.getIf<TensorRef>()->name == "linear_1");
  CHECK(program.forwardArgNames == Strings{"input"});
  REQUIRE(program.inSpec);
  CHECK(program.inSpec->type == "builtins.tuple");
  CHECK(program.inSpec->children.at(0).children.at(0).isLeaf());
  CHECK(program.outSpec->isLeaf());
}

TEST_CASE("a channels-last weight keeps its strides and its bytes") {
  auto archive = openFixture("conv_bn_relu");
  const Payload &weight = archive->program().payloads.at("0.weight");
  CHECK(staticExtents(weight.meta.sizes) == Sizes{3, 2, 2, 2});
  CHECK(staticExtents(weight.meta.strides) == Sizes{8, 1, 4, 2});
  std::vector<float> inMemory = valuesOf<float>(weight);
  REQUIRE(inMemory.size() == 24);
  CHECK(std::vector<float>(inMemory.begin(), inMemory.begin() + 4) == std::vector<float>{0, 4, 1, 5});
  const Node &norm = archive->program().graph.nodes.at(1);
  CHECK(*norm.inputs.at(5).arg.getIf<bool>() == false);
  CHECK(*norm.inputs.at(7).arg.getIf<double>() == 1e-05);
}

TEST_CASE("symbolic sizes, derived dimensions, ranges, guards and constant inputs") {
  auto archive = openFixture("dynamic_shapes");
  const ExportedProgram &program = archive->program();
  const SymInt &rows = program.graph.tensorValues.at("x").sizes.at(0);
  REQUIRE_FALSE(rows.isStatic());
  CHECK(rows.expr().kind == SymExpr::Kind::Symbol);
  CHECK(rows.hint == 4);
  const std::string symbol = rows.expr().name;
  const SymInt &derived = program.graph.tensorValues.at("y").sizes.at(0);
  CHECK(derived.expr().toString() == "2*" + symbol + " + 1");
  CHECK(derived.hint == 9);
  CHECK(program.graph.symIntValues.at("floordiv").expr().toString() == symbol + "//2");
  REQUIRE(program.symbolRanges.size() == 1);
  CHECK(program.symbolRanges.at(symbol).min == 2);
  CHECK(program.symbolRanges.at(symbol).max == 64);
  CHECK(program.guardsCode.size() == 2);

  CHECK(program.inputSpecs.at(2).kind == InputSpec::Kind::ConstantInput);
  CHECK(program.inputSpecs[2].targetName == "scale");
  CHECK(*program.inputSpecs[2].constant.getIf<double>() == 2.5);
  const Node &slice = program.graph.nodes.at(2);
  CHECK(slice.inputs.at(2).arg.isNone());
  CHECK(slice.inputs.at(3).arg.getIf<SymIntArg>()->name() == "sym_size_int_1");
  const Node &cat = program.graph.nodes.at(3);
  CHECK(cat.inputs.at(0).arg.getIf<std::vector<TensorRef>>()->at(1).name == "slice_1");
  CHECK(*program.graph.nodes.at(4).inputs.at(1).arg.getIf<std::vector<int64_t>>() == Sizes{0});
  CHECK(program.outputSpecs.at(1).arg.getIf<SymIntArg>()->name() == "floordiv");
}

TEST_CASE("a conditional carries both branches as graphs") {
  auto archive = openFixture("cond");
  const Node &cond = archive->program().graph.nodes.at(2);
  CHECK(cond.target == "torch.ops.higher_order.cond");
  REQUIRE(cond.inputs.size() == 4);
  const auto *taken = cond.inputs[1].arg.getIf<GraphArg>(), *otherwise = cond.inputs[2].arg.getIf<GraphArg>();
  REQUIRE(taken);
  REQUIRE(otherwise);
  CHECK(targetsOf(*taken->graph) == Strings{"torch.ops.aten.sin.default"});
  CHECK(targetsOf(*otherwise->graph) == Strings{"torch.ops.aten.cos.default", "torch.ops.aten.add.Tensor"});
  CHECK(cond.inputs[3].arg.getIf<std::vector<TensorRef>>()->at(0).name == "x");
}

TEST_CASE("a loop carries its condition and its body") {
  auto archive = openFixture("while_loop");
  const Node &loop = archive->program().graph.nodes.at(0);
  const Graph &condition = *loop.inputs.at(0).arg.getIf<GraphArg>()->graph;
  CHECK(condition.isSingleTensorReturn);
  CHECK(condition.tensorValues.at(condition.outputs.at(0).getIf<TensorRef>()->name).dtype == ScalarType::Bool);
  CHECK(loop.inputs.at(1).arg.getIf<GraphArg>()->graph->outputs.size() == 2);
  CHECK(loop.inputs.at(3).arg.getIf<std::vector<TensorRef>>()->empty());
  CHECK(loop.outputs.size() == 2);
}

TEST_CASE("buffers: persistent or not, transposed, mutated in place") {
  auto archive = openFixture("buffer_mutation");
  const ExportedProgram &program = archive->program();
  CHECK(program.graph.nodes.at(0).target == "torch.ops.aten.add_.Tensor");
  CHECK(*program.graph.nodes[0].inputs.at(1).arg.getIf<int64_t>() == 1);
  CHECK(program.inputSpecs.at(0).persistent);
  CHECK_FALSE(program.inputSpecs.at(1).persistent);
  CHECK(valuesOf<int64_t>(program.payloads.at("calls")) == Sizes{7});
  const Payload &window = program.payloads.at("window");
  CHECK(window.record == "data/constants/tensor_0");
  CHECK_FALSE(window.isParameter);
  CHECK(staticExtents(window.meta.strides) == Sizes{1, 3});
  CHECK(valuesOf<float>(window) == std::vector<float>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("a functional program tells mutations in its signature") {
  auto archive = openFixture("buffer_mutation_functional");
  const ExportedProgram &program = archive->program();
  CHECK(program.isFunctional);
  REQUIRE(program.outputSpecs.size() == 2);
  CHECK(program.outputSpecs[0].kind == OutputSpec::Kind::BufferMutation);
  CHECK(program.outputSpecs[0].targetName == "calls");
  CHECK(program.outputSpecs[0].arg.getIf<TensorRef>()->name == "add");
}

TEST_CASE("tied weights share their bytes") {
  auto archive = openFixture("tied_weights");
  const auto &payloads = archive->program().payloads;
  CHECK(payloads.at("embed.weight").bytes.data() == payloads.at("head.weight").bytes.data());
  CHECK(payloads.at("embed.weight").bytes.size() == 60);
}

TEST_CASE("bfloat16 weights are two bytes each") {
  auto archive = openFixture("bf16");
  const Payload &weight = archive->program().payloads.at("weight");
  CHECK(weight.meta.dtype == ScalarType::BFloat16);
  CHECK(valuesOf<uint16_t>(weight) == std::vector<uint16_t>{0x0000, 0x3f80, 0x4000, 0x4040}); // 0, 1, 2, 3
}

TEST_CASE("arguments of many kinds and a nested calling convention") {
  auto archive = openFixture("arguments");
  const ExportedProgram &program = archive->program();
  const std::vector<Node> &nodes = program.graph.nodes;
  CHECK(*nodes.at(0).inputs.at(2).arg.getIf<double>() == -INFINITY);
  CHECK(nodes.at(1).inputs.at(1).arg.getIf<ScalarTypeArg>()->type == ScalarType::Float32);
  CHECK(nodes.at(1).inputs.at(2).arg.getIf<Device>()->type == "cpu");
  CHECK(nodes.at(1).inputs.at(3).arg.getIf<LayoutArg>()->code == 7);
  CHECK(nodes.at(1).outputs.empty());
  CHECK(nodes.at(3).outputs.at(0).getIf<std::vector<TensorRef>>()->size() == 2);
  CHECK(nodes.at(4).outputs.size() == 2);
  const auto *indices = nodes.at(7).inputs.at(1).arg.getIf<OptionalTensorRefs>();
  REQUIRE(indices);
  CHECK_FALSE(indices->at(0));
  CHECK(indices->at(1)->name == "detach_");
  CHECK(program.inputSpecs.at(0).kind == InputSpec::Kind::TensorConstant);
  CHECK(program.outputSpecs.at(3).arg.isNone());
  CHECK(program.forwardArgNames == Strings{"pair", "options"});
  const TreeSpec &keywords = program.inSpec->children.at(1);
  CHECK(keywords.type == "builtins.dict");
  CHECK(keywords.context == R"(["options"])");
  CHECK(program.outSpec->children.at(1).type == "builtins.list");
}
