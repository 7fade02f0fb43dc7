//===- Bf16Products.h - products of bf16 by BFMMLA ---------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_LOOPS_BF16PRODUCTS_H
#define TENON_RUNTIME_LIBRARY_LOOPS_BF16PRODUCTS_H

#include "../Elements.h"

namespace tenon::library {

/// Whether this CPU has BFMMLA on SVE vectors. The functions below are for such CPUs only.
bool hasBfmmla();

/// Elements that a right operand [k, n] takes packed.
int64_t packedForBfmmla(int64_t k, int64_t n);

/// Packs a right operand [k, n]; strides in elements. Element (0, j) of every column j that is a multiple of 256 begins a
/// panel: it lies packedForBfmmla(k, j) behind the first.
void packForBfmmla(int64_t k, int64_t n, const BFloat16 *b, int64_t rowStride, int64_t columnStride, BFloat16 *packed);

/// c = a x b, or c += a x b; a [m, k] and c [m, n] row-major, leading dimensions in elements; b packed with `depth` rows, of
/// which the first k are multiplied. Where k is less than `depth`, rows of b up to a multiple of four meet zeros. On the
/// calling thread, which keeps the memory that a is packed to.
void multiplyByBfmmla(int64_t m, int64_t n, int64_t k, const BFloat16 *a, int64_t lda, const BFloat16 *packed, int64_t depth,
                      float *c, int64_t ldc, bool accumulate);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_LOOPS_BF16PRODUCTS_H
