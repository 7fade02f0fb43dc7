//===- CompileCommand.cpp - tenon compile -----------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/pipeline/Pipeline.h"
#include "tools/tenon/Commands.h"
#include "tools/tenon/CrashGuard.h"
#include "tools/tenon/ProgressLine.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <memory>

using namespace tenon;

namespace {
struct CompileArguments {
  std::string model, output, precision = "model", weights = "embed", emit = "so";
  bool tune = false;
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

static int report(llvm::Error error) {
  int code = static_cast<int>(FailureKind::Internal);
  llvm::handleAllErrors(std::move(error), [&](const CompileError &failure) {
    llvm::errs() << "tenon: " << failure.sentence << "\n";
    code = static_cast<int>(failure.kind);
  });
  return code;
}

// What the command line accepts already and the compiler does not do yet.
static std::string missingFeature(const CompileArguments &arguments) {
  if (arguments.precision != "model")
    return "--precision " + arguments.precision + " is not built yet; use --precision model, which keeps the model's types";
  if (arguments.tune)
    return "--tune is not built yet; leave it out";
  return "";
}

namespace {
/// Notes where the compilation is and what IR it works on, for the case that it does not come back.
class NotingProgress : public tools::ProgressLine {
public:
  NotingProgress(bool verbose, const tools::SharedNote &stage, const tools::SharedNote &ir)
      : ProgressLine(verbose), stageNote(stage), irNote(ir) {}
  void stageBegins(llvm::StringRef stage, unsigned index, unsigned count) override {
    stageNote.write(stage.str());
    ProgressLine::stageBegins(stage, index, count);
  }
  void passesBegin(llvm::StringRef ir) override { irNote.write(ir.str()); }

private:
  const tools::SharedNote &stageNote, &irNote;
};
} // namespace

// Writes the IR that the last passes began with to a new file; where there is none yet, the archive is the reproducer.
static std::string writeReproducer(const std::string &stage, const std::string &ir, const std::string &archive) {
  llvm::SmallString<128> path;
  int descriptor;
  if (ir.empty() || llvm::sys::fs::createTemporaryFile("tenon-reproducer-" + stage, "mlir", descriptor, path))
    return archive;
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  stream << ir;
  return path.str().str();
}

static int reportCrash(const std::string &crash, const std::string &stage, const std::string &ir,
                       const std::string &archive) {
  return report(compileError(FailureKind::Internal, "stage '" + (stage.empty() ? "start" : stage) +
                                                        "': the compiler crashed (" + crash + "); please report this with '" +
                                                        writeReproducer(stage, ir, archive) + "'"));
}

static int compile(CompileArguments &arguments) {
  static const std::map<std::string, EmitStage> stages = {{"mlir", EmitStage::Mlir},
                                                          {"llvm", EmitStage::Llvm},
                                                          {"asm", EmitStage::Assembly},
                                                          {"cpp", EmitStage::Cpp},
                                                          {"so", EmitStage::SharedObject}};
  if (std::string missing = missingFeature(arguments); !missing.empty())
    return report(compileError(FailureKind::BadInput, missing));
  arguments.options.emit = stages.at(arguments.emit);
  arguments.options.weightsInOwnFile = arguments.weights == "file";
  arguments.options.tenonDir = tenonDir();
  tools::SharedNote stage, ir;
  tools::GuardedEnd end = tools::runGuarded([&] {
    NotingProgress progress(arguments.options.verbose, stage, ir);
    llvm::Error error = compileModel(arguments.model, arguments.output, arguments.options, progress);
    progress.end(!error);
    int code = error ? report(std::move(error)) : 0;
    llvm::outs().flush();
    return code;
  });
  if (end.crash.empty())
    return end.exitCode;
  tools::ProgressLine(/*verbose=*/false).end(/*isDone=*/false); // the child's line is still there
  return reportCrash(end.crash, stage.read(), ir.read(), arguments.model);
}

void tenon::tools::addCompileCommand(CLI::App &app, int &exitCode) {
  auto arguments = std::make_shared<CompileArguments>();
  CompileOptions &options = arguments->options;
  CLI::App *command = app.add_subcommand("compile", "compile MODEL.pt2 to a shared object");
  command->add_option("model", arguments->model, "the archive that torch.export.save wrote")->required();
  command->add_option("-o,--output", arguments->output, "the file to write")->required();
  command->add_option("--target", options.target, "host, x86_64 or aarch64")
      ->check(CLI::IsMember({"host", "x86_64", "aarch64"}));
  command->add_option("--cpu", options.cpu, "native, generic or a CPU's name");
  command->add_option("--threads-hint", options.threadsHint, "threads a run will mostly have")
      ->check(CLI::PositiveNumber);
  command->add_option("--precision", arguments->precision, "types that values are kept in")
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
  command->callback([arguments, &exitCode] { exitCode = compile(*arguments); });
}
