//===- Arguments.h - checks and binds a run's tensors ---------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_ARGUMENTS_H
#define TENON_RUNTIME_ARGUMENTS_H

#include "tenon/generated.h"

#include <span>
#include <string>

namespace tenon {

/// The bytes a tensor's elements lie in; empty where it has no elements.
struct ByteRange {
  uintptr_t begin = 0, end = 0;
  bool overlaps(const ByteRange &other) const { return begin < other.end && other.begin < end; }
};

/// Which of the model's two lists an argument is in, and where: names it in sentences.
struct Argument {
  const char *list; ///< "input" or "output"
  int32_t index;
  const tenon_tensor_info &info;
};

Argument inputArgument(size_t index);
Argument outputArgument(size_t index);

/// Checks `tensor` against the model's signature: device, dtype, rank, sizes that the signature fixes, strides that fit in
/// an address space. `needsData`: also that elements have memory. Throws Error with a sentence that names the argument.
void checkTensor(const Argument &argument, const DLTensor &tensor, bool needsData);

/// Checks that there are as many tensors as the model has. Throws Error.
void checkCount(const char *list, size_t given, int32_t expected);

/// The first element's address.
void *dataOf(const DLTensor &tensor);
/// Whether elements lie in row-major order without gaps and at their natural alignment.
bool isRowMajor(const DLTensor &tensor);
bool isAligned(const DLTensor &tensor);
/// Of a tensor that passed checkTensor.
ByteRange bytesOf(const DLTensor &tensor);
int64_t numElements(const DLTensor &tensor);

/// Positions of the inputs that the model writes to.
std::span<const int32_t> mutatedInputs();

/// "input 1 'attention_mask'".
std::string describe(const Argument &argument);

} // namespace tenon

#endif // TENON_RUNTIME_ARGUMENTS_H
