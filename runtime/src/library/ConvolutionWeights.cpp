//===- ConvolutionWeights.cpp - weights as convolutions by tiles want them -------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "ConvolutionWeights.h"

#include <algorithm>

using namespace tenon;
using namespace tenon::library;

template <typename Element>
void ConvolutionWeights<Element>::writePlain(RunContext &context, const TensorView &weight, Element *plain) const {
  int64_t inputs = shape.inputsPerGroup(), outputs = shape.outputsPerGroup(), taps = shape.numTaps();
  // Offsets in both: by output channel, by input channel of the group, by tap.
  bool isDepthwise = shape.isDepthwise();
  context.parallelFor(shape.outputChannels, [&](int64_t o) {
    int64_t group = o / outputs, output = o % outputs;
    for (int64_t c = 0; c < inputs; ++c) {
      int64_t from = shape.transposed ? (group * inputs + c) * weight.strides[0] + output * weight.strides[1]
                                      : o * weight.strides[0] + c * weight.strides[1];
      for (int64_t tap = 0; tap < taps; ++tap) {
        int64_t offset = from, rest = tap;
        for (int32_t i = weight.rank; i-- > 2; rest /= weight.sizes[i])
          offset += rest % weight.sizes[i] * weight.strides[i];
        int64_t to =
            isDepthwise ? tap * shape.outputChannels + o : ((group * taps + tap) * inputs + c) * outputs + output;
        plain[to] = static_cast<Element>(static_cast<float>(loadElement<double>(weight, offset)));
      }
    }
  });
}

template <typename Element>
void ConvolutionWeights<Element>::pack(RunContext &context, const TensorView &weight, Element *workspace,
                                       Element *packed) const {
  writePlain(context, weight, isPacked ? workspace : packed);
  if constexpr (isPacked) {
    int64_t kernelRows = shape.numKernelRows(), atOnce = shape.kernelRowsAtOnce(), outputs = shape.outputsPerGroup();
    int64_t numProducts = (kernelRows + atOnce - 1) / atOnce;
    context.parallelFor(shape.groups * numProducts, [&](int64_t task) {
      int64_t group = task / numProducts, row = task % numProducts * atOnce;
      int64_t depth = std::min(atOnce, kernelRows - row) * shape.rowDepth();
      const Element *plain = workspace + (group * shape.depth() + row * shape.rowDepth()) * outputs;
      TileGemms::pack(depth, outputs, plain, outputs, 1, packed + offsetOf(group, row, depth, 0));
    });
  }
}

template class library::ConvolutionWeights<float>;
template class library::ConvolutionWeights<BFloat16>;
