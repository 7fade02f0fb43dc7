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

/// One compilation in a process of its own, started by the constructor. A crash of it is an outcome like any other.
class GuardedCompilation {
public:
  GuardedCompilation(std::string model, std::string output, const CompileOptions &options);

  /// Becomes readable when the compilation has ended, for poll().
  int descriptor() const { return work.descriptor(); }
  /// Waits for the end. To be called once.
  CompileOutcome wait();

  const std::string model, output;

private:
  int compile(const CompileOptions &options) const;
  CompileOutcome crashed(const std::string &crash) const;

  SharedNote stage, ir; ///< where it is and what IR it works on, for the case that it does not come back
  SharedNote message;
  GuardedWork work;
};

} // namespace tenon::tools

#endif // TENON_TOOLS_GUARDEDCOMPILATION_H
