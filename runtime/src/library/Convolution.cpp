//===- Convolution.cpp - tenon.conv ----------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Activations keep the layout of their buffers' strides; weights get the layout oneDNN asks for. Where oneDNN has no tuned
// implementation for the buffers' layouts, activations pass through channels-last copies. Where it has none at all (on arm64
// without SVE, for most) convolutions are products of tiles, and loops for the other dtypes.
//
// Measured on Zen 5 (ResNet-50 and MobileNetV3 shapes, f32, 1 and 2 threads): on channels-last buffers oneDNN reaches
// 94-110 % of the FMA peak (it skips padding), and left to choose it picks channels-last itself, not a blocked layout. On
// NCHW buffers it loses 5-20 % on ResNet and half or more on depthwise and 1x1 layers, since it converts on each call.
//
//===-----------------------------------------------------------------------------------------------------------------===//

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
  std::unique_ptr<onednn::Primitive> inputReorder, outputReorder; ///< to and from channels-last copies
  std::unique_ptr<onednn::Primitive> weightReorder;     ///< of weights that are no constants
  void *packedWeight = nullptr;
  bool fusesEpilogue = true, usesTiles = false;
  size_t inputBytes = 0, outputBytes = 0, weightBytes = 0, scratchpadBytes = 0;
};

struct ConvSite : PlanCache<ConvPlan> {
  onednn::PackedConstants constants;
  TileConvolution tiles;
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
  return memory::desc(sizes, *onednn::dataType(weight.dtype), strides);
}

static memory::desc describeBias(const TensorView *bias) { return bias ? onednn::describe(*bias) : memory::desc(); }

/// Asks oneDNN for the convolution from `input` to `output`; nothing where it has none but plain loops.
static std::optional<Candidate> findCandidate(const ConvCall &call, const memory::desc &input, const memory::desc &output,
                                              const dnnl::post_ops &steps) {
  const ConvSpec &spec = call.spec;
  memory::desc plainWeight = describeWeight(call), bias = describeBias(call.bias);
  memory::desc weight(plainWeight.get_dims(), plainWeight.get_data_type(), memory::format_tag::any);
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
  auto accepted = [](const auto &description, auto make) -> std::optional<Candidate> {
    if (!description || onednn::isReference(description.impl_info_str()))
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

/// Makes the plan's primitive between the given layouts; returns false where there is no candidate.
static bool makePrimitive(ConvSite &site, const ConvCall &call, bool inputLast, bool outputLast, bool fusesEpilogue,
                          ConvPlan &plan) {
  memory::desc givenInput = onednn::describe(call.input), givenOutput = onednn::describe(call.output);
  memory::desc input = inputLast ? onednn::describeChannelsLast(call.input) : givenInput;
  memory::desc output = outputLast ? onednn::describeChannelsLast(call.output) : givenOutput;
  TensorView layout = call.output;
  memory::dims outputStrides = output.get_strides();
  std::copy(outputStrides.begin(), outputStrides.end(), layout.strides);
  auto steps = fusesEpilogue ? onednn::postOps(call.spec.epilogue, call.extras, layout) : onednn::PostOps();
  if (!steps)
    return false;
  std::optional<Candidate> candidate = findCandidate(call, input, output, steps->steps);
  if (!candidate)
    return false;

  const dnnl::primitive_desc &description = candidate->description;
  std::vector<std::pair<int, memory::desc>> arguments = {{DNNL_ARG_SRC, input},
                                                         {DNNL_ARG_WEIGHTS, description.weights_desc()},
                                                         {DNNL_ARG_DST, output}};
  if (call.bias)
    arguments.emplace_back(DNNL_ARG_BIAS, describeBias(call.bias));
  arguments.insert(arguments.end(), steps->extras.begin(), steps->extras.end());
  arguments.emplace_back(DNNL_ARG_SCRATCHPAD, description.scratchpad_desc());
  plan.primitive = std::make_unique<onednn::Primitive>(candidate->make(), std::move(arguments));
  plan.implementation = description.impl_info_str();
  plan.fusesEpilogue = fusesEpilogue;
  plan.scratchpadBytes = description.scratchpad_desc().get_size();
  if (input != givenInput) {
    plan.inputReorder = onednn::makeReorder(givenInput, input);
    plan.inputBytes = input.get_size();
  }
  if (output != givenOutput) {
    plan.outputReorder = onednn::makeReorder(output, givenOutput);
    plan.outputBytes = output.get_size();
  }
  memory::desc weight = describeWeight(call);
  if (call.spec.weightIsConstant)
    plan.packedWeight = site.constants.get(call.context, weight, call.weight, description.weights_desc());
  else if (weight != description.weights_desc()) {
    plan.weightReorder = onednn::makeReorder(weight, description.weights_desc());
    plan.weightBytes = description.weights_desc().get_size();
  }
  return true;
}

/// True where the innermost dimension in memory is C, or where there is nothing but C.
static bool isChannelsLast(const TensorView &view) {
  return view.strides[1] == 1 && std::any_of(view.sizes + 2, view.sizes + view.rank, [](int64_t size) { return size > 1; });
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
  bool isMade = false;
  for (bool fuses : {true, false})
    for (bool copies : {false, true})
      if (isTaken && !isMade && !((isMixed || isMisread) && !copies) && (mayUsePostOps || !fuses)) {
        try {
          isMade = makePrimitive(site, call, copies, copies, fuses, *plan);
        } catch (const dnnl::error &) {
          isMade = false; // strides oneDNN cannot describe
        }
      }
  if (!isMade)
    *plan = ConvPlan();
  if (!isMade && TileConvolution::supports(call)) {
    plan->usesTiles = true;
    plan->packedWeight = call.spec.weightIsConstant ? const_cast<float *>(site.tiles.packConstant(call)) : nullptr;
    plan->implementation = site.tiles.implementation();
  }
  onednn::warnIfReference(plan->implementation, "convolution");
  return plan;
}

//===--- execution ---------------------------------------------------------------------------------------------------===//

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

static void runPrimitive(const ConvCall &call, const ConvPlan &plan) {
  auto *next = static_cast<char *>(call.context.scratch(aligned(plan.inputBytes) + aligned(plan.outputBytes) +
                                                        aligned(plan.weightBytes) + plan.scratchpadBytes + 64));
  auto take = [&](size_t bytes) { return std::exchange(next, next + aligned(bytes)); };
  void *input = plan.inputReorder ? take(plan.inputBytes) : call.input.data;
  void *output = plan.outputReorder ? take(plan.outputBytes) : call.output.data;
  void *weight = plan.packedWeight ? plan.packedWeight : plan.weightReorder ? take(plan.weightBytes) : call.weight.data;
  if (plan.inputReorder)
    plan.inputReorder->execute({call.input.data, input, next});
  if (plan.weightReorder)
    plan.weightReorder->execute({call.weight.data, weight, next});

  void *data[16] = {input, weight, output};
  int32_t count = 3;
  if (call.bias)
    data[count++] = call.bias->data;
  for (int32_t i = 0; plan.fusesEpilogue && i < call.extras.count; ++i)
    data[count++] = call.extras.begin[i].data;
  data[count++] = next;
  plan.primitive->execute(data);
  if (plan.outputReorder)
    plan.outputReorder->execute({output, call.output.data, next});
  if (!plan.fusesEpilogue)
    applyEpilogue(call.context, call.spec.epilogue, call.extras, call.output);
}

static void runPlan(ConvSite &site, const ConvCall &call, const ConvPlan &plan) {
  if (plan.primitive)
    runPrimitive(call, plan);
  else if (plan.usesTiles)
    site.tiles.run(call, static_cast<const float *>(plan.packedWeight));
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
  runWatchingNans(context, spec.epilogue, [&] { runPlan(state, call, *plan); },
                  [&] { runPlan(state, call, *planFor(key.withoutPostOps())); });
}
