//===- CheckedMath.h - arithmetic on sizes that come from files -----------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The only place where sizes, offsets and strides of a file are added and multiplied: a wrapped product is how bounds
// checks of other loaders were bypassed, more than once.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_CHECKEDMATH_H
#define TENON_FRONTEND_ARCHIVE_CHECKEDMATH_H

#include <cstdint>
#include <optional>

namespace tenon::frontend {

/// An unsigned number that remembers that it overflowed.
class CheckedSize {
public:
  CheckedSize(uint64_t value) : value(value) {}

  friend CheckedSize operator+(CheckedSize a, CheckedSize b) {
    uint64_t sum = 0;
    bool overflow = __builtin_add_overflow(a.value.value_or(0), b.value.value_or(0), &sum);
    return a.value && b.value && !overflow ? CheckedSize(sum) : overflowed();
  }
  friend CheckedSize operator*(CheckedSize a, CheckedSize b) {
    uint64_t product = 0;
    bool overflow = __builtin_mul_overflow(a.value.value_or(0), b.value.value_or(0), &product);
    return a.value && b.value && !overflow ? CheckedSize(product) : overflowed();
  }
  bool isAtMost(uint64_t limit) const { return value && *value <= limit; }
  bool isExactly(uint64_t expected) const { return value && *value == expected; }
  /// Only after isAtMost or isExactly held.
  uint64_t get() const { return *value; }

private:
  static CheckedSize overflowed() {
    CheckedSize result(0);
    result.value.reset();
    return result;
  }
  std::optional<uint64_t> value;
};

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_CHECKEDMATH_H
