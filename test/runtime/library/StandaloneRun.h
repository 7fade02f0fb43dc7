//===- StandaloneRun.h - a run without a model -----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Takes the place of LoadedModel.cpp and RunContext.cpp in programs that call library ops directly: tests and benchmarks.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TEST_STANDALONERUN_H
#define TENON_TEST_STANDALONERUN_H

#include "runtime/src/RunContext.h"
#include "runtime/src/Generator.h"
#include "runtime/src/ThreadTeam.h"

#include <atomic>
#include <mutex>
#include <string>

namespace tenon {

class LoadedModel {
public:
  explicit LoadedModel(int numThreads) : team(numThreads, nullptr, nullptr) {}
  ~LoadedModel();

  /// Name of the implementation that `site` uses; "" where none was made yet.
  std::string implementation(int32_t site) const;
  static void setPreparing(RunContext &context, bool preparing) { context.preparing_ = preparing; }

  static constexpr int32_t maxSites = 64;
  ThreadTeam team;
  std::atomic<SiteState *> sites[maxSites] = {};
  std::mutex sitesMutex;
  Generator randomNumbers;
  std::atomic<int64_t> constantBytes = 0;
};

/// One run of a model, on the calling thread.
class StandaloneRun {
public:
  explicit StandaloneRun(LoadedModel &model) : context(model), scope(model.team) {}
  Run &run() { return context; }

  /// Calls `body(run)` as the runtime does at load, then as in a run.
  template <typename Body> void prepareAndRun(const Body &body) {
    LoadedModel::setPreparing(context, true);
    body(run());
    LoadedModel::setPreparing(context, false);
    body(run());
  }

private:
  RunContext context;
  ThreadTeam::Scope scope;
};

} // namespace tenon

#endif // TENON_TEST_STANDALONERUN_H
