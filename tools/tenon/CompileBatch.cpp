//===- CompileBatch.cpp - many compilations by one process ----------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// What does not depend on the model is done once: loading the program, registering dialects, asking the driver how to link.
// Each model is then compiled by a fork of this process, so that none can harm the next. Forks end with this process, and it
// ends when nobody reads its answers: a compilation that hangs does not outlive whoever gave up waiting for it.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/CompileBatch.h"

#include "tools/tenon/GuardedCompilation.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/Threading.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <memory>
#include <optional>
#include <poll.h>
#include <unistd.h>

using namespace tenon;
using namespace tenon::tools;

namespace {

/// Lines of standard input, as they come.
class InputLines {
public:
  bool hasLine() const { return pending.find('\n') != std::string::npos; }
  bool hasEnded() const { return ended && pending.empty(); }

  /// Takes in what there is; waits where there is nothing.
  void read() {
    char bytes[1 << 16];
    ssize_t count = ::read(STDIN_FILENO, bytes, sizeof(bytes));
    if (count > 0)
      pending.append(bytes, static_cast<size_t>(count));
    else if (count == 0 || errno != EINTR)
      end();
  }
  std::string take() {
    size_t length = pending.find('\n');
    std::string line = pending.substr(0, length);
    pending.erase(0, length + 1);
    return line;
  }

private:
  void end() {
    ended = true;
    if (!pending.empty() && pending.back() != '\n')
      pending += '\n';
  }
  std::string pending;
  bool ended = false;
};

class Batch {
public:
  Batch(const CompileOptions &options, size_t numJobs) : options(options), numJobs(numJobs) {}

  int run() {
    while (isHeard && (!lines.hasEnded() || !running.empty())) {
      while (running.size() < numJobs && lines.hasLine())
        start(lines.take());
      if (!lines.hasEnded() || !running.empty())
        waitForNews();
    }
    return exitCode;
  }

private:
  void start(const std::string &line) {
    auto [model, output] = llvm::StringRef(line).split('\t');
    if (!model.empty() && !output.empty()) {
      running.push_back(std::make_unique<GuardedCompilation>(model.str(), output.str(), options));
      return;
    }
    exitCode = static_cast<int>(FailureKind::BadInput);
    answer(model, output, {exitCode, "the line has no two paths; write MODEL.pt2, a tab and MODEL.so"});
  }

  // Until a compilation has ended or, where one more may start, lines have come; or until nobody reads the answers.
  void waitForNews() {
    std::vector<pollfd> sources;
    for (auto &compilation : running) {
      if (compilation->descriptor() < 0) // an old kernel: one at a time
        return finish(sources.size());
      sources.push_back({compilation->descriptor(), POLLIN, 0});
    }
    bool wantsLines = running.size() < numJobs && !lines.hasEnded();
    if (wantsLines)
      sources.push_back({STDIN_FILENO, POLLIN, 0});
    sources.push_back({STDOUT_FILENO, 0, 0});
    if (::poll(sources.data(), sources.size(), -1) < 0)
      return;
    isHeard = (sources.back().revents & POLLERR) == 0;
    if (wantsLines && sources[running.size()].revents)
      lines.read();
    for (size_t i = running.size(); i-- > 0;)
      if (sources[i].revents)
        finish(i);
  }

  void finish(size_t index) {
    GuardedCompilation &compilation = *running[index];
    answer(compilation.model, compilation.output, compilation.wait());
    running.erase(running.begin() + static_cast<ptrdiff_t>(index));
  }

  static void answer(llvm::StringRef model, llvm::StringRef output, const CompileOutcome &outcome) {
    llvm::json::Object object{{"model", llvm::json::fixUTF8(model)},
                              {"output", llvm::json::fixUTF8(output)},
                              {"exit_code", outcome.exitCode},
                              {"message", llvm::json::fixUTF8(outcome.message)}};
    llvm::outs() << llvm::json::Value(std::move(object)) << "\n";
    llvm::outs().flush();
  }

  const CompileOptions &options;
  size_t numJobs;
  InputLines lines;
  std::vector<std::unique_ptr<GuardedCompilation>> running;
  int exitCode = 0;
  bool isHeard = true;
};

} // namespace

int tenon::tools::compileBatch(CompileOptions options, unsigned numJobs) {
  options.compilerThreads = 1; // models are compiled side by side instead
  if (llvm::Error error = prepareForMany(options)) {
    CompileOutcome outcome = outcomeOf(std::move(error));
    llvm::errs() << "tenon: " << outcome.message << "\n";
    return outcome.exitCode;
  }
  return Batch(options, numJobs ? numJobs : llvm::hardware_concurrency().compute_thread_count()).run();
}
