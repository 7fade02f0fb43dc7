//===- CompareCommand.cpp - tenon compare ---------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// An element is within tolerance when |actual - expected| <= atol + rtol * |expected|, or both are NaN, or both are the same
// infinity. Integers and booleans must be equal whatever the tolerance. Default tolerances come from the output's dtype.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/Commands.h"
#include "tools/tenon/ModelInputs.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace tenon::tools {
namespace {

struct CompareArguments {
  std::string model, inputs, expected;
  std::optional<double> rtol, atol;
  int threads = 0;
  bool json = false;
};

struct Tolerance {
  double rtol, atol;
};

/// What the differences of one output add up to. Absolute figures are in the output's unit.
struct Difference {
  double maxAbs = 0, maxRel = 0, meanAbs = 0, cosine = 1;
  int64_t mismatched = 0, count = 0;
  bool within = true;
};

float halfToFloat(uint16_t half) {
  int exponent = half >> 10 & 31;
  double mantissa = half & 1023;
  double magnitude = exponent == 31  ? (mantissa != 0 ? NAN : INFINITY)
                     : exponent == 0 ? std::ldexp(mantissa, -24)
                                     : std::ldexp(mantissa + 1024, exponent - 25);
  return static_cast<float>(half >> 15 ? -magnitude : magnitude);
}

float bfloatToFloat(uint16_t half) {
  uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

template <typename T> double load(const void *data, size_t index) {
  return static_cast<double>(static_cast<const T *>(data)[index]);
}

using Loader = double (*)(const void *data, size_t index);

/// Reads element `index` as a double. Complex tensors are read as twice as many reals. 64-bit integers above 2^53 lose
/// their last bits here and are compared by their bytes as well.
Loader loaderOf(DLDataType dtype) {
  struct Row {
    uint8_t code, bits;
    Loader loader;
  };
  static constexpr Row rows[] = {
      {kDLFloat, 32, load<float>},     {kDLFloat, 64, load<double>},    {kDLInt, 8, load<int8_t>},
      {kDLInt, 16, load<int16_t>},     {kDLInt, 32, load<int32_t>},     {kDLInt, 64, load<int64_t>},
      {kDLUInt, 8, load<uint8_t>},     {kDLUInt, 16, load<uint16_t>},   {kDLUInt, 32, load<uint32_t>},
      {kDLUInt, 64, load<uint64_t>},   {kDLBool, 8, load<uint8_t>},     {kDLComplex, 64, load<float>},
      {kDLComplex, 128, load<double>},
      {kDLFloat, 16, [](const void *data, size_t i) -> double { return halfToFloat(static_cast<const uint16_t *>(data)[i]); }},
      {kDLBfloat, 16, [](const void *data, size_t i) -> double { return bfloatToFloat(static_cast<const uint16_t *>(data)[i]); }},
  };
  for (const Row &row : rows)
    if (row.code == dtype.code && row.bits == dtype.bits)
      return row.loader;
  return nullptr;
}

bool isExact(DLDataType dtype) { return dtype.code == kDLInt || dtype.code == kDLUInt || dtype.code == kDLBool; }

/// Tolerances of torch.testing.assert_close, which PyTorch's own tests use.
Tolerance defaultTolerance(DLDataType dtype) {
  if (isExact(dtype))
    return {0, 0};
  if (dtype.code == kDLBfloat)
    return {1.6e-2, 1e-5};
  if (dtype.bits == 16)
    return {1e-3, 1e-5};
  return dtype.bits == (dtype.code == kDLComplex ? 128 : 64) ? Tolerance{1e-7, 1e-7} : Tolerance{1.3e-6, 1e-5};
}

Difference compare(const Tensor &actual, const Tensor &expected, Tolerance tolerance) {
  Difference difference;
  Loader load = loaderOf(actual.dtype());
  difference.count = static_cast<int64_t>(actual.numElements()) * (actual.dtype().code == kDLComplex ? 2 : 1);
  size_t elementBytes = actual.numElements() ? actual.sizeInBytes() / actual.numElements() : 0;
  double sumAbs = 0, dot = 0, normActual = 0, normExpected = 0;
  for (size_t i = 0; i < static_cast<size_t>(difference.count); ++i) {
    double a = load(actual.data(), i), e = load(expected.data(), i);
    bool equal = isExact(actual.dtype())
                     ? std::memcmp(static_cast<const char *>(actual.data()) + i * elementBytes,
                                   static_cast<const char *>(expected.data()) + i * elementBytes, elementBytes) == 0
                     : a == e || (std::isnan(a) && std::isnan(e));
    if (equal && !std::isfinite(e))
      continue;
    double gap = equal ? 0 : std::fabs(a - e);
    bool isClose = gap <= tolerance.atol + tolerance.rtol * std::fabs(e) && std::isfinite(e) && !isExact(actual.dtype());
    if (!equal && !isClose)
      ++difference.mismatched;
    if (std::isnan(gap))
      gap = INFINITY;
    difference.maxAbs = std::max(difference.maxAbs, gap);
    if (gap > 0)
      difference.maxRel = std::max(difference.maxRel, e != 0 && std::isfinite(gap) ? gap / std::fabs(e) : INFINITY);
    sumAbs += gap;
    dot += a * e;
    normActual += a * a;
    normExpected += e * e;
  }
  if (difference.count)
    difference.meanAbs = sumAbs / static_cast<double>(difference.count);
  if (normActual > 0 || normExpected > 0)
    difference.cosine = normActual > 0 && normExpected > 0 ? dot / std::sqrt(normActual * normExpected) : 0;
  difference.within = difference.mismatched == 0;
  return difference;
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

/// Infinity has no JSON number.
nlohmann::json number(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json("Infinity"); }

nlohmann::json toJson(int index, const std::string &name, const Difference &d) {
  return {{"output", index},          {"name", name},
          {"max_abs", number(d.maxAbs)}, {"max_rel", number(d.maxRel)},
          {"mean_abs", number(d.meanAbs)}, {"cosine", number(d.cosine)},
          {"mismatched", d.mismatched}, {"count", d.count},
          {"within", d.within}};
}

int compareModel(const CompareArguments &arguments) {
  Result<Model> model = loadModel(arguments.model, arguments.threads);
  if (!model)
    return report(model.error());
  Result<std::vector<Tensor>> inputs = readInputs(*model, arguments.inputs);
  if (!inputs)
    return report(inputs.error());
  Result<NamedTensors> reference = readTensors(arguments.expected);
  if (!reference)
    return report(reference.error());
  Result<std::vector<Tensor>> outputs = model->run(*inputs);
  if (!outputs)
    return report(outputs.error());

  nlohmann::json rows = nlohmann::json::array();
  bool within = true;
  for (int index = 0; index < static_cast<int>(outputs->size()); ++index) {
    const Tensor &actual = (*outputs)[index];
    std::string name = model->outputs()[index].name;
    const Tensor *expected = find(*reference, "output", index, name);
    if (!expected)
      return report({TENON_INVALID_ARGUMENT, "'" + arguments.expected + "' has no tensor '" + std::to_string(index) +
                                                 "'; the model has " + std::to_string(outputs->size()) + " outputs"});
    if (dtypeName(expected->dtype()) != dtypeName(actual.dtype()) || expected->shape() != actual.shape())
      return report({TENON_INVALID_ARGUMENT,
                     "output " + std::to_string(index) + " is " + dtypeName(actual.dtype()) + shapeText(actual.shape()) +
                         " and the reference is " + dtypeName(expected->dtype()) + shapeText(expected->shape()) +
                         "; was it made from the same model and inputs?"});
    Tolerance tolerance = defaultTolerance(actual.dtype());
    tolerance = {arguments.rtol.value_or(tolerance.rtol), arguments.atol.value_or(tolerance.atol)};
    Difference difference = compare(actual, *expected, tolerance);
    within = within && difference.within;
    rows.push_back(toJson(index, name, difference));
    if (!arguments.json)
      std::printf("output %d '%s': max_abs %.3g, max_rel %.3g, mean_abs %.3g, cosine %.9g, %lld of %lld mismatched: %s\n",
                  index, name.c_str(), difference.maxAbs, difference.maxRel, difference.meanAbs, difference.cosine,
                  static_cast<long long>(difference.mismatched), static_cast<long long>(difference.count),
                  difference.within ? "within" : "differs");
  }
  if (arguments.json)
    std::printf("%s\n", nlohmann::json({{"outputs", rows}, {"within", within}}).dump(2).c_str());
  return within ? exitDone : exitDiffers;
}

} // namespace

void addCompareCommand(CLI::App &app, int &exitCode) {
  auto arguments = std::make_shared<CompareArguments>();
  CLI::App *command = app.add_subcommand("compare", "run a compiled model and compare with reference outputs");
  command->add_option("model", arguments->model, "the compiled model (.so)")->required();
  command->add_option("--inputs", arguments->inputs, "inputs (.safetensors or .npz)")->required();
  command->add_option("--expected", arguments->expected, "reference outputs (.safetensors or .npz)")->required();
  command->add_option("--rtol", arguments->rtol, "relative tolerance; default by dtype")->check(CLI::NonNegativeNumber);
  command->add_option("--atol", arguments->atol, "absolute tolerance; default by dtype")->check(CLI::NonNegativeNumber);
  command->add_option("--threads", arguments->threads, "threads of a run; 0: all cores")->check(CLI::NonNegativeNumber);
  command->add_flag("--json", arguments->json, "print one JSON object");
  command->callback([arguments, &exitCode] { exitCode = compareModel(*arguments); });
}

} // namespace tenon::tools
