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

/// Products of tiles on the calling thread alone. May be used by many threads at once. x86-64: oneDNN's brgemm ukernels,
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

  /// Elements that a right operand [k, n] of bf16 takes packed. Column j, a multiple of 256, begins packedSize(k, j) behind the
  /// first. This and what follows only where hasBf16Products().
  static int64_t packedSize(int64_t k, int64_t n);

  /// Packs a right operand [k, n]; strides in elements.
  static void pack(int64_t k, int64_t n, const BFloat16 *b, int64_t rowStride, int64_t columnStride, BFloat16 *packed);

  /// As above, of bf16 with sums in f32: b is packed, with `depth` rows, of which the first k are multiplied.
  void multiplyPacked(int64_t m, int64_t n, int64_t k, const BFloat16 *a, int64_t lda, const BFloat16 *b, int64_t depth,
                      float *c, int64_t ldc, bool accumulate);

  /// "ref:…" where a shape met so far had no kernel and ran in plain loops.
  const char *implementation(DType dtype = DType::F32) const;

private:
  struct Kernels;
  std::unique_ptr<Kernels> kernels;
};

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_TILEGEMM_H
