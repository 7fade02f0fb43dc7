//===- ProgressLine.cpp - what a compilation shows ------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/ProgressLine.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

namespace tenon::tools {

ProgressLine::ProgressLine(bool verbose) : verbose(verbose), isTerminal(::isatty(STDERR_FILENO)) {}

double ProgressLine::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void ProgressLine::show(const std::string &text) {
  std::string timed = llvm::formatv("{0} ({1:f1} s)", text, seconds());
  if (verbose)
    llvm::errs() << timed + "\n"; // one write: a crash leaves no half line
  else if (isTerminal)
    llvm::errs() << "\r\033[K" << timed;
}

void ProgressLine::stageBegins(llvm::StringRef name, unsigned index, unsigned count) {
  stage = llvm::formatv("[{0}/{1}] {2}", index + 1, count, name);
  show(stage);
}

void ProgressLine::kernelsDone(int64_t done, int64_t total) {
  show(llvm::formatv("{0}: {1} of {2} kernels", stage, done, total));
}

void ProgressLine::timed(llvm::StringRef line) {
  if (verbose)
    llvm::errs() << line << "\n";
}

void ProgressLine::warned(llvm::StringRef line) {
  llvm::errs() << (isTerminal && !verbose ? "\r\033[K" : "") << "tenon: warning: " << line << "\n";
}

void ProgressLine::explained(llvm::StringRef line) { llvm::outs() << line << "\n"; }

void ProgressLine::end(bool isDone) {
  if (verbose)
    llvm::errs() << llvm::formatv("{0} ({1:f1} s)\n", isDone ? "done" : "failed", seconds());
  else if (isTerminal)
    llvm::errs() << "\r\033[K";
}

} // namespace tenon::tools
