//===- GroupedMatmul.cpp - products of groups of rows ------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

// Rows sorted by group, matrices per group, and where each group's rows end.
static Results createGroupedMatmul(Call &call, const Tensor &lhs, const Tensor &rhs, const Tensor &ends) {
  Emitter &e = call.e;
  if (lhs.rank() != 2 || rhs.rank() != 3 || ends.rank() != 1 || !isFloat(lhs.dtype))
    return {call.unsupported("a grouped product of other than rows of floats with a stack of matrices")};
  Tensor result = e.empty(Sizes{lhs.sizes[0], rhs.sizes[2]}, lhs.dtype);
  auto op = GroupedMatmulOp::create(e.b, e.loc, TypeRange{result.value.getType()}, lhs.value, rhs.value, ends.value,
                                    ValueRange{result.value});
  result.value = op->getResult(0);
  return {result};
}

static Results importGroupedFallback(Call &call) {
  return createGroupedMatmul(call, call.tensor("input"), call.tensor("weight"), call.tensor("offs"));
}

static Results importGroupedMm(Call &call) {
  if (!call.has("offs") || call.has("bias"))
    return {call.unsupported("a grouped product without offsets, or with a bias")};
  return createGroupedMatmul(call, call.tensor("self"), call.tensor("mat2"), call.tensor("offs"));
}

void tenon::aten::addGroupedMatmulRows(OpTable &table) {
  table.add("transformers.grouped_mm_fallback", importGroupedFallback);
  table.add("_grouped_mm", importGroupedMm);
}
