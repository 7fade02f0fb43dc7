//===- LoadedModel.h - a model in memory ----------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LOADEDMODEL_H
#define TENON_RUNTIME_LOADEDMODEL_H

#include "Generator.h"
#include "Memory.h"
#include "RunContext.h"
#include "ThreadTeam.h"
#include "WeightsMapping.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace tenon {

/// The model of this shared object with its weights, its state and what library calls keep. All functions may be called
/// from any thread; runs of a model with state wait for each other, others run at once, each in a context of its own.
class LoadedModel {
public:
  /// Maps weights, computes hoisted constants, prepares library calls. Throws Error.
  explicit LoadedModel(const tenon_load_options &options);
  ~LoadedModel();
  LoadedModel(const LoadedModel &) = delete;

  void run(std::span<const DLTensor> inputs, std::span<const DLTensor> outputs, const Allocator &allocator = {});
  void outputShapes(std::span<const DLTensor> inputs, std::span<int64_t *const> shapes);
  void resetState();
  Generator &generator() { return randomNumbers; }
  tenon_model_stats stats() const;

private:
  friend class RunContext;
  class Lease;

  void makeGlobals();
  void copyInitialState();
  void prepare();
  static void checkOutputMemory(const RunContext &context, std::span<const DLTensor> outputs);
  static void checkDynamicSizes(const RunContext &context, std::span<const DLTensor> outputs);

  ThreadTeam team;
  Generator randomNumbers;
  WeightsMapping weights;
  std::vector<Memory> ownedGlobals; ///< of state and hoisted globals; empty for weights
  std::vector<void *> globals;
  bool hasState = false;
  std::mutex stateMutex; ///< held by a run of a model with state

  std::unique_ptr<std::atomic<SiteState *>[]> sites; ///< owned; null until a library call needs one
  std::mutex sitesMutex;

  std::vector<std::unique_ptr<RunContext>> idleContexts;
  std::mutex contextsMutex;

  std::atomic<int64_t> constantBytes = 0, arenaBytes = 0;
  double loadMilliseconds = 0;
};

} // namespace tenon

/// The C interface's handle.
struct tenon_model : tenon::LoadedModel {
  using LoadedModel::LoadedModel;
};

#endif // TENON_RUNTIME_LOADEDMODEL_H
