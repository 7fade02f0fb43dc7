//===- PoolingTest.cpp - tenon.pool against plain loops --------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"
#include "TestTensors.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

using namespace tenon;
using namespace tenon::test;

/// The greatest error. Positions beyond the low padding mirrored at the end never count, as where ceil_mode adds windows.
static double worstError(const PoolSpec &spec, const Sizes &sizes, const Sizes &order, DType dtype = DType::F32) {
  Tensor input = Tensor::random(dtype, sizes, 1, order);
  Sizes pooled = {sizes[0], sizes[1]}, window;
  for (size_t i = 0; i + 2 < sizes.size(); ++i) {
    int64_t span = sizes[2 + i] + spec.padding[2 * i] + spec.padding[2 * i + 1];
    pooled.push_back((span - (spec.window[i] - 1) * spec.dilation[i] - 1) / spec.stride[i] + 1);
    window.push_back(spec.window[i]);
  }
  Tensor output(dtype, pooled, order);
  LoadedModel model(2);
  StandaloneRun run(model);
  run.prepareAndRun([&](Run &run) { pool(run, 0, spec, input, output); });
  double worst = 0;
  forEachIndex(pooled, [&](const Sizes &index) {
    double sum = 0, max = -INFINITY;
    int numInside = 0, numCounted = 0;
    forEachIndex(window, [&](const Sizes &tap) {
      Sizes from = index;
      bool isInside = true, counts = true;
      for (size_t i = 0; i < tap.size(); ++i) {
        from[2 + i] = index[2 + i] * spec.stride[i] - spec.padding[2 * i] + tap[i] * spec.dilation[i];
        isInside &= from[2 + i] >= 0 && from[2 + i] < sizes[2 + i];
        counts &= from[2 + i] < sizes[2 + i] + spec.padding[2 * i];
      }
      numInside += isInside;
      numCounted += counts;
      sum += isInside ? input.at(from) : 0;
      max = std::max(max, isInside ? input.at(from) : -INFINITY);
    });
    double expected = spec.kind == PoolKind::Max             ? max
                      : spec.kind == PoolKind::AvgIncludePad ? sum / numCounted
                                                             : sum / numInside;
    double error = std::abs(output.at(index) - expected);
    worst = std::max(worst, std::isnan(error) ? INFINITY : error);
  });
  return worst;
}

TEST_CASE("pool: kinds, layouts, padding") {
  for (PoolKind kind : {PoolKind::Max, PoolKind::AvgIncludePad, PoolKind::AvgExcludePad})
    for (const Sizes &order : {Sizes{}, Sizes{0, 2, 3, 1}})
      for (int64_t extra : {0, 1}) {
        CAPTURE(static_cast<int>(kind), order.size(), extra);
        PoolSpec spec{kind, {3, 3}, {2, 2}, {1, 1 + extra, 1, 1 + extra}};
        double tolerance = kind == PoolKind::Max ? 0 : sumTolerance(DType::F32, 9, 1);
        CHECK(worstError(spec, {2, 19, 12, 11}, order) <= tolerance);
        CHECK(worstError(spec, {1, 64, 13, 12}, order) <= tolerance);
      }
}

TEST_CASE("pool: dilation, one and three dimensions, other dtypes") {
  CHECK(worstError({PoolKind::Max, {3, 2}, {1, 2}, {}, {2, 3}}, {1, 16, 12, 11}, {0, 2, 3, 1}) == 0);
  CHECK(worstError({PoolKind::Max, {3}, {2}, {1, 1}}, {2, 5, 17}, {}) == 0);
  CHECK(worstError({PoolKind::AvgExcludePad, {2, 3, 2}, {2, 1, 2}, {1, 1, 1, 1, 0, 0}}, {1, 5, 6, 7, 8}, {}) <=
        sumTolerance(DType::F32, 12, 1));
  CHECK(worstError({PoolKind::AvgIncludePad, {2, 3, 2}, {2, 1, 2}, {1, 1, 1, 1, 0, 0}}, {1, 16, 6, 7, 8}, {0, 2, 3, 4, 1}) <=
        sumTolerance(DType::F32, 12, 1));
  CHECK(worstError({PoolKind::Max, {2, 2}, {2, 2}}, {1, 3, 6, 6}, {}, DType::I64) == 0);
  CHECK(worstError({PoolKind::Max, {2, 2}, {2, 2}}, {1, 16, 6, 6}, {}, DType::BF16) == 0);
  CHECK(worstError({PoolKind::AvgExcludePad, {2, 2}, {2, 2}}, {1, 3, 6, 6}, {}, DType::F64) <= 1e-15);
}

TEST_CASE("pool: maxima keep NaN and minus infinity") {
  for (DType dtype : {DType::F32, DType::BF16, DType::F16})
    for (const Sizes &order : {Sizes{}, Sizes{0, 2, 3, 1}}) {
      Tensor input = Tensor::random(dtype, {1, 64, 4, 4}, 1, order), output(dtype, {1, 64, 2, 2}, order);
      input.set({0, 5, 0, 0}, NAN);
      for (const Sizes &at : {Sizes{0, 7, 2, 2}, Sizes{0, 7, 2, 3}, Sizes{0, 7, 3, 2}, Sizes{0, 7, 3, 3}})
        input.set(at, -INFINITY);
      LoadedModel model(2);
      StandaloneRun run(model);
      run.prepareAndRun([&](Run &run) { pool(run, 0, {PoolKind::Max, {2, 2}, {2, 2}}, input, output); });
      CHECK(std::isnan(output.at({0, 5, 0, 0})));
      CHECK(output.at({0, 7, 1, 1}) == -INFINITY);
      CHECK(std::isfinite(output.at({0, 6, 0, 0})));
    }
}
