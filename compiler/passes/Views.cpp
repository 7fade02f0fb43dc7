//===- Views.cpp - what views and sizes mean ------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Views.h"

#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tenon;

bool tenon::isView(Operation *op) {
  return isa<ReshapeOp, PermuteOp, BroadcastOp, tensor::ExtractSliceOp, tensor::CastOp>(op);
}

//===--- sizes -------------------------------------------------------------------------------------------------------===//

// Returns the entry of `sizes` (one per dynamic dimension) that belongs to `dim`.
static OpFoldResult dynamicSize(RankedTensorType type, ValueRange sizes, int64_t dim) {
  return sizes[type.getDynamicDimIndex(dim)];
}

OpFoldResult tenon::sizeOf(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return IntegerAttr::get(IndexType::get(tensor.getContext()), type.getDimSize(dim));
  Operation *op = tensor.getDefiningOp();
  if (!op)
    return {};
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return dynamicSize(type, empty.getDynamicSizes(), dim);
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return dynamicSize(type, reshape.getSizes(), dim);
  if (auto broadcast = dyn_cast<BroadcastOp>(op))
    return dynamicSize(type, broadcast.getSizes(), dim);
  if (auto permute = dyn_cast<PermuteOp>(op))
    return sizeOf(permute.getSource(), permute.getOrder()[dim]);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return slice.getSourceType().getRank() == type.getRank() ? slice.getMixedSizes()[dim] : OpFoldResult();
  if (auto structured = dyn_cast<DestinationStyleOpInterface>(op))
    return sizeOf(structured.getTiedOpOperand(cast<OpResult>(tensor))->get(), dim);
  return {};
}

// Returns the size as `tensor.dim %tensor, %dim` where that is its only name: a pair that stands for an argument's size.
static std::pair<Value, int64_t> originOf(Value tensor, int64_t dim) {
  OpFoldResult size = sizeOf(tensor, dim);
  if (!size)
    return {tensor, dim};
  auto dimOp = dyn_cast_if_present<tensor::DimOp>(dyn_cast<Value>(size) ? cast<Value>(size).getDefiningOp() : nullptr);
  std::optional<int64_t> index = dimOp ? dimOp.getConstantIndex() : std::nullopt;
  return index ? std::pair<Value, int64_t>(dimOp.getSource(), *index) : std::pair<Value, int64_t>(nullptr, 0);
}

bool tenon::sameSize(Value a, int64_t dimOfA, Value b, int64_t dimOfB) {
  OpFoldResult sizeA = sizeOf(a, dimOfA), sizeB = sizeOf(b, dimOfB);
  if (sizeA && sizeB && isEqualConstantIntOrValue(sizeA, sizeB))
    return true;
  auto originA = originOf(a, dimOfA);
  return originA.first && originA == originOf(b, dimOfB);
}

//===--- maps --------------------------------------------------------------------------------------------------------===//

static SmallVector<int64_t> dimsOtherThanOne(RankedTensorType type) {
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.getDimSize(dim) != 1)
      dims.push_back(dim);
  return dims;
}

std::optional<SmallVector<int64_t>> tenon::unitReshape(Operation *op) {
  auto reshape = cast<ReshapeOp>(op);
  auto source = cast<RankedTensorType>(reshape.getSource().getType());
  auto result = cast<RankedTensorType>(reshape.getType());
  SmallVector<int64_t> from = dimsOtherThanOne(source), to = dimsOtherThanOne(result);
  if (from.size() != to.size())
    return std::nullopt;
  SmallVector<int64_t> pairs(result.getRank(), -1);
  bool oneDynamic = source.getNumDynamicDims() == 1 && result.getNumDynamicDims() == 1;
  for (auto [fromDim, toDim] : llvm::zip(from, to)) {
    bool alike = source.getDimSize(fromDim) == result.getDimSize(toDim);
    if (!alike || !(oneDynamic || sameSize(reshape.getSource(), fromDim, reshape.getResult(), toDim)))
      return std::nullopt;
    pairs[toDim] = fromDim;
  }
  return pairs;
}

static AffineMap withResults(AffineMap map, ArrayRef<AffineExpr> results) {
  return AffineMap::get(map.getNumDims(), map.getNumSymbols(), results, map.getContext());
}

static AffineMap mapThroughPermute(PermuteOp permute, AffineMap map) {
  SmallVector<AffineExpr> results(map.getNumResults());
  for (auto [dim, from] : llvm::enumerate(permute.getOrder()))
    results[from] = map.getResult(dim);
  return withResults(map, results);
}

static AffineMap mapThroughBroadcast(BroadcastOp broadcast, AffineMap map) {
  auto source = cast<RankedTensorType>(broadcast.getSource().getType());
  int64_t added = map.getNumResults() - source.getRank();
  SmallVector<AffineExpr> results;
  for (int64_t dim = 0; dim < source.getRank(); ++dim)
    results.push_back(source.getDimSize(dim) == 1 ? getAffineConstantExpr(0, map.getContext())
                                                  : map.getResult(dim + added));
  return withResults(map, results);
}

static AffineMap mapThroughReshape(ReshapeOp reshape, AffineMap map) {
  std::optional<SmallVector<int64_t>> pairs = unitReshape(reshape);
  if (!pairs)
    return {};
  int64_t rank = cast<RankedTensorType>(reshape.getSource().getType()).getRank();
  SmallVector<AffineExpr> results(rank, getAffineConstantExpr(0, map.getContext()));
  for (auto [toDim, fromDim] : llvm::enumerate(*pairs))
    if (fromDim >= 0)
      results[fromDim] = map.getResult(toDim);
  return withResults(map, results);
}

AffineMap tenon::mapThroughView(Operation *view, AffineMap map) {
  if (auto permute = dyn_cast<PermuteOp>(view))
    return mapThroughPermute(permute, map);
  if (auto broadcast = dyn_cast<BroadcastOp>(view))
    return mapThroughBroadcast(broadcast, map);
  if (auto reshape = dyn_cast<ReshapeOp>(view))
    return mapThroughReshape(reshape, map);
  return {};
}
