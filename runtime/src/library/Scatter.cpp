//===- Scatter.cpp - tenon.scatter ------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Updates that may meet the same element are applied by one thread, in row-major order: results do not depend on the number
// of threads. Threads share a dimension whose coordinate is the loop's own, where there is one.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Lines.h"

#include <type_traits>

using namespace tenon;
using namespace tenon::library;

namespace {

/// Where updates go: the target's offset is the sum of position[d] * loopStrides[d] and of each index times its stride.
struct ScatterPlan {
  TensorView indices[maxRank];
  int64_t indexSizes[maxRank] = {}, indexStrides[maxRank] = {};
  int32_t numIndices = 0;
  int64_t loopStrides[maxRank] = {};
  bool isOwn[maxRank] = {}; ///< the loop dimension is a coordinate of the target
  TensorView updates;
  void *target = nullptr;
  int64_t lastStrideOfIndices = 0; ///< 0 where one target row takes a whole row of updates

  int64_t rank() const { return updates.rank; }
};

} // namespace

/// Index tensors and updates get a dimension where they have none, so that there is always a row.
static TensorView withRow(TensorView view) {
  if (view.rank == 0) {
    view.rank = 1;
    view.sizes[0] = 1;
    view.strides[0] = 0;
  }
  return view;
}

static ScatterPlan makePlan(const ScatterSpec &spec, TensorViews indices, const TensorView &updates,
                            const TensorView &target) {
  ScatterPlan plan;
  plan.updates = withRow(updates);
  plan.target = target.data;
  for (int32_t dim = 0; dim < target.rank; ++dim) {
    int32_t coordinate = spec.coordinates[dim];
    if (coordinate >= 0) {
      plan.loopStrides[coordinate] += target.strides[dim];
      plan.isOwn[coordinate] = true;
      continue;
    }
    int32_t slot = plan.numIndices++;
    plan.indices[slot] = withRow(indices.begin[-1 - coordinate]);
    plan.indexSizes[slot] = target.sizes[dim];
    plan.indexStrides[slot] = target.strides[dim];
    plan.lastStrideOfIndices |= plan.indices[slot].strides[plan.rank() - 1];
  }
  return plan;
}

/// The part of `plan` with `dim` in [begin, end).
static ScatterPlan slice(ScatterPlan plan, int32_t dim, int64_t begin, int64_t end) {
  auto narrow = [&](TensorView &view) {
    view.data = static_cast<char *>(view.data) + begin * view.strides[dim] * static_cast<int64_t>(sizeInBytes(view.dtype));
    view.sizes[dim] = end - begin;
  };
  narrow(plan.updates);
  for (int32_t i = 0; i < plan.numIndices; ++i)
    narrow(plan.indices[i]);
  plan.target = static_cast<char *>(plan.target) +
                begin * plan.loopStrides[dim] * static_cast<int64_t>(sizeInBytes(plan.updates.dtype));
  return plan;
}

static int64_t readIndex(const TensorView &view, int64_t offset) {
  if (view.dtype == DType::I64)
    return static_cast<const int64_t *>(view.data)[offset];
  return loadElement<int64_t>(view, offset);
}

/// The target's offset that the indices at `offsets` (of each index tensor) name.
static int64_t indexedOffset(const ScatterPlan &plan, const int64_t *offsets) {
  int64_t result = 0;
  for (int32_t i = 0; i < plan.numIndices; ++i) {
    int64_t index = readIndex(plan.indices[i], offsets[i]);
    result += (index < 0 ? index + plan.indexSizes[i] : index) * plan.indexStrides[i];
  }
  return result;
}

/// Calls row(target offset without the last dimension's part, updates' offset, index offsets) for each row of updates.
template <typename Row> static void forEachRow(const ScatterPlan &plan, const Row &row) {
  int32_t last = plan.rank() - 1;
  int64_t numRows = 1;
  for (int32_t dim = 0; dim < last; ++dim)
    numRows *= plan.updates.sizes[dim];
  for (int64_t i = 0; i < numRows; ++i) {
    int64_t target = 0, update = 0, rest = i, offsets[maxRank] = {};
    for (int32_t dim = last; dim-- > 0; rest /= plan.updates.sizes[dim]) {
      int64_t position = rest % plan.updates.sizes[dim];
      target += position * plan.loopStrides[dim];
      update += position * plan.updates.strides[dim];
      for (int32_t k = 0; k < plan.numIndices; ++k)
        offsets[k] += position * plan.indices[k].strides[dim];
    }
    row(target, update, offsets);
  }
}

template <typename Type, typename Combine> static void scatterPart(const ScatterPlan &plan, const Combine &combine) {
  int32_t last = plan.rank() - 1;
  int64_t length = plan.updates.sizes[last], updateStride = plan.updates.strides[last], stride = plan.loopStrides[last];
  auto *target = static_cast<Type *>(plan.target);
  auto *updates = static_cast<const Type *>(plan.updates.data);
  forEachRow(plan, [&](int64_t start, int64_t update, int64_t *offsets) {
    if (plan.lastStrideOfIndices == 0) {
      Type *row = target + start + indexedOffset(plan, offsets);
      for (int64_t i = 0; i < length; ++i)
        combine(row[i * stride], updates[update + i * updateStride]);
      return;
    }
    for (int64_t i = 0; i < length; ++i) {
      combine(target[start + i * stride + indexedOffset(plan, offsets)], updates[update + i * updateStride]);
      for (int32_t k = 0; k < plan.numIndices; ++k)
        offsets[k] += plan.indices[k].strides[last];
    }
  });
}

/// Integers wrap: they are combined without a sign. Booleans add as "or" and multiply as "and".
template <typename Type>
using Arithmetic = std::conditional_t<std::is_integral_v<Type>, uint64_t, WideType<Type>>;

template <typename Type> static void scatterPart(ScatterKind kind, const ScatterPlan &plan) {
  using Sum = Arithmetic<Type>;
  using Value = WideType<Type>;
  switch (kind) {
  case ScatterKind::Set: return scatterPart<Type>(plan, [](Type &to, Type update) { to = update; });
  case ScatterKind::Add:
    return scatterPart<Type>(plan, [](Type &to, Type update) { to = Type(static_cast<Sum>(to) + static_cast<Sum>(update)); });
  case ScatterKind::Mul:
    return scatterPart<Type>(plan, [](Type &to, Type update) { to = Type(static_cast<Sum>(to) * static_cast<Sum>(update)); });
  case ScatterKind::Max:
    return scatterPart<Type>(plan, [](Type &to, Type update) {
      auto a = static_cast<Value>(to), b = static_cast<Value>(update);
      to = isNan(a) || a >= b ? to : update;
    });
  case ScatterKind::Min:
    return scatterPart<Type>(plan, [](Type &to, Type update) {
      auto a = static_cast<Value>(to), b = static_cast<Value>(update);
      to = isNan(a) || a <= b ? to : update;
    });
  }
}

/// The largest loop dimension along which updates meet different elements; -1 where there is none.
static int32_t sharedDim(const ScatterPlan &plan) {
  int32_t best = -1;
  for (int32_t dim = 0; dim < plan.rank(); ++dim)
    if (plan.isOwn[dim] && (best < 0 || plan.updates.sizes[dim] > plan.updates.sizes[best]))
      best = dim;
  return best;
}

void tenon::scatter(Run &run, const ScatterSpec &spec, TensorViews indices, const TensorView &updates,
                    const TensorView &target) {
  int64_t count = countElements(updates);
  if (run.preparing() || count == 0)
    return;
  ScatterPlan plan = makePlan(spec, indices, updates, target);
  int32_t dim = sharedDim(plan);
  int64_t extent = dim < 0 ? 1 : plan.updates.sizes[dim];
  RunContext &context = RunContext::of(run);
  Partition parts(extent, count / extent * 2, context.numThreads());
  context.parallelFor(parts.size(), [&](int64_t part) {
    ScatterPlan own = dim < 0 ? plan : slice(plan, dim, parts.begin(part), parts.begin(part + 1));
    withElementType(updates.dtype, [&](auto type) { scatterPart<decltype(type)>(spec.kind, own); });
  });
}
