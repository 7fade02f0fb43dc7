//===- ReferenceMatmul.h - matrix products of dtypes no library has --------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_REFERENCEMATMUL_H
#define TENON_RUNTIME_LIBRARY_REFERENCEMATMUL_H

#include "Epilogue.h"
#include "MatmulShapes.h"

namespace tenon::library {

/// Any dtype but complex, any strides. Integers are summed in 64 bits (and wrap), f64 in f64, shorter floats in f32.
/// `bias` may be null.
void referenceMatmul(RunContext &context, const MatmulSpec &spec, const MatmulOperands &operands, const TensorView *bias);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_REFERENCEMATMUL_H
