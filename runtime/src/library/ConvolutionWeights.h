//===- ConvolutionWeights.h - weights as convolutions by tiles want them ---------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_CONVOLUTIONWEIGHTS_H
#define TENON_RUNTIME_LIBRARY_CONVOLUTIONWEIGHTS_H

#include "../RunContext.h"
#include "ConvolutionShape.h"
#include "TileGemm.h"

namespace tenon::library {

/// How the weights of products lie. Plain, as those of f32 do: [groups, taps, inputs of a group, outputs of a group];
/// depthwise: [taps, channels]. Those of bf16 are packed: group by group the right operand of each product, which takes
/// kernelRowsAtOnce() rows of the kernel. Sizes and offsets in elements.
template <typename Element> class ConvolutionWeights {
public:
  explicit ConvolutionWeights(const ConvolutionShape &shape) : shape(shape) {}

  int64_t size() const { return shape.groups * sizeOfGroup(); }

  /// Where the product of group `group` that begins with kernel row `kernelRow` and sums `depth` inputs finds the weights of
  /// the outputs from `firstOutput`, a multiple of 256, on.
  int64_t offsetOf(int64_t group, int64_t kernelRow, int64_t depth, int64_t firstOutput) const {
    int64_t ofProduct = group * sizeOfGroup() + sizeBefore(kernelRow);
    return ofProduct + (isPacked ? TileGemms::packedSize(depth, firstOutput) : firstOutput);
  }

  /// Writes `weight`, of any strides and dtype, to `packed`.
  void pack(RunContext &context, const TensorView &weight, Element *workspace, Element *packed) const;
  int64_t workspaceSize() const { return isPacked ? shape.outputChannels * shape.depth() : 0; }

private:
  static constexpr bool isPacked = std::is_same_v<Element, BFloat16>;

  void writePlain(RunContext &context, const TensorView &weight, Element *plain) const;
  int64_t sizeOfGroup() const { return sizeBefore(shape.numKernelRows()); }
  /// Of a group's weights before kernel row `kernelRow`, which begins a product or ends the kernel.
  int64_t sizeBefore(int64_t kernelRow) const {
    int64_t atOnce = shape.kernelRowsAtOnce(), rowDepth = shape.rowDepth(), outputs = shape.outputsPerGroup();
    if (!isPacked)
      return kernelRow * rowDepth * outputs;
    return kernelRow / atOnce * TileGemms::packedSize(atOnce * rowDepth, outputs) +
           TileGemms::packedSize(kernelRow % atOnce * rowDepth, outputs);
  }

  const ConvolutionShape &shape;
};

extern template class ConvolutionWeights<float>;
extern template class ConvolutionWeights<BFloat16>;

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_CONVOLUTIONWEIGHTS_H
