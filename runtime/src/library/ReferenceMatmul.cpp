//===- ReferenceMatmul.cpp - matrix products of dtypes no library has ------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "ReferenceMatmul.h"

#include <algorithm>
#include <type_traits>

using namespace tenon;
using namespace tenon::library;

namespace {
constexpr int64_t blockColumns = 128;

/// Adds row `lhs` (stride `lhsStride`) times columns of `rhs` to `sums`.
template <typename Type, typename Sum>
void addProducts(const Type *lhs, int64_t lhsStride, const Type *rhs, int64_t rhsRowStride, int64_t rhsColumnStride,
                 int64_t length, int64_t numColumns, Sum *sums) {
  auto widened = [](Type value) {
    if constexpr (std::is_same_v<Type, BFloat16>)
      return static_cast<Sum>(static_cast<float>(value));
    else
      return static_cast<Sum>(value);
  };
  for (int64_t k = 0; k < length; ++k) {
    Sum left = widened(lhs[k * lhsStride]);
    const Type *row = rhs + k * rhsRowStride;
    if (rhsColumnStride == 1)
      for (int64_t j = 0; j < numColumns; ++j)
        sums[j] += left * widened(row[j]);
    else
      for (int64_t j = 0; j < numColumns; ++j)
        sums[j] += left * widened(row[j * rhsColumnStride]);
  }
}

template <typename Type> struct SumOf {
  using type = std::conditional_t<std::is_same_v<Type, double>, double,
                                  std::conditional_t<std::is_integral_v<Type>, uint64_t, float>>;
};

template <typename Type>
void multiply(RunContext &context, const BoundEpilogue &epilogue, const MatmulOperands &operands, const TensorView *bias) {
  using Sum = typename SumOf<Type>::type;
  using Value = std::conditional_t<std::is_integral_v<Type>, int64_t, double>;
  const TensorView &output = operands.output;
  int32_t rank = operands.rank();
  int64_t numBlocks = (operands.n() + blockColumns - 1) / blockColumns, numRows = operands.numBatches() * operands.m();
  const TensorView &lhs = operands.lhs, &rhs = operands.rhs;
  auto batchOffset = [&](const TensorView &view, int64_t batch) {
    int64_t offset = 0;
    for (int32_t i = rank - 2; i-- > 0; batch /= output.sizes[i])
      if (view.sizes[i] != 1)
        offset += batch % output.sizes[i] * view.strides[i];
    return offset;
  };
  context.parallelFor(numRows * numBlocks, [&](int64_t task) {
    int64_t row = task / numBlocks, batch = row / operands.m(), m = row % operands.m();
    int64_t first = task % numBlocks * blockColumns, count = std::min(blockColumns, operands.n() - first);
    Sum sums[blockColumns] = {};
    addProducts<Type, Sum>(static_cast<const Type *>(lhs.data) + batchOffset(lhs, batch) + m * lhs.strides[rank - 2],
                           lhs.strides[rank - 1],
                           static_cast<const Type *>(rhs.data) + batchOffset(rhs, batch) + first * rhs.strides[rank - 1],
                           rhs.strides[rank - 2], rhs.strides[rank - 1], operands.k(), count, sums);
    int64_t start = batchOffset(output, batch) + m * output.strides[rank - 2];
    for (int64_t j = 0; j < count; ++j) {
      auto value = static_cast<Value>(sums[j]);
      if (bias)
        value += loadElement<Value>(*bias, (first + j) * bias->strides[0]);
      storeElement(output, start + (first + j) * output.strides[rank - 1], epilogue(value, row, first + j));
    }
  });
}
} // namespace

void library::referenceMatmul(RunContext &context, const MatmulSpec &spec, const MatmulOperands &operands,
                              const TensorView *bias) {
  if (isComplex(operands.lhs.dtype) || operands.lhs.dtype != operands.rhs.dtype)
    throw Error(TENON_INTERNAL, "a matmul of complex or mixed dtypes has no implementation; convert its operands first");
  BoundEpilogue epilogue(spec.epilogue, operands.extraViews(), operands.output);
  withElementType(operands.lhs.dtype, [&](auto type) { multiply<decltype(type)>(context, epilogue, operands, bias); });
}
