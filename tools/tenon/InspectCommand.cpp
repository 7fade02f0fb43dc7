//===- InspectCommand.cpp - tenon inspect -----------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Reads files and never loads them: a model for another architecture, or of doubtful origin, can be looked at.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/pipeline/CompileErrors.h"
#include "compiler/pipeline/Inspect.h"
#include "tools/tenon/Commands.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>

using namespace tenon;

static int inspect(const std::string &path, bool asJson) {
  auto description = inspectFile(path);
  if (!description) {
    int code = static_cast<int>(FailureKind::BadInput);
    llvm::handleAllErrors(description.takeError(), [&](const CompileError &error) {
      llvm::errs() << "tenon: " << error.sentence << "\n";
      code = static_cast<int>(error.kind);
    });
    return code;
  }
  if (asJson)
    llvm::outs() << llvm::formatv("{0:2}\n", *description);
  else
    printDescription(*description, llvm::outs());
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
