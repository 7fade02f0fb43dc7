//===- Memory.cpp - aligned memory that grows ---------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Memory.h"

#include "RunContext.h"

#include <stdlib.h>
#include <sys/mman.h>

namespace tenon {

namespace {
// From this size on a range starts at a huge page and asks for them: the arena of a ResNet is walked once per layer, and
// 4 KiB pages cost a TLB miss per row.
constexpr size_t hugePageBytes = 2 << 20;
} // namespace

char *Memory::atLeast(size_t bytes) {
  if (data_ && bytes <= size_)
    return data_;
  release();
  bool huge = bytes >= 2 * hugePageBytes;
  size_t alignment = huge ? hugePageBytes : 64;
  size_t size = bytes ? bytes : 1;
  if (__builtin_add_overflow(size, alignment - 1, &size))
    size = SIZE_MAX; // aligned_alloc refuses it
  size &= ~(alignment - 1);
  data_ = static_cast<char *>(aligned_alloc(alignment, size));
  if (!data_)
    throw Error(TENON_OUT_OF_MEMORY, "no memory for " + std::to_string(bytes) + " bytes; use smaller inputs or fewer runs "
                                                                              "at once");
  if (huge)
    madvise(data_, size, MADV_HUGEPAGE);
  size_ = size;
  return data_;
}

void Memory::release() {
  free(data_);
  data_ = nullptr;
  size_ = 0;
}

} // namespace tenon
