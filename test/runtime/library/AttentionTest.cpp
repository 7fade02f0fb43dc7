//===- AttentionTest.cpp - tenon.attention against f64 loops ---------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"
#include "TestTensors.h"
#include "runtime/src/library/loops/RowLoops.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <thread>

using namespace tenon;
using namespace tenon::test;

namespace {
struct Case {
  int64_t batch = 2, heads = 4, groups = 4, rows = 19, keys = 23, width = 32, valueWidth = 32;
  DType dtype = DType::F32;
  bool isCausal = false, headsLieInRows = true;
  const Tensor *mask = nullptr;
};

/// The greatest error, in multiples of the tolerance: scores are sums of E products, the result an average of values.
double worstError(const Case &c) {
  Sizes order = c.headsLieInRows ? Sizes{0, 2, 1, 3} : Sizes{};
  Tensor query = Tensor::random(c.dtype, {c.batch, c.heads, c.rows, c.width}, 1, order);
  Tensor key = Tensor::random(c.dtype, {c.batch, c.groups, c.keys, c.width}, 2, order);
  Tensor value = Tensor::random(c.dtype, {c.batch, c.groups, c.keys, c.valueWidth}, 3, order);
  Tensor output(c.dtype, {c.batch, c.heads, c.rows, c.valueWidth}, order);
  AttentionSpec spec{3 / std::sqrt(double(c.width)), c.isCausal};
  LoadedModel model(2);
  StandaloneRun run(model);
  run.prepareAndRun([&](Run &run) {
    attention(run, 0, spec, query, key, value, c.mask ? &c.mask->view() : nullptr, output);
  });
  CHECK(model.implementation(0).find("ref") == std::string::npos);
  double tolerance = sumTolerance(c.dtype, c.width, 1), worst = 0;
  forEachIndex({c.batch, c.heads, c.rows}, [&](const Sizes &at) {
    int64_t group = at[1] / (c.heads / c.groups);
    std::vector<double> weights(c.keys);
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < c.keys; ++j) {
      double score = 0;
      for (int64_t e = 0; e < c.width; ++e)
        score += query.at({at[0], at[1], at[2], e}) * key.at({at[0], group, j, e});
      score *= spec.scale;
      if (c.mask) {
        double mask = broadcastAt(*c.mask, {at[0], at[1], at[2], j});
        score = c.mask->view().dtype == DType::Bool ? (mask != 0 ? score : -INFINITY) : score + mask;
      }
      weights[j] = c.isCausal && j > at[2] ? -INFINITY : score;
      max = std::max(max, weights[j]);
    }
    for (double &weight : weights)
      sum += weight = max == -INFINITY ? 0 : std::exp(weight - max);
    for (int64_t f = 0; f < c.valueWidth; ++f) {
      double expected = 0;
      for (int64_t j = 0; j < c.keys; ++j)
        expected += sum == 0 ? 0 : weights[j] / sum * value.at({at[0], group, j, f});
      double error = std::abs(output.at({at[0], at[1], at[2], f}) - expected);
      worst = std::max(worst, std::isnan(error) ? INFINITY : error / tolerance);
    }
  });
  return worst;
}
} // namespace

TEST_CASE("attention: numbers of rows and keys around block sizes") {
  for (int64_t rows : {1, 3, 4, 5, 8, 63, 64, 65, 130})
    for (int64_t keys : {1, 15, 16, 17, 64, 129})
      for (bool isCausal : {false, true}) {
        CAPTURE(rows, keys, isCausal);
        CHECK(worstError({.batch = 1, .heads = 2, .groups = 2, .rows = rows, .keys = keys, .isCausal = isCausal}) <= 1);
      }
}

TEST_CASE("attention: several blocks of keys and tasks of rows") {
  for (bool isCausal : {false, true})
    for (int64_t rows : {2, 70, 600}) {
      CAPTURE(isCausal, rows);
      CHECK(worstError({.batch = 1, .heads = 1, .groups = 1, .rows = rows, .keys = 1100, .width = 16, .valueWidth = 24,
                        .isCausal = isCausal}) <= 1);
    }
}

TEST_CASE("attention: blocks of bf16, masked, in any order") {
  Tensor mask = Tensor::random(DType::Bool, {70, 600}, 7);
  for (bool headsLieInRows : {false, true})
    for (bool isCausal : {false, true}) {
      CAPTURE(headsLieInRows, isCausal);
      CHECK(worstError({.batch = 1, .heads = 2, .groups = 1, .rows = 70, .keys = 600, .width = 24, .valueWidth = 35,
                        .dtype = DType::BF16, .isCausal = isCausal, .headsLieInRows = headsLieInRows, .mask = &mask}) <= 1);
    }
}

TEST_CASE("attention: widths, strides, groups, dtypes") {
  for (int64_t width : {1, 8, 40, 64, 80})
    for (bool headsLieInRows : {false, true}) {
      CAPTURE(width, headsLieInRows);
      CHECK(worstError({.width = width, .valueWidth = width + 3, .headsLieInRows = headsLieInRows}) <= 1);
    }
  CHECK(worstError({.heads = 6, .groups = 2}) <= 1);
  CHECK(worstError({.heads = 6, .groups = 1, .rows = 1}) <= 1);
  for (DType dtype : {DType::F16, DType::BF16, DType::F64})
    for (int64_t rows : {1, 40}) {
      CAPTURE(static_cast<int>(dtype), rows);
      CHECK(worstError({.rows = rows, .dtype = dtype}) <= 1);
    }
}

TEST_CASE("attention: masks") {
  for (DType dtype : {DType::Bool, DType::F32, DType::BF16})
    for (const Sizes &sizes : {Sizes{2, 4, 19, 23}, Sizes{2, 1, 1, 23}, Sizes{19, 23}, Sizes{1, 4, 19, 1}, Sizes{23}})
      for (int64_t rows : {19, 1})
        for (bool isCausal : {false, true}) {
          CAPTURE(static_cast<int>(dtype), sizes.size(), rows, isCausal);
          if (rows == 1 && sizes.size() > 1 && sizes[sizes.size() - 2] != 1)
            continue;
          Tensor mask = Tensor::random(dtype, sizes, 7);
          CHECK(worstError({.rows = rows, .isCausal = isCausal, .mask = &mask}) <= 1);
        }
}

TEST_CASE("attention: a row that sees nothing is zero") {
  for (DType dtype : {DType::Bool, DType::F32})
    for (int64_t rows : {3, 40}) {
      CAPTURE(static_cast<int>(dtype), rows);
      Tensor mask = Tensor::random(dtype, {rows, 600}, 7);
      for (int64_t j = 0; j < 600; ++j) {
        mask.set({1, j}, dtype == DType::Bool ? 0 : -INFINITY);
        mask.set({2, j}, dtype == DType::Bool ? j > 550 : j > 550 ? 0 : -INFINITY); // nothing in the first block of keys
      }
      CHECK(worstError({.rows = rows, .keys = 600, .mask = &mask}) <= 1);
    }
}

TEST_CASE("attention: a row that sees nothing is NaN where the formula is asked for") {
  for (DType dtype : {DType::F32, DType::F64}) {
    Tensor query = Tensor::random(dtype, {1, 1, 6, 16}, 1), key = Tensor::random(dtype, {1, 1, 40, 16}, 2), output(dtype, {1, 1, 6, 16});
    Tensor mask = Tensor::random(dtype, {6, 40}, 7);
    for (int64_t j = 0; j < 40; ++j)
      mask.set({4, j}, -INFINITY);
    LoadedModel model(1);
    StandaloneRun run(model);
    AttentionSpec spec{.scale = 0.25, .emptyRowsAreNan = true};
    run.prepareAndRun([&](Run &run) { attention(run, 0, spec, query, key, key, &mask.view(), output); });
    for (int64_t row = 0; row < 6; ++row)
      CHECK(std::isnan(output.at({0, 0, row, 3})) == (row == 4));
  }
}

TEST_CASE("attention: NaN in a key reaches every row that sees it") {
  Tensor query = Tensor::random(DType::F32, {1, 1, 20, 16}, 1), key = Tensor::random(DType::F32, {1, 1, 40, 16}, 2);
  Tensor output(DType::F32, {1, 1, 20, 16});
  key.set({0, 0, 10, 3}, NAN);
  LoadedModel model(1);
  StandaloneRun run(model);
  attention(run.run(), 0, {1, true}, query, key, key, nullptr, output);
  for (int64_t i = 0; i < 20; ++i)
    CHECK(std::isnan(output.at({0, 0, i, 0})) == (i >= 10));
}

TEST_CASE("attention: exp of a row") {
  // Differences to the row's maximum from 0 to -88, in steps that no rounding hides.
  constexpr int64_t count = 1600;
  std::vector<float> scores(count);
  for (int64_t i = 0; i < count; ++i)
    scores[i] = -static_cast<float>(i) * 0.055f;
  std::vector<float> arguments = scores;
  float max = -INFINITY, sum = 0;
  CHECK(library::rowLoops().softmaxRow(scores.data(), nullptr, count, count, max, sum) == 0);
  CHECK(max == 0);
  for (int64_t i = 0; i < count; ++i) {
    double expected = std::exp(static_cast<double>(arguments[i]));
    double ulp = std::max(std::ldexp(1, std::ilogb(expected) - 23), std::ldexp(1, -126));
    CAPTURE(arguments[i]);
    CHECK(std::abs(scores[i] - expected) <= 2 * ulp);
  }
}

TEST_CASE("attention: runs on one site at once give the same bits") {
  LoadedModel model(2);
  Tensor query = Tensor::random(DType::F32, {1, 4, 70, 64}, 1), output(DType::F32, {1, 4, 70, 64});
  auto once = [&](Run &run, const Tensor &to) { attention(run, 0, {0.125, true}, query, query, query, nullptr, to); };
  {
    StandaloneRun run(model);
    run.prepareAndRun([&](Run &run) { once(run, output); });
  }
  std::atomic<int> differences = 0;
  auto repeat = [&] {
    StandaloneRun run(model);
    for (int i = 0; i < 50; ++i) {
      Tensor again(DType::F32, {1, 4, 70, 64});
      once(run.run(), again);
      differences += memcmp(again.view().data, output.view().data, 4 * 70 * 64 * sizeof(float)) != 0;
    }
  };
  std::thread other(repeat);
  repeat();
  other.join();
  CHECK(differences == 0);
}
