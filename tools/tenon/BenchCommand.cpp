//===- BenchCommand.cpp - tenon bench -------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/Commands.h"
#include "tools/tenon/ModelInputs.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <thread>

namespace tenon::tools {
namespace {

struct BenchArguments {
  std::string model, inputs;
  int threads = 0;
  double minTime = 1;
  bool json = false;
};

// Runs before the clock counts: first touches of memory, and clocks and caches that settle.
constexpr int warmupRuns = 3;
// Fewer runs have no median worth printing, however slow the model.
constexpr int minRuns = 5;

double millisecondsOf(const auto &body) {
  auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double quantile(const std::vector<double> &sorted, double q) {
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(q * static_cast<double>(sorted.size())))];
}

Result<void> withNewOutputs(const Model &model, const std::vector<DLTensor> &inputs) {
  Result<std::vector<Tensor>> outputs = model.run(inputs);
  return outputs ? Result<void>() : Result<void>(outputs.error());
}

int bench(const BenchArguments &arguments) {
  std::optional<Result<Model>> model;
  double loadMs = millisecondsOf([&] { model.emplace(loadModel(arguments.model, arguments.threads)); });
  if (!*model)
    return report(model->error());
  const Model &loaded = **model;
  Result<std::vector<Tensor>> inputs = arguments.inputs.empty() ? makeInputs(loaded) : readInputs(loaded, arguments.inputs);
  if (!inputs)
    return report(inputs.error());
  std::vector<DLTensor> in = Model::dlpack(*inputs);
  Result<std::vector<Tensor>> outputs = loaded.allocateOutputs(in);
  if (!outputs)
    return report(outputs.error());
  std::vector<DLTensor> out = Model::dlpack(*outputs);

  std::vector<std::vector<int64_t>> shapes; // runs may write sizes to the tensors' own
  for (const Tensor &output : *outputs)
    shapes.push_back(output.shape());
  auto restoreShapes = [&] {
    for (size_t i = 0; i < out.size(); ++i)
      std::ranges::copy(shapes[i], out[i].shape);
  };

  auto isUnknown = [](const tenon_tensor_info &info, const Tensor &tensor) {
    for (int32_t dim = 0; dim < info.ndim; ++dim)
      if (info.shape[dim] == TENON_DYNAMIC && tensor.shape()[static_cast<size_t>(dim)] == 0)
        return true;
    return false;
  };
  bool isLate = false; // an output of no size may be one that only the run gives memory
  for (size_t i = 0; i < outputs->size(); ++i)
    isLate |= isUnknown(loaded.outputs()[i], (*outputs)[i]);

  std::vector<double> times;
  double total = 0;
  for (int run = -warmupRuns; run < minRuns || total < arguments.minTime * 1e3; ++run) {
    Result<void> done;
    restoreShapes();
    double ms = millisecondsOf([&] { done = isLate ? withNewOutputs(loaded, in) : loaded.run(in, out); });
    if (!done)
      return report(done.error());
    if (run < 0)
      continue;
    times.push_back(ms);
    total += ms;
  }
  std::ranges::sort(times);
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  Result<tenon_model_stats> stats = loaded.stats();
  int threads = arguments.threads ? arguments.threads : static_cast<int>(std::thread::hardware_concurrency());
  nlohmann::json row = {{"model", loaded.info().name},
                        {"median_ms", quantile(times, 0.5)},
                        {"min_ms", times.front()},
                        {"p99_ms", quantile(times, 0.99)},
                        {"runs", times.size()},
                        {"threads", threads},
                        {"load_ms", loadMs},
                        {"peak_rss_mb", static_cast<double>(usage.ru_maxrss) / 1024},
                        {"arena_bytes", stats ? stats->arena_bytes : 0},
                        {"constant_bytes", stats ? stats->constant_bytes : 0}};
  if (arguments.json)
    std::printf("%s\n", row.dump(2).c_str());
  else
    std::printf("%s: median %.3f ms, min %.3f ms, p99 %.3f ms over %zu runs on %d threads; load %.1f ms, arena %.1f MB, peak "
                "%.0f MB\n",
                loaded.info().name, quantile(times, 0.5), times.front(), quantile(times, 0.99), times.size(), threads, loadMs,
                stats ? static_cast<double>(stats->arena_bytes) / 1e6 : 0.0, static_cast<double>(usage.ru_maxrss) / 1024);
  return exitDone;
}

} // namespace

void addBenchCommand(CLI::App &app, int &exitCode) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App *command = app.add_subcommand("bench", "time a compiled model");
  command->add_option("model", arguments->model, "the compiled model (.so)")->required();
  command->add_option("--inputs", arguments->inputs, "inputs (.safetensors or .npz); made from the signature without it");
  command->add_option("--threads", arguments->threads, "threads of a run; 0: all cores")->check(CLI::NonNegativeNumber);
  command->add_option("--min-time", arguments->minTime, "seconds to run for at least")->check(CLI::NonNegativeNumber);
  command->add_flag("--json", arguments->json, "print one JSON object");
  command->callback([arguments, &exitCode] { exitCode = bench(*arguments); });
}

} // namespace tenon::tools
