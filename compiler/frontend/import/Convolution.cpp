//===- Convolution.cpp - convolutions -----------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

namespace {
struct ConvSettings {
  SmallVector<int64_t> stride, padding, dilation; ///< padding: low and high of each dimension
  int64_t groups = 1;
  bool isTransposed = false;
};
} // namespace

// tenon.conv has no output padding: in a transposed convolution it is high padding that is not cut off.
static SmallVector<int64_t> lowHigh(ArrayRef<int64_t> padding, ArrayRef<int64_t> outputPadding) {
  SmallVector<int64_t> both;
  for (auto [dim, low] : llvm::enumerate(padding)) {
    both.push_back(low);
    both.push_back(low - (dim < outputPadding.size() ? outputPadding[dim] : 0));
  }
  return both;
}

// 'valid' is no padding; 'same' keeps the size, with the odd element at the high end.
static std::optional<SmallVector<int64_t>> namedPadding(StringRef name, SizesRef window, ArrayRef<int64_t> dilation) {
  SmallVector<int64_t> both(2 * window.size(), 0);
  if (name == "valid")
    return both;
  for (auto [dim, size] : llvm::enumerate(window)) {
    if (name != "same" || !staticSize(size))
      return std::nullopt;
    int64_t total = dilation[dim] * (*staticSize(size) - 1);
    both[2 * dim] = total / 2;
    both[2 * dim + 1] = total - total / 2;
  }
  return both;
}

static Results importConvolution(Call &call, bool isTransposed) {
  Emitter &e = call.e;
  Tensor input = call.tensor("input"), weight = call.tensor("weight"), bias = call.optionalTensor("bias");
  int64_t spatial = weight.rank() - 2;
  if (spatial < 1 || spatial > 3 || !isFloat(input.dtype))
    return {call.unsupported("a convolution of integers, or with other than 1 to 3 spatial dimensions")};
  ConvSettings settings;
  settings.stride = call.integers("stride", spatial);
  settings.dilation = call.integers("dilation", spatial);
  settings.groups = call.integer("groups");
  settings.isTransposed = call.has("transposed") ? call.boolean("transposed") : isTransposed;
  if (std::string name = call.string("padding"); !name.empty()) {
    auto padding = namedPadding(name, SizesRef(weight.sizes).drop_front(2), settings.dilation);
    if (!padding)
      return {call.unsupported("padding '" + name + "'")};
    settings.padding = *padding;
  } else {
    SmallVector<int64_t> outputPadding;
    if (settings.isTransposed)
      outputPadding = call.integers("output_padding", spatial);
    settings.padding = lowHigh(call.integers("padding", spatial), outputPadding);
  }

  Sizes sizes = call.resultSizes();
  bool isUnbatched = input.rank() == spatial + 1;
  if (isUnbatched) {
    input = e.unsqueeze(input, 0);
    sizes.insert(sizes.begin(), e.size(1));
  }
  Tensor result = e.empty(sizes, input.dtype);
  auto op = ConvOp::create(e.b, e.loc, TypeRange{result.value.getType()}, input.value, weight.value, bias.value,
                           ValueRange{}, ValueRange{result.value}, settings.stride, settings.padding, settings.dilation,
                           settings.groups, settings.isTransposed, e.b.getArrayAttr({}));
  result.value = op->getResult(0);
  return {isUnbatched ? e.squeeze(result, 0) : result};
}

void tenon::aten::addConvolutionRows(OpTable &table) {
  for (auto name : {"conv1d", "conv2d", "conv3d", "convolution"})
    table.add(name, [](Call &call) { return importConvolution(call, false); });
  for (auto name : {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})
    table.add(name, [](Call &call) { return importConvolution(call, true); });
}
