//===- TensorView.cpp - views that emitted code passes to library functions -----------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tenon/generated.h"

#include <algorithm>

// Not inline: a third of the time that Clang spends on optimising a wrapper would go into its copies.
tenon::TensorView tenon::view(DType dtype, const void *data, std::initializer_list<int64_t> sizes,
                              std::initializer_list<int64_t> strides) {
  TensorView result;
  result.data = const_cast<void *>(data);
  result.dtype = dtype;
  result.rank = static_cast<int32_t>(sizes.size());
  std::copy(sizes.begin(), sizes.end(), result.sizes);
  std::copy(strides.begin(), strides.end(), result.strides);
  return result;
}
