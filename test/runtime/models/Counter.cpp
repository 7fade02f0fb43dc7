//===- Counter.cpp - a model as emitted: state --------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A model with state: each run adds its input to a total (which starts as the archive says) and to a count (which starts
// as zero) and returns both.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include <tenon/generated.h>

namespace {

void kernel_add(void *const *buffers, const int64_t *, int64_t begin, int64_t end) {
  auto *addend = static_cast<const float *>(buffers[0]);
  auto *state = static_cast<float *>(buffers[1]);
  auto *output = static_cast<float *>(buffers[2]);
  for (int64_t i = begin; i < end; ++i)
    output[i] = state[i] += addend ? addend[i] : 1.0f;
}

void run(tenon::Run &run) {
  run.arena(0);
  tenon::launch(run, kernel_add, 4, 1, {run.input(0), run.global(0), run.output(0)}, {});
  tenon::launch(run, kernel_add, 1, 1, {nullptr, run.global(1), run.output(1)}, {});
}

const int64_t four[] = {4};
const char *const dims[] = {"4"};
const tenon_tensor_info inputs[] = {{"addend", {kDLFloat, 32, 1}, 1, four, dims}};
const tenon_tensor_info outputs[] = {{"total", {kDLFloat, 32, 1}, 1, four, dims},
                                     {"count", {kDLFloat, 32, 1}, 0, nullptr, nullptr}};
const tenon::Global globals[] = {{tenon::GlobalKind::State, 16, 0}, {tenon::GlobalKind::State, 4, -1}};

} // namespace

const tenon::Model tenon::model = {
    {sizeof(tenon_model_info), "counter", "0.1.0", "2.14.1", "x86_64", "generic", "", "model", "strict", 1, 2, 0, inputs,
     outputs, nullptr, "", "", 16, 20, 1, 0, 0, nullptr},
    globals, 2, 0, false, 16, 0xc0ULL, nullptr, nullptr, run, nullptr};

extern "C" __attribute__((visibility("default"))) const tenon_api *tenon_model_entry(uint32_t abiVersion) {
  return tenon::entry(abiVersion);
}
