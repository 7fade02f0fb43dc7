//===- GuardedCompilation.h - a compilation that always comes back -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_GUARDEDCOMPILATION_H
#define TENON_TOOLS_GUARDEDCOMPILATION_H

#include "compiler/pipeline/Pipeline.h"
#include "tools/tenon/CrashGuard.h"

#include <string>

namespace tenon::tools {

/// How a compilation ended: an exit code of DESIGN.md 5.1 and, unless that is 0, what to say about it.
struct CompileOutcome {
  int exitCode = 0;
  std::string message;
};

CompileOutcome outcomeOf(llvm::Error error);

/// What a compiling process leaves for the one that waits for it: where it is, what IR it works on, what it has to say.
class CompilationNotes {
public:
  /// Compiles; returns the exit code. For the compiling process.
  int compile(const std::string &model, const std::string &output, const CompileOptions &options) const;
  /// How the compilation of `model` ended. For the waiting process.
  CompileOutcome outcome(const GuardedEnd &end, const std::string &model) const;

private:
  SharedNote stage, ir, message;
};

/// Compiles in a process of its own. A crash of it is an outcome like any other.
CompileOutcome compileGuarded(const std::string &model, const std::string &output, const CompileOptions &options);

} // namespace tenon::tools

#endif // TENON_TOOLS_GUARDEDCOMPILATION_H
