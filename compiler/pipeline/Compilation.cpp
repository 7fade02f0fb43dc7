//===- Compilation.cpp - the state of one compilation ---------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/pipeline/Compilation.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>

using namespace mlir;

namespace tenon {

Compilation::Compilation(llvm::StringRef path, llvm::StringRef output, const CompileOptions &options,
                         ProgressSink &progress)
    : path(path), output(output), options(options), progress(progress),
      context(options.compilerThreads == 1 ? MLIRContext::Threading::DISABLED : MLIRContext::Threading::ENABLED) {
  context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    handleDiagnostic(diagnostic);
    return success();
  });
  context.printOpOnDiagnostic(false);
}

//===--- diagnostics -------------------------------------------------------------------------------------------------===//

// "model.py:12", or "node 'add_3'"; empty for a location that says neither.
static std::string describeLocation(Location location) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    std::string place = describeLocation(name.getChildLoc());
    return "node '" + name.getName().str() + "'" + (place.empty() ? "" : " (" + place + ")");
  }
  if (auto file = dyn_cast<FileLineColLoc>(location))
    return (file.getFilename().getValue() + ":" + llvm::Twine(file.getLine())).str();
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (std::string place = describeLocation(part); !place.empty())
        return place;
  return "";
}

void Compilation::handleDiagnostic(Diagnostic &diagnostic) {
  std::string place = describeLocation(diagnostic.getLocation());
  std::string line = (place.empty() ? "" : place + ": ") + diagnostic.str();
  if (diagnostic.getSeverity() == DiagnosticSeverity::Remark) {
    if (options.explain)
      progress.explained(line);
  } else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning) {
    progress.warned(line);
  } else if (diagnostic.getSeverity() == DiagnosticSeverity::Error && diagnostics.empty()) {
    diagnostics = line; // the first is the cause
  }
}

std::string Compilation::takeDiagnostics() { return std::exchange(diagnostics, ""); }

//===--- passes ------------------------------------------------------------------------------------------------------===//

// A new file in the temporary directory for the IR before a failure.
static std::string reproducerPath(llvm::StringRef stage) {
  llvm::SmallString<128> path;
  int descriptor;
  if (llvm::sys::fs::createTemporaryFile("tenon-reproducer-" + stage, "mlir", descriptor, path))
    return "";
  llvm::sys::Process::SafelyCloseFileDescriptor(descriptor);
  return path.str().str();
}

namespace {
/// Reports how long each pass took, and remembers the one that failed.
struct PassObserver : PassInstrumentation {
  PassObserver(ProgressSink &progress, bool verbose, std::string &failed)
      : progress(progress), verbose(verbose), failed(failed) {}

  void runBeforePass(Pass *pass, Operation *op) override {
    if (isa<ModuleOp>(op))
      begin = std::chrono::steady_clock::now();
  }
  void runAfterPass(Pass *pass, Operation *op) override {
    if (!verbose || !isa<ModuleOp>(op))
      return;
    std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
    progress.timed(llvm::formatv("  {0,8:f1} ms  {1}", taken.count(), describe(pass)).str());
  }
  void runAfterPassFailed(Pass *pass, Operation *op) override {
    if (failed.empty())
      failed = describe(pass);
  }

private:
  // An adaptor that runs function passes has no argument; its printed pipeline has.
  static std::string describe(Pass *pass) {
    if (!pass->getArgument().empty())
      return pass->getArgument().str();
    std::string text;
    llvm::raw_string_ostream stream(text);
    pass->printAsTextualPipeline(stream);
    return text;
  }

  ProgressSink &progress;
  bool verbose;
  std::string &failed;
  std::chrono::steady_clock::time_point begin;
};
} // namespace

llvm::Error Compilation::runPasses(llvm::StringRef stage, ModuleOp module,
                                   llvm::function_ref<void(OpPassManager &)> addPasses) {
  PassManager passes(&context, ModuleOp::getOperationName(), OpPassManager::Nesting::Implicit);
  passes.enableVerifier(true);
  std::string failedPass, before;
  passes.addInstrumentation(std::make_unique<PassObserver>(progress, options.verbose, failedPass));
  addPasses(passes);
  llvm::raw_string_ostream stream(before);
  module.print(stream, OpPrintingFlags().enableDebugInfo());
  progress.passesBegin(before);
  if (succeeded(passes.run(module)))
    return llvm::Error::success();
  std::string reproducer = reproducerPath(stage), cause = takeDiagnostics();
  if (!reproducer.empty())
    llvm::consumeError(writeFileAtomically(reproducer, before));
  return compileError(FailureKind::Internal, "stage '" + stage + "', pass '" + failedPass + "': " +
                                                 (cause.empty() ? "the pass failed" : cause) +
                                                 "; please report this with '" + reproducer + "'");
}

//===--- intermediate files ------------------------------------------------------------------------------------------===//

llvm::Error Compilation::save(llvm::StringRef name, llvm::StringRef text) {
  if (options.saveIrDir.empty())
    return llvm::Error::success();
  if (std::error_code code = llvm::sys::fs::create_directories(options.saveIrDir))
    return compileError(FailureKind::BadInput,
                        "the folder '" + options.saveIrDir + "' cannot be made (" + code.message() + ")");
  std::string number = (stageNumber < 10 ? "0" : "") + std::to_string(stageNumber);
  std::string file = options.saveIrDir + "/" + number + "-" + name.str();
  return asCompileError(writeFileAtomically(file, text), FailureKind::BadInput);
}

llvm::Error Compilation::saveModule(llvm::StringRef stage) {
  if (options.saveIrDir.empty() || !module)
    return llvm::Error::success();
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  return save((stage + ".mlir").str(), text);
}

} // namespace tenon
