//===- LoadedModel.cpp - a model in memory ------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "LoadedModel.h"

#include "Arguments.h"
#include "CpuFeatures.h"

#include <algorithm>
#include <chrono>
#include <string.h>

namespace tenon {

//===--- loading -----------------------------------------------------------------------------------------------------===//

LoadedModel::LoadedModel(const tenon_load_options &options)
    : team(options.num_threads, options.parallel_for, options.parallel_for_pool), weights(model, options.weights_path),
      sites(new std::atomic<SiteState *>[static_cast<size_t>(model.numSites)]()) {
  auto start = std::chrono::steady_clock::now();
  makeGlobals();
  copyInitialState();
  prepare();
  loadMilliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

LoadedModel::~LoadedModel() {
  for (int32_t site = 0; site < model.numSites; ++site)
    delete sites[static_cast<size_t>(site)].load();
}

void LoadedModel::makeGlobals() {
  for (int32_t i = 0; i < model.numGlobals; ++i) {
    const Global &global = model.globals[i];
    bool isInBlob = global.offset >= 0 && global.bytes >= 0 && global.offset <= weights.size() &&
                    global.bytes <= weights.size() - global.offset;
    if (!isInBlob && (global.kind == GlobalKind::Weight || global.offset >= 0))
      throw Error(TENON_BAD_MODEL, "constant " + std::to_string(i) + " lies outside the model's weights; compile again");
    Memory own;
    if (global.kind != GlobalKind::Weight)
      own.atLeast(static_cast<size_t>(global.bytes));
    if (global.kind == GlobalKind::Hoisted)
      constantBytes += global.bytes;
    hasState |= global.kind == GlobalKind::State;
    globals.push_back(own.data() ? own.data() : const_cast<char *>(weights.data()) + global.offset);
    ownedGlobals.push_back(std::move(own));
  }
}

void LoadedModel::copyInitialState() {
  for (int32_t i = 0; i < model.numGlobals; ++i) {
    const Global &global = model.globals[i];
    if (global.kind != GlobalKind::State)
      continue;
    char *state = ownedGlobals[static_cast<size_t>(i)].data();
    if (global.offset >= 0)
      memcpy(state, weights.data() + global.offset, static_cast<size_t>(global.bytes));
    else
      memset(state, 0, static_cast<size_t>(global.bytes));
  }
}

// Hoisted constants first: library calls pack them while preparing.
void LoadedModel::prepare() {
  ThreadTeam::Scope scope(team);
  auto context = std::make_unique<RunContext>(*this);
  if (model.init)
    model.init(*context);
  if (!model.hasDynamicShapes) {
    context->bindSignature();
    context->preparing_ = true;
    model.run(*context);
    context->preparing_ = false;
  }
  idleContexts.push_back(std::move(context));
}

//===--- running -----------------------------------------------------------------------------------------------------===//

/// A context for one run, given back afterwards: its memory serves the next run. There are never more contexts than there
/// were runs at once.
class LoadedModel::Lease {
public:
  explicit Lease(LoadedModel &model) : model(model) {
    std::lock_guard lock(model.contextsMutex);
    if (model.idleContexts.empty()) {
      context = std::make_unique<RunContext>(model);
      return;
    }
    context = std::move(model.idleContexts.back());
    model.idleContexts.pop_back();
  }
  ~Lease() {
    std::lock_guard lock(model.contextsMutex);
    model.idleContexts.push_back(std::move(context));
  }
  Lease(const Lease &) = delete;
  RunContext &operator*() { return *context; }
  RunContext *operator->() { return context.get(); }

private:
  LoadedModel &model;
  std::unique_ptr<RunContext> context;
};

static void checkInputs(std::span<const DLTensor> inputs, bool needData) {
  checkCount("input", inputs.size(), model.info.num_inputs);
  // A 0-d integer may be a dynamic size, which is read even where only shapes are asked for.
  for (size_t i = 0; i < inputs.size(); ++i)
    checkTensor(inputArgument(i), inputs[i], needData || model.info.inputs[i].ndim == 0);
}

// Elements that are written must each have memory of their own.
static void checkMutatedInputs(std::span<const DLTensor> inputs) {
  for (int32_t i : mutatedInputs()) {
    const DLTensor &input = inputs[static_cast<size_t>(i)];
    for (int32_t dim = 0; dim < input.ndim && input.strides; ++dim)
      if (input.strides[dim] == 0 && input.shape[dim] > 1)
        throw Error(TENON_INVALID_ARGUMENT, describe(inputArgument(static_cast<size_t>(i))) +
                                                " has stride 0 in dimension " + std::to_string(dim) +
                                                ", but the model writes to it; give a copy of it");
  }
}

// An output without memory yet: there must be somewhere to get it from, and a shape to write to.
static void checkLateOutput(size_t index, const DLTensor &output, const Allocator &allocator) {
  Argument argument = outputArgument(index);
  if (!allocator.allocate)
    throw Error(TENON_INVALID_ARGUMENT, describe(argument) + " has a size that only the run knows; call model_run_allocating "
                                                             "with a function that gives memory");
  int64_t sizes[maxRank];
  for (int32_t dim = 0; dim < argument.info.ndim; ++dim)
    sizes[dim] = argument.info.shape[dim] == TENON_DYNAMIC ? 0 : argument.info.shape[dim];
  DLTensor empty = output;
  empty.shape = output.shape ? sizes : nullptr;
  empty.strides = nullptr;
  checkTensor(argument, empty, false);
}

// Everything about outputs but the sizes that depend on inputs.
void LoadedModel::checkOutputMemory(const RunContext &context, std::span<const DLTensor> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (context.isLate(i)) {
      checkLateOutput(i, outputs[i], context.allocator);
      continue;
    }
    checkTensor(outputArgument(i), outputs[i], true);
    if (!isRowMajor(outputs[i]))
      throw Error(TENON_INVALID_ARGUMENT, describe(outputArgument(i)) + " is not row-major; give memory without gaps");
    if (!isAligned(outputs[i]))
      throw Error(TENON_INVALID_ARGUMENT, describe(outputArgument(i)) + " is not aligned to its elements; give memory "
                                                                        "from malloc");
    for (size_t j = 0; j < i; ++j)
      if (!context.isLate(j) && bytesOf(outputs[i]).overlaps(bytesOf(outputs[j])))
        throw Error(TENON_INVALID_ARGUMENT, describe(outputArgument(i)) + " shares memory with " +
                                                describe(outputArgument(j)) + "; give each output memory of its own");
  }
}

// Sizes that depend on inputs, which the model has computed.
void LoadedModel::checkDynamicSizes(const RunContext &context, std::span<const DLTensor> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i)
    for (int32_t dim = 0; dim < outputs[i].ndim && !context.isLate(i); ++dim) {
      int64_t given = outputs[i].shape[dim], expected = context.outputShapes[i][dim];
      if (given != expected)
        throw Error(TENON_INVALID_ARGUMENT, describe(outputArgument(i)) + " has size " + std::to_string(given) +
                                                " in dimension " + std::to_string(dim) +
                                                "; for these inputs the model gives " + std::to_string(expected));
    }
}

void LoadedModel::run(std::span<const DLTensor> inputs, std::span<const DLTensor> outputs, const Allocator &allocator) {
  checkVectorLength(model.info.features);
  checkInputs(inputs, true);
  checkMutatedInputs(inputs);
  checkCount("output", outputs.size(), model.info.num_outputs);

  Lease context(*this);
  context->allocator = allocator;
  context->bindInPlace(inputs);
  if (model.hasDynamicShapes)
    context->computeOutputSizes();
  checkOutputMemory(*context, outputs);
  if (model.hasDynamicShapes)
    checkDynamicSizes(*context, outputs);

  ThreadTeam::Scope scope(team);
  context->bind(inputs, outputs);
  context->arenaBytes = 0;
  std::unique_lock<std::mutex> lock;
  if (hasState)
    lock = std::unique_lock(stateMutex);
  model.run(*context);
  context->writeBack(inputs);
  arenaBytes = context->arenaBytes;
}

void LoadedModel::outputShapes(std::span<const DLTensor> inputs, std::span<int64_t *const> shapes) {
  checkInputs(inputs, false);
  checkCount("output", shapes.size(), model.info.num_outputs);
  for (size_t i = 0; i < shapes.size(); ++i)
    if (!shapes[i] && model.info.outputs[i].ndim > 0)
      throw Error(TENON_INVALID_ARGUMENT, "the shape of " + describe(outputArgument(i)) +
                                              " has nowhere to go; give an array of its dimensions");
  if (!model.hasDynamicShapes) {
    for (size_t i = 0; i < shapes.size(); ++i)
      std::copy_n(model.info.outputs[i].shape, model.info.outputs[i].ndim, shapes[i]);
    return;
  }
  Lease context(*this);
  context->bindInPlace(inputs);
  model.outputShapes(*context, shapes.data());
}

void LoadedModel::resetState() {
  std::lock_guard lock(stateMutex);
  copyInitialState();
  randomNumbers.restart();
}

tenon_model_stats LoadedModel::stats() const {
  tenon_model_stats stats = {};
  stats.arena_bytes = static_cast<uint64_t>(arenaBytes.load());
  stats.constant_bytes = static_cast<uint64_t>(constantBytes.load());
  stats.load_ms = loadMilliseconds;
  return stats;
}

} // namespace tenon
