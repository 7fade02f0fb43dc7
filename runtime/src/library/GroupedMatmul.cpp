//===- GroupedMatmul.cpp - tenon.grouped_matmul -----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// One product per group that has rows, each on all threads.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "../RunContext.h"
#include "TileGemm.h"

using namespace tenon;
using namespace tenon::library;

/// Rows [begin, end) of a matrix.
static TensorView rows(TensorView view, int64_t begin, int64_t end) {
  view.data = static_cast<char *>(view.data) + begin * view.strides[0] * static_cast<int64_t>(sizeInBytes(view.dtype));
  view.sizes[0] = end - begin;
  return view;
}

/// Matrix `index` of a stack.
static TensorView matrix(const TensorView &stack, int64_t index) {
  TensorView view = rows(stack, index, index + 1);
  view.rank = 2;
  for (int32_t dim = 0; dim < 2; ++dim) {
    view.sizes[dim] = stack.sizes[dim + 1];
    view.strides[dim] = stack.strides[dim + 1];
  }
  return view;
}

static void clear(RunContext &context, const TensorView &output) {
  context.parallelFor(output.sizes[0], [&](int64_t row) {
    for (int64_t column = 0; column < output.sizes[1]; ++column)
      storeElement(output, row * output.strides[0] + column * output.strides[1], 0.0);
  });
}

void tenon::groupedMatmul(Run &run, int32_t site, const GroupedMatmulSpec &spec, const TensorView &lhs, const TensorView &rhs,
                          const TensorView &ends, const TensorView &output) {
  MatmulSpec specOfGroup{.isOneOfConstants = spec.rhsIsConstant};
  auto multiply = [&](int64_t group, int64_t begin, int64_t end) {
    matmul(run, site, specOfGroup, rows(lhs, begin, end), matrix(rhs, group), nullptr, {}, rows(output, begin, end));
  };
  if (run.preparing()) { // the groups' sizes are data; their matrices are not, and may be packed
    bool isPacked = spec.rhsIsConstant && rhs.data && rhs.dtype == DType::BF16 && TileGemms::hasBf16Products();
    for (int64_t group = 0; isPacked && group < rhs.sizes[0]; ++group)
      multiply(group, 0, lhs.sizes[0]);
    return;
  }
  int64_t begin = 0;
  for (int64_t group = 0; group < ends.sizes[0]; ++group) {
    int64_t end = loadElement<int64_t>(ends, group * ends.strides[0]);
    if (end < begin || end > lhs.sizes[0])
      throw Error(TENON_INVALID_ARGUMENT, "group " + std::to_string(group) + " of a grouped product ends at row " +
                                              std::to_string(end) + ", outside [" + std::to_string(begin) + ", " +
                                              std::to_string(lhs.sizes[0]) + "]; offsets must not decrease");
    if (end > begin)
      multiply(group, begin, end);
    begin = end;
  }
  if (begin < output.sizes[0])
    clear(RunContext::of(run), rows(output, begin, output.sizes[0]));
}
