//===- ProgressLine.h - what a compilation shows ------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_PROGRESSLINE_H
#define TENON_TOOLS_PROGRESSLINE_H

#include "compiler/pipeline/Pipeline.h"

#include <chrono>

namespace tenon::tools {

/// One line on a terminal's standard error, rewritten as the compilation goes on; nothing where standard error is no
/// terminal. With `verbose` one line per stage and pass instead, everywhere. Decisions (--explain) go to standard output.
class ProgressLine : public ProgressSink {
public:
  explicit ProgressLine(bool verbose);

  void stageBegins(llvm::StringRef stage, unsigned index, unsigned count) override;
  void kernelsDone(int64_t done, int64_t total) override;
  void timed(llvm::StringRef line) override;
  void warned(llvm::StringRef line) override;
  void explained(llvm::StringRef line) override;
  /// Removes the line; with `verbose`, says whether the compilation `isDone` or failed.
  void end(bool isDone);

private:
  void show(const std::string &text);
  double seconds() const;

  bool verbose, isTerminal;
  std::string stage;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

} // namespace tenon::tools

#endif // TENON_TOOLS_PROGRESSLINE_H
