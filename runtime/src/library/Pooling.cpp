//===- Pooling.cpp - tenon.pool --------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// oneDNN where it has a tuned implementation for the buffers' layout; elsewhere loops, over channels side by side where these
// are next to each other. Positions that ceil_mode adds
// (high padding beyond the low one) never count in an average, as in ATen.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "NanWatch.h"
#include "loops/RowLoops.h"
#include "onednn/Primitive.h"

#include <algorithm>
#include <limits>

using namespace tenon;
using namespace tenon::library;
using dnnl::memory;

namespace {
struct PoolPlan {
  std::string implementation = "ref:loops";
  std::unique_ptr<onednn::Primitive> primitive; ///< null: loops
  size_t scratchpadBytes = 0;
};
using PoolSite = PlanCache<PoolPlan>;

dnnl::algorithm algorithmOf(PoolKind kind) {
  switch (kind) {
  case PoolKind::Max: return dnnl::algorithm::pooling_max;
  case PoolKind::AvgIncludePad: return dnnl::algorithm::pooling_avg_include_padding;
  case PoolKind::AvgExcludePad: return dnnl::algorithm::pooling_avg_exclude_padding;
  }
  return dnnl::algorithm::undef;
}
} // namespace

/// True where a window of an average that counts padding reaches positions that must not count.
static bool countsUnevenly(const PoolSpec &spec, const TensorView &input, const TensorView &output) {
  if (spec.kind != PoolKind::AvgIncludePad)
    return false;
  for (int32_t i = 0; i < input.rank - 2; ++i) {
    int64_t end = (output.sizes[2 + i] - 1) * spec.stride[i] + (spec.window[i] - 1) * spec.dilation[i] + 1;
    if (end > input.sizes[2 + i] + 2 * spec.padding[2 * i])
      return true;
  }
  return false;
}

static std::shared_ptr<const PoolPlan> makePlan(const PoolSpec &spec, const TensorView &input, const TensorView &output) {
  auto plan = std::make_shared<PoolPlan>();
  if (!onednn::isUsable() || !onednn::dataType(input.dtype) || countsUnevenly(spec, input, output))
    return plan;
  memory::dims strides, window, dilations, low, high;
  for (int32_t i = 0; i < input.rank - 2; ++i) {
    strides.push_back(spec.stride[i]);
    window.push_back(spec.window[i]);
    dilations.push_back(spec.dilation[i] - 1);
    low.push_back(spec.padding[2 * i]);
    high.push_back(spec.padding[2 * i + 1]);
  }
  memory::desc source = onednn::describe(input), result = onednn::describe(output);
  if (!source || !result)
    return plan;
  dnnl::pooling_forward::primitive_desc description(onednn::engine(), dnnl::prop_kind::forward_inference,
                                                    algorithmOf(spec.kind), source, result, strides, window, dilations, low,
                                                    high, onednn::attributes(), true);
  if (!description || onednn::isReference(description.impl_info_str()))
    return plan;
  plan->implementation = description.impl_info_str();
  plan->scratchpadBytes = description.scratchpad_desc().get_size();
  plan->primitive = std::make_unique<onednn::Primitive>(
      dnnl::pooling_forward(description),
      std::vector<std::pair<int, memory::desc>>{{DNNL_ARG_SRC, source},
                                                {DNNL_ARG_DST, result},
                                                {DNNL_ARG_SCRATCHPAD, description.scratchpad_desc()}});
  return plan;
}

//===--- loops -------------------------------------------------------------------------------------------------------===//

/// The taps of one window that lie inside of the input.
struct Window {
  std::vector<int64_t> offsets; ///< of their first channel
  int64_t numCounted = 0;       ///< positions an average divides by
};

static void findWindow(const PoolSpec &spec, const TensorView &input, const int64_t *position, Window &window) {
  int32_t spatialRank = input.rank - 2;
  int64_t taps = 1;
  for (int32_t i = 0; i < spatialRank; ++i)
    taps *= spec.window[i];
  window = {std::move(window.offsets), 0};
  window.offsets.clear();
  for (int64_t tap = 0; tap < taps; ++tap) {
    int64_t offset = position[0] * input.strides[0], rest = tap;
    bool isInside = true, counts = true;
    for (int32_t i = spatialRank; i-- > 0; rest /= spec.window[i]) {
      int64_t from = position[2 + i] * spec.stride[i] - spec.padding[2 * i] + rest % spec.window[i] * spec.dilation[i];
      isInside &= from >= 0 && from < input.sizes[2 + i];
      counts &= from < input.sizes[2 + i] + spec.padding[2 * i];
      offset += from * input.strides[2 + i];
    }
    window.numCounted += spec.kind == PoolKind::AvgIncludePad ? counts : isInside;
    if (isInside)
      window.offsets.push_back(offset);
  }
}

/// The pooled value of the channel whose elements start at `channel` of the window's.
template <typename Value>
static Value pooledValue(const PoolSpec &spec, const TensorView &input, const Window &window, int64_t channel) {
  bool isMax = spec.kind == PoolKind::Max;
  Value result = 0, lowest = std::numeric_limits<Value>::lowest();
  if constexpr (std::is_floating_point_v<Value>)
    lowest = -std::numeric_limits<Value>::infinity();
  if (isMax)
    result = lowest;
  for (int64_t offset : window.offsets) {
    Value value = loadElement<Value>(input, offset + channel);
    if (!isMax)
      result += value;
    else if (!(value <= result)) // keeps NaN
      result = value;
    if (isMax && result != result)
      return result;
  }
  return isMax ? result : result / static_cast<Value>(std::max<int64_t>(1, window.numCounted));
}

static void poolInLoops(RunContext &context, const PoolSpec &spec, const TensorView &input, const TensorView &output) {
  if (isComplex(input.dtype))
    throw Error(TENON_INTERNAL, "a pooling of complex numbers has no implementation; split it into real parts");
  int32_t last = output.rank - 1;
  context.parallelFor(countElements(output) / output.sizes[last], [&](int64_t row) {
    Window window;
    int64_t position[maxRank], rest = row;
    for (int32_t i = last; i-- > 0; rest /= output.sizes[i])
      position[i] = rest % output.sizes[i];
    int64_t start = offsetOf(output, last, row);
    for (position[last] = 0; position[last] < output.sizes[last]; ++position[last]) {
      findWindow(spec, input, position, window);
      int64_t offset = start + position[last] * output.strides[last], channel = position[1] * input.strides[1];
      if (isFloat(input.dtype))
        storeElement(output, offset, pooledValue<double>(spec, input, window, channel));
      else
        storeElement(output, offset, pooledValue<int64_t>(spec, input, window, channel));
    }
  });
}

//===--- channels side by side ---------------------------------------------------------------------------------------===//

/// Pools `count` channels of a window.
static void poolChannels(const PoolSpec &spec, const Window &window, const TensorView &input, int64_t count,
                         const TensorView &output, int64_t outputOffset) {
  const RowLoops &loops = rowLoops();
  auto divisor = static_cast<float>(std::max<int64_t>(1, window.numCounted));
  auto pool = [&](auto type, auto maxOf, auto meanOf) {
    using Type = decltype(type);
    auto *from = static_cast<const Type *>(input.data);
    Type *to = static_cast<Type *>(output.data) + outputOffset;
    auto numOffsets = static_cast<int64_t>(window.offsets.size());
    if (spec.kind == PoolKind::Max)
      maxOf(window.offsets.data(), numOffsets, from, count, to);
    else
      meanOf(window.offsets.data(), numOffsets, divisor, from, count, to);
  };
  switch (input.dtype) {
  case DType::F16: return pool(_Float16(), loops.maxF16, loops.meanF16);
  case DType::BF16: return pool(BFloat16(), loops.maxBF16, loops.meanBF16);
  default: return pool(float(), loops.maxF32, loops.meanF32);
  }
}

static bool hasAdjacentChannels(const TensorView &view) { return view.strides[1] == 1; }

static void poolSideBySide(RunContext &context, const PoolSpec &spec, const TensorView &input, const TensorView &output) {
  int64_t channels = output.sizes[1], lastSize = output.sizes[output.rank - 1];
  context.parallelFor(countElements(output) / channels / lastSize, [&](int64_t row) {
    Window window;
    int64_t position[maxRank] = {}, rest = row;
    for (int32_t i = output.rank - 1; i-- > 2; rest /= output.sizes[i])
      position[i] = rest % output.sizes[i];
    position[0] = rest;
    for (position[output.rank - 1] = 0; position[output.rank - 1] < lastSize; ++position[output.rank - 1]) {
      findWindow(spec, input, position, window);
      int64_t offset = position[0] * output.strides[0];
      for (int32_t i = 2; i < output.rank; ++i)
        offset += position[i] * output.strides[i];
      poolChannels(spec, window, input, channels, output, offset);
    }
  });
}

//===--- infinities and NaN ------------------------------------------------------------------------------------------===//

/// oneDNN's maxima lose NaN, and take the least finite number for minus infinity. Reading the input once more costs some
/// percent of its pooling, and leaves it in cache.
static bool needsLoops(RunContext &context, const PoolSpec &spec, const TensorView &input) {
  if (spec.kind != PoolKind::Max || !isFloat(input.dtype) || input.dtype == DType::F64)
    return false;
  return hasSpecials(context, input);
}

void tenon::pool(Run &run, int32_t site, const PoolSpec &spec, const TensorView &input, const TensorView &output) {
  RunContext &context = RunContext::of(run);
  if (countElements(output) == 0)
    return;
  auto &state = context.siteState<PoolSite>(site, [] { return std::make_unique<PoolSite>(); });
  std::shared_ptr<const PoolPlan> plan = state.get(CallKey({&input, &output}), [&] { return makePlan(spec, input, output); });
  if (context.preparing())
    return;
  if (plan->primitive && !needsLoops(context, spec, input))
    plan->primitive->execute({input.data, output.data, context.scratch(plan->scratchpadBytes + 64)});
  else if (isComputedInF32(input.dtype) && hasAdjacentChannels(input) && hasAdjacentChannels(output))
    poolSideBySide(context, spec, input, output);
  else
    poolInLoops(context, spec, input, output);
}
