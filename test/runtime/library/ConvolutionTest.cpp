//===- ConvolutionTest.cpp - tenon.conv against f64 loops ------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"
#include "TestTensors.h"
#include "runtime/src/library/TileConvolution.h"

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <cmath>
#include <thread>

using namespace tenon;
using namespace tenon::test;

namespace {
const Sizes channelsLast2d = {0, 2, 3, 1};

struct Case {
  ConvSpec spec;
  Sizes input, weight;
  DType dtype = DType::F32;
  Sizes inputOrder = {}, outputOrder = {};
  bool hasBias = true;
  std::vector<TensorView> extras = {};
  Sizes outputPadding = {0, 0, 0};
  std::optional<DType> weightType = {}; ///< where it is not `dtype`
};

Sizes outputSizes(const Case &c) {
  Sizes sizes = {c.input[0], c.spec.transposed ? c.weight[1] * c.spec.groups : c.weight[0]};
  for (size_t i = 0; i + 2 < c.input.size(); ++i) {
    int64_t padding = c.spec.padding[2 * i] + c.spec.padding[2 * i + 1];
    int64_t window = (c.weight[2 + i] - 1) * c.spec.dilation[i] + 1;
    sizes.push_back(c.spec.transposed
                        ? (c.input[2 + i] - 1) * c.spec.stride[i] - padding + window + c.outputPadding[i]
                        : (c.input[2 + i] + padding - window) / c.spec.stride[i] + 1);
  }
  return sizes;
}

/// Sums of the convolution by scattering: for each input element and tap, adds to the output it reaches.
std::vector<double> expectedSums(const Case &c, const Tensor &input, const Tensor &weight, const Sizes &output) {
  auto flat = [&](const Sizes &index) {
    int64_t offset = 0;
    for (size_t i = 0; i < index.size(); ++i)
      offset = offset * output[i] + index[i];
    return offset;
  };
  int64_t count = 1;
  for (int64_t size : output)
    count *= size;
  std::vector<double> sums(count);
  int64_t inputsPerGroup = c.input[1] / c.spec.groups, outputsPerGroup = output[1] / c.spec.groups;
  Sizes taps(c.weight.begin() + 2, c.weight.end());
  forEachIndex(c.input, [&](const Sizes &from) {
    double value = input.at(from);
    int64_t group = from[1] / inputsPerGroup;
    forEachIndex(taps, [&](const Sizes &tap) {
      Sizes to = from;
      for (size_t i = 0; i < tap.size(); ++i) {
        int64_t low = c.spec.padding[2 * i], step = tap[i] * c.spec.dilation[i];
        int64_t scaled = c.spec.transposed ? from[2 + i] * c.spec.stride[i] - low + step : from[2 + i] + low - step;
        if (!c.spec.transposed && scaled % c.spec.stride[i] != 0)
          return;
        to[2 + i] = c.spec.transposed ? scaled : scaled / c.spec.stride[i];
        if (scaled < 0 || to[2 + i] >= output[2 + i])
          return;
      }
      for (int64_t o = 0; o < outputsPerGroup; ++o) {
        to[1] = group * outputsPerGroup + o;
        Sizes at = c.spec.transposed ? Sizes{from[1], o} : Sizes{to[1], from[1] % inputsPerGroup};
        at.insert(at.end(), tap.begin(), tap.end());
        sums[flat(to)] += value * weight.at(at);
      }
    });
  });
  return sums;
}

/// The greatest error of `output`, in multiples of the tolerance.
double worstDifference(const Case &c, const std::vector<double> &sums, const Tensor &bias, const Tensor &output,
                       int64_t length) {
  size_t next = 0;
  double worst = 0;
  forEachIndex(output.sizes(), [&](const Sizes &index) {
    double sum = sums[next++] + (c.hasBias ? bias.at({index[1]}) : 0);
    double expected = expectedEpilogue(c.spec.epilogue, sum, c.extras, index);
    double error = std::abs(output.at(index) - expected);
    worst = std::max(worst, error == 0 ? 0 : std::isnan(error) ? INFINITY : error / sumTolerance(c.dtype, length, 1));
  });
  return worst;
}

/// The result of the route that no library of convolutions takes part in; nothing for dtypes it does not have.
std::optional<Tensor> runTiles(const Case &c, bool isConstant, const Tensor &input, const Tensor &weight, const Tensor &bias) {
  LoadedModel model(2);
  StandaloneRun run(model);
  Tensor output(c.dtype, outputSizes(c), c.outputOrder);
  library::ConvCall call{RunContext::of(run.run()), c.spec, input, weight, c.hasBias ? &bias.view() : nullptr,
                         asExtras(c.extras), output};
  if (!library::TileConvolution::supports(call))
    return std::nullopt;
  library::TileConvolution tiles;
  tiles.run(call, isConstant ? tiles.packConstant(call) : nullptr);
  return output;
}

/// The greatest error, in multiples of the tolerance, of both routes, with constant weights and with weights of the run.
double worstError(const Case &c) {
  Tensor input = Tensor::random(c.dtype, c.input, 1, c.inputOrder), weight = Tensor::random(c.weightType.value_or(c.dtype), c.weight, 2);
  Sizes sizes = outputSizes(c);
  Tensor bias = Tensor::random(c.dtype, {sizes[1]}, 3);
  std::vector<double> sums = expectedSums(c, input, weight, sizes);
  int64_t length = c.input[1] / c.spec.groups + 1;
  for (size_t i = 2; i < c.weight.size(); ++i)
    length *= c.weight[i];
  double worst = 0;
  for (bool isConstant : {true, false}) {
    Tensor output(c.dtype, sizes, c.outputOrder);
    ConvSpec spec = c.spec;
    spec.weightIsConstant = isConstant;
    LoadedModel model(2);
    StandaloneRun run(model);
    run.prepareAndRun([&](Run &run) {
      conv(run, 0, spec, input, weight, c.hasBias ? &bias.view() : nullptr, asExtras(c.extras), output);
    });
    worst = std::max(worst, worstDifference(c, sums, bias, output, length));
    if (std::optional<Tensor> tiled = runTiles(c, isConstant, input, weight, bias))
      worst = std::max(worst, worstDifference(c, sums, bias, *tiled, length));
  }
  return worst;
}
} // namespace

TEST_CASE("conv: layouts of input and output") {
  for (const Sizes &inputOrder : {Sizes{}, channelsLast2d})
    for (const Sizes &outputOrder : {Sizes{}, channelsLast2d})
      for (int64_t channels : {1, 3, 16, 37}) {
        CAPTURE(inputOrder.size(), outputOrder.size(), channels);
        CHECK(worstError({{.padding = {1, 1, 1, 1}}, {2, channels, 9, 11}, {20, channels, 3, 3}, DType::F32, inputOrder,
                          outputOrder}) <= 1);
      }
}

TEST_CASE("conv: strides, dilations, uneven padding, no bias") {
  for (int64_t stride : {1, 2, 3})
    for (int64_t dilation : {1, 2}) {
      CAPTURE(stride, dilation);
      Case c{{.stride = {stride, 1}, .padding = {2, 0, 1, 3}, .dilation = {1, dilation}}, {1, 8, 13, 12}, {24, 8, 3, 3},
             DType::F32, channelsLast2d, channelsLast2d, false};
      CHECK(worstError(c) <= 1);
    }
}

TEST_CASE("conv: groups and depthwise") {
  for (const Sizes &order : {Sizes{}, channelsLast2d})
    for (int64_t kernel : {1, 3, 5}) {
      CAPTURE(order.size(), kernel);
      int64_t p = kernel / 2;
      ConvSpec spec{.padding = {p, p, p, p}};
      spec.groups = 40;
      CHECK(worstError({spec, {1, 40, 8, 8}, {40, 1, kernel, kernel}, DType::F32, order, order}) <= 1);
      CHECK(worstError({spec, {1, 40, 8, 8}, {80, 1, kernel, kernel}, DType::F32, order, order}) <= 1);
      spec.groups = 4;
      CHECK(worstError({spec, {1, 40, 8, 8}, {12, 10, kernel, kernel}, DType::F32, order, order}) <= 1);
    }
}

TEST_CASE("conv: one and three spatial dimensions") {
  CHECK(worstError({{.stride = {2}, .padding = {1, 1}}, {2, 20, 31}, {16, 20, 3}}) <= 1);
  CHECK(worstError({{.padding = {1, 1}}, {2, 20, 31}, {16, 20, 3}, DType::F32, {0, 2, 1}, {0, 2, 1}}) <= 1);
  CHECK(worstError({{.stride = {2, 1, 1}, .padding = {1, 1, 0, 0, 1, 2}}, {1, 6, 7, 8, 9}, {10, 6, 3, 2, 3}}) <= 1);
  CHECK(worstError({{.padding = {1, 1, 0, 0, 1, 2}}, {1, 16, 5, 6, 7}, {16, 16, 3, 2, 3}, DType::F32, {0, 2, 3, 4, 1},
                    {0, 2, 3, 4, 1}}) <= 1);
}

TEST_CASE("conv: transposed") {
  for (int64_t groups : {1, 2})
    for (int64_t stride : {1, 2})
      for (int64_t outputPadding : {0, 1})
        for (const Sizes &order : {Sizes{}, channelsLast2d}) {
          if (outputPadding >= stride)
            continue;
          CAPTURE(groups, stride, outputPadding, order.size());
          ConvSpec spec{.stride = {stride, stride}, .padding = {1, 1, 0, 0}};
          spec.groups = groups;
          spec.transposed = true;
          CHECK(worstError({spec, {1, 12, 7, 6}, {12, 10, 3, 4}, DType::F32, order, order, true, {},
                            {outputPadding, outputPadding}}) <= 1);
        }
}

TEST_CASE("conv: every dtype") {
  ConvSpec spec{.padding = {1, 1, 1, 1}};
  for (DType dtype : {DType::F16, DType::BF16, DType::F64}) {
    CAPTURE(static_cast<int>(dtype));
    CHECK(worstError({spec, {1, 16, 7, 7}, {20, 16, 3, 3}, dtype, channelsLast2d, channelsLast2d}) <= 1);
    CHECK(worstError({spec, {1, 3, 7, 7}, {20, 3, 3, 3}, dtype}) <= 1);
  }
  for (DType dtype : {DType::I64, DType::I32})
    CHECK(worstError({spec, {1, 3, 7, 7}, {5, 3, 3, 3}, dtype}) == 0);
}

TEST_CASE("conv: f32 activations by half-width weights") {
  for (DType half : {DType::F16, DType::BF16})
    for (int64_t groups : {1, 16})
      for (const Sizes &order : {Sizes{}, channelsLast2d}) {
        CAPTURE(static_cast<int>(half), groups, order.size());
        Case c{{.padding = {1, 1, 1, 1}}, {1, 16, 7, 7}, {16, 16 / groups, 3, 3}, DType::F32, order, order};
        c.spec.groups = groups;
        c.weightType = half;
        CHECK(worstError(c) <= 1);
      }
}

TEST_CASE("conv: every activation") {
  for (int32_t kind = 0; kind <= static_cast<int32_t>(ActivationKind::Mish); ++kind) {
    CAPTURE(kind);
    Case c{{.padding = {1, 1, 1, 1}}, {1, 8, 6, 5}, {19, 8, 3, 3}, DType::F32, channelsLast2d, channelsLast2d};
    c.spec.epilogue = {{activationStep(static_cast<ActivationKind>(kind))}, 1};
    CHECK(worstError(c) <= 2);
  }
}

TEST_CASE("conv: NaN passes every activation") {
  for (int32_t kind = 0; kind <= static_cast<int32_t>(ActivationKind::Mish); ++kind)
    for (int64_t groups : {1, 16})
      for (const Sizes &order : {Sizes{}, channelsLast2d}) {
        CAPTURE(kind, groups, order.size());
        Tensor input = Tensor::random(DType::F32, {1, 16, 9, 9}, 1, order), output(DType::F32, {1, 16, 9, 9}, order);
        Tensor weight = Tensor::random(DType::F32, {16, 16 / groups, 3, 3}, 2);
        input.set({0, 3, 4, 4}, NAN);
        ConvSpec spec{.padding = {1, 1, 1, 1}, .groups = groups, .weightIsConstant = true};
        spec.epilogue = {{activationStep(static_cast<ActivationKind>(kind))}, 1};
        LoadedModel model(2);
        StandaloneRun run(model);
        run.prepareAndRun([&](Run &run) { conv(run, 0, spec, input, weight, nullptr, {}, output); });
        forEachIndex(output.sizes(), [&](const Sizes &index) {
          bool sees = std::abs(index[2] - 4) <= 1 && std::abs(index[3] - 4) <= 1 && (groups == 1 || index[1] == 3);
          if (std::isnan(output.at(index)) != sees)
            FAIL_CHECK("at channel " << index[1] << ", row " << index[2] << ", column " << index[3]);
        });
      }
}

TEST_CASE("conv: operands of epilogues") {
  Sizes sizes = {2, 20, 6, 5};
  Tensor full = Tensor::random(DType::F32, sizes, 5), last = Tensor::random(DType::F32, sizes, 6, channelsLast2d);
  Tensor channel = Tensor::random(DType::F32, {20, 1, 1}, 7);
  for (const Sizes &order : {Sizes{}, channelsLast2d})
    for (const Tensor *extra : {&full, &last, &channel}) {
      CAPTURE(order.size(), extra->sizes().size(), extra == &last);
      Case c{{.padding = {1, 1, 1, 1}}, {2, 8, 6, 5}, {20, 8, 3, 3}, DType::F32, order, order, true, {*extra, channel}};
      c.spec.epilogue = {{{EpilogueKind::Add}, {EpilogueKind::Activation, ActivationKind::Relu}, {EpilogueKind::Mul}}, 3};
      CHECK(worstError(c) <= 2);
    }
}

TEST_CASE("conv: runs on one site at once give the same bits") {
  LoadedModel model(2);
  Tensor input = Tensor::random(DType::F32, {1, 32, 14, 14}, 1), weight = Tensor::random(DType::F32, {48, 32, 3, 3}, 2);
  ConvSpec spec{.padding = {1, 1, 1, 1}, .weightIsConstant = true};
  Sizes sizes = {1, 48, 14, 14};
  Tensor first(DType::F32, sizes);
  {
    StandaloneRun run(model);
    run.prepareAndRun([&](Run &run) { conv(run, 0, spec, input, weight, nullptr, {}, first); });
  }
  std::atomic<int> differences = 0;
  auto repeat = [&] {
    StandaloneRun run(model);
    for (int i = 0; i < 50; ++i) {
      Tensor output(DType::F32, sizes);
      conv(run.run(), 0, spec, input, weight, nullptr, {}, output);
      differences += memcmp(output.view().data, first.view().data, 48 * 14 * 14 * sizeof(float)) != 0;
    }
  };
  std::thread other(repeat);
  repeat();
  other.join();
  CHECK(differences == 0);
}
