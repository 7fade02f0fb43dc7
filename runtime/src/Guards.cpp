//===- Guards.cpp - checks that emitted code asks for -------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "RunContext.h"

#include <string.h>

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

int64_t readIndex(const TensorView &indices, int64_t offset) {
  if (indices.dtype == DType::I64)
    return static_cast<const int64_t *>(indices.data)[offset];
  return static_cast<const int32_t *>(indices.data)[offset];
}

// Checks the elements of dimensions `dim` and up, starting at `offset`.
void checkFrom(const TensorView &indices, int32_t dim, int64_t offset, int64_t size, const char *what) {
  if (dim < indices.rank) {
    for (int64_t i = 0; i < indices.sizes[dim]; ++i)
      checkFrom(indices, dim + 1, offset + i * indices.strides[dim], size, what);
    return;
  }
  int64_t index = readIndex(indices, offset);
  if (index < -size || index >= size)
    throw Error(TENON_INVALID_ARGUMENT, std::string(what) + ": index " + std::to_string(index) +
                                            " is out of range for size " + std::to_string(size) +
                                            "; valid are -size to size - 1");
}

} // namespace

void guardFailed(const char *message, std::initializer_list<int64_t> values) {
  throw Error(TENON_INVALID_ARGUMENT, format(message, values));
}

void checkIndex(Run &run, const TensorView &indices, int64_t size, const char *what) {
  if (run.preparing())
    return;
  if (indices.dtype != DType::I64 && indices.dtype != DType::I32)
    throw Error(TENON_INTERNAL, std::string(what) + ": indices are neither int32 nor int64; please report this");
  checkFrom(indices, 0, 0, size, what);
}

} // namespace tenon
