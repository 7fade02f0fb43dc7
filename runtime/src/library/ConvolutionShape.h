//===- ConvolutionShape.h - a convolution's sizes in three dimensions ------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_CONVOLUTIONSHAPE_H
#define TENON_RUNTIME_LIBRARY_CONVOLUTIONSHAPE_H

#include "Elements.h"

#include <algorithm>

namespace tenon::library {

/// Sizes of a convolution with one to three spatial dimensions, which are the last of D, H, W here; missing ones have size 1.
struct ConvolutionShape {
  int64_t batch, groups, inputChannels, outputChannels;
  int64_t input[3] = {1, 1, 1}, output[3] = {1, 1, 1}, kernel[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1}, padding[3] = {}, dilation[3] = {1, 1, 1}; ///< low padding
  bool transposed;

  ConvolutionShape(const ConvSpec &spec, const TensorView &in, const TensorView &weight, const TensorView &out)
      : batch(in.sizes[0]), groups(spec.groups), inputChannels(in.sizes[1]), outputChannels(out.sizes[1]),
        transposed(spec.transposed) {
    int32_t spatialRank = in.rank - 2;
    for (int32_t i = 0; i < spatialRank; ++i) {
      int32_t dim = 3 - spatialRank + i;
      input[dim] = in.sizes[2 + i];
      output[dim] = out.sizes[2 + i];
      kernel[dim] = weight.sizes[2 + i];
      stride[dim] = spec.stride[i];
      padding[dim] = spec.padding[2 * i];
      dilation[dim] = spec.dilation[i];
    }
  }

  int64_t inputsPerGroup() const { return inputChannels / groups; }
  int64_t outputsPerGroup() const { return outputChannels / groups; }
  int64_t numTaps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t numPositions() const { return batch * output[0] * output[1] * output[2]; } ///< of the output, all images
  /// Products that one output element sums.
  int64_t depth() const { return numTaps() * inputsPerGroup(); }
  /// Inputs of a group that one row of the kernel reads.
  int64_t rowDepth() const { return kernel[2] * inputsPerGroup(); }
  int64_t numKernelRows() const { return kernel[0] * kernel[1]; }
  /// Kernel rows whose inputs tiles gather at once.
  int64_t kernelRowsAtOnce() const {
    constexpr int64_t gatheredDepth = 1024; // inputs of a position; 128 positions of so many stay in an L2 of 1 MiB
    return std::clamp<int64_t>(gatheredDepth / std::max<int64_t>(1, rowDepth()), 1, std::max<int64_t>(1, numKernelRows()));
  }
  bool isDepthwise() const { return inputsPerGroup() == 1 && groups > 1; }
  /// True where an output position reads the input position of the same index, and no other.
  bool isPointwise() const {
    bool result = !transposed;
    for (int dim = 0; dim < 3; ++dim)
      result &= kernel[dim] == 1 && stride[dim] == 1 && padding[dim] == 0 && input[dim] == output[dim];
    return result;
  }

  /// The input position in `dim` that kernel position `tap` contributes from to output position `to`; -1 for none.
  int64_t sourcePosition(int dim, int64_t to, int64_t tap) const {
    int64_t from = transposed ? to + padding[dim] - tap * dilation[dim] : to * stride[dim] - padding[dim] + tap * dilation[dim];
    if (from < 0 || (transposed && from % stride[dim] != 0))
      return -1;
    from = transposed ? from / stride[dim] : from;
    return from < input[dim] ? from : -1;
  }
};

/// Where a position's channels lie: one element apart from each other, positions with these strides in elements.
struct ChannelsLastStrides {
  int64_t batch = 0, spatial[3] = {};

  explicit ChannelsLastStrides(const TensorView &view) : batch(view.strides[0]) {
    for (int32_t i = 2; i < view.rank; ++i)
      spatial[3 - view.rank + i] = view.strides[i];
  }
};

/// `view` with dense channels-last strides ([N, C, D…] with C innermost) on memory at `data`.
inline TensorView channelsLastLike(const TensorView &view, void *data) {
  TensorView result = view;
  result.data = data;
  int64_t stride = view.sizes[1];
  result.strides[1] = 1;
  for (int32_t i = view.rank; i-- > 2; stride *= view.sizes[i])
    result.strides[i] = stride;
  result.strides[0] = stride;
  return result;
}

/// True where the strides that matter are those of channelsLastLike.
inline bool isDenseChannelsLast(const TensorView &view) {
  TensorView dense = channelsLastLike(view, nullptr);
  for (int32_t i = 0; i < view.rank; ++i)
    if (view.sizes[i] > 1 && view.strides[i] != dense.strides[i])
      return false;
  return true;
}

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_CONVOLUTIONSHAPE_H
