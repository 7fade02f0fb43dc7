//===- CompileCommand.cpp - tenon compile -----------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/pipeline/Pipeline.h"
#include "tools/tenon/Commands.h"
#include "tools/tenon/CompileBatch.h"
#include "tools/tenon/GuardedCompilation.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <memory>

using namespace tenon;
using namespace tenon::tools;

namespace {
struct CompileArguments {
  std::string model, output, weights = "embed", emit = "so";
  bool tune = false, batch = false;
  unsigned jobs = 0;
  CompileOptions options;
};
} // namespace

// The folder of the runtime belongs to the tool: bin/tenon and lib/tenon are neighbours.
static std::string tenonDir() {
  static int address;
  std::string program = llvm::sys::fs::getMainExecutable("tenon", &address);
  llvm::SmallString<256> folder(llvm::sys::path::parent_path(llvm::sys::path::parent_path(program)));
  llvm::sys::path::append(folder, "lib", "tenon");
  return folder.str().str();
}

static int report(const CompileOutcome &outcome) {
  if (outcome.exitCode != 0)
    llvm::errs() << "tenon: " << outcome.message << "\n";
  return outcome.exitCode;
}

// What the command line's grammar accepts and the compiler does not do: options that contradict each other or are not built yet.
static std::string misuseOf(const CompileArguments &arguments) {
  bool namesFiles = !arguments.model.empty() || !arguments.output.empty();
  if (arguments.batch && namesFiles)
    return "--batch takes models and outputs from standard input; leave MODEL.pt2 and -o out";
  if (!arguments.batch && (arguments.model.empty() || arguments.output.empty()))
    return "a model and an output are required; give MODEL.pt2 and -o MODEL.so";
  if (arguments.tune)
    return "--tune is not built yet; leave it out";
  return "";
}

static int compile(CompileArguments &arguments) {
  static const std::map<std::string, EmitStage> stages = {{"mlir", EmitStage::Mlir},
                                                          {"llvm", EmitStage::Llvm},
                                                          {"asm", EmitStage::Assembly},
                                                          {"cpp", EmitStage::Cpp},
                                                          {"so", EmitStage::SharedObject}};
  if (std::string misuse = misuseOf(arguments); !misuse.empty())
    return report({static_cast<int>(FailureKind::BadInput), misuse});
  arguments.options.emit = stages.at(arguments.emit);
  arguments.options.weightsInOwnFile = arguments.weights == "file";
  arguments.options.tenonDir = tenonDir();
  if (arguments.batch)
    return compileBatch(arguments.options, arguments.jobs);
  return report(compileGuarded(arguments.model, arguments.output, arguments.options));
}

void tenon::tools::addCompileCommand(CLI::App &app, int &exitCode) {
  auto arguments = std::make_shared<CompileArguments>();
  CompileOptions &options = arguments->options;
  CLI::App *command = app.add_subcommand("compile", "compile MODEL.pt2 to a shared object");
  command->add_option("model", arguments->model, "the archive that torch.export.save wrote");
  command->add_option("-o,--output", arguments->output, "the file to write");
  command->add_option("--target", options.target, "host, x86_64 or aarch64")
      ->check(CLI::IsMember({"host", "x86_64", "aarch64"}));
  command->add_option("--cpu", options.cpu, "native, generic or a CPU's name");
  command->add_option("--threads-hint", options.threadsHint, "threads a run will mostly have")
      ->check(CLI::PositiveNumber);
  command->add_option("--precision", options.precision, "types that f32 values are kept in")
      ->check(CLI::IsMember({"model", "f32", "bf16", "f16"}));
  command->add_option("--numerics", options.numerics, "strict or fast")->check(CLI::IsMember({"strict", "fast"}));
  command->add_option("--weights", arguments->weights, "embed them or write MODEL.weights")
      ->check(CLI::IsMember({"embed", "file"}));
  command->add_flag("--tune", arguments->tune, "choose library calls by measuring");
  command->add_option("--save-ir", options.saveIrDir, "write every stage's IR to this folder");
  command->add_option("--emit", arguments->emit, "what to write: mlir, llvm, asm, cpp or so")
      ->check(CLI::IsMember({"mlir", "llvm", "asm", "cpp", "so"}));
  command->add_flag("--explain", options.explain, "say what was fused or not, and why");
  command->add_flag("-v,--verbose", options.verbose, "say what is being done and how long it takes");
  command->add_flag("--batch", arguments->batch,
                    "compile every 'MODEL.pt2<tab>MODEL.so' of standard input, and write a line of JSON for each");
  command->add_option("--jobs", arguments->jobs, "with --batch: models compiled at once, one per core by default")
      ->check(CLI::PositiveNumber);
  command->callback([arguments, &exitCode] { exitCode = compile(*arguments); });
}
