//===- InspectCommand.cpp - tenon inspect -----------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Reads files and never loads them: a model for another architecture, or of doubtful origin, can be looked at.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/Commands.h"
#include "tools/tenon/SelfDescription.h"

#ifdef TENON_WITH_COMPILER
#include "compiler/pipeline/CompileErrors.h"
#include "compiler/pipeline/Inspect.h"

#include "llvm/Support/FormatVariadic.h"
#endif

#include <iostream>
#include <memory>

using namespace tenon::tools;

static constexpr int badInput = 2;

#ifdef TENON_WITH_COMPILER
static nlohmann::json describeArchive(const std::string &path) {
  auto description = tenon::describeArchive(path);
  if (description)
    return nlohmann::json::parse(llvm::formatv("{0}", *description).str());
  std::string sentence;
  llvm::handleAllErrors(description.takeError(), [&](const tenon::CompileError &error) { sentence = error.sentence; });
  throw std::runtime_error(sentence);
}
#else
static nlohmann::json describeArchive(const std::string &path) {
  throw BadFile(path, "is no compiled model, and this tool was built without the compiler, which reads archives; give a .so");
}
#endif

static int inspect(const std::string &path, bool asJson) {
  try {
    nlohmann::json description = isElfFile(path) ? readSelfDescription(path) : describeArchive(path);
    if (asJson)
      std::cout << description.dump(2) << "\n";
    else
      printDescription(description, std::cout);
  } catch (const std::exception &error) {
    std::cerr << "tenon: " << error.what() << "\n";
    return badInput;
  }
  return 0;
}

// What scripts may rely on (tools/bench/demo.py does).
static constexpr const char *jsonKeys = R"(keys of --json, sizes in bytes; a "shape" holds numbers and names of symbols
  both kinds      kind ("archive" or "model"), name (the file's, when it was compiled), torch_version, weights_bytes,
                  inputs and outputs (lists of name, dtype, shape), symbols (list of name, min, max; null: unbounded)
  MODEL.pt2       nodes (how many the graph has), ops (target: how many nodes)
  MODEL.so        tenon_version, target, cpu, features, precision, numerics, kernels, library_calls (how many the model
                  has), state_bytes)";

void tenon::tools::addInspectCommand(CLI::App &app, int &exitCode) {
  struct Arguments {
    std::string path;
    bool asJson = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("inspect", "say what is in MODEL.pt2 or MODEL.so");
  command->add_option("file", arguments->path, "the archive or the compiled model")->required();
  command->add_flag("--json", arguments->asJson, "print one JSON object");
  command->footer(jsonKeys);
  command->callback([arguments, &exitCode] { exitCode = inspect(arguments->path, arguments->asJson); });
}
