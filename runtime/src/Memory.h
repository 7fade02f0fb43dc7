//===- Memory.h - aligned memory that grows --------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_MEMORY_H
#define TENON_RUNTIME_MEMORY_H

#include <stddef.h>
#include <utility>

namespace tenon {

/// Owns a range of bytes, 64-byte aligned; large ranges lie on huge pages where the system has them.
class Memory {
public:
  Memory() = default;
  Memory(Memory &&other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Memory &operator=(Memory &&other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Memory() { release(); }

  /// The memory, replaced by a larger one where it has fewer than `bytes`; contents are undefined then. Never null.
  /// Throws Error(TENON_OUT_OF_MEMORY).
  char *atLeast(size_t bytes);
  char *data() const { return data_; }
  size_t size() const { return size_; }

private:
  void release();
  char *data_ = nullptr;
  size_t size_ = 0;
};

} // namespace tenon

#endif // TENON_RUNTIME_MEMORY_H
