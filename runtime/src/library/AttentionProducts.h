//===- AttentionProducts.h - the two products of attention -----------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Scores of a block of rows and a block of keys, and values weighted by them. WideProducts multiply f32, which operands of other
// types become on the way; LowProducts multiply bf16 where the CPU has products of it, with sums in f32. Both belong to one
// thread, which reads a head's queries, then block after block of its keys and values.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_ATTENTIONPRODUCTS_H
#define TENON_RUNTIME_LIBRARY_ATTENTIONPRODUCTS_H

#include "Pieces.h"
#include "TileGemm.h"
#include "loops/RowLoops.h"

namespace tenon::library {

// Keys, values and scores of a block (128 KiB each at E = 64) stay in an L2 of 1 MiB.
inline constexpr int64_t keysPerBlock = 512;
inline constexpr int64_t rowsPerBlock = 64;
// Shapes of f32 tiles are multiples of these, so that dynamic sizes meet few distinct kernels. Rows of scores have memory for
// whole granules.
inline constexpr int64_t rowGranule = 8, keyGranule = 16;

inline int64_t roundUp(int64_t value, int64_t granule) { return (value + granule - 1) / granule * granule; }

struct AttentionCall {
  const AttentionSpec &spec;
  const TensorView &query, &key, &value;
  bool hasMask, maskIsBool;
  TensorView mask; ///< broadcast to [B, H, L, S]
  const TensorView &output;
  int64_t heads, headsPerGroup, rows, keys, width, valueWidth, rowsPerTask, tasksPerHead;
  bool usesDots;

  int64_t keysOfBlock() const { return std::min(roundUp(keys, keyGranule), keysPerBlock); }
  int64_t rowsOfTask() const { return roundUp(rowsPerTask, rowGranule); }
};

/// Element `offset` of `view` and the `count` - 1 behind it, `stride` apart, times `factor`, as f32.
void convertRow(const TensorView &view, int64_t offset, int64_t stride, int64_t count, float factor, float *to);

/// A batch's head; `group`: of keys and values.
struct AttentionHead {
  int64_t b, h, group;
};

/// Rows of one head with unit stride.
template <typename Element> struct Rows {
  const Element *data;
  int64_t stride;
};

class WideProducts {
public:
  WideProducts(const AttentionCall &call, TileGemms &gemms, Pieces &pieces);

  void readQuery(AttentionHead head, int64_t firstRow, int64_t numRows);
  void readKeys(AttentionHead head, int64_t firstKey, int64_t numKeys);

  /// Scores, scaled, of rows [row, row + count) of the query and the first `numKeys` keys of the block. Writes up to whole
  /// granules of both.
  void score(int64_t row, int64_t count, int64_t numKeys, float *scores, int64_t stride);

  /// result += weights x the block's first `numKeys` values. Writes up to whole granules of rows.
  void addValues(const float *weights, int64_t stride, int64_t count, int64_t numKeys, float *result);

private:
  const AttentionCall &call;
  TileGemms &gemms;
  const RowLoops &loops = rowLoops();
  float *query, *transposedKeys, *keyRows, *valueRows;
  Rows<float> keys, values;
  int64_t keyStride = 0; ///< of transposedKeys
};

class LowProducts {
public:
  static bool canMultiply(const AttentionCall &call);
  LowProducts(const AttentionCall &call, TileGemms &gemms, Pieces &pieces);

  // As those of WideProducts. Weights are rounded to bf16, as eager's are. Where `numKeys` is no multiple of four, up to three
  // values behind meet zeros.
  void readQuery(AttentionHead head, int64_t firstRow, int64_t numRows);
  void readKeys(AttentionHead head, int64_t firstKey, int64_t numKeys);
  void score(int64_t row, int64_t count, int64_t numKeys, float *scores, int64_t stride);
  void addValues(const float *weights, int64_t stride, int64_t count, int64_t numKeys, float *result);

private:
  const AttentionCall &call;
  TileGemms &gemms;
  const RowLoops &loops = rowLoops();
  BFloat16 *queryCopy, *packedKeys, *packedValues, *roundedWeights;
  Rows<BFloat16> query;
  int64_t numPackedKeys = 0;
};

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_ATTENTIONPRODUCTS_H
