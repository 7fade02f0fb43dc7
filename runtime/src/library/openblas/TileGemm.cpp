//===- openblas/TileGemm.cpp - tile products by OpenBLAS -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "../TileGemm.h"

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

const char *TileGemms::implementation() const { return "tiles:openblas"; }
