//===- Inspect.cpp - what is in an archive ------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/pipeline/Inspect.h"

#include "compiler/frontend/archive/Archive.h"
#include "compiler/pipeline/CompileErrors.h"

#include "llvm/Support/Path.h"

#include <map>
#include <set>

using namespace llvm;

namespace tenon {

static json::Value describeDims(const std::vector<frontend::SymInt> &sizes) {
  json::Array dims;
  for (const frontend::SymInt &size : sizes)
    if (size.isStatic())
      dims.push_back(size.staticValue());
    else
      dims.push_back(size.expr().toString());
  return dims;
}

// A user input or output by the name of its value; a symbolic integer is a tensor of rank 0.
static json::Object describeValue(const frontend::Graph &graph, const std::string &name) {
  auto meta = graph.tensorValues.find(name);
  bool isTensor = meta != graph.tensorValues.end();
  return json::Object{{"name", json::fixUTF8(name)},
                      {"dtype", isTensor ? frontend::scalarTypeName(meta->second.dtype) : "int64"},
                      {"shape", isTensor ? describeDims(meta->second.sizes) : json::Array()}};
}

// The name of the value behind an argument; empty for a constant.
static std::string valueName(const frontend::Argument &argument) {
  if (auto *tensor = argument.getIf<frontend::TensorRef>())
    return tensor->name;
  if (auto *symbol = argument.getIf<frontend::SymIntArg>())
    return symbol->isName() ? symbol->name() : "";
  return "";
}

static json::Array describeInputs(const frontend::ExportedProgram &program) {
  json::Array inputs;
  for (const frontend::InputSpec &spec : program.inputSpecs)
    if (spec.kind == frontend::InputSpec::Kind::UserInput && !spec.argName.empty() &&
        (program.graph.tensorValues.contains(spec.argName) || program.graph.symIntValues.contains(spec.argName)))
      inputs.push_back(describeValue(program.graph, spec.argName));
  return inputs;
}

static json::Array describeOutputs(const frontend::ExportedProgram &program) {
  json::Array outputs;
  for (const frontend::OutputSpec &spec : program.outputSpecs)
    if (std::string name = valueName(spec.arg); spec.kind == frontend::OutputSpec::Kind::UserOutput && !name.empty())
      outputs.push_back(describeValue(program.graph, name));
  return outputs;
}

static json::Array describeSymbols(const frontend::ExportedProgram &program) {
  json::Array symbols;
  for (auto &[name, range] : program.symbolRanges)
    symbols.push_back(json::Object{{"name", json::fixUTF8(name)},
                                   {"min", range.min ? json::Value(*range.min) : json::Value(nullptr)},
                                   {"max", range.max ? json::Value(*range.max) : json::Value(nullptr)}});
  return symbols;
}

static json::Object describeOps(const frontend::ExportedProgram &program) {
  std::map<std::string, int64_t> counts;
  for (const frontend::Node &node : program.graph.nodes)
    ++counts[node.target];
  json::Object ops;
  for (auto &[target, count] : counts)
    ops[json::fixUTF8(target)] = count;
  return ops;
}

// Tied weights share a record, and count once.
static int64_t weightsBytes(const frontend::ExportedProgram &program) {
  std::set<std::string> records;
  int64_t bytes = 0;
  for (auto &[name, payload] : program.payloads)
    if (records.insert(payload.record).second)
      bytes += static_cast<int64_t>(payload.bytes.size());
  return bytes;
}

Expected<json::Value> describeArchive(const std::string &path) {
  auto archive = frontend::Archive::open(path);
  if (!archive)
    return asCompileError(archive.takeError(), FailureKind::BadInput);
  const frontend::ExportedProgram &program = (*archive)->program();
  return json::Object{{"kind", "archive"},
                      {"name", json::fixUTF8(sys::path::stem(path))}, // as compiled models are named
                      {"torch_version", json::fixUTF8(program.torchVersion)},
                      {"inputs", describeInputs(program)},
                      {"outputs", describeOutputs(program)},
                      {"symbols", describeSymbols(program)},
                      {"nodes", static_cast<int64_t>(program.graph.nodes.size())},
                      {"ops", describeOps(program)},
                      {"weights_bytes", weightsBytes(program)}};
}

} // namespace tenon
