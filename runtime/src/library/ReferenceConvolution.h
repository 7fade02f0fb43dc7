//===- ReferenceConvolution.h - convolutions of dtypes no library has ------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_REFERENCECONVOLUTION_H
#define TENON_RUNTIME_LIBRARY_REFERENCECONVOLUTION_H

#include "Epilogue.h"

namespace tenon::library {

/// Any dtype but complex, any strides; sums in f64, or in 64-bit integers. `bias` may be null.
void referenceConvolution(RunContext &context, const ConvSpec &spec, const TensorView &input, const TensorView &weight,
                          const TensorView *bias, TensorViews extras, const TensorView &output);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_REFERENCECONVOLUTION_H
