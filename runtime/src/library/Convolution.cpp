//===- Convolution.cpp - tenon.conv ----------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Activations keep the layout of their buffers' strides; weights get the layout oneDNN asks for. Where oneDNN has no tuned
// implementation for the buffers' layouts, activations pass through channels-last copies; where it has none for half-width
// elements, through copies in f32 (weights are extended once, at load; the result is rounded once). Where it has none at all
// (on arm64 without SVE, for most) convolutions are products of tiles, and loops for the other dtypes.
//
// Measured on Zen 5 (ResNet-50 and MobileNetV3 shapes, f32, 1 and 2 threads): on channels-last buffers oneDNN reaches
// 94-110 % of the FMA peak (it skips padding), and left to choose it picks channels-last itself, not a blocked layout. On
// NCHW buffers it loses 5-20 % on ResNet and half or more on depthwise and 1x1 layers, since it converts on each call.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Convert.h"
#include "Epilogue.h"
#include "NanWatch.h"
#include "ReferenceConvolution.h"
#include "TileConvolution.h"
#include "onednn/Primitive.h"

#include <algorithm>
#include <functional>
#include <utility>

using namespace tenon;
using namespace tenon::library;
using dnnl::memory;

namespace {
struct ConvPlan {
  std::string implementation = "ref:loops";
  std::unique_ptr<onednn::Primitive> primitive;         ///< null: tiles or loops
  std::optional<TensorView> inputCopy, outputCopy;     ///< their layouts and types, without data
  std::unique_ptr<onednn::Primitive> weightReorder;     ///< of weights that are no constants
  void *packedWeight = nullptr;
  bool fusesEpilogue = true, extendsBias = false, usesTiles = false;
  size_t weightBytes = 0, scratchpadBytes = 0;
};

struct ConvSite : PlanCache<ConvPlan> {
  onednn::PackedConstants constants;
  TileConvolution tiles;
  NanWatch nans;
};

/// A convolution oneDNN has agreed to, before it is a primitive.
struct Candidate {
  dnnl::primitive_desc description;
  std::function<dnnl::primitive()> make;
};
} // namespace

//===--- descriptors -------------------------------------------------------------------------------------------------===//

/// The weights as oneDNN orders their dimensions: [G,] O/G, I/G, K…
static memory::desc describeWeight(const ConvCall &call) {
  const TensorView &weight = call.weight;
  int64_t groups = call.spec.groups;
  memory::dims sizes(weight.sizes, weight.sizes + weight.rank), strides(weight.strides, weight.strides + weight.rank);
  int64_t groupStride = weight.sizes[0] / groups * weight.strides[0];
  sizes[0] /= groups;
  if (call.spec.transposed) {
    std::swap(sizes[0], sizes[1]);
    std::swap(strides[0], strides[1]);
  }
  if (groups > 1) {
    sizes.insert(sizes.begin(), groups);
    strides.insert(strides.begin(), groupStride);
  }
  return memory::desc(sizes, *onednn::dataType(weight.dtype), strides, /*allow_empty=*/true);
}

static memory::desc describeBias(const TensorView *bias, bool isExtended) {
  if (!bias)
    return memory::desc();
  TensorView view = isExtended ? denseLike(*bias, nullptr) : *bias;
  view.dtype = isExtended ? DType::F32 : bias->dtype;
  return onednn::describe(view);
}

/// Asks oneDNN for the convolution from `input` to `output`; nothing where it has none but plain loops.
static std::optional<Candidate> findCandidate(const ConvCall &call, const memory::desc &input, const memory::desc &bias,
                                              const memory::desc &output, const dnnl::post_ops &steps) {
  const ConvSpec &spec = call.spec;
  // f32 activations meet half-width weights as f32 ones.
  memory::desc weight(describeWeight(call).get_dims(), input.get_data_type(), memory::format_tag::any);
  memory::dims strides, dilations, low, high;
  for (int32_t i = 0; i < call.spatialRank(); ++i) {
    strides.push_back(spec.stride[i]);
    dilations.push_back(spec.dilation[i] - 1);
    low.push_back(spec.padding[2 * i]);
    // A transposed convolution's output padding shortens its high padding: the output's size says by how much.
    int64_t extent = (call.input.sizes[2 + i] - 1) * spec.stride[i] + (call.weight.sizes[2 + i] - 1) * spec.dilation[i] + 1;
    high.push_back(spec.transposed ? extent - spec.padding[2 * i] - call.output.sizes[2 + i] : spec.padding[2 * i + 1]);
  }
  dnnl::primitive_attr attributes = onednn::attributes(steps);
  bool hasHalf = input.get_data_type() != memory::data_type::f32;
  auto accepted = [&](const auto &description, auto make) -> std::optional<Candidate> {
    if (!description || onednn::isReference(description.impl_info_str()))
      return std::nullopt;
    // oneDNN 3.12 gets sums of half-width elements wrong where vectors of arm64 have 512 bits, as f32 it does not.
    if (hasHalf && std::string_view(description.impl_info_str()).starts_with("brdgmm_dw:sve"))
      return std::nullopt;
    return Candidate{description, make};
  };
  if (spec.transposed) {
    dnnl::deconvolution_forward::primitive_desc description(
        onednn::engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct, input, weight, bias,
        output, strides, dilations, low, high, attributes, true);
    return accepted(description, [=] { return dnnl::deconvolution_forward(description); });
  }
  dnnl::convolution_forward::primitive_desc description(onednn::engine(), dnnl::prop_kind::forward_inference,
                                                        dnnl::algorithm::convolution_direct, input, weight, bias, output,
                                                        strides, dilations, low, high, attributes, true);
  return accepted(description, [=] { return dnnl::convolution_forward(description); });
}

//===--- plans -------------------------------------------------------------------------------------------------------===//

/// True where the innermost dimension in memory is C, or where there is nothing but C.
static bool isChannelsLast(const TensorView &view) {
  return view.strides[1] == 1 && std::any_of(view.sizes + 2, view.sizes + view.rank, [](int64_t size) { return size > 1; });
}

namespace {
/// What a candidate of oneDNN's does beside its convolution.
struct Attempt {
  bool widens, fusesEpilogue, onCopies;
};
} // namespace

/// `view` as an attempt sees it: itself, or the layout and type of a copy.
static TensorView staged(const TensorView &view, Attempt attempt) {
  TensorView result = view;
  if (attempt.onCopies) {
    memory::dims strides = onednn::describeChannelsLast(view).get_strides();
    std::copy(strides.begin(), strides.end(), result.strides);
  }
  if (attempt.widens && isHalf(view.dtype)) {
    // A copy has no gaps.
    if (!attempt.onCopies && !isChannelsLast(view))
      result = denseLike(view, nullptr);
    else if (!attempt.onCopies)
      return staged(view, {true, attempt.fusesEpilogue, true});
    result.dtype = DType::F32;
  }
  return result;
}

static bool isSame(const TensorView &a, const TensorView &b) {
  return a.dtype == b.dtype && std::equal(a.strides, a.strides + a.rank, b.strides);
}

/// Makes the plan's primitive; returns false where there is no candidate.
static bool makePrimitive(ConvSite &site, const ConvCall &call, Attempt attempt, ConvPlan &plan) {
  TensorView input = staged(call.input, attempt), output = staged(call.output, attempt);
  memory::desc inputLayout = onednn::describe(input), outputLayout = onednn::describe(output);
  if (!inputLayout || !outputLayout || !describeWeight(call))
    return false;
  auto steps = attempt.fusesEpilogue ? onednn::postOps(call.spec.epilogue, call.extras, output) : onednn::PostOps();
  if (!steps)
    return false;
  // A descriptor with strides is taken, and its strides are ignored (oneDNN 3.12).
  plan.extendsBias = call.bias && (call.bias->strides[0] != 1 || (attempt.widens && isHalf(call.bias->dtype)));
  memory::desc bias = describeBias(call.bias, plan.extendsBias);
  std::optional<Candidate> candidate = findCandidate(call, inputLayout, bias, outputLayout, steps->steps);
  if (!candidate)
    return false;

  const dnnl::primitive_desc &description = candidate->description;
  std::vector<std::pair<int, memory::desc>> arguments = {{DNNL_ARG_SRC, inputLayout},
                                                         {DNNL_ARG_WEIGHTS, description.weights_desc()},
                                                         {DNNL_ARG_DST, outputLayout}};
  if (call.bias)
    arguments.emplace_back(DNNL_ARG_BIAS, bias);
  arguments.insert(arguments.end(), steps->extras.begin(), steps->extras.end());
  arguments.emplace_back(DNNL_ARG_SCRATCHPAD, description.scratchpad_desc());
  plan.primitive = std::make_unique<onednn::Primitive>(candidate->make(), std::move(arguments));
  plan.implementation = description.impl_info_str();
  plan.fusesEpilogue = attempt.fusesEpilogue;
  plan.scratchpadBytes = description.scratchpad_desc().get_size();
  if (!isSame(input, call.input))
    plan.inputCopy = input;
  if (!isSame(output, call.output))
    plan.outputCopy = output;
  memory::desc weight = describeWeight(call);
  if (call.spec.weightIsConstant)
    plan.packedWeight = site.constants.get(call.context, weight, call.weight, description.weights_desc());
  else if (weight != description.weights_desc()) {
    plan.weightReorder = onednn::makeReorder(weight, description.weights_desc());
    plan.weightBytes = description.weights_desc().get_size();
  }
  return true;
}

/// True where elements of other values lie between those of `view`.
static bool hasGaps(const TensorView &view) { return spanInElements(view) != countElements(view); }

static std::shared_ptr<const ConvPlan> makePlan(ConvSite &site, const ConvCall &call, bool mayUsePostOps) {
  auto plan = std::make_shared<ConvPlan>();
  auto hasType = [](const TensorView &view) { return onednn::dataType(view.dtype).has_value(); };
  bool isTaken = onednn::isUsable() && hasType(call.input) && hasType(call.weight) && hasType(call.output) &&
                 (!call.bias || hasType(*call.bias));
  // Where one side is channels-last and the other not, oneDNN accepts them as they are only in slow implementations.
  bool isMixed = isChannelsLast(call.input) != isChannelsLast(call.output);
  // oneDNN 3.12 takes the images of a transposed convolution as if they followed each other.
  bool isMisread = call.spec.transposed && (hasGaps(call.input) || hasGaps(call.output));
  bool hasHalf = isHalf(call.input.dtype) || isHalf(call.weight.dtype) || isHalf(call.output.dtype);
  // oneDNN 3.12 multiplies bf16 by BFDOT on arm64, which does half as much as the BFMMLA of tiles.
  bool isMade = false, usesBf16Tiles = TileConvolution::supports(call) && TileConvolution::productType(call) == DType::BF16;
  for (bool widens : {false, true})
    for (bool fusesEpilogue : {true, false})
      for (bool onCopies : {false, true})
        if (isTaken && !isMade && !usesBf16Tiles && !((isMixed || isMisread) && !onCopies) && (hasHalf || !widens) &&
            (mayUsePostOps || !fusesEpilogue)) {
          try {
            isMade = makePrimitive(site, call, {widens, fusesEpilogue, onCopies}, *plan);
          } catch (const dnnl::error &) {
            isMade = false; // strides oneDNN cannot describe
          }
        }
  if (!isMade)
    *plan = ConvPlan();
  if (!isMade && TileConvolution::supports(call)) {
    plan->usesTiles = true;
    plan->packedWeight = call.spec.weightIsConstant ? const_cast<void *>(site.tiles.packConstant(call)) : nullptr;
    plan->implementation = site.tiles.implementation(call);
  }
  onednn::warnIfReference(plan->implementation, "convolution");
  return plan;
}

//===--- execution ---------------------------------------------------------------------------------------------------===//

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

static size_t bytesOf(const TensorView &view) {
  return static_cast<size_t>(countElements(view)) * sizeInBytes(view.dtype);
}

static void runPrimitive(const ConvCall &call, const ConvPlan &plan) {
  size_t inputBytes = plan.inputCopy ? aligned(bytesOf(*plan.inputCopy)) : 0;
  size_t outputBytes = plan.outputCopy ? aligned(bytesOf(*plan.outputCopy)) : 0;
  size_t biasBytes = plan.extendsBias ? aligned(static_cast<size_t>(call.bias->sizes[0]) * sizeof(float)) : 0;
  auto *next = static_cast<char *>(call.context.scratch(inputBytes + outputBytes + biasBytes + aligned(plan.weightBytes) +
                                                        plan.scratchpadBytes + 64));
  auto take = [&](size_t bytes) { return std::exchange(next, next + bytes); };
  TensorView input = plan.inputCopy.value_or(call.input), output = plan.outputCopy.value_or(call.output);
  input.data = plan.inputCopy ? take(inputBytes) : call.input.data;
  output.data = plan.outputCopy ? take(outputBytes) : call.output.data;
  void *weight = plan.packedWeight ? plan.packedWeight : plan.weightReorder ? take(aligned(plan.weightBytes)) : call.weight.data;
  if (plan.inputCopy)
    copyOrConvert(call.context, call.input, input);
  if (plan.weightReorder)
    plan.weightReorder->execute({call.weight.data, weight, next});

  void *data[16] = {input.data, weight, output.data};
  int32_t count = 3;
  if (call.bias)
    data[count++] = call.bias->data;
  if (plan.extendsBias) {
    TensorView bias = denseLike(*call.bias, take(biasBytes));
    bias.dtype = DType::F32;
    copyOrConvert(call.context, *call.bias, bias);
    data[count - 1] = bias.data;
  }
  for (int32_t i = 0; plan.fusesEpilogue && i < call.extras.count; ++i)
    data[count++] = call.extras.begin[i].data;
  data[count++] = next;
  plan.primitive->execute(data);
  if (plan.outputCopy)
    copyOrConvert(call.context, output, call.output);
  if (!plan.fusesEpilogue)
    applyEpilogue(call.context, call.spec.epilogue, call.extras, call.output);
}

static void runPlan(ConvSite &site, const ConvCall &call, const ConvPlan &plan) {
  if (plan.primitive)
    runPrimitive(call, plan);
  else if (plan.usesTiles)
    site.tiles.run(call, plan.packedWeight);
  else
    referenceConvolution(call.context, call.spec, call.input, call.weight, call.bias, call.extras, call.output);
}

void tenon::conv(Run &run, int32_t site, const ConvSpec &spec, const TensorView &input, const TensorView &weight,
                 const TensorView *bias, TensorViews extras, const TensorView &output) {
  RunContext &context = RunContext::of(run);
  if (countElements(output) == 0 || (context.preparing() && spec.weightIsConstant && !weight.data))
    return;
  ConvCall call{context, spec, input, weight, bias, extras, output};
  auto &state = context.siteState<ConvSite>(site, [] { return std::make_unique<ConvSite>(); });
  CallKey key({&input, &weight, bias, &output}, extras);
  auto planFor = [&](const CallKey &key) {
    return state.get(key, [&] { return makePlan(state, call, key.usesPostOps()); });
  };
  std::shared_ptr<const ConvPlan> plan = planFor(key);
  if (context.preparing())
    return;
  if (!plan->fusesEpilogue || !plan->primitive)
    return runPlan(state, call, *plan);
  const TensorView *constant = spec.weightIsConstant ? &weight : nullptr;
  state.nans.run(context, spec.epilogue, {&input, constant ? nullptr : &weight, bias}, constant, extras,
                 [&] { runPlan(state, call, *plan); }, [&] { runPlan(state, call, *planFor(key.withoutPostOps())); });
}
