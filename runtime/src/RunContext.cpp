//===- RunContext.cpp - one run as the runtime's own files see it -------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "RunContext.h"

#include "Arguments.h"
#include "DTypes.h"
#include "LoadedModel.h"
#include "StridedCopy.h"

#include <algorithm>

namespace tenon {

void *RunContext::global(int32_t index) const { return owner.globals[static_cast<size_t>(index)]; }

Generator &RunContext::generator() { return owner.generator(); }

char *RunContext::lateBuffer(int32_t number, int64_t bytes) {
  auto index = static_cast<size_t>(number);
  if (lateBuffers.size() <= index)
    lateBuffers.resize(index + 1);
  return lateBuffers[index].atLeast(static_cast<size_t>(std::max<int64_t>(bytes, 1)));
}

void RunContext::setOutputSize(int32_t index, int32_t dim, int64_t size) {
  if (!preparing_)
    callersShapes[static_cast<size_t>(index)][dim] = size;
}

void *RunContext::lateOutput(int32_t index, std::initializer_list<int64_t> sizes) {
  Argument argument = outputArgument(static_cast<size_t>(index));
  int64_t bytes = sizeInBytes(argument.info.dtype);
  bool isPossible = true;
  for (int64_t size : sizes)
    isPossible &= size >= 0 && !__builtin_mul_overflow(bytes, size, &bytes);
  if (!isPossible)
    throw Error(TENON_INVALID_ARGUMENT, describe(argument) + " gets sizes that no memory has; check the values of the inputs");
  std::copy(sizes.begin(), sizes.end(), callersShapes[static_cast<size_t>(index)]);
  void *memory = allocator.allocate(allocator.context, index, sizes.begin(), static_cast<size_t>(bytes));
  if (!memory && bytes > 0)
    throw Error(TENON_OUT_OF_MEMORY, "there is no memory for the " + std::to_string(bytes) + " bytes of " + describe(argument) +
                                         "; use smaller inputs or fewer runs at once");
  return memory;
}

bool RunContext::isLate(size_t output) const {
  if (!model.hasDynamicShapes)
    return false;
  const int64_t *sizes = outputShapes[output];
  return std::find(sizes, sizes + model.info.outputs[output].ndim, TENON_DYNAMIC) != sizes + model.info.outputs[output].ndim;
}

void RunContext::computeOutputSizes() {
  auto numOutputs = static_cast<size_t>(model.info.num_outputs);
  outputSizes.resize(numOutputs * maxRank);
  outputShapes.clear();
  for (size_t i = 0; i < numOutputs; ++i)
    outputShapes.push_back(outputSizes.data() + i * maxRank);
  model.outputShapes(*this, outputShapes.data());
}

char *RunContext::arena(int64_t bytes) {
  arenaBytes = bytes;
  return arena_.atLeast(static_cast<size_t>(bytes));
}

int RunContext::numThreads() const { return owner.team.numThreads(); }

void RunContext::parallelFor(int64_t count, void (*body)(const void *, int64_t), const void *context) {
  owner.team.parallelFor(count, body, context);
}

SiteState &RunContext::siteState(int32_t site, MakeSiteState make, const void *context) {
  std::atomic<SiteState *> &slot = owner.sites[static_cast<size_t>(site)];
  if (SiteState *state = slot.load(std::memory_order_acquire))
    return *state;
  std::lock_guard lock(owner.sitesMutex);
  if (!slot.load(std::memory_order_relaxed))
    slot.store(make(context).release(), std::memory_order_release);
  return *slot.load(std::memory_order_relaxed);
}

void RunContext::addConstantBytes(int64_t bytes) { owner.constantBytes += bytes; }

void RunContext::constantIsPacked(const void *data, size_t bytes) { owner.weights.releasePages(data, bytes); }

//===--- binding arguments -------------------------------------------------------------------------------------------===//

void RunContext::bindSignature() {
  inputs.assign(static_cast<size_t>(model.info.num_inputs), {});
  for (size_t i = 0; i < inputs.size(); ++i)
    std::copy_n(model.info.inputs[i].shape, model.info.inputs[i].ndim, inputs[i].sizes);
  outputs.assign(static_cast<size_t>(model.info.num_outputs), nullptr);
}

void RunContext::bindInPlace(std::span<const DLTensor> tensors) {
  inputs.resize(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    inputs[i].data = dataOf(tensors[i]);
    std::copy_n(tensors[i].shape, tensors[i].ndim, inputs[i].sizes);
  }
}

// An input that another tensor's writes would change is copied. A mutated input's own range is among `written`.
static bool mustBeCopied(const DLTensor &input, std::span<const ByteRange> written, bool isMutated) {
  if (!isRowMajor(input) || !isAligned(input))
    return true;
  ByteRange range = bytesOf(input);
  auto overlaps = [&](const ByteRange &other) { return range.overlaps(other); };
  return std::count_if(written.begin(), written.end(), overlaps) > (isMutated && range.begin < range.end ? 1 : 0);
}

static void rowMajorStrides(const DLTensor &tensor, int64_t *strides) {
  int64_t stride = 1;
  for (int32_t dim = tensor.ndim - 1; dim >= 0; stride *= tensor.shape[dim--])
    strides[dim] = stride;
}

static void copyRowMajor(RunContext &context, const DLTensor &tensor, void *destination) {
  int64_t rowMajor[maxRank];
  rowMajorStrides(tensor, rowMajor);
  copyStrided(context, sizeInBytes(tensor.dtype), tensor.ndim, tensor.shape, dataOf(tensor),
              tensor.strides ? tensor.strides : rowMajor, destination, rowMajor);
}

void RunContext::writeBack(std::span<const DLTensor> tensors) {
  for (int32_t i : mutatedInputs()) {
    const DLTensor &tensor = tensors[static_cast<size_t>(i)];
    const void *written = inputs[static_cast<size_t>(i)].data;
    if (written == dataOf(tensor))
      continue;
    int64_t rowMajor[maxRank];
    rowMajorStrides(tensor, rowMajor);
    copyStrided(*this, sizeInBytes(tensor.dtype), tensor.ndim, tensor.shape, written, rowMajor, dataOf(tensor),
                tensor.strides ? tensor.strides : rowMajor);
  }
}

void RunContext::bind(std::span<const DLTensor> tensors, std::span<const DLTensor> outputTensors) {
  bindInPlace(tensors);
  outputs.clear();
  callersShapes.clear();
  writtenRanges.clear();
  for (size_t i = 0; i < outputTensors.size(); ++i) {
    outputs.push_back(isLate(i) ? nullptr : dataOf(outputTensors[i]));
    callersShapes.push_back(outputTensors[i].shape);
    writtenRanges.push_back(isLate(i) ? ByteRange() : bytesOf(outputTensors[i]));
  }
  for (int32_t i : mutatedInputs())
    writtenRanges.push_back(bytesOf(tensors[static_cast<size_t>(i)]));
  auto isCopied = [&](size_t i) {
    std::span<const int32_t> mutated = mutatedInputs();
    bool isMutated = std::find(mutated.begin(), mutated.end(), static_cast<int32_t>(i)) != mutated.end();
    return mustBeCopied(tensors[i], writtenRanges, isMutated);
  };

  constexpr size_t alignment = 64;
  auto copiedBytes = [](const DLTensor &tensor) {
    return (static_cast<size_t>(numElements(tensor) * sizeInBytes(tensor.dtype)) + alignment - 1) / alignment * alignment;
  };
  size_t total = 0;
  for (size_t i = 0; i < tensors.size(); ++i)
    total += isCopied(i) ? copiedBytes(tensors[i]) : 0;
  if (total == 0)
    return;
  char *copy = inputCopies.atLeast(total);
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!isCopied(i))
      continue;
    copyRowMajor(*this, tensors[i], copy);
    inputs[i].data = copy;
    copy += copiedBytes(tensors[i]);
  }
}

} // namespace tenon
