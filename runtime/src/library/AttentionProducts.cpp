//===- AttentionProducts.cpp - the two products of attention ---------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "AttentionProducts.h"
#include "Convert.h"
#include "loops/RowLoops.h"

using namespace tenon;
using namespace tenon::library;

void library::convertRow(const TensorView &view, int64_t offset, int64_t stride, int64_t count, float factor,
                         float *to) {
  if (stride == 1 && isComputedInF32(view.dtype))
    return readElements(view.dtype, static_cast<const char *>(view.data) + offset * sizeInBytes(view.dtype), count, to,
                        factor);
  for (int64_t i = 0; i < count; ++i)
    to[i] = static_cast<float>(loadElement<double>(view, offset + i * stride)) * factor;
}

static int64_t offsetOfRow(const TensorView &view, int64_t b, int64_t h, int64_t row) {
  return b * view.strides[0] + h * view.strides[1] + row * view.strides[2];
}

//===--- f32 ---------------------------------------------------------------------------------------------------------===//

/// Copies rows [first, first + count) of head (b, h), times `factor`, to dense f32 rows.
static void copyRows(const TensorView &view, int64_t b, int64_t h, int64_t first, int64_t count, float factor,
                     float *to) {
  for (int64_t i = 0; i < count; ++i)
    convertRow(view, offsetOfRow(view, b, h, first + i), view.strides[3], view.sizes[3], factor,
               to + i * view.sizes[3]);
}

/// Rows of head (b, h) from `first` on: where they lie if they are f32 with unit stride, else copied to `buffer`.
static Rows<float> rowsOf(const TensorView &view, int64_t b, int64_t h, int64_t first, int64_t count, float *buffer) {
  if (view.dtype == DType::F32 && view.strides[3] == 1)
    return {static_cast<const float *>(view.data) + offsetOfRow(view, b, h, first), view.strides[2]};
  copyRows(view, b, h, first, count, 1, buffer);
  return {buffer, view.sizes[3]};
}

WideProducts::WideProducts(const AttentionCall &call, TileGemms &gemms, Pieces &pieces) : call(call), gemms(gemms) {
  int64_t numKeys = call.keysOfBlock();
  query = pieces.take<float>(call.rowsOfTask() * call.width);
  transposedKeys = pieces.take<float>(numKeys * call.width);
  keyRows = pieces.take<float>(numKeys * call.width);
  valueRows = pieces.take<float>(numKeys * call.valueWidth);
}

void WideProducts::readQuery(AttentionHead head, int64_t firstRow, int64_t numRows) {
  copyRows(call.query, head.b, head.h, firstRow, numRows, static_cast<float>(call.spec.scale), query);
  std::fill(query + numRows * call.width, query + roundUp(numRows, rowGranule) * call.width, 0.0f);
}

void WideProducts::readKeys(AttentionHead head, int64_t firstKey, int64_t numKeys) {
  keyStride = roundUp(numKeys, keyGranule);
  keys = rowsOf(call.key, head.b, head.group, firstKey, numKeys, keyRows);
  if (!call.usesDots)
    loops.transposeRows(keys.data, keys.stride, numKeys, call.width, keyStride, transposedKeys);
  values = rowsOf(call.value, head.b, head.group, firstKey, numKeys, valueRows);
}

void WideProducts::score(int64_t row, int64_t count, int64_t numKeys, float *scores, int64_t stride) {
  const float *rows = query + row * call.width;
  if (!call.usesDots)
    return gemms.multiply(roundUp(count, rowGranule), roundUp(numKeys, keyGranule), call.width, rows, call.width,
                          transposedKeys, keyStride, scores, stride, false);
  for (int64_t i = 0; i < count; ++i)
    loops.dotRows(rows + i * call.width, keys.data, keys.stride, call.width, numKeys, scores + i * stride);
}

void WideProducts::addValues(const float *weights, int64_t stride, int64_t count, int64_t numKeys, float *result) {
  if (call.usesDots) {
    for (int64_t i = 0; i < count; ++i)
      loops.addWeightedRows(weights + i * stride, values.data, values.stride, call.valueWidth, numKeys,
                            result + i * call.valueWidth);
    return;
  }
  // Rows of padding hold products of zero queries; they are summed up and never written.
  int64_t rows = roundUp(count, rowGranule), mainKeys = numKeys / keyGranule * keyGranule;
  if (mainKeys > 0)
    gemms.multiply(rows, call.valueWidth, mainKeys, weights, stride, values.data, values.stride, result,
                   call.valueWidth, true);
  if (mainKeys < numKeys)
    gemms.multiply(rows, call.valueWidth, numKeys - mainKeys, weights + mainKeys, stride,
                   values.data + mainKeys * values.stride, values.stride, result, call.valueWidth, true);
}

//===--- bf16 --------------------------------------------------------------------------------------------------------===//

bool LowProducts::canMultiply(const AttentionCall &call) {
  for (const TensorView *view : {&call.query, &call.key, &call.value})
    if (view->dtype != DType::BF16)
      return false;
  return !call.usesDots && TileGemms::hasBf16Products();
}

LowProducts::LowProducts(const AttentionCall &call, TileGemms &gemms, Pieces &pieces) : call(call), gemms(gemms) {
  int64_t numKeys = call.keysOfBlock();
  queryCopy = pieces.take<BFloat16>(call.query.strides[3] == 1 ? 0 : call.rowsOfTask() * call.width);
  packedKeys = pieces.take<BFloat16>(TileGemms::packedSize(call.width, numKeys));
  packedValues = pieces.take<BFloat16>(TileGemms::packedSize(numKeys, call.valueWidth));
  roundedWeights = pieces.take<BFloat16>(rowsPerBlock * numKeys);
}

void LowProducts::readQuery(AttentionHead head, int64_t firstRow, int64_t numRows) {
  const TensorView &view = call.query;
  auto *from = static_cast<const BFloat16 *>(view.data) + offsetOfRow(view, head.b, head.h, firstRow);
  query = {from, view.strides[2]};
  if (view.strides[3] == 1)
    return;
  query = {queryCopy, call.width};
  for (int64_t i = 0; i < numRows; ++i)
    for (int64_t e = 0; e < call.width; ++e)
      queryCopy[i * call.width + e] = from[i * view.strides[2] + e * view.strides[3]];
}

void LowProducts::readKeys(AttentionHead head, int64_t firstKey, int64_t numKeys) {
  numPackedKeys = numKeys;
  auto rowsFrom = [&](const TensorView &view) {
    return static_cast<const BFloat16 *>(view.data) + offsetOfRow(view, head.b, head.group, firstKey);
  };
  TileGemms::pack(call.width, numKeys, rowsFrom(call.key), call.key.strides[3], call.key.strides[2], packedKeys);
  TileGemms::pack(numKeys, call.valueWidth, rowsFrom(call.value), call.value.strides[2], call.value.strides[3],
                  packedValues);
}

void LowProducts::score(int64_t row, int64_t count, int64_t numKeys, float *scores, int64_t stride) {
  gemms.multiplyPacked(count, numKeys, call.width, query.data + row * query.stride, query.stride, packedKeys,
                       call.width, scores, stride, false);
  for (int64_t i = 0; i < count; ++i)
    loops.readF32(scores + i * stride, numKeys, static_cast<float>(call.spec.scale), scores + i * stride);
}

void LowProducts::addValues(const float *weights, int64_t stride, int64_t count, int64_t numKeys, float *result) {
  for (int64_t i = 0; i < count; ++i)
    loops.writeBF16(weights + i * stride, numKeys, 1, roundedWeights + i * stride);
  gemms.multiplyPacked(count, call.valueWidth, numKeys, roundedWeights, stride, packedValues, numPackedKeys, result,
                       call.valueWidth, true);
}
