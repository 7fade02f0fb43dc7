//===- TileConvolution.h - convolutions by products of tiles ---------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_TILECONVOLUTION_H
#define TENON_RUNTIME_LIBRARY_TILECONVOLUTION_H

#include "PackedOperands.h"

namespace tenon::library {

/// A convolution's arguments, as in tenon::conv.
struct ConvCall {
  RunContext &context;
  const ConvSpec &spec;
  const TensorView &input, &weight, *bias;
  TensorViews extras;
  const TensorView &output;
  int32_t spatialRank() const { return input.rank - 2; }
};

/// Convolutions of F32, F16 and BF16 without a library of convolutions; sums are f32. One per call site.
class TileConvolution {
public:
  static bool supports(const ConvCall &call);

  /// The call's constant weight as run() wants it, packed once.
  const void *packConstant(const ConvCall &call);

  /// `packedWeight`: from packConstant, null where the weight is no constant. Any number of threads may be in here.
  void run(const ConvCall &call, const void *packedWeight);

  /// What products multiply: BF16 where both operands are and the CPU has products of it, else F32.
  static DType productType(const ConvCall &call);

  const char *implementation(const ConvCall &call) const { return tiles.implementation(productType(call)); }

private:
  TileGemms tiles;
  PreparedConstants constants;
};

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_TILECONVOLUTION_H
