//===- Bf16Products.h - products of bf16 by BFMMLA ---------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_LOOPS_BF16PRODUCTS_H
#define TENON_RUNTIME_LIBRARY_LOOPS_BF16PRODUCTS_H

#include "../Elements.h"

namespace tenon::library {

/// Whether this CPU has BFMMLA on SVE vectors.
bool hasBfmmla();

/// c = a x b, or c += a x b; row-major, a [m, k], b [k, n], c [m, n]; leading dimensions in elements. On the calling thread,
/// which keeps the memory that operands are packed to. Only where hasBfmmla().
void multiplyByBfmmla(int64_t m, int64_t n, int64_t k, const BFloat16 *a, int64_t lda, const BFloat16 *b, int64_t ldb, float *c,
                      int64_t ldc, bool accumulate);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_LOOPS_BF16PRODUCTS_H
