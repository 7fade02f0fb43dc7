//===- Convert.h - between f32 and half-width elements ---------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_CONVERT_H
#define TENON_RUNTIME_LIBRARY_CONVERT_H

#include "../RunContext.h"
#include "Elements.h"

namespace tenon::library {

inline bool isHalf(DType dtype) { return dtype == DType::F16 || dtype == DType::BF16; }

/// to[i] = from[i] * factor for `count` contiguous elements of F32, F16 or BF16.
void readElements(DType dtype, const void *from, int64_t count, float *to, float factor = 1);

/// The same the other way: rounded to nearest even.
void writeElements(DType dtype, const float *from, int64_t count, void *to, float factor = 1);

/// Copies `from` to `to`: same sizes, any strides. Where the dtypes differ, one is F32 and the other half-width.
void copyOrConvert(RunContext &context, const TensorView &from, const TensorView &to);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_CONVERT_H
