//===- CompileWorker.h - a process that compiles one model after another ------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_COMPILEWORKER_H
#define TENON_TOOLS_COMPILEWORKER_H

#include "tools/tenon/GuardedCompilation.h"

#include <optional>

namespace tenon::tools {

/// A child process that compiles models one after another: what the first needs of LLVM's pages and tables, the next
/// find. A crash is the outcome of the model that caused it; after it the worker is of no more use. It ends with this
/// process.
class CompileWorker {
public:
  explicit CompileWorker(const CompileOptions &options);
  ~CompileWorker();
  CompileWorker(const CompileWorker &) = delete;

  /// To be called where isIdle().
  void start(std::string model, std::string output);
  bool isIdle() const { return !isOver && currentModel.empty(); }
  bool isCompiling() const { return !currentModel.empty(); }

  /// Becomes readable when the compilation has ended, for poll().
  int descriptor() const { return socket; }
  /// Waits for the end of the compilation; then the worker is idle, or of no more use. To be called where
  /// isCompiling().
  CompileOutcome wait();

  const std::string &model() const { return currentModel; }
  const std::string &output() const { return currentOutput; }

private:
  int serve(const CompileOptions &options, int itsSocket) const;

  CompilationNotes notes;
  int socket = -1; ///< to the child: requests go, exit codes come; its end is the child's end
  std::optional<GuardedWork> work;
  bool isOver = false;
  std::string currentModel, currentOutput;
};

} // namespace tenon::tools

#endif // TENON_TOOLS_COMPILEWORKER_H
