//===- library_bench.cpp - library ops on shapes of common models ----------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// library_bench [FILTER]: prints, for 1 and 2 threads, each shape whose name contains FILTER: the implementation, the best
// time of some runs, GFLOPS and percent of the FMA peak, which a loop of independent FMAs measures in the same run.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "runtime/src/library/loops/Level.h"
#include "test/runtime/library/StandaloneRun.h"
#include "test/runtime/library/TestTensors.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>

using namespace tenon;
using namespace tenon::test;

static double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Best time of `body` in seconds, over about 0.1 s.
template <typename Body> static double bestTime(const Body &body) {
  body();
  double best = 1e9, start = seconds();
  for (int i = 0; i < 3 || (seconds() - start < 0.1 && i < 3000); ++i) {
    double before = seconds();
    body();
    best = std::min(best, seconds() - before);
  }
  return best;
}

typedef float Float16x __attribute__((vector_size(64)));
static constexpr int vectorWidth = 16;

#pragma clang fp contract(fast)
/// Runs 12 independent chains of FMAs: enough for four units of latency four with vectors that span two registers.
TENON_MULTIVERSION static void multiplyAdd(int64_t count, float *result) {
  Float16x sums[12] = {}, factor = Float16x{} + 0.999f, addend = Float16x{} + 0.001f;
  for (int64_t i = 0; i < count; ++i)
    for (auto &sum : sums) {
      sum = sum * factor + addend;
      asm volatile("" : "+m"(*result)); // keeps the loop from being folded, orders nothing in registers
    }
  for (const auto &sum : sums)
    for (int lane = 0; lane < vectorWidth; ++lane)
      *result += sum[lane];
}

class Bench {
public:
  Bench(int numThreads, const char *filter) : numThreads(numThreads), filter(filter) {
    LoadedModel model(numThreads);
    StandaloneRun run(model);
    constexpr int64_t count = 2000000;
    std::vector<float> results(16 * numThreads);
    double time = bestTime([&] {
      RunContext::of(run.run()).parallelFor(numThreads, [&](int64_t i) { multiplyAdd(count, &results[16 * i]); });
    });
    peak = 12.0 * 2 * vectorWidth * count * numThreads / time * 1e-9;
    std::printf("\n%d thread%s, FMA peak %.0f GFLOPS\n%-34s %-36s %9s %7s %5s\n", numThreads, numThreads > 1 ? "s" : "", peak,
                "op and shape", "implementation", "ms", "GFLOPS", "peak");
  }

  /// Measures `call(run)`, which does `gflop` billions of operations on site 0.
  template <typename Call> void measure(const std::string &name, double gflop, const Call &call) {
    LoadedModel model(numThreads);
    StandaloneRun run(model);
    run.prepareAndRun(call);
    double time = bestTime([&] { call(run.run()); });
    std::printf("%-34s %-36s %9.4f %7.1f %4.0f%%\n", name.c_str(), model.implementation(0).c_str(), time * 1e3, gflop / time,
                100 * gflop / time / peak);
    std::fflush(stdout);
  }

  void matmul(int64_t batch, int64_t m, int64_t k, int64_t n, bool isConstant, bool hasGelu = false) {
    std::string name = "matmul " + (batch > 1 ? std::to_string(batch) + "x" : "") + std::to_string(m) + "x" +
                       std::to_string(k) + "x" + std::to_string(n) + (isConstant ? "" : " plain") + (hasGelu ? " gelu" : "");
    if (!isSelected(name))
      return;
    // Weights of a linear layer are [N, K] in memory.
    Tensor lhs(DType::F32, {batch, m, k}), rhs(DType::F32, {batch, k, n}, isConstant ? Sizes{0, 2, 1} : Sizes{});
    Tensor bias(DType::F32, {n}), output(DType::F32, {batch, m, n});
    MatmulSpec spec;
    spec.rhsIsConstant = isConstant;
    if (hasGelu)
      spec.epilogue = {{{EpilogueKind::Activation, ActivationKind::GeluErf}}, 1};
    measure(name, 2e-9 * batch * m * k * n, [&](Run &run) {
      tenon::matmul(run, 0, spec, lhs, rhs, isConstant ? &bias.view() : nullptr, {}, output);
    });
  }

  void conv(int64_t channels, int64_t size, int64_t outputs, int64_t kernel, int64_t stride, int64_t groups = 1,
            bool inputIsNchw = false) {
    std::string name = "conv " + std::to_string(kernel) + "x" + std::to_string(kernel) + (groups > 1 ? "dw" : "") + " " +
                       std::to_string(channels) + "-" + std::to_string(outputs) + "@" + std::to_string(size) +
                       (stride > 1 ? "/" + std::to_string(stride) : "") + (inputIsNchw ? " nchw in" : "");
    if (!isSelected(name))
      return;
    const Sizes channelsLast = {0, 2, 3, 1};
    int64_t p = kernel / 2, outputSize = (size + 2 * p - kernel) / stride + 1;
    Tensor input(DType::F32, {1, channels, size, size}, inputIsNchw ? Sizes{} : channelsLast), bias(DType::F32, {outputs});
    Tensor weight(DType::F32, {outputs, channels / groups, kernel, kernel});
    Tensor output(DType::F32, {1, outputs, outputSize, outputSize}, channelsLast);
    ConvSpec spec{.stride = {stride, stride}, .padding = {p, p, p, p}, .groups = groups, .weightIsConstant = true};
    spec.epilogue = {{{EpilogueKind::Activation, ActivationKind::Relu}}, 1};
    measure(name, 2e-9 * outputs * outputSize * outputSize * channels / groups * kernel * kernel,
            [&](Run &run) { tenon::conv(run, 0, spec, input, weight, &bias.view(), {}, output); });
  }

  void pool(PoolKind kind, int64_t channels, int64_t size, int64_t window, int64_t stride) {
    std::string name = std::string(kind == PoolKind::Max ? "pool max " : "pool avg ") + std::to_string(window) + "x" +
                       std::to_string(window) + " " + std::to_string(channels) + "@" + std::to_string(size);
    if (!isSelected(name))
      return;
    const Sizes channelsLast = {0, 2, 3, 1};
    int64_t outputSize = (size - window) / stride + 1;
    Tensor input(DType::F32, {1, channels, size, size}, channelsLast);
    Tensor output(DType::F32, {1, channels, outputSize, outputSize}, channelsLast);
    PoolSpec spec{kind, {window, window}, {stride, stride}};
    measure(name, 1e-9 * channels * outputSize * outputSize * window * window,
            [&](Run &run) { tenon::pool(run, 0, spec, input, output); });
  }

  void attention(int64_t heads, int64_t rows, int64_t keys, int64_t width, bool isCausal) {
    std::string name = "attention " + std::to_string(heads) + "x" + std::to_string(rows) + "x" + std::to_string(keys) + "x" +
                       std::to_string(width) + (isCausal ? " causal" : "");
    if (!isSelected(name))
      return;
    const Sizes headsInRows = {0, 2, 1, 3};
    Tensor query(DType::F32, {1, heads, rows, width}, headsInRows), key(DType::F32, {1, heads, keys, width}, headsInRows);
    Tensor output(DType::F32, {1, heads, rows, width}, headsInRows);
    AttentionSpec spec{1 / std::sqrt(double(width)), isCausal};
    measure(name, 4e-9 * heads * rows * keys * width,
            [&](Run &run) { tenon::attention(run, 0, spec, query, key, key, nullptr, output); });
  }

private:
  bool isSelected(const std::string &name) const { return name.find(filter) != std::string::npos; }
  int numThreads;
  const char *filter;
  double peak;
};

int main(int argc, char **argv) {
  struct MatmulShape { int64_t m, k, n; };
  struct ConvShape { int64_t channels, size, outputs, kernel, stride, groups; };
  for (int numThreads : {1, 2}) {
    Bench bench(numThreads, argc > 1 ? argv[1] : "");
    for (MatmulShape s : {MatmulShape{128, 768, 768}, {128, 768, 3072}, {128, 3072, 768}, {197, 768, 3072}, {128, 768, 50257},
                          {64, 512, 512}, {64, 512, 32128}, {4, 768, 3072}, {1, 512, 512}, {1, 768, 768}, {1, 768, 3072},
                          {1, 3072, 768}, {1, 768, 50257}, {1, 576, 1024}, {1, 2048, 1000}})
      bench.matmul(1, s.m, s.k, s.n, true);
    bench.matmul(1, 128, 768, 3072, true, true);
    bench.matmul(1, 1, 768, 3072, true, true);
    bench.matmul(8, 64, 64, 64, false);
    bench.matmul(12, 128, 64, 128, false);
    bench.matmul(12, 1, 64, 128, false);
    bench.conv(3, 224, 64, 7, 2, 1, true);
    bench.conv(3, 224, 16, 3, 2, 1, true);
    for (ConvShape s : {ConvShape{64, 56, 64, 3, 1, 1}, {64, 56, 256, 1, 1, 1}, {128, 56, 128, 3, 2, 1}, {256, 14, 256, 3, 1, 1},
                        {512, 7, 2048, 1, 1, 1}, {16, 112, 16, 3, 1, 16}, {64, 112, 64, 3, 2, 64}, {120, 28, 120, 5, 1, 120},
                        {200, 14, 200, 3, 1, 200}, {40, 28, 240, 1, 1, 1}, {160, 7, 960, 1, 1, 1}})
      bench.conv(s.channels, s.size, s.outputs, s.kernel, s.stride, s.groups);
    bench.pool(PoolKind::Max, 64, 112, 3, 2);
    bench.pool(PoolKind::AvgExcludePad, 2048, 7, 7, 1);
    for (bool isCausal : {false, true})
      for (int64_t length : {128, 197, 512, 1024})
        bench.attention(12, length, length, 64, isCausal);
    bench.attention(8, 64, 64, 64, false);
    bench.attention(12, 1, 128, 64, false);
    bench.attention(12, 1, 1024, 64, false);
  }
}
