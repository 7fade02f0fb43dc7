//===- Attention.cpp - tenon.attention -------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Online softmax over blocks of keys (https://arxiv.org/abs/2205.14135), a tile product each for scores and values. A task is
// one head's range of query rows and belongs to one thread, so results depend on nothing but the shapes. Per task and block
// of keys:
//   1. keys are transposed to [E, keys], since tile products read their right operand by rows
//   2. per block of rows: scores = query x keys, one softmax step per row, output += weights x values
// and after the last block the rows are divided by their sums. A few rows (decoding) skip the transposition: their scores
// are dot products with keys where they lie.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Convert.h"
#include "PlanCache.h"
#include "ReferenceAttention.h"
#include "TileGemm.h"
#include "TransposeRows.h"
#include "loops/RowLoops.h"

#include <algorithm>
#include <atomic>
#include <limits>

using namespace tenon;
using namespace tenon::library;

namespace {
// Keys, values and scores of a block (128 KiB each at E = 64) stay in an L2 of 1 MiB.
constexpr int64_t keysPerBlock = 512;
constexpr int64_t rowsPerBlock = 64;
// More rows share one transposition of the keys, and need more scratch memory.
constexpr int64_t maxRowsPerTask = 256;
// Up to here, dot products beat transposing the keys.
constexpr int64_t maxRowsForDots = 4;
// Tile shapes are multiples of these, so that dynamic sizes meet few distinct kernels.
constexpr int64_t rowGranule = 8, keyGranule = 16;

int64_t roundUp(int64_t value, int64_t granule) { return (value + granule - 1) / granule * granule; }

struct AttentionSite : LibrarySite {
  TileGemms gemms;
  std::string implementation() const override { return gemms.implementation(); }
};

struct AttentionCall {
  const AttentionSpec &spec;
  const TensorView &query, &key, &value;
  bool hasMask, maskIsBool;
  TensorView mask; ///< broadcast to [B, H, L, S]
  const TensorView &output;
  int64_t heads, headsPerGroup, rows, keys, width, valueWidth, rowsPerTask, tasksPerHead;
  bool usesDots;
};

/// Scratch memory of one thread.
struct Workspace {
  float *query, *keys, *staging, *valueRows, *scores, *result, *max, *sum, *mask;

  static int64_t sizeInFloats(const AttentionCall &call) { return layOut(nullptr, call).second; }
  static Workspace at(float *memory, const AttentionCall &call) { return layOut(memory, call).first; }

private:
  static std::pair<Workspace, int64_t> layOut(float *memory, const AttentionCall &call) {
    int64_t used = 0;
    auto take = [&](int64_t count) {
      float *start = memory + used;
      used += roundUp(count, 16);
      return start;
    };
    int64_t rows = roundUp(call.rowsPerTask, rowGranule), keys = std::min(roundUp(call.keys, keyGranule), keysPerBlock);
    Workspace workspace;
    workspace.query = take(rows * call.width);
    workspace.keys = take(keys * call.width);
    workspace.staging = take(keys * call.width);
    workspace.valueRows = take(keys * call.valueWidth);
    workspace.scores = take(rowsPerBlock * keys);
    workspace.result = take(rows * call.valueWidth);
    workspace.max = take(rows);
    workspace.sum = take(rows);
    workspace.mask = take(keys);
    return {workspace, used};
  }
};

/// Rows of one head in f32 with unit stride.
struct Rows {
  const float *data;
  int64_t stride;
};

/// Element `offset` of `view` and the `count` - 1 behind it, `stride` apart, times `factor`, as f32.
void convertRow(const TensorView &view, int64_t offset, int64_t stride, int64_t count, float factor, float *to) {
  if (stride == 1 && isComputedInF32(view.dtype))
    return readElements(view.dtype, static_cast<const char *>(view.data) + offset * sizeInBytes(view.dtype), count, to, factor);
  for (int64_t i = 0; i < count; ++i)
    to[i] = static_cast<float>(loadElement<double>(view, offset + i * stride)) * factor;
}

/// Copies rows [first, first + count) of head (b, h), times `factor`, to dense f32 rows.
void copyRows(const TensorView &view, int64_t b, int64_t h, int64_t first, int64_t count, float factor, float *to) {
  int64_t offset = b * view.strides[0] + h * view.strides[1] + first * view.strides[2];
  for (int64_t i = 0; i < count; ++i)
    convertRow(view, offset + i * view.strides[2], view.strides[3], view.sizes[3], factor, to + i * view.sizes[3]);
}

/// Rows of head (b, h) from `first` on: where they lie if they are f32 with unit stride, else copied to `buffer`.
Rows rowsOf(const TensorView &view, int64_t b, int64_t h, int64_t first, int64_t count, float *buffer) {
  if (view.dtype == DType::F32 && view.strides[3] == 1)
    return {static_cast<const float *>(view.data) + b * view.strides[0] + h * view.strides[1] + first * view.strides[2],
            view.strides[2]};
  copyRows(view, b, h, first, count, 1, buffer);
  return {buffer, view.sizes[3]};
}

/// One head's range of query rows.
class Task {
public:
  Task(const AttentionCall &call, TileGemms &gemms, const Workspace &workspace, int64_t index)
      : call(call), gemms(gemms), workspace(workspace), b(index / call.tasksPerHead / call.heads),
        h(index / call.tasksPerHead % call.heads), group(h / call.headsPerGroup),
        firstRow(index % call.tasksPerHead * call.rowsPerTask), numRows(std::min(call.rowsPerTask, call.rows - firstRow)) {}

  void run() {
    int64_t paddedRows = roundUp(numRows, rowGranule);
    copyRows(call.query, b, h, firstRow, numRows, static_cast<float>(call.spec.scale), workspace.query);
    std::fill(workspace.query + numRows * call.width, workspace.query + paddedRows * call.width, 0.0f);
    std::fill_n(workspace.result, paddedRows * call.valueWidth, 0.0f);
    std::fill_n(workspace.max, numRows, -std::numeric_limits<float>::infinity());
    std::fill_n(workspace.sum, numRows, 0.0f);
    int64_t visibleKeys = call.spec.causal ? std::min(call.keys, firstRow + numRows) : call.keys;
    for (int64_t firstKey = 0; firstKey < visibleKeys; firstKey += keysPerBlock)
      addKeys(firstKey, std::min(keysPerBlock, visibleKeys - firstKey));
    writeRows();
  }

private:
  void addKeys(int64_t firstKey, int64_t numKeys) {
    int64_t paddedKeys = roundUp(numKeys, keyGranule);
    Rows keys = rowsOf(call.key, b, group, firstKey, numKeys, workspace.staging);
    if (!call.usesDots)
      transposeRows(keys.data, keys.stride, numKeys, call.width, paddedKeys, workspace.keys);
    Rows values = rowsOf(call.value, b, group, firstKey, numKeys, workspace.valueRows);
    for (int64_t row = 0; row < numRows; row += rowsPerBlock) {
      int64_t count = std::min(rowsPerBlock, numRows - row);
      int64_t visible = call.spec.causal ? std::clamp<int64_t>(firstRow + row + count - firstKey, 0, numKeys) : numKeys;
      if (visible > 0)
        addKeysToRows(firstKey, visible, paddedKeys, keys, values, row, count);
    }
  }

  /// Steps 2 of the file comment for rows [row, row + count) of the task and the block's first `numKeys` keys.
  void addKeysToRows(int64_t firstKey, int64_t numKeys, int64_t keyStride, Rows keys, Rows values, int64_t row,
                     int64_t count) {
    int64_t computedKeys = roundUp(numKeys, keyGranule), computedRows = roundUp(count, rowGranule);
    const float *query = workspace.query + row * call.width;
    float *scores = workspace.scores, *result = workspace.result + row * call.valueWidth;
    if (call.usesDots)
      for (int64_t i = 0; i < count; ++i)
        loops.dotRows(query + i * call.width, keys.data, keys.stride, call.width, numKeys, scores + i * keyStride);
    else
      gemms.multiply(computedRows, computedKeys, call.width, query, call.width, workspace.keys, keyStride, scores, keyStride,
                     false);
    for (int64_t i = 0; i < count; ++i)
      addSoftmaxStep(firstKey, numKeys, computedKeys, row + i, scores + i * keyStride);
    if (call.usesDots) {
      for (int64_t i = 0; i < count; ++i)
        loops.addWeightedRows(scores + i * keyStride, values.data, values.stride, call.valueWidth, numKeys,
                        result + i * call.valueWidth);
      return;
    }
    // Rows of padding hold products of zero queries; they are summed up and never written.
    int64_t mainKeys = numKeys / keyGranule * keyGranule;
    if (mainKeys > 0)
      gemms.multiply(computedRows, call.valueWidth, mainKeys, scores, keyStride, values.data, values.stride, result,
                     call.valueWidth, true);
    if (mainKeys < numKeys)
      gemms.multiply(computedRows, call.valueWidth, numKeys - mainKeys, scores + mainKeys, keyStride,
                     values.data + mainKeys * values.stride, values.stride, result, call.valueWidth, true);
  }

  void addSoftmaxStep(int64_t firstKey, int64_t numKeys, int64_t computedKeys, int64_t row, float *scores) {
    int64_t seen = call.spec.causal ? std::clamp<int64_t>(firstRow + row + 1 - firstKey, 0, numKeys) : numKeys;
    const float *mask = call.hasMask ? maskRow(firstRow + row, firstKey, seen) : nullptr;
    float factor = loops.softmaxRow(scores, mask, seen, computedKeys, workspace.max[row], workspace.sum[row]);
    float *result = workspace.result + row * call.valueWidth;
    if (factor != 1 && firstKey > 0)
      loops.readF32(result, call.valueWidth, factor, result);
  }

  /// The mask of `row` for `count` keys as values to add.
  const float *maskRow(int64_t row, int64_t firstKey, int64_t count) {
    const TensorView &mask = call.mask;
    int64_t offset = b * mask.strides[0] + h * mask.strides[1] + row * mask.strides[2] + firstKey * mask.strides[3];
    if (mask.dtype == DType::F32 && mask.strides[3] == 1)
      return static_cast<const float *>(mask.data) + offset;
    auto *seen = static_cast<const uint8_t *>(mask.data) + offset;
    if (!call.maskIsBool)
      convertRow(mask, offset, mask.strides[3], count, 1, workspace.mask);
    else if (mask.strides[3] == 1)
      loops.readMask(seen, count, workspace.mask);
    else
      for (int64_t j = 0; j < count; ++j)
        workspace.mask[j] = seen[j * mask.strides[3]] ? 0.0f : -std::numeric_limits<float>::infinity();
    return workspace.mask;
  }

  void writeRows() {
    const TensorView &output = call.output;
    // A row that saw nothing has a sum of zero and a result of zeros.
    const float emptyRowFactor = call.spec.emptyRowsAreNan ? std::numeric_limits<float>::quiet_NaN() : 0;
    for (int64_t row = 0; row < numRows; ++row) {
      float sum = workspace.sum[row], factor = sum == 0 ? emptyRowFactor : 1 / sum;
      float *result = workspace.result + row * call.valueWidth;
      int64_t offset = b * output.strides[0] + h * output.strides[1] + (firstRow + row) * output.strides[2];
      if (output.strides[3] == 1)
        writeElements(output.dtype, result, call.valueWidth, static_cast<char *>(output.data) + offset * sizeInBytes(output.dtype),
                      factor);
      else
        for (int64_t f = 0; f < call.valueWidth; ++f)
          storeElement(output, offset + f * output.strides[3], result[f] * factor);
    }
  }

  const AttentionCall &call;
  const RowLoops &loops = rowLoops();
  TileGemms &gemms;
  const Workspace &workspace;
  int64_t b, h, group, firstRow, numRows;
};
} // namespace

/// Rows per task: as many as share a transposition of the keys, fewer where threads would have nothing to do.
static int64_t chooseRowsPerTask(int64_t numHeads, int64_t rows, int64_t numThreads) {
  constexpr int64_t tasksPerThread = 4; // evens out causal rows of different length
  int64_t tasksPerHead = std::max<int64_t>(1, (numThreads * tasksPerThread + numHeads - 1) / numHeads);
  return std::clamp(roundUp((rows + tasksPerHead - 1) / tasksPerHead, rowsPerBlock), rowsPerBlock, maxRowsPerTask);
}

void tenon::attention(Run &run, int32_t site, const AttentionSpec &spec, const TensorView &query, const TensorView &key,
                      const TensorView &value, const TensorView *mask, const TensorView &output) {
  RunContext &context = RunContext::of(run);
  if (countElements(output) == 0 || context.preparing())
    return;
  auto isTileType = [](const TensorView &view) { return isFloat(view.dtype) && view.dtype != DType::F64; };
  if (!isTileType(query) || !isTileType(key) || !isTileType(value) || key.sizes[2] == 0 || query.sizes[3] == 0)
    return referenceAttention(context, spec, query, key, value, mask, output);

  int64_t numHeads = query.sizes[0] * query.sizes[1], rows = query.sizes[2], keys = key.sizes[2];
  int64_t rowsPerTask = chooseRowsPerTask(numHeads, rows, context.numThreads());
  AttentionCall call{spec,  query, key, value, mask != nullptr, mask && mask->dtype == DType::Bool, {}, output,
                     query.sizes[1], query.sizes[1] / key.sizes[1], rows, keys, query.sizes[3], value.sizes[3],
                     rowsPerTask, (rows + rowsPerTask - 1) / rowsPerTask, rows <= maxRowsForDots};
  if (mask) {
    TensorView scoreShape = query;
    scoreShape.sizes[3] = keys;
    call.mask = broadcastTo(*mask, scoreShape);
  }
  auto &state = context.siteState<AttentionSite>(site, [] { return std::make_unique<AttentionSite>(); });
  int64_t numTasks = numHeads * call.tasksPerHead, numWorkers = std::min<int64_t>(context.numThreads(), numTasks);
  int64_t workspaceSize = Workspace::sizeInFloats(call);
  auto *memory = static_cast<float *>(context.scratch(numWorkers * workspaceSize * sizeof(float)));
  std::atomic<int64_t> next = 0;
  context.parallelFor(numWorkers, [&](int64_t worker) {
    Workspace workspace = Workspace::at(memory + worker * workspaceSize, call);
    for (int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < numTasks;)
      Task(call, state.gemms, workspace, task).run();
  });
}
