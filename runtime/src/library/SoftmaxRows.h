//===- SoftmaxRows.h - rows of scores, vectorised --------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_SOFTMAXROWS_H
#define TENON_RUNTIME_LIBRARY_SOFTMAXROWS_H

#include <stdint.h>

namespace tenon::library {

/// One row of an online softmax: https://arxiv.org/abs/1805.02867. Replaces scores[0, count) by exp(scores + mask - max),
/// scores[count, padded) by zero (`padded` is a multiple of 16), raises `max` to the row's maximum and brings `sum` up to date.
/// `mask` may be null. Returns the factor by which what was summed with the earlier maximum shrinks. A row that sees
/// nothing keeps max = -inf and sum = 0. exp is within 2 ULP; results below 2^-126 are zero.
float softmaxRow(float *scores, const float *mask, int64_t count, int64_t padded, float &max, float &sum);

/// row[0, count) *= factor.
void scaleRow(float *row, int64_t count, float factor);

/// columns[c * numRows + r] = rows[r * stride + c] for r < count; zero for r in [count, numRows); numRows is a multiple of 16.
void transposeRows(const float *rows, int64_t stride, int64_t count, int64_t length, int64_t numRows, float *columns);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_SOFTMAXROWS_H
