//===- CompileBatch.cpp - many compilations by one process ----------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// What does not depend on the model is done once: loading the program, registering dialects, asking the driver how to
// link. Models are then compiled by forks of this process, each one model at a time; a fork that a model crashes is
// replaced. Forks end with this process, and it ends when nobody reads its answers: a compilation that hangs does not
// outlive whoever gave up waiting for it.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/CompileBatch.h"

#include "tools/tenon/CompileWorker.h"

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
    while (isHeard && (!lines.hasEnded() || numCompiling() > 0)) {
      while (numCompiling() < numJobs && lines.hasLine())
        start(lines.take());
      if (!lines.hasEnded() || numCompiling() > 0)
        waitForNews();
    }
    return exitCode;
  }

private:
  size_t numCompiling() const {
    return static_cast<size_t>(llvm::count_if(workers, [](auto &worker) { return worker->isCompiling(); }));
  }

  CompileWorker &idleWorker() {
    auto idle = llvm::find_if(workers, [](auto &worker) { return worker->isIdle(); });
    return idle != workers.end() ? **idle : *workers.emplace_back(std::make_unique<CompileWorker>(options));
  }

  void start(const std::string &line) {
    auto [model, output] = llvm::StringRef(line).split('\t');
    if (!model.empty() && !output.empty())
      return idleWorker().start(model.str(), output.str());
    exitCode = static_cast<int>(FailureKind::BadInput);
    answer(model, output, {exitCode, "the line has no two paths; write MODEL.pt2, a tab and MODEL.so"});
  }

  // Until a compilation has ended or, where one more may start, lines have come; or until nobody reads the answers.
  void waitForNews() {
    auto stillborn = llvm::find_if(workers, [](auto &worker) { return worker->isCompiling() && worker->descriptor() < 0; });
    if (stillborn != workers.end()) // poll() would never tell
      return finish(static_cast<size_t>(stillborn - workers.begin()));
    std::vector<pollfd> sources;
    for (auto &worker : workers)
      sources.push_back({worker->isCompiling() ? worker->descriptor() : -1, POLLIN, 0}); // poll() passes over -1
    bool wantsLines = numCompiling() < numJobs && !lines.hasEnded();
    sources.push_back({wantsLines ? STDIN_FILENO : -1, POLLIN, 0});
    sources.push_back({STDOUT_FILENO, 0, 0});
    if (::poll(sources.data(), sources.size(), -1) < 0)
      return;
    isHeard = (sources.back().revents & POLLERR) == 0;
    if (sources[workers.size()].revents)
      lines.read();
    for (size_t i = workers.size(); i-- > 0;)
      if (sources[i].revents)
        finish(i);
  }

  void finish(size_t index) {
    CompileWorker &worker = *workers[index];
    std::string model = worker.model(), output = worker.output();
    answer(model, output, worker.wait());
    if (!worker.isIdle())
      workers.erase(workers.begin() + static_cast<ptrdiff_t>(index));
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
  std::vector<std::unique_ptr<CompileWorker>> workers;
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
