//===- openblas/TileGemm.cpp - tile products by OpenBLAS -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "../TileGemm.h"
#include "../loops/Bf16Products.h"

#include <cblas.h>

using namespace tenon::library;

struct TileGemms::Kernels {};

TileGemms::TileGemms() = default;
TileGemms::~TileGemms() = default;

void TileGemms::multiply(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
                         int64_t ldc, bool accumulate) {
  // Rows as the columns of transposed matrices: where the CPU has SME, Debian's OpenBLAS takes row-major products with beta = 1 to
  // a kernel that is an empty stub, and leaves c as it is.
  auto as = [](int64_t value) { return static_cast<blasint>(value); };
  cblas_sgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, as(n), as(m), as(k), 1, b, as(ldb), a, as(lda), accumulate, c,
              as(ldc));
}

// Not OpenBLAS': it has kernels of BFMMLA for some of the CPUs that have it, and plain loops for the others.
bool TileGemms::hasBf16Products() { return hasBfmmla(); }

int64_t TileGemms::packedSize(int64_t k, int64_t n) { return packedForBfmmla(k, n); }

void TileGemms::pack(int64_t k, int64_t n, const BFloat16 *b, int64_t rowStride, int64_t columnStride, BFloat16 *packed) {
  packForBfmmla(k, n, b, rowStride, columnStride, packed);
}

void TileGemms::multiplyPacked(int64_t m, int64_t n, int64_t k, const BFloat16 *a, int64_t lda, const BFloat16 *b,
                               int64_t depth, float *c, int64_t ldc, bool accumulate) {
  multiplyByBfmmla(m, n, k, a, lda, b, depth, c, ldc, accumulate);
}

const char *TileGemms::implementation(DType dtype) const {
  return dtype == DType::BF16 ? "tiles:bfmmla" : "tiles:openblas";
}
