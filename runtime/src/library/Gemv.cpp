//===- Gemv.cpp - one row times a matrix -----------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Bound by memory, so the matrix is read where it lies, once, four rows at a time (four streams suit the prefetchers).
// Measured on Zen 5, one thread, f32: 50-80 GFLOPS in L2/L3, as oneDNN with packed weights; OpenBLAS sgemm reaches 12.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Gemv.h"
#include "Multiversion.h"

#pragma clang fp contract(fast)

namespace tenon::library {

typedef uint16_t Short16x __attribute__((vector_size(32), aligned(2), may_alias));
typedef _Float16 Half16x __attribute__((vector_size(32), aligned(2), may_alias));

static TENON_INLINE Float16x loadVector(const float *from) { return *reinterpret_cast<const Float16x *>(from); }
static TENON_INLINE Float16x loadVector(const _Float16 *from) {
  return __builtin_convertvector(*reinterpret_cast<const Half16x *>(from), Float16x);
}
static TENON_INLINE Float16x loadVector(const BFloat16 *from) {
  return reinterpret_cast<Float16x>(__builtin_convertvector(*reinterpret_cast<const Short16x *>(from), Int16x) << 16);
}

template <int numRows, typename Element>
static TENON_INLINE void dotFewRows(const float *x, const Element *rows, int64_t stride, int64_t length, float *result) {
  Float16x even[numRows] = {}, odd[numRows] = {};
  int64_t k = 0;
  for (; k + 2 * vectorWidth <= length; k += 2 * vectorWidth) {
    Float16x x0 = loadVector(x + k), x1 = loadVector(x + k + vectorWidth);
    for (int r = 0; r < numRows; ++r) {
      const Element *row = rows + r * stride + k;
      even[r] += x0 * loadVector(row);
      odd[r] += x1 * loadVector(row + vectorWidth);
    }
  }
  for (int r = 0; r < numRows; ++r) {
    even[r] += odd[r];
    float sum = 0;
    for (int lane = 0; lane < vectorWidth; ++lane)
      sum += even[r][lane];
    for (int64_t tail = k; tail < length; ++tail)
      sum += x[tail] * static_cast<float>(rows[r * stride + tail]);
    result[r] = sum;
  }
}

template <typename Element>
static TENON_INLINE void dotAllRows(const float *x, const Element *rows, int64_t stride, int64_t length, int64_t numRows,
                                    float *result) {
  int64_t n = 0;
  for (; n + 4 <= numRows; n += 4)
    dotFewRows<4>(x, rows + n * stride, stride, length, result + n);
  for (; n < numRows; ++n)
    dotFewRows<1>(x, rows + n * stride, stride, length, result + n);
}

TENON_MULTIVERSION void dotRows(const float *x, const float *rows, int64_t stride, int64_t length, int64_t numRows,
                                float *result) {
  dotAllRows(x, rows, stride, length, numRows, result);
}

TENON_MULTIVERSION void dotRowsF16(const float *x, const _Float16 *rows, int64_t stride, int64_t length, int64_t numRows,
                                   float *result) {
  dotAllRows(x, rows, stride, length, numRows, result);
}

TENON_MULTIVERSION void dotRowsBF16(const float *x, const BFloat16 *rows, int64_t stride, int64_t length, int64_t numRows,
                                    float *result) {
  dotAllRows(x, rows, stride, length, numRows, result);
}

TENON_MULTIVERSION void addWeightedRows(const float *weights, const float *rows, int64_t stride, int64_t length,
                                        int64_t numRows, float *result) {
  int64_t f = 0;
  for (; f + vectorWidth <= length; f += vectorWidth) {
    auto &target = *reinterpret_cast<Float16x *>(result + f);
    Float16x even = target, odd = {};
    int64_t s = 0;
    for (; s + 2 <= numRows; s += 2) {
      even += weights[s] * *reinterpret_cast<const Float16x *>(rows + s * stride + f);
      odd += weights[s + 1] * *reinterpret_cast<const Float16x *>(rows + (s + 1) * stride + f);
    }
    if (s < numRows)
      even += weights[s] * *reinterpret_cast<const Float16x *>(rows + s * stride + f);
    target = even + odd;
  }
  for (; f < length; ++f) {
    float sum = result[f];
    for (int64_t s = 0; s < numRows; ++s)
      sum += weights[s] * rows[s * stride + f];
    result[f] = sum;
  }
}

} // namespace tenon::library
