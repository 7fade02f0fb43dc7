//===- Gemv.h - one row times a matrix -------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_GEMV_H
#define TENON_RUNTIME_LIBRARY_GEMV_H

#include "Elements.h"

namespace tenon::library {

/// result[n] = sum over k of x[k] * rows[n * stride + k], for n in [0, numRows).
void dotRows(const float *x, const float *rows, int64_t stride, int64_t length, int64_t numRows, float *result);

/// The same for rows of half-width elements.
void dotRowsF16(const float *x, const _Float16 *rows, int64_t stride, int64_t length, int64_t numRows, float *result);
void dotRowsBF16(const float *x, const BFloat16 *rows, int64_t stride, int64_t length, int64_t numRows, float *result);

/// result[f] += sum over s of weights[s] * rows[s * stride + f], for f in [0, length).
void addWeightedRows(const float *weights, const float *rows, int64_t stride, int64_t length, int64_t numRows,
                     float *result);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_GEMV_H
