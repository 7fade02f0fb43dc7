//===- ReferenceConvolution.cpp - convolutions of dtypes no library has ----------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "ReferenceConvolution.h"

using namespace tenon;
using namespace tenon::library;

namespace {
/// The input position that kernel position `tap` contributes from to output position `to`; -1 for none.
int64_t sourcePosition(const ConvSpec &spec, int32_t dim, int64_t to, int64_t tap, int64_t size) {
  if (!spec.transposed) {
    int64_t from = to * spec.stride[dim] - spec.padding[2 * dim] + tap * spec.dilation[dim];
    return from >= 0 && from < size ? from : -1;
  }
  int64_t scaled = to + spec.padding[2 * dim] - tap * spec.dilation[dim];
  return scaled >= 0 && scaled % spec.stride[dim] == 0 && scaled / spec.stride[dim] < size ? scaled / spec.stride[dim] : -1;
}

template <typename Value>
void convolve(RunContext &context, const ConvSpec &spec, const TensorView &input, const TensorView &weight,
              const TensorView *bias, TensorViews extras, const TensorView &output) {
  BoundEpilogue epilogue(spec.epilogue, extras, output);
  int32_t rank = output.rank, spatialRank = rank - 2;
  int64_t numColumns = output.sizes[rank - 1], taps = 1;
  int64_t outputsPerGroup = output.sizes[1] / spec.groups, inputsPerGroup = input.sizes[1] / spec.groups;
  for (int32_t i = 0; i < spatialRank; ++i)
    taps *= weight.sizes[2 + i];

  auto valueAt = [&](const int64_t *position) {
    int64_t o = position[1], group = o / outputsPerGroup;
    Value sum = 0;
    for (int64_t tap = 0; tap < taps; ++tap) {
      int64_t inputOffset = position[0] * input.strides[0], weightOffset = 0, rest = tap;
      bool isInside = true;
      for (int32_t i = spatialRank; i-- > 0; rest /= weight.sizes[2 + i]) {
        int64_t k = rest % weight.sizes[2 + i];
        int64_t from = sourcePosition(spec, i, position[2 + i], k, input.sizes[2 + i]);
        isInside &= from >= 0;
        inputOffset += from * input.strides[2 + i];
        weightOffset += k * weight.strides[2 + i];
      }
      if (!isInside)
        continue;
      for (int64_t c = 0; c < inputsPerGroup; ++c) {
        int64_t channel = group * inputsPerGroup + c;
        int64_t outer = spec.transposed ? channel : o, inner = spec.transposed ? o % outputsPerGroup : c;
        sum += loadElement<Value>(input, inputOffset + channel * input.strides[1]) *
               loadElement<Value>(weight, weightOffset + outer * weight.strides[0] + inner * weight.strides[1]);
      }
    }
    return bias ? sum + loadElement<Value>(*bias, o * bias->strides[0]) : sum;
  };

  context.parallelFor(countElements(output) / numColumns, [&](int64_t row) {
    int64_t position[maxRank], rest = row;
    for (int32_t i = rank - 1; i-- > 0; rest /= output.sizes[i])
      position[i] = rest % output.sizes[i];
    int64_t start = offsetOf(output, rank - 1, row);
    for (int64_t column = 0; column < numColumns; ++column) {
      position[rank - 1] = column;
      storeElement(output, start + column * output.strides[rank - 1], epilogue(valueAt(position), row, column));
    }
  });
}
} // namespace

void library::referenceConvolution(RunContext &context, const ConvSpec &spec, const TensorView &input,
                                   const TensorView &weight, const TensorView *bias, TensorViews extras,
                                   const TensorView &output) {
  if (isComplex(input.dtype) || isComplex(weight.dtype))
    throw Error(TENON_INTERNAL, "a convolution of complex numbers has no implementation; split it into real parts");
  if (isFloat(output.dtype))
    convolve<double>(context, spec, input, weight, bias, extras, output);
  else
    convolve<int64_t>(context, spec, input, weight, bias, extras, output);
}
