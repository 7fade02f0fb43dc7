//===- Epilogue.cpp - epilogue steps outside of a library ------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Epilogue.h"

#include <algorithm>
#include <cmath>

using namespace tenon;
using namespace tenon::library;

double library::activation(ActivationKind kind, double x, double alpha, double beta) {
  auto hardSigmoid = [](double x) { return std::min(std::max(x + 3.0, 0.0), 6.0) / 6.0; };
  switch (kind) {
  case ActivationKind::Relu: return x < 0 ? 0 : x;
  case ActivationKind::GeluErf: return 0.5 * x * (1 + std::erf(x * M_SQRT1_2));
  case ActivationKind::GeluTanh: return 0.5 * x * (1 + std::tanh(std::sqrt(M_2_PI) * (x + 0.044715 * x * x * x)));
  case ActivationKind::Sigmoid: return 1 / (1 + std::exp(-x));
  case ActivationKind::Tanh: return std::tanh(x);
  case ActivationKind::Silu: return x / (1 + std::exp(-x));
  case ActivationKind::HardSigmoid: return hardSigmoid(x);
  case ActivationKind::HardSwish: return x * hardSigmoid(x);
  case ActivationKind::LeakyRelu: return x > 0 ? x : alpha * x;
  case ActivationKind::Elu: return x > 0 ? x : alpha * std::expm1(x);
  case ActivationKind::Clip: return x < alpha ? alpha : x > beta ? beta : x;
  case ActivationKind::Softplus: return alpha * x > beta ? x : std::log1p(std::exp(alpha * x)) / alpha;
  case ActivationKind::Mish: return x * std::tanh(x > 30 ? x : std::log1p(std::exp(x)));
  }
  return x;
}

BoundEpilogue::BoundEpilogue(const Epilogue &epilogue, TensorViews extras, const TensorView &output)
    : epilogue(epilogue), leadingRank(output.rank - 1) {
  for (int32_t i = 0; i < std::min(extras.count, 8); ++i)
    operands[i] = broadcastTo(extras.begin[i], output);
}

template <typename Value> Value BoundEpilogue::apply(Value value, int64_t row, int64_t column) const {
  int32_t next = 0;
  for (int32_t i = 0; i < epilogue.count; ++i) {
    const EpilogueStep &step = epilogue.steps[i];
    auto operand = [&] {
      const TensorView &view = operands[next++];
      return loadElement<Value>(view, offsetOf(view, leadingRank, row) + column * view.strides[leadingRank]);
    };
    switch (step.kind) {
    case EpilogueKind::Activation:
      value = static_cast<Value>(activation(step.activation, static_cast<double>(value), step.alpha, step.beta));
      break;
    case EpilogueKind::Add: value += operand(); break;
    case EpilogueKind::Mul: value *= operand(); break;
    case EpilogueKind::Scale: value = static_cast<Value>(static_cast<double>(value) * step.alpha); break;
    }
  }
  return value;
}

double BoundEpilogue::operator()(double value, int64_t row, int64_t column) const { return apply(value, row, column); }
int64_t BoundEpilogue::operator()(int64_t value, int64_t row, int64_t column) const { return apply(value, row, column); }

bool BoundEpilogue::isCheap() const {
  return std::all_of(epilogue.steps, epilogue.steps + epilogue.count, [](const EpilogueStep &step) {
    switch (step.activation) {
    case ActivationKind::Relu:
    case ActivationKind::HardSigmoid:
    case ActivationKind::HardSwish:
    case ActivationKind::LeakyRelu:
    case ActivationKind::Clip: return true;
    default: return step.kind != EpilogueKind::Activation;
    }
  });
}

void library::applyEpilogue(RunContext &context, const Epilogue &epilogue, TensorViews extras, const TensorView &output) {
  BoundEpilogue bound(epilogue, extras, output);
  if (bound.isEmpty() || countElements(output) == 0)
    return;
  int32_t last = output.rank - 1;
  int64_t numColumns = output.sizes[last];
  bool isInteger = !isFloat(output.dtype);
  context.parallelFor(countElements(output) / numColumns, [&](int64_t row) {
    int64_t start = offsetOf(output, last, row);
    for (int64_t column = 0; column < numColumns; ++column) {
      int64_t offset = start + column * output.strides[last];
      if (isInteger)
        storeElement(output, offset, bound(loadElement<int64_t>(output, offset), row, column));
      else
        storeElement(output, offset, bound(loadElement<double>(output, offset), row, column));
    }
  });
}
