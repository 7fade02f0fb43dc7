//===- onednn/TileGemm.cpp - tile products by oneDNN's brgemm ukernels -----------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "../../RunContext.h"
#include "../TileGemm.h"
#include "../loops/RowLoops.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl_ukernel.hpp>
#include <shared_mutex>
#include <vector>

using namespace tenon::library;
using dnnl::ukernel::brgemm;

namespace {
using Shape = std::array<int64_t, 7>;
/// Ukernels ask for 64 bytes where they need no buffer (only those of AMX do); they are given memory on the stack.
constexpr size_t scratchpadBytes = 1024;

/// A kernel, or null where oneDNN has none for this CPU.
std::unique_ptr<brgemm> generate(const Shape &shape) {
  constexpr auto f32 = dnnl::memory::data_type::f32;
  const auto &[m, n, k, lda, ldb, ldc, accumulates] = shape;
  brgemm kernel(m, n, k, 1, lda, ldb, ldc, f32, f32, f32, true);
  if (!kernel)
    return nullptr;
  try {
    kernel.set_add_C(accumulates);
    kernel.finalize();
    if (kernel.get_scratchpad_size() > scratchpadBytes)
      return nullptr;
    kernel.generate();
    return std::make_unique<brgemm>(std::move(kernel));
  } catch (const dnnl::error &) {
    return nullptr;
  }
}
} // namespace

struct TileGemms::Kernels {
  std::shared_mutex mutex;
  std::map<Shape, std::unique_ptr<brgemm>> byShape;
  std::atomic<bool> usesLoops = false;

  const brgemm *get(const Shape &shape) {
    {
      std::shared_lock lock(mutex);
      if (auto found = byShape.find(shape); found != byShape.end())
        return found->second.get();
    }
    std::unique_lock lock(mutex);
    auto [entry, isNew] = byShape.try_emplace(shape);
    if (isNew) {
      entry->second = generate(shape);
      usesLoops = usesLoops || !entry->second;
    }
    return entry->second.get();
  }
};

TileGemms::TileGemms() : kernels(std::make_unique<Kernels>()) {}
TileGemms::~TileGemms() = default;

void TileGemms::multiply(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
                         int64_t ldc, bool accumulate) {
  static const std::vector<std::pair<dnnl::memory::dim, dnnl::memory::dim>> offsets = {{0, 0}};
  if (const brgemm *kernel = kernels->get({m, n, k, lda, ldb, ldc, accumulate})) {
    alignas(64) char scratchpad[scratchpadBytes];
    return kernel->execute(a, b, offsets, c, scratchpad);
  }
  for (int64_t row = 0; row < m; ++row) {
    if (!accumulate)
      std::fill_n(c + row * ldc, n, 0.0f);
    rowLoops().addWeightedRows(a + row * lda, b, ldb, n, k, c + row * ldc);
  }
}

bool TileGemms::hasBf16Products() { return false; }

[[noreturn]] static void failWithoutBf16() {
  throw tenon::Error(TENON_INTERNAL, "tiles of bf16 are no products here; please report this");
}
int64_t TileGemms::packedSize(int64_t, int64_t) { failWithoutBf16(); }
void TileGemms::pack(int64_t, int64_t, const BFloat16 *, int64_t, int64_t, BFloat16 *) { failWithoutBf16(); }
void TileGemms::multiplyPacked(int64_t, int64_t, int64_t, const BFloat16 *, int64_t, const BFloat16 *, int64_t, float *,
                               int64_t, bool) {
  failWithoutBf16();
}

const char *TileGemms::implementation(DType) const { return kernels->usesLoops ? "ref:tiles" : "tiles:brgemm"; }
