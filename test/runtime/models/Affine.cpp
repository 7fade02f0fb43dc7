//===- Affine.cpp - a model as emitted: weights, a hoisted constant, kernels on threads ---------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A model as the compiler would emit it: output = input * (2 * scale) + shift, with weights, a hoisted constant (2 * scale), a
// temporary in the arena and kernels that are split over threads.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include <tenon/generated.h>

namespace {

constexpr int64_t numRows = 64, numColumns = 1000;

void kernel_double(void *const *buffers, const int64_t *, int64_t begin, int64_t end) {
  auto *scale = static_cast<const float *>(buffers[0]);
  auto *doubled = static_cast<float *>(buffers[1]);
  for (int64_t i = begin; i < end; ++i)
    doubled[i] = 2 * scale[i];
}

void kernel_mul(void *const *buffers, const int64_t *sizes, int64_t begin, int64_t end) {
  auto *input = static_cast<const float *>(buffers[0]);
  auto *scale = static_cast<const float *>(buffers[1]);
  auto *product = static_cast<float *>(buffers[2]);
  for (int64_t i = begin * sizes[0]; i < end * sizes[0]; ++i)
    product[i] = input[i] * scale[i % sizes[0]];
}

void kernel_add(void *const *buffers, const int64_t *sizes, int64_t begin, int64_t end) {
  auto *product = static_cast<const float *>(buffers[0]);
  auto *shift = static_cast<const float *>(buffers[1]);
  auto *output = static_cast<float *>(buffers[2]);
  for (int64_t i = begin * sizes[0]; i < end * sizes[0]; ++i)
    output[i] = product[i] + shift[i % sizes[0]];
}

void init(tenon::Run &run) {
  tenon::launch(run, kernel_double, numColumns, 1, {run.global(0), run.global(2)}, {});
}

void run(tenon::Run &run) {
  char *arena = run.arena(numRows * numColumns * 4);
  tenon::launch(run, kernel_mul, numRows, numColumns, {run.input(0), run.global(2), arena}, {numColumns});
  tenon::launch(run, kernel_add, numRows, numColumns, {arena, run.global(1), run.output(0)}, {numColumns});
}

const int64_t shape[] = {numRows, numColumns};
const char *const dims[] = {"64", "1000"};
const tenon_tensor_info inputs[] = {{"x", {kDLFloat, 32, 1}, 2, shape, dims}};
const tenon_tensor_info outputs[] = {{"add", {kDLFloat, 32, 1}, 2, shape, dims}};
const tenon::Global globals[] = {{tenon::GlobalKind::Weight, numColumns * 4, 0},
                                 {tenon::GlobalKind::Weight, numColumns * 4, 4096},
                                 {tenon::GlobalKind::Hoisted, numColumns * 4, -1}};

} // namespace

#ifndef WEIGHTS_FILE
#define WEIGHTS_FILE nullptr
#endif

const tenon::Model tenon::model = {
    {sizeof(tenon_model_info), "affine", "0.1.0", "2.14.1", "x86_64", "generic", "", "model", "strict", 1, 1, 0, inputs,
     outputs, nullptr, "", "", 8192, 0, 3, 0, 0, nullptr},
    globals, 3, 0, false, 8192, 0x5eedULL, WEIGHTS_FILE, init, run, nullptr};

extern "C" __attribute__((visibility("default"))) const tenon_api *tenon_model_entry(uint32_t abiVersion) {
  return tenon::entry(abiVersion);
}
