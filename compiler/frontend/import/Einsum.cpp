//===- Einsum.cpp - Einstein sums ---------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Operands meet from left to right; each meeting is one matrix product, whose dimensions are groups of labels. Labels
// that only one operand has are summed over before.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tenon::aten;

//===--- equations ---------------------------------------------------------------------------------------------------===//

namespace {
/// One label per dimension. The dimensions of an ellipsis are labelled by digits that no equation uses, aligned at the
/// last.
struct Equation {
  SmallVector<std::string> operands;
  std::string result;
};
} // namespace

// The label of an ellipsis' dimension that is `fromLast` before its last.
static char ellipsisLabel(int64_t fromLast) { return static_cast<char>('0' + fromLast); }

static std::string ellipsisLabels(int64_t count) {
  std::string labels;
  for (int64_t i = count - 1; i >= 0; --i)
    labels += ellipsisLabel(i);
  return labels;
}

// Every label that occurs once, in alphabetical order behind those of the ellipsis.
static std::string impliedResult(const std::string &all, int64_t ellipsisRank) {
  std::string result;
  for (char label : all)
    if (!isdigit(label) && llvm::count(all, label) == 1)
      result += label;
  llvm::sort(result);
  return ellipsisLabels(ellipsisRank) + result;
}

static std::optional<Equation> parseEquation(std::string text, ArrayRef<Tensor> tensors) {
  llvm::erase(text, ' ');
  bool hasResult = StringRef(text).contains("->");
  auto [inputs, result] = StringRef(text).split("->");
  SmallVector<StringRef> parts;
  inputs.split(parts, ',');
  if (parts.size() != tensors.size())
    return std::nullopt;
  Equation equation;
  int64_t ellipsisRank = 0;
  std::string all;
  for (auto [part, tensor] : llvm::zip(parts, tensors)) {
    auto [before, after] = part.split("...");
    int64_t hidden = tensor.rank() - static_cast<int64_t>(before.size() + after.size());
    bool hasEllipsis = part.contains("...");
    if (hidden < 0 || hidden > 9 || (!hasEllipsis && hidden != 0))
      return std::nullopt;
    ellipsisRank = std::max(ellipsisRank, hidden);
    equation.operands.push_back(before.str() + ellipsisLabels(hidden) + after.str());
    all += equation.operands.back();
  }
  if (!hasResult) {
    equation.result = impliedResult(all, ellipsisRank);
    return equation;
  }
  auto [before, after] = result.split("...");
  equation.result = before.str() + (result.contains("...") ? ellipsisLabels(ellipsisRank) : "") + after.str();
  return equation;
}

//===--- operands ----------------------------------------------------------------------------------------------------===//

namespace {
struct Labelled {
  Tensor tensor;
  std::string labels;

  bool has(char label) const { return StringRef(labels).contains(label); }
  Size sizeOf(char label) const { return tensor.sizes[StringRef(labels).find(label)]; }
};
} // namespace

// A label that occurs twice reads the diagonal.
static Labelled withoutRepeats(Emitter &e, const Labelled &operand) {
  Labelled result;
  Sizes sizes;
  for (auto [dim, label] : llvm::enumerate(operand.labels))
    if (!result.has(label)) {
      result.labels += label;
      sizes.push_back(operand.tensor.sizes[dim]);
    }
  if (result.labels == operand.labels)
    return operand;
  result.tensor = e.gather(operand.tensor, {}, {}, sizes, [&](OpBuilder &b, Location loc, ValueRange) {
    SmallVector<Value> coordinates;
    for (char label : operand.labels)
      coordinates.push_back(linalg::IndexOp::create(b, loc, StringRef(result.labels).find(label)));
    return coordinates;
  });
  return result;
}

// Sums over the labels that `keeps` refuses.
static Labelled summed(Emitter &e, const Labelled &operand, llvm::function_ref<bool(char)> keeps) {
  SmallVector<int64_t> dims;
  std::string labels;
  for (auto [dim, label] : llvm::enumerate(operand.labels)) {
    if (keeps(label))
      labels += label;
    else
      dims.push_back(dim);
  }
  if (dims.empty())
    return operand;
  ScalarType dtype = operand.tensor.dtype;
  return {e.cast(e.sum(operand.tensor, dims, computeType(dtype)), dtype), labels};
}

// Drops dimensions of size one where another operand has the label with another size: they are broadcast.
static Labelled withoutStretched(Emitter &e, const Labelled &operand, ArrayRef<Labelled> all) {
  Labelled result = operand;
  for (char label : operand.labels) {
    auto isLarger = [&](const Labelled &other) { return other.has(label) && !isOne(other.sizeOf(label)); };
    if (!isOne(operand.sizeOf(label)) || llvm::none_of(all, isLarger))
      continue;
    size_t dim = result.labels.find(label);
    result.tensor = e.squeeze(result.tensor, dim);
    result.labels.erase(dim, 1);
  }
  return result;
}

//===--- products ----------------------------------------------------------------------------------------------------===//

// The operand with its dimensions in the order of `groups`, each group one dimension.
static Tensor grouped(Emitter &e, const Labelled &operand, ArrayRef<std::string> groups) {
  SmallVector<int64_t> order;
  Sizes sizes;
  for (StringRef group : groups) {
    Size size = e.size(1);
    for (char label : group) {
      order.push_back(StringRef(operand.labels).find(label));
      size = e.mul(size, operand.tensor.sizes[order.back()]);
    }
    sizes.push_back(size);
  }
  return e.reshape(e.permute(operand.tensor, order), sizes);
}

// The product of two operands, summed over the labels of both that `keeps` refuses.
static Labelled multiply(Emitter &e, const Labelled &lhs, const Labelled &rhs, llvm::function_ref<bool(char)> keeps) {
  std::string batch, rows, columns, sums;
  for (char label : lhs.labels)
    (!rhs.has(label) ? rows : keeps(label) ? batch : sums) += label;
  for (char label : rhs.labels)
    if (!lhs.has(label))
      columns += label;
  Tensor left = grouped(e, lhs, {batch, rows, sums}), right = grouped(e, rhs, {batch, sums, columns});
  if (batch.empty())
    left = e.squeeze(left, 0), right = e.squeeze(right, 0);
  Labelled result{e.matmul(left, right), batch + rows + columns};
  Sizes sizes;
  for (char label : result.labels)
    sizes.push_back(lhs.has(label) ? lhs.sizeOf(label) : rhs.sizeOf(label));
  result.tensor = e.reshape(result.tensor, sizes);
  return result;
}

static Results importEinsum(Call &call) {
  Emitter &e = call.e;
  SmallVector<Tensor> tensors = call.tensors("tensors");
  std::optional<Equation> equation = parseEquation(call.string("equation"), tensors);
  if (!equation || tensors.empty())
    return {call.unsupported("equation '" + call.string("equation") + "'")};
  SmallVector<Labelled> operands;
  for (auto [tensor, labels] : llvm::zip(tensors, equation->operands))
    operands.push_back(withoutRepeats(e, {tensor, labels}));
  SmallVector<Labelled> all = operands;
  for (Labelled &operand : operands)
    operand = withoutStretched(e, operand, all);
  // True where the result or an operand from `first` on has the label.
  auto isNeeded = [&](char label, size_t first) {
    return StringRef(equation->result).contains(label) ||
           llvm::any_of(ArrayRef(operands).drop_front(first),
                        [&](const Labelled &operand) { return operand.has(label); });
  };
  for (auto [i, operand] : llvm::enumerate(operands)) {
    auto isShared = [&, i = i](char label) {
      return StringRef(equation->result).contains(label) || llvm::any_of(llvm::enumerate(operands), [&](auto other) {
               return other.index() != i && other.value().has(label);
             });
    };
    operand = summed(e, operand, isShared);
  }
  Labelled product = operands.front();
  for (size_t i = 1; i < operands.size(); ++i)
    product = multiply(e, product, operands[i], [&](char label) { return isNeeded(label, i + 1); });
  SmallVector<int64_t> order;
  for (char label : equation->result) {
    if (!product.has(label))
      return {call.unsupported("equation '" + call.string("equation") + "'")};
    order.push_back(StringRef(product.labels).find(label));
  }
  return {e.permute(product.tensor, order)};
}

void tenon::aten::addEinsumRows(OpTable &table) { table.add("einsum", importEinsum); }
