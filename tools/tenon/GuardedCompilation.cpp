//===- GuardedCompilation.cpp - a compilation that always comes back ------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/GuardedCompilation.h"

#include "tools/tenon/ProgressLine.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

namespace tenon::tools {

namespace {
/// Notes where the compilation is.
class NotingProgress : public ProgressLine {
public:
  NotingProgress(bool verbose, const SharedNote &stage, const SharedNote &ir)
      : ProgressLine(verbose), stageNote(stage), irNote(ir) {}
  void stageBegins(llvm::StringRef stage, unsigned index, unsigned count) override {
    stageNote.write(stage.str());
    ProgressLine::stageBegins(stage, index, count);
  }
  void passesBegin(llvm::StringRef ir) override { irNote.write(ir.str()); }

private:
  const SharedNote &stageNote, &irNote;
};
} // namespace

CompileOutcome outcomeOf(llvm::Error error) {
  CompileOutcome outcome;
  llvm::handleAllErrors(std::move(error), [&](const CompileError &failure) {
    outcome = {static_cast<int>(failure.kind), failure.sentence};
  });
  return outcome;
}

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

static CompileOutcome crashed(const std::string &crash, const std::string &stage, const std::string &reproducer) {
  ProgressLine(/*verbose=*/false).end(/*isDone=*/false); // the child's line is still there
  return outcomeOf(compileError(FailureKind::Internal, "stage '" + stage + "': the compiler crashed (" + crash +
                                                           "); please report this with '" + reproducer + "'"));
}

int CompilationNotes::compile(const std::string &model, const std::string &output,
                              const CompileOptions &options) const {
  stage.write("start");
  ir.write("");
  NotingProgress progress(options.verbose, stage, ir);
  llvm::Error error = compileModel(model, output, options, progress);
  progress.end(!error);
  CompileOutcome outcome = outcomeOf(std::move(error));
  message.write(outcome.message);
  llvm::outs().flush();
  return outcome.exitCode;
}

CompileOutcome CompilationNotes::outcome(const GuardedEnd &end, const std::string &model) const {
  if (end.crash.empty())
    return {end.exitCode, message.read()};
  std::string where = stage.read();
  return crashed(end.crash, where, writeReproducer(where, ir.read(), model));
}

CompileOutcome compileGuarded(const std::string &model, const std::string &output, const CompileOptions &options) {
  CompilationNotes notes;
  return notes.outcome(runGuarded([&] { return notes.compile(model, output, options); }), model);
}

} // namespace tenon::tools
