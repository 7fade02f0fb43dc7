//===- TileConvolution.cpp - convolutions by products of tiles -------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Works on f32, or bf16 where tiles of it are multiplied, in channels-last order; operands that are not so pass through copies. A task is a tile of output positions of
// one group:
//   1. results start as the bias
//   2. per few taps: the inputs of the tile's positions are gathered to rows [positions, taps x channels], and
//      results += rows x weights [taps x channels, outputs]; a pointwise convolution's rows are its input where it lies
//   3. the epilogue, while the tile is in the cache
// Depthwise convolutions have no product: their channels are summed side by side.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "TileConvolution.h"
#include "Convert.h"
#include "ConvolutionShape.h"
#include "Epilogue.h"
#include "loops/RowLoops.h"

#include "../StridedCopy.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>

using namespace tenon;
using namespace tenon::library;

namespace {
/// Positions of a task: as many as make packing the weights, which tile products do per call, small beside the product.
constexpr int64_t positionsPerTile = 128;
/// Outputs of a task, which gathers its rows anew: enough to make that small beside the product.
constexpr int64_t outputsPerTile = 512;
/// Gathered rows of a tile hold about this many elements each, so that they stay in an L2 of 1 MiB.
constexpr int64_t gatheredDepth = 1024;

/// Output position `index` in row-major order.
struct Position {
  int64_t image, at[3];
  Position(const ConvolutionShape &shape, int64_t index) {
    for (int dim = 3; dim-- > 0; index /= shape.output[dim])
      at[dim] = index % shape.output[dim];
    image = index;
  }
  void advance(const ConvolutionShape &shape) {
    for (int dim = 3; dim-- > 0;) {
      if (++at[dim] < shape.output[dim])
        return;
      at[dim] = 0;
    }
    ++image;
  }
};

/// What all tasks of a convolution share. Products multiply f32 or bf16 elements; all sums are f32.
template <typename Element> struct Work {
  const ConvolutionShape &shape;
  const Element *input; ///< channels-last, channels next to each other
  ChannelsLastStrides inputStrides;
  const Element *weight; ///< [groups, taps, inputs of a group, outputs of a group]; depthwise: [taps, channels]
  const float *bias;   ///< one per output channel
  float *result;       ///< dense channels-last
  const EpilogueRows &epilogue;
  int32_t spatialRank;

  /// The position as an index of the output.
  std::array<int64_t, 5> indexOf(const Position &position) const {
    std::array<int64_t, 5> index = {position.image, 0};
    std::copy_n(position.at + 3 - spatialRank, spatialRank, index.begin() + 2);
    return index;
  }

  /// Offset of the input that `tap` (of dims before W: `outerTap`) reads in the dims before W; -1 outside.
  int64_t outerOffset(const Position &position, int64_t outerTap) const {
    int64_t h = shape.sourcePosition(1, position.at[1], outerTap % shape.kernel[1]);
    int64_t d = shape.sourcePosition(0, position.at[0], outerTap / shape.kernel[1]);
    if (h < 0 || d < 0)
      return -1;
    return position.image * inputStrides.batch + d * inputStrides.spatial[0] + h * inputStrides.spatial[1];
  }

  void applyEpilogue(int64_t firstPosition, int64_t count, int64_t firstChannel, int64_t numChannels) const {
    if (epilogue.isEmpty())
      return;
    Position position(shape, firstPosition);
    for (int64_t i = 0; i < count; ++i, position.advance(shape))
      epilogue.apply(result + (firstPosition + i) * shape.outputChannels + firstChannel, indexOf(position).data(),
                     firstChannel, numChannels);
  }
};
} // namespace

//===--- products ----------------------------------------------------------------------------------------------------===//

/// Writes a position's inputs for the taps of one kernel row: [W taps, channels of the group], zeros outside of the input.
template <typename Element>
static void gatherKernelRow(const Work<Element> &work, const Position &position, int64_t outerTap, int64_t firstChannel,
                            Element *to) {
  const ConvolutionShape &shape = work.shape;
  int64_t width = shape.kernel[2], channels = shape.inputsPerGroup(), stride = work.inputStrides.spatial[2];
  int64_t outer = work.outerOffset(position, outerTap);
  if (outer < 0) {
    std::fill_n(to, width * channels, Element(0.0f));
    return;
  }
  const Element *from = work.input + outer + firstChannel;
  if (!shape.transposed && shape.dilation[2] == 1 && stride == channels) { // neighbouring taps lie next to each other
    int64_t first = position.at[2] * shape.stride[2] - shape.padding[2];
    int64_t low = std::clamp<int64_t>(-first, 0, width), high = std::clamp<int64_t>(shape.input[2] - first, low, width);
    std::fill_n(to, low * channels, Element(0.0f));
    std::copy_n(from + (first + low) * channels, (high - low) * channels, to + low * channels);
    std::fill_n(to + high * channels, (width - high) * channels, Element(0.0f));
    return;
  }
  for (int64_t tap = 0; tap < width; ++tap) {
    int64_t w = shape.sourcePosition(2, position.at[2], tap);
    if (w < 0)
      std::fill_n(to + tap * channels, channels, Element(0.0f));
    else
      std::copy_n(from + w * stride, channels, to + tap * channels);
  }
}

/// Outputs [firstOutput, firstOutput + outputs) of group `group` at positions [first, first + count).
template <typename Element>
static void multiplyTile(const Work<Element> &work, TileGemms &tiles, int64_t group, int64_t first, int64_t count,
                         int64_t firstOutput, int64_t outputs, Element *gathered) {
  const ConvolutionShape &shape = work.shape;
  int64_t channels = shape.inputsPerGroup(), rowDepth = shape.kernel[2] * channels;
  int64_t channel = group * shape.outputsPerGroup() + firstOutput;
  float *result = work.result + first * shape.outputChannels + channel;
  const Element *weight = work.weight + group * shape.depth() * shape.outputsPerGroup() + firstOutput;
  for (int64_t i = 0; i < count; ++i)
    std::copy_n(work.bias + channel, outputs, result + i * shape.outputChannels);

  if (!gathered) {
    tiles.multiply(count, outputs, channels, work.input + first * shape.inputChannels + group * channels, shape.inputChannels,
                   weight, shape.outputsPerGroup(), result, shape.outputChannels, true);
  } else {
    int64_t kernelRows = shape.kernel[0] * shape.kernel[1], atOnce = std::max<int64_t>(1, gatheredDepth / rowDepth);
    for (int64_t row = 0; row < kernelRows; row += atOnce) {
      int64_t rows = std::min(atOnce, kernelRows - row), depth = rows * rowDepth;
      Position position(shape, first);
      for (int64_t i = 0; i < count; ++i, position.advance(shape))
        for (int64_t r = 0; r < rows; ++r)
          gatherKernelRow(work, position, row + r, group * channels, gathered + i * depth + r * rowDepth);
      tiles.multiply(count, outputs, depth, gathered, depth, weight + row * rowDepth * shape.outputsPerGroup(),
                     shape.outputsPerGroup(), result, shape.outputChannels, true);
    }
  }
  work.applyEpilogue(first, count, channel, outputs);
}

/// True where the rows of tile products are the input's own memory.
static bool readsInPlace(const ConvolutionShape &shape, const ChannelsLastStrides &strides) {
  int64_t stride = shape.inputChannels;
  for (int dim = 3; dim-- > 0; stride *= shape.input[dim])
    if (shape.input[dim] > 1 && strides.spatial[dim] != stride)
      return false;
  return shape.isPointwise() && (shape.batch == 1 || strides.batch == stride);
}

template <typename Element> static int64_t gatheredElements(const Work<Element> &work) {
  const ConvolutionShape &shape = work.shape;
  if (shape.isDepthwise() || readsInPlace(shape, work.inputStrides))
    return 0;
  int64_t rowDepth = shape.kernel[2] * shape.inputsPerGroup(), kernelRows = shape.kernel[0] * shape.kernel[1];
  int64_t depth = std::min(kernelRows, std::max<int64_t>(1, gatheredDepth / rowDepth)) * rowDepth;
  return (std::min(positionsPerTile, shape.numPositions()) * depth + 15) / 16 * 16;
}

template <typename Element>
static void runProducts(RunContext &context, const Work<Element> &work, TileGemms &tiles, Element *workspaces,
                        int64_t workspaceSize) {
  const ConvolutionShape &shape = work.shape;
  int64_t outputs = shape.outputsPerGroup(), positions = shape.numPositions();
  int64_t outputTiles = (outputs + outputsPerTile - 1) / outputsPerTile;
  int64_t numTasks = (positions + positionsPerTile - 1) / positionsPerTile * shape.groups * outputTiles;
  std::atomic<int64_t> next = 0;
  context.parallelFor(std::min<int64_t>(context.numThreads(), numTasks), [&](int64_t worker) {
    Element *gathered = workspaceSize ? workspaces + worker * workspaceSize : nullptr;
    for (int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < numTasks;) {
      int64_t group = task / outputTiles % shape.groups, firstOutput = task % outputTiles * outputsPerTile;
      int64_t first = task / outputTiles / shape.groups * positionsPerTile;
      multiplyTile(work, tiles, group, first, std::min(positionsPerTile, positions - first), firstOutput,
                   std::min(outputsPerTile, outputs - firstOutput), gathered);
    }
  });
}

//===--- depthwise ---------------------------------------------------------------------------------------------------===//

/// Writes the taps that lie inside of the input; returns how many.
static int64_t reachedTaps(const Work<float> &work, const Position &position, Tap *reached) {
  const ConvolutionShape &shape = work.shape;
  int64_t count = 0;
  for (int64_t outerTap = 0; outerTap < shape.kernel[0] * shape.kernel[1]; ++outerTap) {
    int64_t outer = work.outerOffset(position, outerTap);
    for (int64_t tap = 0; outer >= 0 && tap < shape.kernel[2]; ++tap)
      if (int64_t w = shape.sourcePosition(2, position.at[2], tap); w >= 0)
        reached[count++] = {outer + w * work.inputStrides.spatial[2],
                            (outerTap * shape.kernel[2] + tap) * shape.outputChannels};
  }
  return count;
}

static void runDepthwise(RunContext &context, const Work<float> &work, Tap *workspaces) {
  const ConvolutionShape &shape = work.shape;
  const RowLoops &loops = rowLoops();
  int64_t channels = shape.outputChannels, positions = shape.numPositions();
  int64_t numTasks = (positions + positionsPerTile - 1) / positionsPerTile;
  std::atomic<int64_t> next = 0;
  context.parallelFor(std::min<int64_t>(context.numThreads(), numTasks), [&](int64_t worker) {
    Tap *taps = workspaces + worker * shape.numTaps();
    for (int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < numTasks;) {
      int64_t first = task * positionsPerTile, count = std::min(positionsPerTile, positions - first);
      Position position(shape, first);
      for (int64_t i = 0; i < count; ++i, position.advance(shape)) {
        int64_t numTaps = reachedTaps(work, position, taps);
        loops.sumTaps(taps, numTaps, work.bias, work.input, work.weight, channels, work.result + (first + i) * channels);
      }
      work.applyEpilogue(first, count, 0, channels);
    }
  });
}

//===--- operands ----------------------------------------------------------------------------------------------------===//

/// Copies `from` to `to`, same sizes, converting elements.
static void convertStrided(RunContext &context, const TensorView &from, const TensorView &to) {
  if (from.dtype == to.dtype)
    return copyStrided(context, sizeInBytes(from.dtype), from.rank, from.sizes, from.data, from.strides, to.data, to.strides);
  // Channels innermost: they are next to each other on one side at least.
  int64_t channels = from.sizes[1];
  auto outermost = [](TensorView view) {
    std::rotate(view.sizes + 1, view.sizes + 2, view.sizes + view.rank);
    std::rotate(view.strides + 1, view.strides + 2, view.strides + view.rank);
    return view;
  };
  TensorView source = outermost(from), target = outermost(to);
  withF32Type(from.dtype, [&](auto read) {
    withF32Type(to.dtype, [&](auto written) {
      using From = decltype(read);
      using To = decltype(written);
      context.parallelFor(countElements(source) / channels, [&](int64_t row) {
        auto *in = static_cast<const From *>(source.data) + offsetOf(source, source.rank - 1, row);
        auto *out = static_cast<To *>(target.data) + offsetOf(target, target.rank - 1, row);
        int64_t inStride = source.strides[source.rank - 1], outStride = target.strides[target.rank - 1];
        if (inStride == 1 && outStride == 1)
          return std::is_same_v<To, float> ? readElements(from.dtype, in, channels, reinterpret_cast<float *>(out))
                                           : writeElements(to.dtype, reinterpret_cast<const float *>(in), channels, out);
        for (int64_t c = 0; c < channels; ++c)
          out[c * outStride] = static_cast<To>(static_cast<float>(in[c * inStride]));
      });
    });
  });
}

/// Writes the weight as [groups, taps, inputs of a group, outputs of a group]; depthwise: [taps, channels].
template <typename Element>
static void packWeight(RunContext &context, const ConvolutionShape &shape, const TensorView &weight, Element *packed) {
  int64_t inputs = shape.inputsPerGroup(), outputs = shape.outputsPerGroup(), taps = shape.numTaps();
  // Offsets in both: by output channel, by input channel of the group, by tap.
  bool isDepthwise = shape.isDepthwise();
  context.parallelFor(shape.outputChannels, [&](int64_t o) {
    int64_t group = o / outputs, output = o % outputs;
    for (int64_t c = 0; c < inputs; ++c) {
      int64_t from = shape.transposed ? (group * inputs + c) * weight.strides[0] + output * weight.strides[1]
                                      : o * weight.strides[0] + c * weight.strides[1];
      for (int64_t tap = 0; tap < taps; ++tap) {
        int64_t offset = from, rest = tap;
        for (int32_t i = weight.rank; i-- > 2; rest /= weight.sizes[i])
          offset += rest % weight.sizes[i] * weight.strides[i];
        int64_t to = isDepthwise ? tap * shape.outputChannels + o : ((group * taps + tap) * inputs + c) * outputs + output;
        packed[to] = static_cast<Element>(static_cast<float>(loadElement<double>(weight, offset)));
      }
    }
  });
}

bool TileConvolution::supports(const ConvCall &call) {
  auto isTileType = [](const TensorView &view) { return isComputedInF32(view.dtype); };
  bool isShort = std::max(spanInElements(call.input), spanInElements(call.output)) < std::numeric_limits<int32_t>::max();
  return isShort && call.spatialRank() <= 3 && isTileType(call.input) && isTileType(call.weight) && isTileType(call.output) &&
         (!call.bias || isTileType(*call.bias));
}

DType TileConvolution::productType(const ConvCall &call) {
  ConvolutionShape shape(call.spec, call.input, call.weight, call.output);
  bool isBf16 = call.input.dtype == DType::BF16 && call.weight.dtype == DType::BF16;
  constexpr int64_t leastDepth = 16; // below, most of a step of BFMMLA multiplies nothing, or gathering costs more
  return isBf16 && shape.depth() >= leastDepth && !shape.isDepthwise() && TileGemms::hasBf16Products() ? DType::BF16 : DType::F32;
}

/// Calls function(T{}) with the type of the elements that products multiply.
template <typename Function> static auto withProductType(const ConvCall &call, const Function &function) {
  return TileConvolution::productType(call) == DType::BF16 ? function(BFloat16(0.0f)) : function(0.0f);
}

const void *TileConvolution::packConstant(const ConvCall &call) {
  for (Packed &constant : constants)
    if (constant.source == call.weight.data)
      return constant.memory.data();
  Packed &constant = constants.emplace_back(Packed{call.weight.data, Memory()});
  ConvolutionShape shape(call.spec, call.input, call.weight, call.output);
  size_t bytes = countElements(call.weight) * sizeInBytes(productType(call));
  void *memory = constant.memory.atLeast(bytes);
  withProductType(call, [&](auto element) {
    packWeight(call.context, shape, call.weight, static_cast<decltype(element) *>(memory));
  });
  call.context.addConstantBytes(static_cast<int64_t>(bytes));
  call.context.constantIsPacked(call.weight.data, spanInElements(call.weight) * sizeInBytes(call.weight.dtype));
  return memory;
}

namespace {
/// Cuts a run's scratch memory into pieces; without memory it only measures.
class Pieces {
public:
  explicit Pieces(char *memory) : memory(memory) {}
  template <typename Type> Type *take(int64_t count) {
    char *start = memory + used;
    used += (count * sizeof(Type) + 63) / 64 * 64;
    return reinterpret_cast<Type *>(start);
  }
  size_t size() const { return used; }

private:
  char *memory;
  size_t used = 0;
};
} // namespace

/// Depthwise convolutions with several outputs per channel: the input with each channel so many times.
static TensorView repeatChannels(const TensorView &input, int64_t times) {
  TensorView repeated = input;
  std::copy_backward(input.sizes + 2, input.sizes + input.rank, repeated.sizes + input.rank + 1);
  std::copy_backward(input.strides + 2, input.strides + input.rank, repeated.strides + input.rank + 1);
  repeated.sizes[2] = times;
  repeated.strides[2] = 0;
  ++repeated.rank;
  return repeated;
}

namespace {
/// The operands of a run, in its scratch memory where the call's own do not serve.
template <typename Element> struct Operands {
  Element *input = nullptr, *weight = nullptr, *gathered = nullptr;
  float *output = nullptr, *bias = nullptr;
  Tap *taps = nullptr;
};
} // namespace

template <typename Element>
static void runOn(DType type, TileGemms &tiles, const ConvCall &call, const Element *packedWeight) {
  const TensorView &input = call.input, &output = call.output;
  ConvolutionShape shape(call.spec, input, call.weight, output);
  int64_t repeats = shape.isDepthwise() ? shape.outputsPerGroup() : 1;
  bool copiesInput = input.dtype != type || (input.sizes[1] > 1 && input.strides[1] != 1) || repeats > 1;
  bool copiesOutput = output.dtype != DType::F32 || !isDenseChannelsLast(output);
  TensorView ownInput = input;
  ownInput.sizes[1] *= repeats;
  ownInput.dtype = type;
  ownInput = channelsLastLike(ownInput, nullptr);
  EpilogueRows epilogue(call.spec.epilogue, call.extras, output, 1);
  Work<Element> work{shape,        static_cast<const Element *>(input.data), ChannelsLastStrides(copiesInput ? ownInput : input),
                     packedWeight, nullptr, static_cast<float *>(output.data), epilogue, call.spatialRank()};
  int64_t workspaceSize = gatheredElements(work), numThreads = call.context.numThreads();

  auto layOut = [&](Pieces &pieces) {
    Operands<Element> own;
    own.input = copiesInput ? pieces.take<Element>(countElements(ownInput)) : nullptr;
    own.output = copiesOutput ? pieces.take<float>(countElements(output)) : nullptr;
    own.weight = packedWeight ? nullptr : pieces.take<Element>(countElements(call.weight));
    own.bias = pieces.take<float>(shape.outputChannels);
    own.gathered = pieces.take<Element>(numThreads * workspaceSize);
    own.taps = shape.isDepthwise() ? pieces.take<Tap>(numThreads * shape.numTaps()) : nullptr;
    return own;
  };
  Pieces measured(nullptr);
  layOut(measured);
  Pieces pieces(static_cast<char *>(call.context.scratch(measured.size() + 64)));
  Operands<Element> own = layOut(pieces);

  if (copiesInput) {
    TensorView source = repeatChannels(input, repeats), target = repeatChannels(input, repeats);
    target.data = own.input;
    target.dtype = type;
    target.strides[0] = ownInput.strides[0];
    target.strides[1] = repeats;
    target.strides[2] = 1;
    std::copy_n(ownInput.strides + 2, call.spatialRank(), target.strides + 3);
    convertStrided(call.context, source, target);
    work.input = own.input;
  }
  if (!packedWeight) {
    packWeight(call.context, shape, call.weight, own.weight);
    work.weight = own.weight;
  }
  for (int64_t o = 0; o < shape.outputChannels; ++o)
    own.bias[o] = call.bias ? static_cast<float>(loadElement<double>(*call.bias, o * call.bias->strides[0])) : 0;
  work.bias = own.bias;
  work.result = copiesOutput ? own.output : work.result;

  if constexpr (std::is_same_v<Element, float>)
    if (shape.isDepthwise())
      runDepthwise(call.context, work, own.taps);
  if (!shape.isDepthwise())
    runProducts(call.context, work, tiles, own.gathered, workspaceSize);
  if (copiesOutput) {
    TensorView result = channelsLastLike(output, own.output);
    result.dtype = DType::F32;
    convertStrided(call.context, result, output);
  }
}

void TileConvolution::run(const ConvCall &call, const void *packedWeight) {
  withProductType(call, [&](auto element) {
    runOn(productType(call), tiles, call, static_cast<const decltype(element) *>(packedWeight));
  });
}
