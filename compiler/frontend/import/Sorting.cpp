//===- Sorting.cpp - sorted orders, and searches in them --------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Sorting.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

Sorted tenon::aten::createSort(Call &call, const Tensor &self, int64_t dim, Size count, SortOrder order) {
  Emitter &e = call.e;
  if (self.rank() == 0)
    return {self, e.fill({}, ScalarType::Int64, Scalar::of(int64_t{0}))};
  std::optional<Tensor> input = e.asSigned(self);
  if (!input) {
    Tensor stand = call.unsupported("a sort of 64-bit unsigned integers");
    return {stand, stand};
  }
  Sizes sizes = self.sizes;
  sizes[dim] = count;
  Tensor values = e.empty(sizes, input->dtype), positions = e.empty(sizes, ScalarType::Int64);
  auto op = SortOp::create(e.b, e.loc, TypeRange{values.value.getType(), positions.value.getType()}, input->value,
                           ValueRange{values.value, positions.value}, dim, order.descending, order.selects);
  values.value = op->getResult(0);
  positions.value = op->getResult(1);
  return {e.cast(values, self.dtype), positions};
}

Tensor tenon::aten::positionsWhere(Call &call, SizesRef sizes, Size count,
                                   llvm::function_ref<Value(Math &, ArrayRef<Value> position)> condition) {
  Emitter &e = call.e;
  Tensor fails = e.pointwise({}, sizes, ScalarType::Int8, [&](OpBuilder &b, Location loc, ValueRange) {
    Math m(b, loc, ScalarType::Int64);
    SmallVector<Value> position;
    for (size_t dim = 0; dim < sizes.size(); ++dim)
      position.push_back(arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, dim)));
    return m.select(condition(m, position), scalarConstant(b, loc, ScalarType::Int8, int64_t{0}),
                    scalarConstant(b, loc, ScalarType::Int8, int64_t{1}));
  });
  return createSort(call, e.reshape(fails, Sizes{e.product(sizes)}), 0, count, {}).positions;
}

static Size sizeAlong(Emitter &e, const Tensor &tensor, int64_t dim) {
  return tensor.rank() == 0 ? e.size(1) : tensor.sizes[dim];
}

static Sorted sortAll(Call &call) {
  Tensor self = call.tensor("self");
  int64_t dim = call.dim("dim", self.rank());
  return createSort(call, self, dim, sizeAlong(call.e, self, dim), {call.boolean("descending")});
}

static Results importSort(Call &call) {
  Sorted sorted = sortAll(call);
  return {sorted.values, sorted.positions};
}

static Results importArgsort(Call &call) { return {sortAll(call).positions}; }

static Results importMsort(Call &call) {
  Tensor self = call.tensor("self");
  return {createSort(call, self, 0, sizeAlong(call.e, self, 0), {}).values};
}

// `sorted` = false leaves the order open: sorted is one of them.
static Results importTopk(Call &call) {
  Tensor self = call.tensor("self");
  int64_t dim = call.dim("dim", self.rank());
  Sorted top = createSort(call, self, dim, call.size("k"), {call.boolean("largest"), /*selects=*/true});
  return {top.values, top.positions};
}

//===--- searches ----------------------------------------------------------------------------------------------------===//

// Where each value belongs in a sorted sequence (of its own line where the sequence has several): the number of elements
// before it, or up to it where `right`. A NaN belongs behind all others, as the comparisons of ATen's binary search have it.
static Results countBefore(Call &call, const Tensor &sequence, const Tensor &values, bool right) {
  Emitter &e = call.e;
  ResultType common;
  common.addTensor(sequence.dtype, sequence.rank());
  common.addTensor(values.dtype, values.rank());
  ScalarType dtype = common.get();
  int64_t rank = values.rank();
  Sizes loop = values.sizes;
  loop.push_back(sequence.sizes.back());
  SmallVector<int64_t> sequenceDims{rank};
  if (sequence.rank() > 1)
    for (int64_t dim = rank - 2; dim >= 0; --dim)
      sequenceDims.insert(sequenceDims.begin(), dim);
  Tensor count = e.reduceMapped(
      {sequence, values},
      {e.dimsMap(rank + 1, sequenceDims), e.dimsMap(rank + 1, llvm::to_vector(llvm::seq<int64_t>(0, rank)))}, loop, {rank},
      ScalarType::Int64, Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, dtype);
        Value element = castScalar(b, loc, args[0], sequence.dtype, dtype);
        Value value = castScalar(b, loc, args[1], values.dtype, dtype);
        Value isBehind = right ? m.compare(Math::Order::Gt, element, value) : m.compare(Math::Order::Ge, element, value);
        return m.select(isBehind, scalarConstant(b, loc, ScalarType::Int64, int64_t{0}),
                        scalarConstant(b, loc, ScalarType::Int64, int64_t{1}));
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, ScalarType::Int64).add(acc, next); });
  return {e.cast(count, call.resultDtype())};
}

// The sequence in the order that positions along its last dimension give.
static Tensor ordered(Call &call, const Tensor &sequence, const Tensor &sorter) {
  Emitter &e = call.e;
  int64_t rank = sequence.rank();
  call.checkIndex(sorter, sequence.sizes.back());
  return e.gather(sequence, sorter, e.b.getMultiDimIdentityMap(rank), sorter.sizes, [&](OpBuilder &b, Location loc, ValueRange args) {
    SmallVector<Value> at;
    for (int64_t dim = 0; dim + 1 < rank; ++dim)
      at.push_back(linalg::IndexOp::create(b, loc, dim));
    at.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), args[0]));
    return at;
  });
}

static Results importSearchSorted(Call &call) {
  Tensor sequence = call.tensor("sorted_sequence");
  if (call.has("sorter"))
    sequence = ordered(call, sequence, call.tensor("sorter"));
  return countBefore(call, sequence, call.tensor("self"), call.boolean("right") || call.string("side") == "right");
}

static Results importBucketize(Call &call) {
  if (call.tensor("boundaries").rank() != 1)
    return {call.unsupported("boundaries that are no vector, which ATen refuses")};
  return countBefore(call, call.tensor("boundaries"), call.tensor("self"), call.boolean("right"));
}

// Whether each element equals one of the others.
static Results importIsIn(Call &call) {
  Emitter &e = call.e;
  bool isElement = call.has("elements"), isSet = call.has("test_elements");
  Tensor elements = call.tensor(isElement ? "elements" : "element"), set = call.tensor(isSet ? "test_elements" : "test_element");
  ResultType common;
  common.addTensor(elements.dtype, elements.rank());
  common.addTensor(set.dtype, set.rank());
  ScalarType dtype = common.get();
  set = e.reshape(set, Sizes{e.product(set.sizes)});
  int64_t rank = elements.rank();
  Sizes loop = elements.sizes;
  loop.push_back(set.sizes[0]);
  Tensor found = e.reduceMapped(
      {elements, set}, {e.dimsMap(rank + 1, llvm::to_vector(llvm::seq<int64_t>(0, rank))), e.dimsMap(rank + 1, rank)}, loop,
      rank, ScalarType::Bool, Scalar::of(false),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        return Math(b, loc, dtype).compare(Math::Order::Eq, castScalar(b, loc, args[0], elements.dtype, dtype),
                                           castScalar(b, loc, args[1], set.dtype, dtype));
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) -> Value { return arith::OrIOp::create(b, loc, acc, next); });
  if (!call.boolean("invert"))
    return {found};
  return {e.compute(found, ScalarType::Bool, [](Math &m, ValueRange args) {
    return m.select(args[0], m.constant(0), m.constant(1));
  })};
}

// 1 where the last dimension's position is the class.
static Results importOneHot(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  Sizes sizes = call.resultSizes();
  call.checkIndex(self, sizes.back());
  int64_t rank = self.rank();
  return {e.mapped(self, e.dimsMap(rank + 1, llvm::to_vector(llvm::seq<int64_t>(0, rank))), sizes, ScalarType::Int64,
                   [&](OpBuilder &b, Location loc, ValueRange args) {
                     Math m(b, loc, ScalarType::Int64);
                     Value position = arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, rank));
                     Value isClass = m.compare(Math::Order::Eq, castScalar(b, loc, args[0], self.dtype, m.dtype), position);
                     return castScalar(b, loc, isClass, ScalarType::Bool, ScalarType::Int64);
                   })};
}

void tenon::aten::addSortingRows(OpTable &table) {
  table.add("sort", importSort);
  table.add("argsort", importArgsort);
  table.add("msort", importMsort);
  table.add("topk", importTopk);
  table.add("searchsorted", importSearchSorted);
  table.add("bucketize", importBucketize);
  table.add("isin", importIsIn);
  table.add("one_hot", importOneHot);
}
