//===- RowLoopsTest.cpp - inner loops against double precision, at sizes around every vector length --------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "runtime/src/library/Epilogue.h"
#include "runtime/src/library/loops/RowLoops.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace tenon;
using namespace tenon::library;

static const int64_t sizes[] = {0, 1, 3, 4, 5, 8, 15, 16, 17, 31, 33, 63, 64, 65, 129, 300};

static std::vector<float> randomFloats(int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0, 3);
  std::vector<float> values(count);
  for (float &value : values)
    value = distribution(generator);
  return values;
}

TEST_CASE("row loops: activations") {
  struct Row {
    ActivationKind kind;
    float alpha, beta;
  };
  const Row rows[] = {{ActivationKind::Relu, 0, 0},          {ActivationKind::GeluErf, 0, 0},     {ActivationKind::GeluTanh, 0, 0},
                      {ActivationKind::Sigmoid, 0, 0},       {ActivationKind::Tanh, 0, 0},        {ActivationKind::Silu, 0, 0},
                      {ActivationKind::HardSigmoid, 0, 0},   {ActivationKind::HardSwish, 0, 0},   {ActivationKind::LeakyRelu, 0.1f, 0},
                      {ActivationKind::Elu, 0.7f, 0},        {ActivationKind::Clip, -1, 2},       {ActivationKind::Softplus, 1, 20},
                      {ActivationKind::Softplus, 0.5f, 3},   {ActivationKind::Mish, 0, 0}};
  std::vector<float> inputs = {0, -0.0f, 1e-30f, -1e-30f, 1e-4f, -1e-4f, 88, -88, 1e4f, -1e4f, 3e38f, -3e38f, NAN};
  for (float x = -30; x <= 30; x += 0.0137f)
    inputs.push_back(x);
  for (const Row &row : rows) {
    std::vector<float> values = inputs;
    rowLoops().activate(row.kind, row.alpha, row.beta, values.data(), static_cast<int64_t>(values.size()));
    for (size_t i = 0; i < inputs.size(); ++i) {
      CAPTURE(static_cast<int>(row.kind), inputs[i]);
      double expected = activation(row.kind, inputs[i], row.alpha, row.beta);
      if (std::isnan(inputs[i])) {
        CHECK(std::isnan(values[i]));
        continue;
      }
      // What cancels does so in f32 eager as well: an error of the larger of input and result.
      double scale = std::max(std::abs(expected), std::min<double>(std::abs(inputs[i]), 8));
      CHECK(std::abs(values[i] - expected) <= 4e-7 * scale + 1e-37);
    }
  }
}

TEST_CASE("row loops: conversions") {
  const RowLoops &loops = rowLoops();
  for (int64_t count : sizes) {
    CAPTURE(count);
    std::vector<float> values = randomFloats(count, 1), back(count + 1, 7), scaled(count + 1, 7);
    std::vector<BFloat16> brief(count + 1, BFloat16(7.0f));
    std::vector<_Float16> half(count + 1, _Float16(7));
    loops.readF32(values.data(), count, 0.25f, scaled.data());
    loops.writeBF16(values.data(), count, 1, brief.data());
    for (int64_t i = 0; i < count; ++i) {
      CHECK(scaled[i] == values[i] * 0.25f);
      CHECK(brief[i].bits == BFloat16(values[i]).bits);
    }
    loops.readBF16(brief.data(), count, 2, back.data());
    for (int64_t i = 0; i < count; ++i)
      CHECK(back[i] == 2 * static_cast<float>(brief[i]));
    loops.writeF16(values.data(), count, 1, half.data());
    loops.readF16(half.data(), count, 1, back.data());
    for (int64_t i = 0; i < count; ++i)
      CHECK(back[i] == static_cast<float>(static_cast<_Float16>(values[i])));
    // Nothing behind the row is touched.
    CHECK(back[count] == 7);
    CHECK(scaled[count] == 7);
    CHECK(static_cast<float>(half[count]) == 7);
    CHECK(static_cast<float>(brief[count]) == 7);
  }
  float nan = NAN;
  BFloat16 rounded;
  loops.writeBF16(&nan, 1, 1, &rounded);
  CHECK(std::isnan(static_cast<float>(rounded)));
}

TEST_CASE("row loops: masks and special values") {
  const RowLoops &loops = rowLoops();
  for (int64_t count : sizes) {
    CAPTURE(count);
    std::vector<uint8_t> seen(count);
    std::vector<uint32_t> words(count, 0x7f7fffffu);
    std::vector<uint16_t> halves(count, 0x7bff);
    std::vector<float> mask(count);
    for (int64_t i = 0; i < count; ++i)
      seen[i] = i % 3 == 0;
    loops.readMask(seen.data(), count, mask.data());
    for (int64_t i = 0; i < count; ++i)
      CHECK(mask[i] == (seen[i] ? 0 : -INFINITY));
    CHECK(!loops.hasSpecial32(words.data(), count));
    CHECK(!loops.hasSpecial16(halves.data(), count, 0x7c00));
    if (count == 0)
      continue;
    words[count - 1] = 0xff800000u;
    halves[count - 1] = 0x7e00;
    CHECK(loops.hasSpecial32(words.data(), count));
    CHECK(loops.hasSpecial16(halves.data(), count, 0x7c00));
  }
}

TEST_CASE("row loops: dots and weighted rows") {
  const RowLoops &loops = rowLoops();
  for (int64_t length : sizes)
    for (int64_t numRows : {1, 3, 4, 6}) {
      CAPTURE(length, numRows);
      int64_t stride = length + 3;
      std::vector<float> x = randomFloats(length, 2), rows = randomFloats(stride * numRows, 3), result(numRows);
      loops.dotRows(x.data(), rows.data(), stride, length, numRows, result.data());
      for (int64_t n = 0; n < numRows; ++n) {
        double sum = 0, magnitude = 0;
        for (int64_t k = 0; k < length; ++k) {
          sum += double(x[k]) * rows[n * stride + k];
          magnitude += std::abs(double(x[k]) * rows[n * stride + k]);
        }
        CHECK(std::abs(result[n] - sum) <= 1e-6 * magnitude);
      }
      std::vector<float> weights = randomFloats(numRows, 4), sums(length + 1, 1);
      loops.addWeightedRows(weights.data(), rows.data(), stride, length, numRows, sums.data());
      for (int64_t f = 0; f < length; ++f) {
        double sum = 1;
        for (int64_t s = 0; s < numRows; ++s)
          sum += double(weights[s]) * rows[s * stride + f];
        CHECK(std::abs(sums[f] - sum) <= 1e-5);
      }
      CHECK(sums[length] == 1);
    }
}

TEST_CASE("row loops: windows") {
  const RowLoops &loops = rowLoops();
  constexpr int64_t numTaps = 9;
  for (int64_t channels : sizes) {
    CAPTURE(channels);
    std::vector<float> input = randomFloats(channels * numTaps, 5), weight = randomFloats(channels * numTaps, 6),
                       bias = randomFloats(channels, 7), sums(channels + 1, 7), best(channels + 1, 7), means(channels + 1, 7);
    std::vector<Tap> taps;
    std::vector<int64_t> offsets;
    for (int64_t tap = 0; tap < numTaps; ++tap) {
      taps.push_back({tap * channels, (numTaps - 1 - tap) * channels});
      offsets.push_back(tap * channels);
    }
    if (channels > 4)
      input[2 * channels + 4] = NAN;
    loops.sumTaps(taps.data(), numTaps, bias.data(), input.data(), weight.data(), channels, sums.data());
    loops.maxF32(offsets.data(), numTaps, input.data(), channels, best.data());
    loops.meanF32(offsets.data(), numTaps, 3, input.data(), channels, means.data());
    for (int64_t c = 0; c < channels; ++c) {
      double sum = bias[c], total = 0;
      float greatest = -INFINITY;
      for (int64_t tap = 0; tap < numTaps; ++tap) {
        sum += double(input[tap * channels + c]) * weight[(numTaps - 1 - tap) * channels + c];
        total += input[tap * channels + c];
        greatest = std::max(greatest, input[tap * channels + c]);
      }
      if (c == 4) {
        CHECK(std::isnan(best[c]));
        continue;
      }
      CHECK(std::abs(sums[c] - sum) <= 1e-4);
      CHECK(best[c] == greatest);
      CHECK(std::abs(means[c] - total / 3) <= 1e-5);
    }
    CHECK(sums[channels] == 7);
    CHECK(best[channels] == 7);
    CHECK(means[channels] == 7);
  }
}

TEST_CASE("row loops: a row of scores without a number is no row that sees nothing") {
  std::vector<float> scores(48, -INFINITY);
  float max = -INFINITY, sum = 0;
  CHECK(rowLoops().softmaxRow(scores.data(), nullptr, 40, 48, max, sum) == 1);
  CHECK(std::all_of(scores.begin(), scores.end(), [](float score) { return score == 0; }));
  std::fill(scores.begin(), scores.end(), -INFINITY);
  scores[37] = NAN;
  rowLoops().softmaxRow(scores.data(), nullptr, 40, 48, max, sum);
  CHECK(std::isnan(sum));
}

TEST_CASE("row loops: transposition fills up with zeros") {
  for (int64_t count : {1, 5, 15, 16, 17, 40, 64, 130})
    for (int64_t length : {1, 3, 16, 21, 64}) {
      CAPTURE(count, length);
      int64_t stride = length + 3, numRows = (count + 15) / 16 * 16;
      std::vector<float> rows = randomFloats(count * stride, 7), columns(length * numRows + 1, -1);
      rowLoops().transposeRows(rows.data(), stride, count, length, numRows, columns.data());
      bool areEqual = true;
      for (int64_t c = 0; c < length; ++c)
        for (int64_t r = 0; r < numRows; ++r)
          areEqual &= columns[c * numRows + r] == (r < count ? rows[r * stride + c] : 0);
      CHECK(areEqual);
      CHECK(columns.back() == -1);
    }
}

static void advance(const GateRow<float> &row) { rowLoops().advanceGates32(row); }
static void advance(const GateRow<double> &row) { rowLoops().advanceGates64(row); }

// The functions of gates in isolation: a cell is a tangent; a GRU whose candidate is zero scales its state by a sigmoid.
template <typename Real> static void checkGates(double bound) {
  std::vector<Real> inputs = {0,   Real(-0.0), Real(1e-30), Real(-1e-30), Real(1e-4), 88, -88,
                              1000, -1000,      Real(1e30),  INFINITY,     -INFINITY,  NAN};
  for (double x = -50; x <= 50; x += 0.0137)
    inputs.push_back(static_cast<Real>(x));
  auto count = static_cast<int64_t>(inputs.size());
  std::vector<Real> zeros(3 * count), gates(3 * count), state(count, 1), next(count);
  advance(GateRow<Real>{RecurrenceKind::Tanh, inputs.data(), gates.data(), nullptr, nullptr, next.data(), count});
  auto check = [&](auto function) {
    for (int64_t i = 0; i < count; ++i) {
      double x = inputs[i], expected = function(x);
      CAPTURE(x, next[i]);
      if (std::isnan(x))
        CHECK(std::isnan(next[i]));
      else
        CHECK(std::abs(next[i] - expected) <= bound * std::abs(expected) + static_cast<double>(std::numeric_limits<Real>::min()));
    }
  };
  check([](double x) { return std::tanh(x); });
  std::fill(gates.begin(), gates.end(), Real(0));
  std::copy(inputs.begin(), inputs.end(), gates.begin() + count);
  advance(GateRow<Real>{RecurrenceKind::Gru, zeros.data(), gates.data(), nullptr, state.data(), next.data(), count});
  check([](double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); });
}

TEST_CASE("row loops: gates of f32") { checkGates<float>(4e-7); }
TEST_CASE("row loops: gates of f64") { checkGates<double>(1e-15); }
