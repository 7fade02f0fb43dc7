//===- openblas/TileGemm.cpp - tile products by OpenBLAS -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "../TileGemm.h"

#include "../../CpuFeatures.h"

#include <cblas.h>

using namespace tenon::library;

struct TileGemms::Kernels {};

TileGemms::TileGemms() = default;
TileGemms::~TileGemms() = default;

void TileGemms::multiply(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
                         int64_t ldc, bool accumulate) {
  auto as = [](int64_t value) { return static_cast<blasint>(value); };
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, as(m), as(n), as(k), 1, a, as(lda), b, as(ldb), accumulate, c,
              as(ldc));
}

// OpenBLAS has kernels of BFMMLA for the Neoverse cores that have it; elsewhere its bf16 products are plain loops.
bool TileGemms::hasBf16Products() {
  static const bool hasThem = tenon::hasCpuFeature("bf16");
  return hasThem;
}

void TileGemms::multiply(int64_t m, int64_t n, int64_t k, const BFloat16 *a, int64_t lda, const BFloat16 *b, int64_t ldb,
                         float *c, int64_t ldc, bool accumulate) {
  static_assert(sizeof(BFloat16) == sizeof(bfloat16));
  auto as = [](int64_t value) { return static_cast<blasint>(value); };
  cblas_sbgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, as(m), as(n), as(k), 1, reinterpret_cast<const bfloat16 *>(a),
               as(lda), reinterpret_cast<const bfloat16 *>(b), as(ldb), accumulate, c, as(ldc));
}

const char *TileGemms::implementation() const { return "tiles:openblas"; }
