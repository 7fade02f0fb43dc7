//===- Gather.cpp - a model as emitted: dynamic sizes and guards --------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A model with dynamic sizes and no weights: gathers table[ids] and appends one zero. `ids` and `mask` share the dynamic
// size s0 in [2, 512]; `offset` is a dynamic integer (0-d) that is part of the output's size.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include <tenon/generated.h>

namespace {

void kernel_gather(void *const *buffers, const int64_t *sizes, int64_t begin, int64_t end) {
  auto *ids = static_cast<const int64_t *>(buffers[0]);
  auto *mask = static_cast<const float *>(buffers[1]);
  auto *output = static_cast<float *>(buffers[2]);
  for (int64_t i = begin; i < end; ++i)
    output[i] = i < sizes[0] ? static_cast<float>(ids[i] < 0 ? ids[i] + 10 : ids[i]) * mask[2 * i] : 0.0f;
}

int64_t checkedSize(tenon::Run &run) {
  int64_t s0 = run.inputSize(0, 0), other = run.inputSize(1, 0);
  if (s0 < 2 || s0 > 512)
    tenon::guardFailed("input 0 'ids' has size {0} in dimension 0; the model takes 2 to 512", {s0});
  if (s0 != other)
    tenon::guardFailed("input 1 'mask' has size {1} in dimension 0; it must be {0}, as in input 0 'ids'", {s0, other});
  return s0;
}

void outputShapes(tenon::Run &run, int64_t *const *shapes) {
  shapes[0][0] = checkedSize(run) + *static_cast<const int64_t *>(run.input(2));
}

void run(tenon::Run &run) {
  int64_t s0 = checkedSize(run), extent = s0 + *static_cast<const int64_t *>(run.input(2));
  run.arena(s0 * 64);
  tenon::checkIndex(run, tenon::view(tenon::DType::I64, run.input(0), {s0}, {1}), 10, "aten.index", true);
  tenon::launch(run, kernel_gather, extent, 1, {run.input(0), run.input(1), run.output(0)}, {s0});
}

const int64_t vector[] = {TENON_DYNAMIC};
const int64_t pairs[] = {TENON_DYNAMIC, 2};
const char *const s0[] = {"s0", "2"};
const char *const sum[] = {"s0 + s1"};
const tenon_tensor_info inputs[] = {{"ids", {kDLInt, 64, 1}, 1, vector, s0},
                                    {"mask", {kDLFloat, 32, 1}, 2, pairs, s0},
                                    {"offset", {kDLInt, 64, 1}, 0, nullptr, nullptr}};
const tenon_tensor_info outputs[] = {{"gathered", {kDLFloat, 32, 1}, 1, vector, sum}};
const tenon_symbol_info symbols[] = {{"s0", 2, 512}, {"s1", 0, INT64_MAX}};

} // namespace

#ifndef FEATURES
#define FEATURES ""
#endif

const tenon::Model tenon::model = {
    {sizeof(tenon_model_info), "gather", "0.1.0", "2.14.1", "x86_64", "generic", FEATURES, "model", "strict", 3, 1, 2,
     inputs, outputs, symbols, "", "", 0, 0, 1, 0, 0, nullptr},
    nullptr, 0, 0, true, 0, 0, nullptr, nullptr, run, outputShapes};

extern "C" __attribute__((visibility("default"))) const tenon_api *tenon_model_entry(uint32_t abiVersion) {
  return tenon::entry(abiVersion);
}
