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

//===--- rows --------------------------------------------------------------------------------------------------------===//

template <typename Function> static void transformRow(float *values, int64_t count, const Function &function) {
  for (int64_t i = 0; i < count; ++i)
    values[i] = function(values[i]);
}

/// activation() on f32 values. A switch around loops, since the cheap ones become vector code.
static void activateRow(const EpilogueStep &step, float *values, int64_t count) {
  auto alpha = static_cast<float>(step.alpha), beta = static_cast<float>(step.beta);
  auto transform = [&](const auto &function) { transformRow(values, count, function); };
  auto hardSigmoid = [](float x) { return std::min(std::max(x + 3.0f, 0.0f), 6.0f) * (1.0f / 6); };
  switch (step.activation) {
  case ActivationKind::Relu: return transform([](float x) { return x < 0 ? 0 : x; });
  case ActivationKind::HardSigmoid: return transform(hardSigmoid);
  case ActivationKind::HardSwish: return transform([&](float x) { return x * hardSigmoid(x); });
  case ActivationKind::LeakyRelu: return transform([&](float x) { return x > 0 ? x : alpha * x; });
  case ActivationKind::Clip: return transform([&](float x) { return x < alpha ? alpha : x > beta ? beta : x; });
  default:
    return transform([&](float x) { return static_cast<float>(activation(step.activation, x, step.alpha, step.beta)); });
  }
}

/// Offset in elements of the row at `index`, which runs along `inner`.
static int64_t rowOffset(const TensorView &view, const int64_t *index, int32_t inner) {
  int64_t offset = 0;
  for (int32_t i = 0; i < view.rank; ++i)
    offset += i == inner ? 0 : index[i] * view.strides[i];
  return offset;
}

/// values[i] = combine(values[i], element first + i of the operand's row at `offset`).
template <typename Combine>
static void combineRow(float *values, int64_t count, const TensorView &operand, int64_t offset, int64_t stride,
                       const Combine &combine) {
  if (operand.dtype == DType::F32 && stride == 1) {
    auto *others = static_cast<const float *>(operand.data) + offset;
    for (int64_t i = 0; i < count; ++i)
      values[i] = combine(values[i], others[i]);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    values[i] = combine(values[i], static_cast<float>(loadElement<double>(operand, offset + i * stride)));
}

EpilogueRows::EpilogueRows(const Epilogue &epilogue, TensorViews extras, const TensorView &output, int32_t inner)
    : epilogue(epilogue), inner(inner) {
  for (int32_t i = 0; i < std::min(extras.count, 8); ++i)
    operands[i] = broadcastTo(extras.begin[i], output);
}

void EpilogueRows::apply(float *values, const int64_t *index, int64_t first, int64_t count) const {
  int32_t next = 0;
  for (const EpilogueStep *step = epilogue.steps; step != epilogue.steps + epilogue.count; ++step) {
    auto combine = [&](const auto &function) {
      const TensorView &operand = operands[next++];
      int64_t stride = operand.strides[inner];
      combineRow(values, count, operand, rowOffset(operand, index, inner) + first * stride, stride, function);
    };
    auto scale = static_cast<float>(step->alpha);
    switch (step->kind) {
    case EpilogueKind::Activation: activateRow(*step, values, count); break;
    case EpilogueKind::Add: combine([](float a, float b) { return a + b; }); break;
    case EpilogueKind::Mul: combine([](float a, float b) { return a * b; }); break;
    case EpilogueKind::Scale: transformRow(values, count, [=](float x) { return x * scale; }); break;
    }
  }
}

//===--- whole outputs -----------------------------------------------------------------------------------------------===//

/// The dimension along which elements lie next to each other; the last where there is none.
static int32_t innermostDim(const TensorView &view) {
  for (int32_t dim = 0; dim < view.rank; ++dim)
    if (view.strides[dim] == 1 && view.sizes[dim] > 1)
      return dim;
  return view.rank - 1;
}

/// Rows of f16, bf16 and f32 through a buffer of f32.
static void applyToRows(RunContext &context, const Epilogue &epilogue, TensorViews extras, const TensorView &output) {
  constexpr int64_t chunk = 256;
  int32_t inner = innermostDim(output);
  int64_t length = output.sizes[inner], stride = output.strides[inner];
  EpilogueRows rows(epilogue, extras, output, inner);
  withF32Type(output.dtype, [&](auto type) {
    using Type = decltype(type);
    context.parallelFor(countElements(output) / length, [&](int64_t row) {
      int64_t index[maxRank] = {};
      for (int32_t dim = output.rank; dim-- > 0;)
        if (dim != inner) {
          index[dim] = row % output.sizes[dim];
          row /= output.sizes[dim];
        }
      Type *data = static_cast<Type *>(output.data) + rowOffset(output, index, inner);
      for (int64_t first = 0; first < length; first += chunk) {
        float values[chunk];
        int64_t count = std::min(chunk, length - first);
        for (int64_t i = 0; i < count; ++i)
          values[i] = static_cast<float>(data[(first + i) * stride]);
        rows.apply(values, index, first, count);
        for (int64_t i = 0; i < count; ++i)
          data[(first + i) * stride] = static_cast<Type>(values[i]);
      }
    });
  });
}

void library::applyEpilogue(RunContext &context, const Epilogue &epilogue, TensorViews extras, const TensorView &output) {
  BoundEpilogue bound(epilogue, extras, output);
  if (bound.isEmpty() || countElements(output) == 0)
    return;
  if (isComputedInF32(output.dtype))
    return applyToRows(context, epilogue, extras, output);
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
