//===- Arguments.cpp - checks and binds a run's tensors -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Arguments.h"

#include "DTypes.h"
#include "RunContext.h"

#include <string.h>

namespace tenon {

namespace {

[[noreturn]] void fail(const std::string &sentence) { throw Error(TENON_INVALID_ARGUMENT, sentence); }

std::string counted(int64_t count, const std::string &noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// As a number: our declaration of the enumeration ends at kDLCPU, and a caller's may hold any device.
int32_t deviceType(const DLTensor &tensor) {
  int32_t type;
  static_assert(sizeof(tensor.device.device_type) == sizeof(type));
  memcpy(&type, &tensor.device.device_type, sizeof(type));
  return type;
}

void checkSizes(const Argument &argument, const DLTensor &tensor) {
  for (int32_t dim = 0; dim < tensor.ndim; ++dim) {
    int64_t size = tensor.shape[dim], expected = argument.info.shape[dim];
    if (size < 0)
      fail(describe(argument) + " has the negative size " + std::to_string(size) + " in dimension " + std::to_string(dim) +
           "; sizes start at 0");
    if (expected != TENON_DYNAMIC && size != expected)
      fail(describe(argument) + " has size " + std::to_string(size) + " in dimension " + std::to_string(dim) +
           "; the model takes " + std::to_string(expected));
  }
}

// Element offsets of the first and the last byte's elements relative to the data pointer.
struct Extent {
  int64_t lowest = 0, highest = 0, elements = 1;
};

// False where an offset or the number of elements overflows.
bool computeExtent(const DLTensor &tensor, Extent &extent) {
  int64_t nextStride = 1;
  for (int32_t dim = tensor.ndim - 1; dim >= 0; --dim) {
    int64_t size = tensor.shape[dim], stride = tensor.strides ? tensor.strides[dim] : nextStride, span;
    if (__builtin_mul_overflow(extent.elements, size, &extent.elements))
      return false;
    if (size > 0) {
      int64_t &side = stride < 0 ? extent.lowest : extent.highest;
      if (__builtin_mul_overflow(size - 1, stride, &span) || __builtin_add_overflow(side, span, &side))
        return false;
    }
    if (__builtin_mul_overflow(nextStride, size, &nextStride))
      return false;
  }
  int64_t bytes;
  constexpr int64_t largestElement = 16;
  return !__builtin_mul_overflow(extent.highest, largestElement, &bytes) &&
         !__builtin_mul_overflow(extent.lowest, largestElement, &bytes) &&
         !__builtin_mul_overflow(extent.elements, largestElement, &bytes);
}

} // namespace

std::span<const int32_t> mutatedInputs() {
  return {model.info.mutated_inputs, static_cast<size_t>(model.info.num_mutated_inputs)};
}

Argument inputArgument(size_t index) { return {"input", static_cast<int32_t>(index), model.info.inputs[index]}; }

Argument outputArgument(size_t index) { return {"output", static_cast<int32_t>(index), model.info.outputs[index]}; }

std::string describe(const Argument &argument) {
  return std::string(argument.list) + " " + std::to_string(argument.index) + " '" + argument.info.name + "'";
}

void checkCount(const char *list, size_t given, int32_t expected) {
  if (static_cast<int64_t>(given) != expected)
    fail(counted(static_cast<int64_t>(given), list) + (given == 1 ? " was" : " were") + " given; the model takes " +
         std::to_string(expected));
}

void checkTensor(const Argument &argument, const DLTensor &tensor, bool needsData) {
  if (deviceType(tensor) != kDLCPU)
    fail(describe(argument) + " is on DLPack device type " + std::to_string(deviceType(tensor)) +
         "; the model takes CPU memory");
  if (!areEqual(tensor.dtype, argument.info.dtype))
    fail(describe(argument) + " is " + nameOf(tensor.dtype) + "; the model takes " + nameOf(argument.info.dtype));
  if (tensor.ndim != argument.info.ndim)
    fail(describe(argument) + " has " + counted(tensor.ndim, "dimension") + "; the model takes " +
         std::to_string(argument.info.ndim));
  if (tensor.ndim > 0 && !tensor.shape)
    fail(describe(argument) + " has no shape; set the tensor's shape");
  checkSizes(argument, tensor);
  Extent extent;
  if (!computeExtent(tensor, extent))
    fail(describe(argument) + " is larger than an address space; check its sizes and strides");
  if (needsData && !tensor.data && extent.elements > 0)
    fail(describe(argument) + " has no data; give it memory of its size");
}

void *dataOf(const DLTensor &tensor) {
  return tensor.data ? static_cast<char *>(tensor.data) + tensor.byte_offset : nullptr;
}

bool isRowMajor(const DLTensor &tensor) {
  if (!tensor.strides || numElements(tensor) == 0)
    return true;
  int64_t stride = 1;
  for (int32_t dim = tensor.ndim - 1; dim >= 0; --dim) {
    if (tensor.shape[dim] != 1 && tensor.strides[dim] != stride)
      return false;
    stride *= tensor.shape[dim];
  }
  return true;
}

bool isAligned(const DLTensor &tensor) {
  int64_t element = sizeInBytes(tensor.dtype);
  return reinterpret_cast<uintptr_t>(dataOf(tensor)) % static_cast<uintptr_t>(element > 8 ? 8 : element) == 0;
}

ByteRange bytesOf(const DLTensor &tensor) {
  Extent extent;
  computeExtent(tensor, extent);
  if (extent.elements == 0)
    return {};
  auto data = reinterpret_cast<uintptr_t>(dataOf(tensor));
  int64_t element = sizeInBytes(tensor.dtype);
  return {data + static_cast<uintptr_t>(extent.lowest * element),
          data + static_cast<uintptr_t>((extent.highest + 1) * element)};
}

int64_t numElements(const DLTensor &tensor) {
  int64_t count = 1;
  for (int32_t dim = 0; dim < tensor.ndim; ++dim)
    count *= tensor.shape[dim];
  return count;
}

} // namespace tenon
