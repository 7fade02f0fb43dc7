//===- StridedView.cpp - sizes and strides over a buffer, as SSA or constants ---------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/StridedView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace tenon;

static std::optional<int64_t> constant(OpFoldResult value) { return getConstantIntValue(value); }

static Value toValue(OpBuilder &builder, Location loc, OpFoldResult value) {
  return getValueOrCreateConstantIndexOp(builder, loc, value);
}

OpFoldResult tenon::multiply(OpBuilder &builder, Location loc, OpFoldResult a, OpFoldResult b) {
  std::optional<int64_t> x = constant(a), y = constant(b);
  if (x && y)
    return builder.getIndexAttr(*x * *y);
  if (x == 0 || y == 0)
    return builder.getIndexAttr(0);
  if (x == 1)
    return b;
  if (y == 1)
    return a;
  return arith::MulIOp::create(builder, loc, toValue(builder, loc, a), toValue(builder, loc, b)).getResult();
}

OpFoldResult tenon::add(OpBuilder &builder, Location loc, OpFoldResult a, OpFoldResult b) {
  std::optional<int64_t> x = constant(a), y = constant(b);
  if (x && y)
    return builder.getIndexAttr(*x + *y);
  if (x == 0)
    return b;
  if (y == 0)
    return a;
  return arith::AddIOp::create(builder, loc, toValue(builder, loc, a), toValue(builder, loc, b)).getResult();
}

SmallVector<OpFoldResult> tenon::stridesInOrder(OpBuilder &builder, Location loc, ArrayRef<OpFoldResult> sizes,
                                                ArrayRef<int64_t> order) {
  SmallVector<OpFoldResult> strides(sizes.size());
  OpFoldResult running = builder.getIndexAttr(1);
  for (int64_t dim : llvm::reverse(order)) {
    strides[dim] = running;
    running = multiply(builder, loc, running, sizes[dim]);
  }
  return strides;
}

static int64_t staticOrDynamic(OpFoldResult value) { return constant(value).value_or(ShapedType::kDynamic); }

MemRefType StridedView::type(bool withOffset) const {
  SmallVector<int64_t> shape = llvm::map_to_vector(sizes, staticOrDynamic);
  SmallVector<int64_t> staticStrides = llvm::map_to_vector(strides, staticOrDynamic);
  int64_t staticOffset = withOffset ? staticOrDynamic(offset) : 0;
  auto strided = MemRefType::get(
      shape, elementType, StridedLayoutAttr::get(elementType.getContext(), staticOffset, staticStrides));
  // The identity layout is easier to read; it says the same where everything is static.
  auto plain = MemRefType::get(shape, elementType);
  if (plain.hasStaticShape()) {
    auto [plainStrides, plainOffset] = plain.getStridesAndOffset();
    if (plainOffset == staticOffset && plainStrides == staticStrides)
      return plain;
  }
  return strided;
}

Value StridedView::materialize(OpBuilder &builder, Location loc) const {
  MemRefType wanted = type();
  if (base.getType() == wanted && wanted.hasStaticShape() && constant(offset) == 0)
    return base;
  return memref::ReinterpretCastOp::create(builder, loc, wanted, base, offset, sizes, strides);
}

bool StridedView::isRowMajor() const {
  if (madeRowMajor)
    return true;
  int64_t expected = 1;
  for (int64_t dim = rank() - 1; dim >= 0; --dim) {
    std::optional<int64_t> size = constant(sizes[dim]);
    if (size == 1)
      continue;
    if (!size || constant(strides[dim]) != expected)
      return false;
    expected *= *size;
  }
  return true;
}

StridedView StridedView::permuted(ArrayRef<int64_t> order) const {
  StridedView result = *this;
  result.madeRowMajor = false;
  for (auto [dim, from] : llvm::enumerate(order)) {
    result.sizes[dim] = sizes[from];
    result.strides[dim] = strides[from];
  }
  return result;
}

StridedView StridedView::broadcasted(OpBuilder &builder, ArrayRef<OpFoldResult> newSizes) const {
  StridedView result = *this;
  result.madeRowMajor = false;
  result.sizes.assign(newSizes.begin(), newSizes.end());
  result.strides.assign(newSizes.size(), builder.getIndexAttr(0));
  int64_t added = result.rank() - rank();
  for (int64_t dim = 0; dim < rank(); ++dim)
    if (constant(sizes[dim]) != 1)
      result.strides[dim + added] = strides[dim];
  return result;
}

StridedView StridedView::sliced(OpBuilder &builder, Location loc, ArrayRef<OpFoldResult> offsets,
                                ArrayRef<OpFoldResult> newSizes, ArrayRef<OpFoldResult> steps,
                                const llvm::SmallBitVector &dropped) const {
  StridedView result = *this;
  result.madeRowMajor = false;
  result.sizes.clear();
  result.strides.clear();
  for (int64_t dim = 0; dim < rank(); ++dim) {
    result.offset = add(builder, loc, result.offset, multiply(builder, loc, offsets[dim], strides[dim]));
    if (dropped.test(dim))
      continue;
    result.sizes.push_back(newSizes[dim]);
    result.strides.push_back(multiply(builder, loc, strides[dim], steps[dim]));
  }
  return result;
}

// True when the dimensions are one gapless run of elements in row-major order.
static bool isOneRun(ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides) {
  for (size_t dim = 0; dim + 1 < sizes.size(); ++dim) {
    std::optional<int64_t> outer = constant(strides[dim]), inner = constant(strides[dim + 1]),
                           size = constant(sizes[dim + 1]);
    if (!outer || !inner || !size || *outer != *inner * *size)
      return false;
  }
  return true;
}

std::optional<StridedView> StridedView::reshaped(OpBuilder &builder, Location loc,
                                                 ArrayRef<OpFoldResult> newSizes) const {
  StridedView result = *this;
  result.sizes.assign(newSizes.begin(), newSizes.end());
  result.strides.assign(newSizes.size(), builder.getIndexAttr(1));
  if (isRowMajor()) {
    result.madeRowMajor = true;
    result.strides =
        stridesInOrder(builder, loc, newSizes, llvm::to_vector(llvm::seq<int64_t>(0, newSizes.size())));
    return result;
  }

  // Dimensions of size one carry no layout.
  SmallVector<OpFoldResult> fromSizes, fromStrides;
  for (auto [size, stride] : llvm::zip(sizes, strides)) {
    if (constant(size) == 0) { // no elements: any strides do
      return result;
    }
    if (constant(size) != 1) {
      fromSizes.push_back(size);
      fromStrides.push_back(stride);
    }
  }
  SmallVector<int64_t> to; // result dimensions that are not of size one
  for (auto [dim, size] : llvm::enumerate(newSizes))
    if (constant(size) != 1)
      to.push_back(dim);

  // 1. Match groups of source dimensions with groups of result dimensions that hold equally many elements.
  size_t from = 0, next = 0;
  while (from < fromSizes.size() || next < to.size()) {
    if (from == fromSizes.size() || next == to.size())
      return std::nullopt;
    // One dimension stays one dimension.
    if (isEqualConstantIntOrValue(fromSizes[from], newSizes[to[next]])) {
      result.strides[to[next++]] = fromStrides[from++];
      continue;
    }
    // 2. A group with constant sizes on both sides.
    size_t fromEnd = from, toEnd = next;
    int64_t fromCount = 1, toCount = 1;
    do {
      bool takeFrom = fromEnd == from || (toEnd != next && fromCount < toCount);
      if ((takeFrom ? fromEnd == fromSizes.size() : toEnd == to.size()))
        return std::nullopt;
      std::optional<int64_t> size = constant(takeFrom ? fromSizes[fromEnd++] : newSizes[to[toEnd++]]);
      if (!size)
        return std::nullopt;
      (takeFrom ? fromCount : toCount) *= *size;
    } while (fromCount != toCount || toEnd == next);
    auto groupSizes = ArrayRef(fromSizes).slice(from, fromEnd - from);
    auto groupStrides = ArrayRef(fromStrides).slice(from, fromEnd - from);
    if (!isOneRun(groupSizes, groupStrides))
      return std::nullopt;
    // 3. The group is one run of elements: its result strides grow from its innermost stride.
    OpFoldResult running = groupStrides.back();
    for (size_t dim = toEnd; dim-- > next;) {
      result.strides[to[dim]] = running;
      running = multiply(builder, loc, running, newSizes[to[dim]]);
    }
    from = fromEnd;
    next = toEnd;
  }
  return result;
}
