//===- Entry.cpp - the C interface --------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Nothing but arguments from C to C++ and exceptions to statuses.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "CpuFeatures.h"
#include "LoadedModel.h"

#include <algorithm>
#include <new>
#include <string.h>

namespace tenon {

namespace {

// A plain array: a thread_local with a destructor would keep the shared object loaded until its threads end.
thread_local char lastSentence[1024];

tenon_status note(tenon_status status, const char *sentence) {
  strncpy(lastSentence, sentence, sizeof(lastSentence) - 1);
  return status;
}

template <typename Body> tenon_status guarded(const Body &body) {
  try {
    body();
    return TENON_OK;
  } catch (const Error &error) {
    return note(error.status(), error.what());
  } catch (const std::bad_alloc &) {
    return note(TENON_OUT_OF_MEMORY, "out of memory; use smaller inputs or fewer runs at once");
  } catch (const std::exception &error) {
    return note(TENON_INTERNAL, error.what());
  } catch (...) {
    return note(TENON_INTERNAL, "an exception of unknown type; please report this");
  }
}

template <typename T> T &notNull(T *pointer, const char *sentence) {
  if (!pointer)
    throw Error(TENON_INVALID_ARGUMENT, sentence);
  return *pointer;
}

tenon_model &given(tenon_model *model) {
  return notNull(model, "the model is null; give the one model_load returned");
}

template <typename T> std::span<T> listOf(T *first, int32_t count, const char *list) {
  if (count < 0 || (count > 0 && !first))
    throw Error(TENON_INVALID_ARGUMENT, std::string("the list of ") + list + " is null or of negative length; give one " +
                                            "entry for each the model has");
  return {first, static_cast<size_t>(count)};
}

// The options as this version knows them, whatever version the caller was compiled with.
tenon_load_options completed(const tenon_load_options *given) {
  tenon_load_options options = {};
  if (given)
    memcpy(&options, given, std::min(given->struct_size, sizeof(options)));
  if (given && given->struct_size < sizeof(options.struct_size))
    throw Error(TENON_INVALID_ARGUMENT, "the options have struct_size 0; set it to sizeof(tenon_load_options)");
  if (options.num_threads < 0)
    throw Error(TENON_INVALID_ARGUMENT, "num_threads is " + std::to_string(options.num_threads) +
                                            "; give 0 for all cores, or how many");
  return options;
}

const tenon_model_info *modelInfo() { return &model.info; }

tenon_status modelLoad(const tenon_load_options *options, tenon_model **loaded) {
  return guarded([&] {
    notNull(loaded, "there is nowhere to put the model; give the address of a tenon_model *") = nullptr;
    checkCpuFeatures(model.info.features);
    checkVectorLength(model.info.features);
    *loaded = new tenon_model(completed(options));
  });
}

void modelRelease(tenon_model *model) { delete model; }

tenon_status modelOutputShapes(tenon_model *model, const DLTensor *inputs, int32_t numInputs, int64_t *const *shapes,
                               int32_t numOutputs) {
  return guarded([&] {
    given(model).outputShapes(listOf(inputs, numInputs, "inputs"), listOf(shapes, numOutputs, "output shapes"));
  });
}

tenon_status modelRun(tenon_model *model, const DLTensor *inputs, int32_t numInputs, const DLTensor *outputs,
                      int32_t numOutputs) {
  return guarded([&] {
    given(model).run(listOf(inputs, numInputs, "inputs"), listOf(outputs, numOutputs, "outputs"));
  });
}

tenon_status modelResetState(tenon_model *model) {
  return guarded([&] { given(model).resetState(); });
}

tenon_status modelStats(tenon_model *model, tenon_model_stats *stats) {
  return guarded([&] {
    size_t size = notNull(stats, "there is nowhere to put the statistics; give a tenon_model_stats").struct_size;
    if (size < sizeof(size))
      throw Error(TENON_INVALID_ARGUMENT, "the statistics have struct_size 0; set it to sizeof(tenon_model_stats)");
    tenon_model_stats all = given(model).stats();
    all.struct_size = size;
    memcpy(stats, &all, std::min(size, sizeof(all)));
  });
}

tenon_status modelSeed(tenon_model *model, uint64_t seed) {
  return guarded([&] { given(model).generator().seed(seed); });
}

tenon_status modelRunAllocating(tenon_model *model, const DLTensor *inputs, int32_t numInputs, const DLTensor *outputs,
                                int32_t numOutputs, tenon_allocate_fn allocate, void *allocateContext) {
  return guarded([&] {
    given(model).run(listOf(inputs, numInputs, "inputs"), listOf(outputs, numOutputs, "outputs"), {allocate, allocateContext});
  });
}

const char *lastError() { return lastSentence; }

constexpr tenon_api api = {sizeof(tenon_api), TENON_ABI_VERSION, modelInfo,       modelLoad,  modelRelease,
                           modelOutputShapes, modelRun,          modelResetState, modelStats, lastError,
                           modelSeed,         modelRunAllocating};

} // namespace

const tenon_api *entry(uint32_t abiVersion) {
  return abiVersion >= 1 && abiVersion <= TENON_ABI_VERSION ? &api : nullptr;
}

} // namespace tenon
