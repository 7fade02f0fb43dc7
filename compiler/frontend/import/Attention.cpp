//===- Attention.cpp - scaled dot-product attention ---------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

#include <cmath>

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

// [L, E] and [B, L, E] get leading dimensions of one; [A, B, H, L, E] becomes [A * B, H, L, E].
static Tensor withFourDims(Emitter &e, const Tensor &tensor, int64_t inputRank) {
  Sizes sizes = tensor.sizes;
  if (inputRank == 3 && tensor.rank() == 3) // the leading dimension is a batch: one head
    return e.unsqueeze(tensor, 1);
  while (sizes.size() < 4)
    sizes.insert(sizes.begin(), e.size(1));
  while (sizes.size() > 4) {
    sizes[1] = e.mul(sizes[0], sizes[1]);
    sizes.erase(sizes.begin());
  }
  return e.reshape(tensor, sizes);
}

static Results importAttention(Call &call) {
  Emitter &e = call.e;
  Tensor query = call.tensor("query"), key = call.tensor("key"), value = call.tensor("value");
  Tensor mask = call.optionalTensor("attn_mask");
  if (call.has("dropout_p") && call.real("dropout_p") != 0)
    return {call.unsupported("attention dropout; call model.eval() before export")};
  int64_t rank = query.rank();
  std::optional<int64_t> width = rank ? staticSize(query.sizes[rank - 1]) : std::nullopt;
  if (rank < 2 || key.rank() != rank || value.rank() != rank || !isFloat(query.dtype) || (mask && rank > 4))
    return {call.unsupported("attention over tensors of different or unusual ranks")};
  if (!call.has("scale") && !width)
    return {call.unsupported("attention over a dynamic feature size without a scale")};
  double scale = call.has("scale") ? call.real("scale") : 1 / std::sqrt(static_cast<double>(*width));

  query = withFourDims(e, query, rank);
  key = withFourDims(e, key, rank);
  value = withFourDims(e, value, rank);
  if (mask)
    mask = withFourDims(e, mask, rank);
  Sizes sizes{query.sizes[0], query.sizes[1], query.sizes[2], value.sizes[3]};
  Tensor result = e.empty(sizes, query.dtype);
  auto op = AttentionOp::create(e.b, e.loc, TypeRange{result.value.getType()}, query.value, key.value, value.value,
                                mask.value, ValueRange{result.value}, llvm::APFloat(scale), call.boolean("is_causal"));
  result.value = op->getResult(0);
  return {e.reshape(result, call.resultSizes()), Tensor()};
}

void tenon::aten::addAttentionRows(OpTable &table) {
  for (auto name : {"scaled_dot_product_attention", "_scaled_dot_product_flash_attention_for_cpu"})
    table.add(name, importAttention);
}
