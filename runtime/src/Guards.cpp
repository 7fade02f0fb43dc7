//===- Guards.cpp - checks that emitted code asks for -------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "RunContext.h"

#include <algorithm>
#include <limits>
#include <type_traits>

namespace tenon {

namespace {

// Returns `message` with {0}, {1}, … replaced by `values`; other braces stay as they are.
std::string format(const char *message, std::initializer_list<int64_t> values) {
  std::string text;
  for (const char *at = message; *at; ++at) {
    bool isPlace = at[0] == '{' && at[1] >= '0' && at[1] <= '9' && at[2] == '}';
    size_t index = isPlace ? static_cast<size_t>(at[1] - '0') : 0;
    if (!isPlace || index >= values.size()) {
      text += *at;
      continue;
    }
    text += std::to_string(values.begin()[index]);
    at += 2;
  }
  return text;
}

// Calls `visit(first, count, stride)` for every line of elements along the last dimension, until one returns false. Dimensions that
// are laid out one behind the other count as one, so that lines are long.
template <typename Element, typename Visit> bool forEachLine(const TensorView &view, const Visit &visit) {
  int32_t rank = view.rank;
  int64_t count = rank == 0 ? 1 : view.sizes[rank - 1], stride = rank == 0 ? 1 : view.strides[rank - 1];
  for (rank = rank == 0 ? 0 : rank - 1; rank > 0 && view.strides[rank - 1] == stride * count; --rank)
    count *= view.sizes[rank - 1];
  auto from = [&](const auto &self, int32_t dim, int64_t offset) -> bool {
    if (dim == rank)
      return visit(static_cast<const Element *>(view.data) + offset, count, stride);
    for (int64_t i = 0; i < view.sizes[dim]; ++i)
      if (!self(self, dim + 1, offset + i * view.strides[dim]))
        return false;
    return true;
  };
  return from(from, 0, 0);
}

// One comparison per element and no branch, which the C++ compiler turns into vector code.
template <typename Integer>
bool anyOutside(const Integer *line, int64_t count, int64_t stride, Integer lowest, std::make_unsigned_t<Integer> width) {
  using Unsigned = std::make_unsigned_t<Integer>;
  Unsigned outside = 0;
  auto test = [&](Integer index) { outside |= static_cast<Unsigned>(index) - static_cast<Unsigned>(lowest) >= width; };
  if (stride == 1)
    for (int64_t i = 0; i < count; ++i)
      test(line[i]);
  else
    for (int64_t i = 0; i < count; ++i)
      test(line[i * stride]);
  return outside != 0;
}

template <typename Integer> void checkIndices(const TensorView &indices, int64_t size, const char *what, bool wraps) {
  constexpr int64_t highest = std::numeric_limits<Integer>::max();
  Integer lowest = wraps ? static_cast<Integer>(-std::min(size, highest)) : 0;
  auto width = static_cast<std::make_unsigned_t<Integer>>(std::min(size, highest)) * (wraps ? 2 : 1);
  forEachLine<Integer>(indices, [&](const Integer *line, int64_t count, int64_t stride) {
    if (!anyOutside<Integer>(line, count, stride, lowest, width))
      return true;
    int64_t bad = 0;
    while (line[bad * stride] >= lowest && line[bad * stride] < size)
      ++bad;
    std::string range = size == 0 ? "there is no valid one"
                                  : "valid are " + std::to_string(lowest) + " to " + std::to_string(size - 1);
    throw Error(TENON_INVALID_ARGUMENT, std::string(what) + ": index " + std::to_string(line[bad * stride]) +
                                            " is out of range for size " + std::to_string(size) + "; " + range);
  });
}

template <typename Integer> bool hasZero(const TensorView &view) {
  return !forEachLine<Integer>(view, [](const Integer *line, int64_t count, int64_t stride) {
    bool found = false;
    for (int64_t i = 0; i < count; ++i)
      found |= line[i * stride] == 0;
    return !found;
  });
}

} // namespace

void guardFailed(const char *message, std::initializer_list<int64_t> values) {
  throw Error(TENON_INVALID_ARGUMENT, format(message, values));
}

void checkIndex(Run &run, const TensorView &indices, int64_t size, const char *what, bool wraps) {
  if (run.preparing())
    return;
  if (indices.dtype == DType::I64)
    return checkIndices<int64_t>(indices, size, what, wraps);
  if (indices.dtype == DType::I32)
    return checkIndices<int32_t>(indices, size, what, wraps);
  throw Error(TENON_INTERNAL, std::string(what) + ": indices are neither int32 nor int64; please report this");
}

void checkDivisor(Run &run, const TensorView &divisors, const char *what) {
  if (run.preparing())
    return;
  bool found = false;
  switch (divisors.dtype) {
  case DType::I64: case DType::U64:
    found = hasZero<int64_t>(divisors);
    break;
  case DType::I32: case DType::U32:
    found = hasZero<int32_t>(divisors);
    break;
  case DType::I16: case DType::U16:
    found = hasZero<int16_t>(divisors);
    break;
  case DType::I8: case DType::U8: case DType::Bool:
    found = hasZero<int8_t>(divisors);
    break;
  default:
    throw Error(TENON_INTERNAL, std::string(what) + ": divisors are no integers; please report this");
  }
  if (found)
    throw Error(TENON_INVALID_ARGUMENT, std::string(what) + ": integer division by zero; give divisors other than zero");
}

void checkInfo(Run &run, const TensorView &info, const char *message) {
  if (run.preparing())
    return;
  int64_t number = 0;
  forEachLine<int32_t>(info, [&](const int32_t *line, int64_t count, int64_t stride) {
    for (int64_t i = 0; i < count; ++i, ++number)
      if (line[i * stride] != 0)
        guardFailed(message, {line[i * stride], number});
    return true;
  });
}

} // namespace tenon
