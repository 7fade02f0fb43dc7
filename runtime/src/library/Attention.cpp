//===- Attention.cpp - tenon.attention -------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Online softmax over blocks of keys (https://arxiv.org/abs/2205.14135), a tile product each for scores and values. A task is
// one head's range of query rows and belongs to one thread, so results depend on nothing but the shapes. Per task and block
// of keys:
//   1. keys are transposed to [E, keys], since tile products read their right operand by rows; of bf16, keys and values are packed
//   2. per block of rows: scores = query x keys, one softmax step per row, output += weights x values
// and after the last block the rows are divided by their sums. A few rows (decoding) skip the transposition: their scores
// are dot products with keys where they lie. Softmax and sums are f32 whatever the products multiply.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "AttentionProducts.h"
#include "Convert.h"
#include "PlanCache.h"
#include "ReferenceAttention.h"

#include <algorithm>
#include <atomic>
#include <limits>

using namespace tenon;
using namespace tenon::library;

namespace {
// More rows share one transposition of the keys, and need more scratch memory.
constexpr int64_t maxRowsPerTask = 256;
// Up to here, dot products beat transposing the keys.
constexpr int64_t maxRowsForDots = 4;

struct AttentionSite : LibrarySite {
  TileGemms gemms;
  std::atomic<DType> multiplied = DType::F32;
  std::string implementation() const override { return gemms.implementation(multiplied); }
};

/// Memory of one thread, which runs one task after another.
template <typename Products> struct Workspace {
  Products products;
  float *scores, *result, *max, *sum, *mask;

  Workspace(const AttentionCall &call, TileGemms &gemms, Pieces &pieces) : products(call, gemms, pieces) {
    scores = pieces.take<float>(rowsPerBlock * call.keysOfBlock());
    result = pieces.take<float>(call.rowsOfTask() * call.valueWidth);
    max = pieces.take<float>(call.rowsOfTask());
    sum = pieces.take<float>(call.rowsOfTask());
    mask = pieces.take<float>(call.keysOfBlock());
  }
};

/// One head's range of query rows.
template <typename Products> class Task {
public:
  Task(const AttentionCall &call, Workspace<Products> &workspace, int64_t index)
      : call(call), workspace(workspace), b(index / call.tasksPerHead / call.heads), h(index / call.tasksPerHead % call.heads),
        firstRow(index % call.tasksPerHead * call.rowsPerTask), numRows(std::min(call.rowsPerTask, call.rows - firstRow)) {}

  void run() {
    AttentionHead head{b, h, h / call.headsPerGroup};
    workspace.products.readQuery(head, firstRow, numRows);
    std::fill_n(workspace.result, roundUp(numRows, rowGranule) * call.valueWidth, 0.0f);
    std::fill_n(workspace.max, numRows, -std::numeric_limits<float>::infinity());
    std::fill_n(workspace.sum, numRows, 0.0f);
    int64_t visibleKeys = call.spec.causal ? std::min(call.keys, firstRow + numRows) : call.keys;
    for (int64_t firstKey = 0; firstKey < visibleKeys; firstKey += keysPerBlock) {
      int64_t numKeys = std::min(keysPerBlock, visibleKeys - firstKey);
      workspace.products.readKeys(head, firstKey, numKeys);
      addKeys(firstKey, numKeys);
    }
    writeRows();
  }

private:
  void addKeys(int64_t firstKey, int64_t numKeys) {
    for (int64_t row = 0; row < numRows; row += rowsPerBlock) {
      int64_t count = std::min(rowsPerBlock, numRows - row);
      int64_t visible = call.spec.causal ? std::clamp<int64_t>(firstRow + row + count - firstKey, 0, numKeys) : numKeys;
      if (visible > 0)
        addKeysToRows(firstKey, visible, roundUp(numKeys, keyGranule), row, count);
    }
  }

  /// Steps 2 of the file comment for rows [row, row + count) of the task and the block's first `numKeys` keys.
  void addKeysToRows(int64_t firstKey, int64_t numKeys, int64_t stride, int64_t row, int64_t count) {
    workspace.products.score(row, count, numKeys, workspace.scores, stride);
    for (int64_t i = 0; i < count; ++i)
      addSoftmaxStep(firstKey, numKeys, roundUp(numKeys, keyGranule), row + i, workspace.scores + i * stride);
    workspace.products.addValues(workspace.scores, stride, count, numKeys, workspace.result + row * call.valueWidth);
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
  Workspace<Products> &workspace;
  int64_t b, h, firstRow, numRows;
};
} // namespace

/// Rows per task: as many as share a transposition of the keys, fewer where threads would have nothing to do.
static int64_t chooseRowsPerTask(int64_t numHeads, int64_t rows, int64_t numThreads) {
  constexpr int64_t tasksPerThread = 4; // evens out causal rows of different length
  int64_t tasksPerHead = std::max<int64_t>(1, (numThreads * tasksPerThread + numHeads - 1) / numHeads);
  return std::clamp(roundUp((rows + tasksPerHead - 1) / tasksPerHead, rowsPerBlock), rowsPerBlock, maxRowsPerTask);
}

template <typename Products> static void runTasks(RunContext &context, const AttentionCall &call, TileGemms &gemms) {
  int64_t numTasks = call.query.sizes[0] * call.heads * call.tasksPerHead;
  int64_t numWorkers = std::min<int64_t>(context.numThreads(), numTasks);
  Pieces measured(nullptr);
  Workspace<Products> unused(call, gemms, measured);
  auto *memory = static_cast<char *>(context.scratch(static_cast<size_t>(numWorkers) * measured.size()));
  std::atomic<int64_t> next = 0;
  context.parallelFor(numWorkers, [&](int64_t worker) {
    Pieces pieces(memory + static_cast<size_t>(worker) * measured.size());
    Workspace<Products> workspace(call, gemms, pieces);
    for (int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < numTasks;)
      Task<Products>(call, workspace, task).run();
  });
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
  if (!LowProducts::canMultiply(call))
    return runTasks<WideProducts>(context, call, state.gemms);
  state.multiplied = DType::BF16;
  runTasks<LowProducts>(context, call, state.gemms);
}
