//===- Epilogue.cpp - epilogue steps outside of a library ------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Epilogue.h"
#include "Convert.h"
#include "loops/RowLoops.h"

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

/// Offset in elements of the row at `index`, which runs along `inner`.
static int64_t rowOffset(const TensorView &view, const int64_t *index, int32_t inner) {
  int64_t offset = 0;
  for (int32_t i = 0; i < view.rank; ++i)
    offset += i == inner ? 0 : index[i] * view.strides[i];
  return offset;
}

/// `count` elements of `view` from `offset`, `stride` apart, as f32 that lie next to each other: where they are, or in `buffer`.
static const float *readRow(const TensorView &view, int64_t offset, int64_t stride, int64_t count, float *buffer) {
  const char *from = static_cast<const char *>(view.data) + offset * static_cast<int64_t>(sizeInBytes(view.dtype));
  if (view.dtype == DType::F32 && stride == 1)
    return reinterpret_cast<const float *>(from);
  if (isComputedInF32(view.dtype) && stride == 1)
    readElements(view.dtype, from, count, buffer);
  else if (stride == 0)
    std::fill_n(buffer, count, static_cast<float>(loadElement<double>(view, offset)));
  else
    for (int64_t i = 0; i < count; ++i)
      buffer[i] = static_cast<float>(loadElement<double>(view, offset + i * stride));
  return buffer;
}

EpilogueRows::EpilogueRows(const Epilogue &epilogue, TensorViews extras, const TensorView &output, int32_t inner)
    : epilogue(epilogue), inner(inner) {
  for (int32_t i = 0; i < std::min(extras.count, 8); ++i)
    operands[i] = broadcastTo(extras.begin[i], output);
}

void EpilogueRows::applyToChunk(float *values, const int64_t *index, int64_t first, int64_t count) const {
  const RowLoops &loops = rowLoops();
  float buffer[chunk];
  const TensorView *operand = operands;
  auto readOperand = [&] {
    const TensorView &view = *operand++;
    int64_t stride = view.strides[inner];
    return readRow(view, rowOffset(view, index, inner) + first * stride, stride, count, buffer);
  };
  for (const EpilogueStep *step = epilogue.steps; step != epilogue.steps + epilogue.count; ++step) {
    auto alpha = static_cast<float>(step->alpha), beta = static_cast<float>(step->beta);
    switch (step->kind) {
    case EpilogueKind::Activation: loops.activate(step->activation, alpha, beta, values, count); break;
    case EpilogueKind::Add: loops.add(values, readOperand(), count); break;
    case EpilogueKind::Mul: loops.multiply(values, readOperand(), count); break;
    case EpilogueKind::Scale: loops.readF32(values, count, alpha, values); break;
    }
  }
}

void EpilogueRows::apply(float *values, const int64_t *index, int64_t first, int64_t count) const {
  for (int64_t done = 0; done < count; done += chunk)
    applyToChunk(values + done, index, first + done, std::min(chunk, count - done));
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
      for (int64_t first = 0; first < length; first += EpilogueRows::chunk) {
        float values[EpilogueRows::chunk];
        int64_t count = std::min(EpilogueRows::chunk, length - first);
        if (stride == 1)
          readElements(output.dtype, data + first, count, values);
        else
          for (int64_t i = 0; i < count; ++i)
            values[i] = static_cast<float>(data[(first + i) * stride]);
        rows.apply(values, index, first, count);
        if (stride == 1)
          writeElements(output.dtype, values, count, data + first);
        else
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
