//===- Steps.cpp - a model as emitted: an output whose size values decide ------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// counts: int64 [2]. The first output counts from 0 to the sum of both in rows of two, and nothing bounds that; the second is
// the sum.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include <tenon/generated.h>

namespace {

void outputShapes(tenon::Run &, int64_t *const *shapes) {
  shapes[0][0] = TENON_DYNAMIC;
  shapes[0][1] = 2;
}

void run(tenon::Run &run) {
  auto *counts = static_cast<const int64_t *>(run.input(0));
  int64_t sum = counts[0] + counts[1];
  auto *steps = static_cast<int64_t *>(run.lateOutput(0, {sum, 2}));
  for (int64_t i = 0; i < 2 * sum; ++i)
    steps[i] = i;
  *static_cast<int64_t *>(run.output(1)) = sum;
}

const int64_t pair[] = {2};
const int64_t rows[] = {TENON_DYNAMIC, 2};
const char *const pairText[] = {"2"};
const char *const rowsText[] = {"u0", "2"};
const tenon_tensor_info inputs[] = {{"counts", {kDLInt, 64, 1}, 1, pair, pairText}};
const tenon_tensor_info outputs[] = {{"steps", {kDLInt, 64, 1}, 2, rows, rowsText},
                                     {"sum", {kDLInt, 64, 1}, 0, nullptr, nullptr}};

} // namespace

const tenon::Model tenon::model = {
    {sizeof(tenon_model_info), "steps", "0.1.0", "2.14.1", "x86_64", "generic", "", "model", "strict", 1, 2, 0, inputs,
     outputs, nullptr, "", "", 0, 0, 0, 0, 0, nullptr},
    nullptr, 0, 0, true, 0, 0, nullptr, nullptr, run, outputShapes};

extern "C" __attribute__((visibility("default"))) const tenon_api *tenon_model_entry(uint32_t abiVersion) {
  return tenon::entry(abiVersion);
}
