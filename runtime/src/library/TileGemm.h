//===- TileGemm.h - small products inside a parallel region ----------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_TILEGEMM_H
#define TENON_RUNTIME_LIBRARY_TILEGEMM_H

#include "Elements.h"

#include <memory>

namespace tenon::library {

/// Products of f32 tiles on the calling thread alone. May be used by many threads at once. x86-64: oneDNN's brgemm ukernels,
/// generated once per shape; elsewhere: OpenBLAS (which stays on its thread inside a parallel region). Measured on Zen 5,
/// tiles of 16 to 128 rows, E = 64: brgemm 210-270 GFLOPS a core, OpenBLAS 80-125.
class TileGemms {
public:
  TileGemms();
  ~TileGemms();

  /// c = a x b, or c += a x b; row-major, a [m, k], b [k, n], c [m, n]; leading dimensions in elements.
  void multiply(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
                int64_t ldc, bool accumulate);

  /// Whether there are products of bf16 that the CPU has instructions for. On x86-64 oneDNN's primitives are better at them.
  static bool hasBf16Products();

  /// The same for tiles of bf16 with sums in f32; only where hasBf16Products().
  void multiply(int64_t m, int64_t n, int64_t k, const BFloat16 *a, int64_t lda, const BFloat16 *b, int64_t ldb, float *c,
                int64_t ldc, bool accumulate);

  /// "ref:…" where a shape met so far had no kernel and ran in plain loops.
  const char *implementation(DType dtype = DType::F32) const;

private:
  struct Kernels;
  std::unique_ptr<Kernels> kernels;
};

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_TILEGEMM_H
