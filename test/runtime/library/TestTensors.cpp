//===- TestTensors.cpp - tensors of tests, and their plain meaning in f64 --------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "TestTensors.h"

#include <cmath>

using namespace tenon;
using namespace tenon::test;

Tensor::Tensor(DType dtype, const Sizes &sizes, const Sizes &order) : sizes_(sizes) {
  view_.dtype = dtype;
  view_.rank = static_cast<int32_t>(sizes.size());
  std::copy(sizes.begin(), sizes.end(), view_.sizes);
  int64_t stride = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    int64_t dim = order.empty() ? static_cast<int64_t>(i) : order[i];
    view_.strides[dim] = stride;
    stride *= sizes[dim];
  }
  memory.resize(static_cast<size_t>(stride) * library::sizeInBytes(dtype));
  view_.data = memory.data();
}

Tensor Tensor::random(DType dtype, const Sizes &sizes, uint32_t seed, const Sizes &order) {
  Tensor tensor(dtype, sizes, order);
  uint32_t state = seed * 2654435761u + 1;
  forEachIndex(sizes, [&](const Sizes &index) {
    state = state * 1664525u + 1013904223u;
    double value = (state >> 8) / double(1 << 23) - 1;
    if (dtype == DType::Bool)
      value = value > 0;
    else if (!library::isFloat(dtype))
      value = std::floor(value * 8);
    tensor.set(index, value);
  });
  return tensor;
}

int64_t Tensor::offset(const Sizes &index) const {
  int64_t offset = 0;
  for (size_t i = 0; i < index.size(); ++i)
    offset += index[i] * view_.strides[i];
  return offset;
}

double Tensor::at(const Sizes &index) const { return library::loadElement<double>(view_, offset(index)); }
void Tensor::set(const Sizes &index, double value) { library::storeElement(view_, offset(index), value); }

TensorView test::permuted(const TensorView &source, const Sizes &order) {
  TensorView result = source;
  for (size_t i = 0; i < order.size(); ++i) {
    result.sizes[i] = source.sizes[order[i]];
    result.strides[i] = source.strides[order[i]];
  }
  return result;
}

double test::broadcastAt(const TensorView &view, const Sizes &index) {
  int64_t offset = 0, skipped = static_cast<int64_t>(index.size()) - view.rank;
  for (int32_t i = 0; i < view.rank; ++i)
    offset += view.sizes[i] == 1 ? 0 : index[i + skipped] * view.strides[i];
  return library::loadElement<double>(view, offset);
}

double test::unitRoundoff(DType dtype) {
  switch (dtype) {
  case DType::F32: return std::ldexp(1, -24);
  case DType::F64: return std::ldexp(1, -53);
  case DType::F16: return std::ldexp(1, -11);
  case DType::BF16: return std::ldexp(1, -8);
  default: return 0;
  }
}

static double expectedActivation(ActivationKind kind, double x, double alpha, double beta) {
  switch (kind) {
  case ActivationKind::Relu: return std::max(x, 0.0);
  case ActivationKind::GeluErf: return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
  case ActivationKind::GeluTanh: return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * std::pow(x, 3))));
  case ActivationKind::Sigmoid: return 1 / (1 + std::exp(-x));
  case ActivationKind::Tanh: return std::tanh(x);
  case ActivationKind::Silu: return x / (1 + std::exp(-x));
  case ActivationKind::HardSigmoid: return std::min(std::max(x + 3, 0.0), 6.0) / 6;
  case ActivationKind::HardSwish: return x * std::min(std::max(x + 3, 0.0), 6.0) / 6;
  case ActivationKind::LeakyRelu: return x > 0 ? x : alpha * x;
  case ActivationKind::Elu: return x > 0 ? x : alpha * (std::exp(x) - 1);
  case ActivationKind::Clip: return std::min(std::max(x, alpha), beta);
  case ActivationKind::Softplus: return alpha * x > beta ? x : std::log(1 + std::exp(alpha * x)) / alpha;
  case ActivationKind::Mish: return x * std::tanh(std::log(1 + std::exp(x)));
  }
  return NAN;
}

double test::expectedEpilogue(const Epilogue &epilogue, double value, const std::vector<TensorView> &extras,
                              const Sizes &index) {
  size_t next = 0;
  for (int32_t i = 0; i < epilogue.count; ++i) {
    const EpilogueStep &step = epilogue.steps[i];
    switch (step.kind) {
    case EpilogueKind::Activation: value = expectedActivation(step.activation, value, step.alpha, step.beta); break;
    case EpilogueKind::Add: value += broadcastAt(extras[next++], index); break;
    case EpilogueKind::Mul: value *= broadcastAt(extras[next++], index); break;
    case EpilogueKind::Scale: value *= step.alpha; break;
    }
  }
  return value;
}

EpilogueStep test::activationStep(ActivationKind kind) {
  switch (kind) {
  case ActivationKind::Clip: return {EpilogueKind::Activation, kind, -0.5, 1.5};
  case ActivationKind::Softplus: return {EpilogueKind::Activation, kind, 2, 20};
  default: return {EpilogueKind::Activation, kind, 0.3, 0};
  }
}

double test::sumTolerance(DType dtype, int64_t length, double magnitude) {
  double sumRoundoff = unitRoundoff(dtype == DType::F64 ? DType::F64 : DType::F32);
  double size = magnitude * std::sqrt(static_cast<double>(length));
  return 4 * std::sqrt(static_cast<double>(length)) * sumRoundoff * size + 2 * unitRoundoff(dtype) * (1 + size);
}
