//===- ProgramReader.cpp - the exported program from JSON ---------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/SchemaReaders.h"
#include "compiler/frontend/archive/SymExprParser.h"

#include "llvm/ADT/STLExtras.h"

namespace tenon::frontend {

namespace {

constexpr int64_t kSchemaMajor = 8;

int readSchemaMinor(JsonReader json) {
  int64_t major = json.field("major").integer(), minor = json.field("minor").integer();
  if (major != kSchemaMajor)
    json.fail("the schema version is " + llvm::Twine(major) + "." + llvm::Twine(minor) + ", supported is " +
              llvm::Twine(kSchemaMajor) + ".x; export with torch 2.9 to 2.14");
  if (minor < 0 || minor > 1'000'000)
    json.fail("the schema version is out of range");
  return static_cast<int>(minor);
}

Range readRange(JsonReader json) {
  Range range;
  if (auto min = json.find("min_val"))
    range.min = min->integer();
  if (auto max = json.find("max_val"))
    range.max = max->integer();
  if (range.min && range.max && *range.min > *range.max)
    json.fail("the range is empty");
  return range;
}

/// The ranges of plain symbols; those of derived expressions follow from them.
std::map<std::string, Range> readSymbolRanges(JsonReader json) {
  std::map<std::string, Range> ranges = json.map(readRange);
  std::erase_if(ranges, [](const auto &entry) {
    std::string fault;
    std::optional<SymExpr> expr = parseSymExpr(entry.first, fault);
    return !expr || expr->kind != SymExpr::Kind::Symbol;
  });
  return ranges;
}

void readCallingConvention(JsonReader moduleCalls, ExportedProgram &program) {
  struct Call {
    std::string module;
    std::optional<JsonReader> signature;
  };
  std::vector<Call> calls =
      moduleCalls.list([](JsonReader json) { return Call{json.field("fqn").string(), json.find("signature")}; });
  auto root = llvm::find_if(calls, [](const Call &call) { return call.module.empty() && call.signature; });
  if (root == calls.end())
    return;
  program.inSpec = readTreeSpec(root->signature->field("in_spec"));
  program.outSpec = readTreeSpec(root->signature->field("out_spec"));
  if (auto names = root->signature->find("forward_arg_names"))
    program.forwardArgNames = names->list([](JsonReader name) { return name.string(); });
}

bool readIsFunctional(JsonReader json) {
  bool isFunctional = false;
  for (const std::string &dialect : json.list([](JsonReader name) { return name.string(); })) {
    isFunctional |= dialect == "ATEN";
    if (dialect != "ATEN" && dialect != "TRAINING")
      json.fail("unknown dialect '" + dialect + "'; export with torch.export.export");
  }
  return isFunctional;
}

} // namespace

ExportedProgram readProgram(JsonReader json) {
  ExportedProgram program;
  program.schemaMinor = readSchemaMinor(json.field("schema_version"));
  if (json.failed())
    return program; // what follows may mean something else
  JsonReader graphModule = json.field("graph_module");
  program.graph = readGraph(graphModule.field("graph"));
  JsonReader signature = graphModule.field("signature");
  program.inputSpecs = signature.field("input_specs").list(readInputSpec);
  program.outputSpecs = signature.field("output_specs").list(readOutputSpec);
  readCallingConvention(graphModule.field("module_call_graph"), program);
  program.symbolRanges = readSymbolRanges(json.field("range_constraints"));
  if (auto verifiers = json.find("verifiers"))
    program.isFunctional = readIsFunctional(*verifiers);
  if (auto guards = json.find("guards_code"))
    program.guardsCode = guards->list([](JsonReader guard) { return guard.string(); });
  program.torchVersion = "<=2.4"; // the schema's default
  if (auto version = json.find("torch_version"))
    program.torchVersion = version->string();
  return program;
}

} // namespace tenon::frontend
