//===- TileConvolution.cpp - convolutions by products of tiles -------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Works on f32, or bf16 where tiles of it are multiplied, in channels-last order; operands that are not so pass through copies.
// A task is a tile of output positions of one group:
//   1. results start as the bias
//   2. per few taps: the inputs of the tile's positions are gathered to rows [positions, taps x channels], and
//      results += rows x weights [taps x channels, outputs]; a pointwise convolution's rows are its input where it lies
//   3. the epilogue, while the tile is in the cache
// Depthwise convolutions have no product: their channels are summed side by side.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "TileConvolution.h"
#include "Convert.h"
#include "ConvolutionWeights.h"
#include "Epilogue.h"
#include "Pieces.h"
#include "loops/RowLoops.h"

#include "../StridedCopy.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>

using namespace tenon;
using namespace tenon::library;

namespace {
/// Positions of a task: as many as make packing the weights, which tile products of f32 do per call, small beside the product.
constexpr int64_t positionsPerTile = 128;
/// Outputs of a task, which gathers its rows anew: enough to make that small beside the product. Packed weights of bf16 can be
/// entered at multiples of it.
constexpr int64_t outputsPerTile = 512;

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
  const Element *weight; ///< see ConvolutionWeights.h
  const float *bias;     ///< one per output channel
  float *result;         ///< dense channels-last
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

namespace {
/// Outputs [firstOutput, firstOutput + outputs) of group `group` at positions [first, first + count).
struct Tile {
  int64_t group, first, count, firstOutput, outputs;
};
} // namespace

/// result += rows x the weights of the product that begins with kernel row `kernelRow`.
template <typename Element>
static void addProduct(const Work<Element> &work, TileGemms &tiles, const Tile &tile, const Element *rows, int64_t stride,
                       int64_t kernelRow, int64_t depth, float *result) {
  int64_t resultStride = work.shape.outputChannels;
  ConvolutionWeights<Element> weights(work.shape);
  const Element *weight = work.weight + weights.offsetOf(tile.group, kernelRow, depth, tile.firstOutput);
  if constexpr (std::is_same_v<Element, BFloat16>)
    tiles.multiplyPacked(tile.count, tile.outputs, depth, rows, stride, weight, depth, result, resultStride, true);
  else
    tiles.multiply(tile.count, tile.outputs, depth, rows, stride, weight, work.shape.outputsPerGroup(), result, resultStride,
                   true);
}

template <typename Element>
static void multiplyTile(const Work<Element> &work, TileGemms &tiles, const Tile &tile, Element *gathered) {
  const ConvolutionShape &shape = work.shape;
  int64_t channels = shape.inputsPerGroup(), rowDepth = shape.rowDepth();
  int64_t channel = tile.group * shape.outputsPerGroup() + tile.firstOutput;
  float *result = work.result + tile.first * shape.outputChannels + channel;
  for (int64_t i = 0; i < tile.count; ++i)
    std::copy_n(work.bias + channel, tile.outputs, result + i * shape.outputChannels);

  if (!gathered) {
    addProduct(work, tiles, tile, work.input + tile.first * shape.inputChannels + tile.group * channels, shape.inputChannels, 0,
               channels, result);
  } else {
    int64_t kernelRows = shape.numKernelRows(), atOnce = shape.kernelRowsAtOnce();
    for (int64_t row = 0; row < kernelRows; row += atOnce) {
      int64_t rows = std::min(atOnce, kernelRows - row), depth = rows * rowDepth;
      Position position(shape, tile.first);
      for (int64_t i = 0; i < tile.count; ++i, position.advance(shape))
        for (int64_t r = 0; r < rows; ++r)
          gatherKernelRow(work, position, row + r, tile.group * channels, gathered + i * depth + r * rowDepth);
      addProduct(work, tiles, tile, gathered, depth, row, depth, result);
    }
  }
  work.applyEpilogue(tile.first, tile.count, channel, tile.outputs);
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
  int64_t depth = shape.kernelRowsAtOnce() * shape.rowDepth();
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
      multiplyTile(work, tiles,
                   {group, first, std::min(positionsPerTile, positions - first), firstOutput,
                    std::min(outputsPerTile, outputs - firstOutput)},
                   gathered);
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
  ConvolutionShape shape(call.spec, call.input, call.weight, call.output);
  return withProductType(call, [&](auto element) -> const void * {
    using Element = decltype(element);
    ConvolutionWeights<Element> weights(shape);
    return constants.get(call.context, call.weight, weights.size() * sizeof(Element), [&](void *packed) {
      Memory workspace;
      void *memory = workspace.atLeast(weights.workspaceSize() * sizeof(Element));
      weights.pack(call.context, call.weight, static_cast<Element *>(memory), static_cast<Element *>(packed));
    });
  });
}

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
  Element *input = nullptr, *weight = nullptr, *weightWorkspace = nullptr, *gathered = nullptr;
  float *output = nullptr, *bias = nullptr;
  Tap *taps = nullptr;
};
} // namespace

template <typename Element>
static void runOn(DType type, TileGemms &tiles, const ConvCall &call, const Element *packedWeight) {
  const TensorView &input = call.input, &output = call.output;
  ConvolutionShape shape(call.spec, input, call.weight, output);
  ConvolutionWeights<Element> weights(shape);
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
    own.weight = packedWeight ? nullptr : pieces.take<Element>(weights.size());
    own.weightWorkspace = packedWeight ? nullptr : pieces.take<Element>(weights.workspaceSize());
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
    weights.pack(call.context, call.weight, own.weightWorkspace, own.weight);
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
