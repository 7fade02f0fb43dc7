//===- SmallArchive.cpp - a small .pt2 archive to damage ----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "test/archive/SmallArchive.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/mman.h>
#include <unistd.h>

namespace tenon::test {

using nlohmann::json;

json tensorMeta(int dtype, std::vector<int64_t> sizes) {
  json sizesJson = json::array(), strides = json::array();
  int64_t stride = 1;
  for (size_t i = sizes.size(); i-- > 0; stride *= sizes[i])
    strides.insert(strides.begin(), json{{"as_int", stride}});
  for (int64_t size : sizes)
    sizesJson.push_back({{"as_int", size}});
  return {{"dtype", dtype},
          {"sizes", sizesJson},
          {"requires_grad", false},
          {"device", {{"type", "cpu"}, {"index", nullptr}}},
          {"strides", strides},
          {"storage_offset", {{"as_int", 0}}},
          {"layout", 7}};
}

static json tensor(const char *name) { return {{"as_tensor", {{"name", name}}}}; }

static json node(const char *target, const char *name, json inputs) {
  return {{"target", target},
          {"inputs", std::move(inputs)},
          {"outputs", json::array({tensor(name)})},
          {"metadata", {{"stack_trace", "File \"model.py\", line 3"}, {"nn_module_stack", "a,b,c"}}},
          {"is_hop_single_tensor_return", nullptr},
          {"name", name}};
}

static json input(const char *name, const char *value) { return {{"name", name}, {"arg", tensor(value)}, {"kind", 1}}; }

SmallArchive::SmallArchive() : weight("\0\0\x80\x3f\0\0\0\x40", 8) {
  json metas;
  for (const char *name : {"p_w", "x", "add", "relu"})
    metas[name] = tensorMeta(7, {2});
  json graph = {{"inputs", {tensor("p_w"), tensor("x")}},
                {"outputs", json::array({tensor("relu")})},
                {"nodes",
                 {node("torch.ops.aten.add.Tensor", "add", {input("self", "x"), input("other", "p_w")}),
                  node("torch.ops.aten.relu.default", "relu", json::array({input("self", "add")}))}},
                {"tensor_values", metas},
                {"sym_int_values", json::object()},
                {"sym_bool_values", json::object()},
                {"sym_float_values", json::object()},
                {"custom_obj_values", json::object()},
                {"is_single_tensor_return", false}};
  json signature = {{"input_specs",
                     {{{"parameter", {{"arg", {{"name", "p_w"}}}, {"parameter_name", "w"}}}},
                      {{"user_input", {{"arg", tensor("x")}}}}}},
                    {"output_specs", json::array({{{"user_output", {{"arg", tensor("relu")}}}}})}};
  const char *leaf = R"([1, {"type": null, "context": null, "children_spec": []}])";
  json call = {{"inputs", json::array()},
               {"outputs", json::array()},
               {"in_spec", leaf},
               {"out_spec", leaf},
               {"forward_arg_names", json::array({"x"})}};
  program = {{"graph_module",
              {{"graph", graph},
               {"signature", signature},
               {"module_call_graph", json::array({{{"fqn", ""}, {"signature", call}}})},
               {"metadata", json::object()}}},
             {"opset_version", {{"aten", 10}}},
             {"range_constraints", {{"s0", {{"min_val", 2}, {"max_val", nullptr}}}}},
             {"schema_version", {{"major", 8}, {"minor", 20}}},
             {"verifiers", json::array({"TRAINING"})},
             {"torch_version", "2.14.1"},
             {"guards_code", json::array()}};
  weights["config"]["w"] = {
      {"path_name", "weight_0"}, {"is_param", true}, {"use_pickle", false}, {"tensor_meta", tensorMeta(7, {2})}};
  constants["config"] = json::object();
}

ZipMembers SmallArchive::membersWithProgramText(std::string programText) const {
  return {{"m/data/weights/weight_0", weight},
          {"m/data/weights/model_weights_config.json", weights.dump()},
          {"m/data/constants/model_constants_config.json", constants.dump()},
          {"m/models/model.json", std::move(programText)},
          {"m/data/sample_inputs/model.pt", "a pickle that nobody opens"},
          {"m/archive_format", "pt2"},
          {"m/archive_version", "0"},
          {"m/byteorder", "little"}};
}

ZipMembers SmallArchive::members() const { return membersWithProgramText(program.dump()); }

Opened openBytes(const std::string &bytes) {
  // A file in memory: the tests of single bits open a hundred thousand.
  int file = ::memfd_create("archive", MFD_CLOEXEC);
  REQUIRE(file >= 0);
  REQUIRE(::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  std::string path = "/proc/self/fd/" + std::to_string(file);
  llvm::Expected<std::unique_ptr<frontend::Archive>> archive = frontend::Archive::open(path);
  ::close(file);
  if (archive)
    return {std::move(*archive), ""};
  llvm::Error error = archive.takeError();
  REQUIRE(error.isA<frontend::BadInputError>());
  std::string message = llvm::toString(std::move(error));
  REQUIRE(message.starts_with(path + ": "));
  return {nullptr, "FILE" + message.substr(path.size())};
}

Opened openMembers(const ZipMembers &members) { return openBytes(writeZip(members).bytes); }
Opened open(const SmallArchive &archive) { return openMembers(archive.members()); }

std::unique_ptr<frontend::Archive> openFixture(const std::string &name) {
  llvm::Expected<std::unique_ptr<frontend::Archive>> archive =
      frontend::Archive::open(std::string(TENON_FIXTURES) + "/" + name + ".pt2");
  if (!archive)
    FAIL(llvm::toString(archive.takeError()));
  return std::move(*archive);
}

} // namespace tenon::test
