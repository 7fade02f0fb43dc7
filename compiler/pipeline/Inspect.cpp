//===- Inspect.cpp - what is in a file ------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/pipeline/Inspect.h"

#include "compiler/codegen/wrapper/SelfDescription.h"
#include "compiler/frontend/archive/Archive.h"
#include "compiler/pipeline/CompileErrors.h"

#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

#include <nlohmann/json.hpp>

#include <map>
#include <set>

using namespace llvm;

namespace tenon {

static Error badFile(const std::string &path, const Twine &sentence) {
  return compileError(FailureKind::BadInput, "'" + path + "' " + sentence);
}

//===--- compiled models ---------------------------------------------------------------------------------------------===//

// The text of the section that the wrapper fills; empty where the file has none.
static Expected<std::string> selfDescriptionOf(const std::string &path) {
  auto file = object::ObjectFile::createObjectFile(path);
  if (!file) {
    consumeError(file.takeError());
    return badFile(path, "is a damaged ELF file; copy it again or compile again");
  }
  for (const object::SectionRef &section : file->getBinary()->sections()) {
    Expected<StringRef> name = section.getName();
    if (!name || *name != selfDescriptionSection) {
      consumeError(name.takeError());
      continue;
    }
    Expected<StringRef> contents = section.getContents();
    if (contents)
      return contents->take_until([](char c) { return c == 0; }).str();
    consumeError(contents.takeError());
  }
  return badFile(path, "is no model that Tenon compiled; give a file of 'tenon compile'");
}

// nlohmann's parser checks, LLVM's then builds the value: the text of a stranger's file may nest without end, which only
// the former survives.
static Expected<json::Value> parseDescription(const std::string &path, const std::string &text) {
  auto tooDeep = [](int depth, nlohmann::json::parse_event_t, nlohmann::json &) {
    if (depth > 16)
      throw std::length_error("nested too deeply");
    return true;
  };
  try {
    if (!nlohmann::json::parse(text, tooDeep).is_object())
      return badFile(path, "has a damaged description; compile again");
  } catch (const std::exception &) {
    return badFile(path, "has a damaged description; compile again");
  }
  return cantFail(json::parse(text));
}

//===--- archives ----------------------------------------------------------------------------------------------------===//

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

static Expected<json::Value> describeArchive(const std::string &path) {
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

Expected<json::Value> inspectFile(const std::string &path) {
  file_magic magic;
  if (std::error_code code = identify_magic(path, magic))
    return badFile(path, "cannot be read (" + code.message() + ")");
  if (magic != file_magic::elf_shared_object)
    return describeArchive(path);
  Expected<std::string> text = selfDescriptionOf(path);
  if (!text)
    return text.takeError();
  return parseDescription(path, *text);
}

//===--- for people --------------------------------------------------------------------------------------------------===//

static std::string plain(const json::Value &value) {
  if (std::optional<StringRef> text = value.getAsString())
    return text->str();
  if (value.getAsNull())
    return "unbounded";
  return formatv("{0}", value).str();
}

static void printTensors(const json::Object &object, StringRef key, raw_ostream &os) {
  const json::Array *tensors = object.getArray(key);
  if (!tensors)
    return;
  os << key << ":\n";
  for (const json::Value &entry : *tensors) {
    const json::Object *tensor = entry.getAsObject();
    if (!tensor)
      continue;
    os << "  " << tensor->getString("name").value_or("") << ": " << tensor->getString("dtype").value_or("") << " [";
    ListSeparator comma;
    if (const json::Array *shape = tensor->getArray("shape"))
      for (const json::Value &dim : *shape)
        os << comma << plain(dim);
    os << "]\n";
  }
}

static void printSymbols(const json::Object &object, raw_ostream &os) {
  const json::Array *symbols = object.getArray("symbols");
  if (!symbols || symbols->empty())
    return;
  os << "symbols:\n";
  for (const json::Value &entry : *symbols)
    if (const json::Object *symbol = entry.getAsObject(); symbol && symbol->get("min") && symbol->get("max"))
      os << "  " << symbol->getString("name").value_or("") << ": " << plain(*symbol->get("min")) << " to "
         << plain(*symbol->get("max")) << "\n";
}

void printDescription(const json::Value &description, raw_ostream &os) {
  const json::Object *object = description.getAsObject();
  if (!object)
    return;
  for (StringRef key : {"kind", "name", "tenon_version", "torch_version", "target", "cpu", "features", "precision",
                        "numerics", "nodes", "kernels", "library_calls", "weights_bytes", "state_bytes"})
    if (const json::Value *value = object->get(key))
      os << key << ": " << plain(*value) << "\n";
  printTensors(*object, "inputs", os);
  printTensors(*object, "outputs", os);
  printSymbols(*object, os);
  if (const json::Object *ops = object->getObject("ops")) {
    os << "ops:\n";
    for (const auto &entry : *ops)
      os << "  " << entry.first << ": " << plain(entry.second) << "\n";
  }
}

} // namespace tenon
