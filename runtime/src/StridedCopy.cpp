//===- StridedCopy.cpp - copies between strides -------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// 1. Dimensions are put in the destination's memory order and joined where both sides run on.
// 2. The last dimension is then the rows' direction. Where the source does not run along it, the dimension in which the
//    source does run goes next to it, and the two are copied in square blocks: a cache line that is read is used up.
// 3. Everything further out is a flat loop, shared by the threads.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StridedCopy.h"

#include "DTypes.h"
#include "Partition.h"

#include <algorithm>
#include <stdlib.h>
#include <string.h>

namespace tenon {

namespace {

// Elements along an edge of a block. 32 x 32 floats are 4 KiB on each side: both fit into the first-level cache.
constexpr int64_t blockEdge = 32;

struct Dimension {
  int64_t size = 1, source = 0, destination = 0; // strides in elements
};

struct Plan {
  Dimension dims[maxRank + 2]; // outermost first; at least two
  int32_t rank = 0;
};

bool runsOn(const Dimension &outer, const Dimension &inner) {
  return outer.source == inner.source * inner.size && outer.destination == inner.destination * inner.size;
}

Plan makePlan(int32_t rank, const int64_t *sizes, const int64_t *sourceStrides, const int64_t *destinationStrides) {
  Dimension sorted[maxRank];
  int32_t count = 0;
  for (int32_t i = 0; i < rank; ++i)
    if (sizes[i] != 1)
      sorted[count++] = {sizes[i], sourceStrides[i], destinationStrides[i]};
  std::stable_sort(sorted, sorted + count, [](const Dimension &a, const Dimension &b) {
    return llabs(a.destination) > llabs(b.destination);
  });

  Plan plan;
  plan.rank = 2; // two dimensions of size one, so that there are always rows and columns
  plan.dims[0] = plan.dims[1] = {1, 1, 1};
  for (int32_t i = 0; i < count; ++i) {
    Dimension &last = plan.dims[plan.rank - 1];
    if (plan.rank > 2 && runsOn(last, sorted[i]))
      last = {last.size * sorted[i].size, sorted[i].source, sorted[i].destination};
    else
      plan.dims[plan.rank++] = sorted[i];
  }

  Dimension *rows = plan.dims + plan.rank - 2, *columns = rows + 1;
  if (llabs(columns->source) != 1) {
    Dimension *best = std::min_element(plan.dims + 2, rows + 1, [](const Dimension &a, const Dimension &b) {
      return llabs(a.source) < llabs(b.source);
    });
    if (best < rows)
      std::rotate(best, best + 1, rows + 1);
  }
  return plan;
}

// Elements are copied by memcpy of a constant size: a plain load and store, whatever their type and alignment.
template <int64_t elementBytes>
void copyBlock(const Dimension &rows, const Dimension &columns, int64_t numRows, int64_t numColumns, const char *source,
               char *destination) {
  if (columns.source == 1 && columns.destination == 1) {
    for (int64_t row = 0; row < numRows; ++row)
      memcpy(destination + row * rows.destination * elementBytes, source + row * rows.source * elementBytes,
             static_cast<size_t>(numColumns * elementBytes));
    return;
  }
  for (int64_t row = 0; row < numRows; ++row)
    for (int64_t column = 0; column < numColumns; ++column)
      memcpy(destination + (row * rows.destination + column * columns.destination) * elementBytes,
             source + (row * rows.source + column * columns.source) * elementBytes, elementBytes);
}

template <int64_t elementBytes>
void copyPlanned(RunContext &context, const Plan &plan, const char *source, char *destination) {
  const Dimension &rows = plan.dims[plan.rank - 2], &columns = plan.dims[plan.rank - 1];
  int64_t width = llabs(columns.source) == 1 ? columns.size : std::min(columns.size, blockEdge);
  int64_t blocksOfRows = (rows.size + blockEdge - 1) / blockEdge, numOuter = 1;
  for (int32_t i = 0; i < plan.rank - 2; ++i)
    numOuter *= plan.dims[i].size;

  Partition parts(numOuter * blocksOfRows, std::min(rows.size, blockEdge) * columns.size, context.numThreads());
  context.parallelFor(parts.size(), [&](int64_t part) {
    for (int64_t unit = parts.begin(part), end = parts.begin(part + 1); unit < end; ++unit) {
      int64_t outer = unit / blocksOfRows, row = unit % blocksOfRows * blockEdge;
      int64_t from = row * rows.source, to = row * rows.destination;
      for (int32_t i = plan.rank - 3; i >= 0; --i) {
        int64_t index = outer % plan.dims[i].size;
        outer /= plan.dims[i].size;
        from += index * plan.dims[i].source;
        to += index * plan.dims[i].destination;
      }
      for (int64_t column = 0; column < columns.size; column += width)
        copyBlock<elementBytes>(rows, columns, std::min(blockEdge, rows.size - row),
                                std::min(width, columns.size - column),
                                source + (from + column * columns.source) * elementBytes,
                                destination + (to + column * columns.destination) * elementBytes);
    }
  });
}

} // namespace

void copyStrided(RunContext &context, int64_t elementBytes, int32_t rank, const int64_t *sizes, const void *source,
                 const int64_t *sourceStrides, void *destination, const int64_t *destinationStrides) {
  if (std::find(sizes, sizes + rank, 0) != sizes + rank)
    return;
  Plan plan = makePlan(rank, sizes, sourceStrides, destinationStrides);
  auto *from = static_cast<const char *>(source);
  auto *to = static_cast<char *>(destination);
  switch (elementBytes) {
  case 1:
    return copyPlanned<1>(context, plan, from, to);
  case 2:
    return copyPlanned<2>(context, plan, from, to);
  case 4:
    return copyPlanned<4>(context, plan, from, to);
  case 8:
    return copyPlanned<8>(context, plan, from, to);
  case 16:
    return copyPlanned<16>(context, plan, from, to);
  }
  throw Error(TENON_INTERNAL, "an element of " + std::to_string(elementBytes) + " bytes cannot be copied; please report this");
}

void copy(Run &run, const TensorView &source, const TensorView &destination) {
  if (run.preparing())
    return;
  copyStrided(RunContext::of(run), sizeInBytes(source.dtype), source.rank, source.sizes, source.data, source.strides,
              destination.data, destination.strides);
}

} // namespace tenon
