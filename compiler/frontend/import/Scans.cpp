//===- Scans.cpp - running sums, products and extremes -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

Tensor Emitter::cumulativeSum(const Tensor &tensor, int64_t dim) {
  Tensor init = empty(tensor.sizes, tensor.dtype);
  auto op = ScanOp::create(b, loc, TypeRange{init.value.getType()}, tensor.value, ValueRange{init.value}, ScanKind::Sum, dim);
  init.value = op->getResult(0);
  return init;
}

static Results importScan(Call &call, ScanKind kind) {
  Emitter &e = call.e;
  Tensor self = e.cast(call.tensor("self"), call.resultDtype());
  if (self.rank() == 0)
    return {self};
  Tensor values = e.empty(self.sizes, self.dtype);
  auto op = ScanOp::create(e.b, e.loc, TypeRange{values.value.getType()}, self.value, ValueRange{values.value}, kind,
                           call.dim("dim", self.rank()));
  values.value = op->getResult(0);
  return {values};
}

static Results importExtremeScan(Call &call, ScanKind kind) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  if (self.rank() == 0)
    return {self, e.fill({}, ScalarType::Int64, Scalar::of(int64_t{0}))};
  std::optional<Tensor> input = e.asSigned(self);
  if (!input)
    return {call.unsupported("running extremes of 64-bit unsigned integers"), Tensor()};
  Tensor values = e.empty(self.sizes, input->dtype), positions = e.empty(self.sizes, ScalarType::Int64);
  auto op = ScanOp::create(e.b, e.loc, TypeRange{values.value.getType(), positions.value.getType()}, input->value,
                           ValueRange{values.value, positions.value}, kind, call.dim("dim", self.rank()));
  values.value = op->getResult(0);
  positions.value = op->getResult(1);
  return {e.cast(values, self.dtype), positions};
}

void tenon::aten::addScanRows(OpTable &table) {
  for (auto [name, kind] : {std::pair{"cumsum", ScanKind::Sum}, std::pair{"cumprod", ScanKind::Prod},
                            std::pair{"logcumsumexp", ScanKind::LogSumExp}})
    table.add(name, [kind](Call &call) { return importScan(call, kind); });
  for (auto [name, kind] : {std::pair{"cummax", ScanKind::Max}, std::pair{"cummin", ScanKind::Min}})
    table.add(name, [kind](Call &call) { return importExtremeScan(call, kind); });
}
