//===- Matmul.cpp - matrix products -------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

using namespace mlir;
using namespace tenon::aten;

// [a, b, K] as [a * b, K].
static Tensor collapseRows(Emitter &e, const Tensor &tensor) {
  SizesRef sizes = tensor.sizes;
  return e.reshape(tensor, Sizes{e.product(sizes.drop_back()), sizes.back()});
}

static bool rejectIntegers(Call &call, const Tensor &tensor) {
  if (isFloat(tensor.dtype))
    return false;
  call.unsupported("matrix product of integers");
  return true;
}

// input x weight^T + bias: leading dimensions are rows of one product.
static Results importLinear(Call &call) {
  Emitter &e = call.e;
  Tensor input = call.tensor("input"), weight = call.tensor("weight"), bias = call.optionalTensor("bias");
  if (weight.rank() != 2 || (bias && bias.rank() != 1) || input.rank() < 1)
    return {call.unsupported("a weight or bias of unusual rank")};
  if (rejectIntegers(call, input))
    return {input};
  Tensor rows = input.rank() == 2 ? input : collapseRows(e, input);
  Tensor product = e.matmul(rows, e.transpose(weight, 0, 1), bias);
  return {e.reshape(product, call.resultSizes())};
}

static Tensor withRank(Emitter &e, Tensor tensor, int64_t rank) {
  Sizes sizes = tensor.sizes;
  sizes.insert(sizes.begin(), rank - tensor.rank(), e.size(1));
  return e.reshape(tensor, sizes);
}

// torch.matmul: vectors get a dimension for the product, batch dimensions broadcast.
static Results importMatmul(Call &call, StringRef left, StringRef right) {
  Emitter &e = call.e;
  Tensor lhs = call.tensor(left), rhs = call.tensor(right);
  if (lhs.rank() < 1 || rhs.rank() < 1)
    return {call.unsupported("a matrix product of a number")};
  if (rejectIntegers(call, lhs))
    return {lhs};
  if (lhs.rank() == 1)
    lhs = e.unsqueeze(lhs, 0);
  if (rhs.rank() == 1)
    rhs = e.unsqueeze(rhs, 1);
  if (rhs.rank() == 2 && lhs.rank() > 2)
    lhs = collapseRows(e, lhs);
  int64_t rank = std::max(lhs.rank(), rhs.rank());
  return {e.reshape(e.matmul(withRank(e, lhs, rank), withRank(e, rhs, rank)), call.resultSizes())};
}

// beta * self + alpha * (a x b).
static Results importAddmm(Call &call, StringRef left, StringRef right) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), lhs = call.tensor(left), rhs = call.tensor(right);
  if (rejectIntegers(call, lhs))
    return {lhs};
  Sizes sizes = call.resultSizes();
  double alpha = call.real("alpha"), beta = call.real("beta");
  bool isVector = rhs.rank() == 1;
  if (isVector)
    rhs = e.unsqueeze(rhs, 1);
  bool isBias = !isVector && self.rank() == 1 && self.sizes[0] == sizes.back();
  if (isBias && alpha == 1 && beta == 1)
    return {e.matmul(lhs, rhs, self)};
  Tensor product = e.reshape(e.matmul(lhs, rhs), sizes);
  ScalarType dtype = product.dtype, compute = computeType(dtype);
  return {e.pointwise({product, self}, sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    Value value = m.mul(m.constant(alpha), castScalar(b, loc, args[0], dtype, compute));
    if (beta != 0) // ATen does not read self where beta is zero
      value = m.add(m.mul(m.constant(beta), castScalar(b, loc, args[1], self.dtype, compute)), value);
    return castScalar(b, loc, value, compute, dtype);
  })};
}

static Results importOuter(Call &call, StringRef right) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), other = call.tensor(right);
  ScalarType dtype = call.resultDtype(), compute = computeType(dtype);
  return {e.pointwise({e.unsqueeze(self, 1), other}, call.resultSizes(), dtype,
                      [&](OpBuilder &b, Location loc, ValueRange args) {
                        Value x = castScalar(b, loc, args[0], self.dtype, compute);
                        Value y = castScalar(b, loc, args[1], other.dtype, compute);
                        return castScalar(b, loc, Math(b, loc, compute).mul(x, y), compute, dtype);
                      })};
}

//===--- einsum
//------------------------------------------------------------------------------------------------------===//

namespace {
/// Two operands whose labels are each a batch, a row, a column or a sum dimension.
struct Contraction {
  std::string lhs, rhs, result;
  std::string batch, rows, columns, sums;
};
} // namespace

// Parses "bij,bjk->bik"; fails for anything but two operands without repeats, ellipses and sums within one operand.
static std::optional<Contraction> parseEinsum(std::string text) {
  llvm::erase(text, ' ');
  auto [inputs, result] = StringRef(text).split("->");
  auto [lhs, rhs] = inputs.split(',');
  if (result.data() == nullptr || rhs.empty() || rhs.contains(',') || StringRef(text).contains('.') ||
      !StringRef(text).contains("->"))
    return std::nullopt;
  Contraction c{lhs.str(), rhs.str(), result.str(), "", "", "", ""};
  auto repeats = [](StringRef labels) {
    return llvm::any_of(labels, [&](char label) { return labels.count(label) > 1; });
  };
  if (repeats(lhs) || repeats(rhs) || repeats(result))
    return std::nullopt;
  for (char label : lhs) {
    bool inRhs = rhs.contains(label), inResult = result.contains(label);
    if (!inRhs && !inResult)
      return std::nullopt;
    (inRhs && inResult ? c.batch : inRhs ? c.sums : c.rows) += label;
  }
  for (char label : rhs)
    if (!lhs.contains(label)) {
      if (!result.contains(label))
        return std::nullopt;
      c.columns += label;
    }
  return c;
}

// `tensor` of labels `labels` with its dimensions in the order of `groups`, each group one dimension.
static Tensor groupDims(Emitter &e, const Tensor &tensor, StringRef labels, ArrayRef<StringRef> groups) {
  SmallVector<int64_t> order;
  Sizes sizes;
  for (StringRef group : groups) {
    Size size = e.size(1);
    for (char label : group) {
      order.push_back(labels.find(label));
      size = e.mul(size, tensor.sizes[order.back()]);
    }
    sizes.push_back(size);
  }
  return e.reshape(e.permute(tensor, order), sizes);
}

static Results importEinsum(Call &call) {
  Emitter &e = call.e;
  SmallVector<Tensor> operands = call.tensors("tensors");
  std::optional<Contraction> c = parseEinsum(call.string("equation"));
  if (!c || operands.size() != 2 || operands[0].rank() != static_cast<int64_t>(c->lhs.size()) ||
      operands[1].rank() != static_cast<int64_t>(c->rhs.size()))
    return {call.unsupported("equation '" + call.string("equation") + "'")};
  if (rejectIntegers(call, operands[0]))
    return {operands[0]};
  Tensor lhs = groupDims(e, operands[0], c->lhs, {c->batch, c->rows, c->sums});
  Tensor rhs = groupDims(e, operands[1], c->rhs, {c->batch, c->sums, c->columns});
  if (c->batch.empty())
    lhs = e.squeeze(lhs, 0), rhs = e.squeeze(rhs, 0);
  Tensor product = e.matmul(lhs, rhs);
  std::string labels = c->batch + c->rows + c->columns;
  Sizes sizes;
  for (char label : labels)
    sizes.push_back(StringRef(c->lhs).contains(label) ? operands[0].sizes[c->lhs.find(label)]
                                                      : operands[1].sizes[c->rhs.find(label)]);
  SmallVector<int64_t> order;
  for (char label : c->result)
    order.push_back(labels.find(label));
  return {e.permute(e.reshape(product, sizes), order)};
}

void tenon::aten::addMatmulRows(OpTable &table) {
  table.add("linear", importLinear);
  table.add("matmul", [](Call &call) { return importMatmul(call, "self", "other"); });
  for (auto name : {"mm", "bmm"})
    table.add(name, [](Call &call) { return importMatmul(call, "self", "mat2"); });
  table.add("mv", [](Call &call) { return importMatmul(call, "self", "vec"); });
  table.add("dot", [](Call &call) { return importMatmul(call, "self", "tensor"); });
  table.add("addmm", [](Call &call) { return importAddmm(call, "mat1", "mat2"); });
  table.add("baddbmm", [](Call &call) { return importAddmm(call, "batch1", "batch2"); });
  table.add("addmv", [](Call &call) { return importAddmm(call, "mat", "vec"); });
  table.add("outer", [](Call &call) { return importOuter(call, "vec2"); });
  table.add("einsum", importEinsum);
}
