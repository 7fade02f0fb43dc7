//===- Scattering.cpp - writing by index tensors and masks -------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Scattering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

//===--- parts -------------------------------------------------------------------------------------------------------===//

Tensor tenon::aten::createScatter(Call &call, const Tensor &self, ArrayRef<Tensor> indices, const Tensor &updates,
                                  ScatterKind kind, ArrayRef<int64_t> coordinates, bool wraps) {
  Emitter &e = call.e;
  SmallVector<Value> values;
  for (auto [dim, coordinate] : llvm::enumerate(coordinates))
    if (coordinate < 0)
      call.checkIndex(indices[-1 - coordinate], self.sizes[dim], wraps);
  for (const Tensor &index : indices)
    values.push_back(e.broadcast(index, updates.sizes).value);
  auto op = ScatterOp::create(e.b, e.loc, TypeRange{self.value.getType()}, values, updates.value, ValueRange{self.value},
                              kind, coordinates);
  Tensor result = self;
  result.value = op->getResult(0);
  return result;
}

static bool seeksExtremes(ScatterKind kind) { return kind == ScatterKind::Max || kind == ScatterKind::Min; }

// The same in a type whose order is the signed one.
static Tensor createOrderedScatter(Call &call, const Tensor &self, ArrayRef<Tensor> indices, const Tensor &updates,
                                   ScatterKind kind, ArrayRef<int64_t> coordinates) {
  if (!seeksExtremes(kind))
    return createScatter(call, self, indices, updates, kind, coordinates);
  std::optional<Tensor> to = call.e.asSigned(self), from = call.e.asSigned(updates);
  if (!to || !from)
    return call.unsupported("extremes of 64-bit unsigned integers");
  return call.e.cast(createScatter(call, *to, indices, *from, kind, coordinates), self.dtype);
}

SmallVector<int64_t> tenon::aten::coordinatesAlong(int64_t rank, int64_t dim) {
  SmallVector<int64_t> coordinates = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  coordinates[dim] = -1;
  return coordinates;
}

static Tensor withDims(Emitter &e, const Tensor &tensor) { return tensor.rank() == 0 ? e.unsqueeze(tensor, 0) : tensor; }

// Back to the rank of what was updated: 0-d tensors are updated as one element.
static Tensor like(Emitter &e, const Tensor &result, const Tensor &self) {
  return self.rank() == 0 ? e.squeeze(result, 0) : result;
}

Tensor tenon::aten::scatterInto(Emitter &e, Size size, const Tensor &index, const Tensor &updates, ScatterKind kind) {
  Tensor result = e.fill(Sizes{size}, updates.dtype, Scalar::of(int64_t{0}));
  auto op = ScatterOp::create(e.b, e.loc, TypeRange{result.value.getType()}, ValueRange{index.value}, updates.value,
                              ValueRange{result.value}, kind, ArrayRef<int64_t>{-1});
  result.value = op->getResult(0);
  return result;
}

static Tensor constantOf(Emitter &e, SizesRef sizes, ScalarType dtype, const Scalar &value) {
  return e.broadcast(e.fill({}, dtype, value), sizes);
}

//===--- scatter -----------------------------------------------------------------------------------------------------===//

// The operands of the scatter family, with at least one dimension. Source elements beyond the index's sizes are not used.
namespace {
struct ScatterOperands {
  Tensor self, target, index, source;
  int64_t dim;
};
} // namespace

static ScatterOperands scatterOperands(Call &call) {
  Emitter &e = call.e;
  ScatterOperands operands;
  operands.self = call.tensor("self");
  operands.target = withDims(e, operands.self);
  operands.index = withDims(e, call.tensor("index"));
  operands.dim = call.dim("dim", operands.target.rank());
  if (operands.index.rank() != operands.target.rank()) {
    call.unsupported("indices of another rank than what they update");
    operands.index = e.fill(operands.target.sizes, ScalarType::Int64, Scalar::of(int64_t{0}));
  }
  if (!call.has("src")) {
    operands.source = constantOf(e, operands.index.sizes, operands.self.dtype, call.scalar("value"));
    return operands;
  }
  operands.source = withDims(e, call.tensor("src"));
  for (int64_t dim = 0; dim < operands.index.rank(); ++dim)
    if (operands.source.sizes[dim] != operands.index.sizes[dim])
      operands.source = e.slice(operands.source, dim, e.size(0), operands.index.sizes[dim]);
  return operands;
}

static Results scatterAs(Call &call, ScatterKind kind) {
  ScatterOperands o = scatterOperands(call);
  return {like(call.e,
               createOrderedScatter(call, o.target, o.index, o.source, kind, coordinatesAlong(o.target.rank(), o.dim)),
               o.self)};
}

static std::optional<ScatterKind> kindOf(StringRef reduce) {
  return llvm::StringSwitch<std::optional<ScatterKind>>(reduce)
      .Cases({"add", "sum", "mean"}, ScatterKind::Add)
      .Cases({"multiply", "prod"}, ScatterKind::Mul)
      .Case("amax", ScatterKind::Max)
      .Case("amin", ScatterKind::Min)
      .Default(std::nullopt);
}

static Results importScatter(Call &call) {
  if (!call.has("reduce"))
    return scatterAs(call, ScatterKind::Set);
  std::optional<ScatterKind> kind = kindOf(call.string("reduce"));
  return kind ? scatterAs(call, *kind) : Results{call.unsupported("reduction '" + call.string("reduce") + "'")};
}

// What a reduction starts from where the element itself does not take part.
static Tensor neutral(Emitter &e, SizesRef sizes, ScalarType dtype, ScatterKind kind) {
  Tensor element = e.pointwise({}, {}, dtype, [&](OpBuilder &b, Location loc, ValueRange) -> Value {
    switch (kind) {
    case ScatterKind::Max: return lowestConstant(b, loc, dtype);
    case ScatterKind::Min: return highestConstant(b, loc, dtype);
    default: return scalarConstant(b, loc, dtype, int64_t{kind == ScatterKind::Mul});
    }
  });
  return e.broadcast(element, sizes);
}

// sum / max(count, 1), rounded down for integers.
static Tensor divideByCount(Emitter &e, const Tensor &sum, const Tensor &count) {
  ScalarType dtype = sum.dtype, compute = computeType(dtype);
  return e.pointwise({sum, count}, sum.sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    Value total = castScalar(b, loc, args[0], dtype, compute);
    Value number = m.max(castScalar(b, loc, args[1], ScalarType::Int64, compute), m.constant(1));
    Value quotient = m.div(total, number);
    if (!m.isFloat()) {
      Value isNegative = m.compare(Math::Order::Lt, total, m.constant(0));
      Value isUneven = m.compare(Math::Order::Ne, m.rem(total, number), m.constant(0));
      Value isBelow = arith::AndIOp::create(b, loc, isNegative, isUneven);
      quotient = m.select(isBelow, m.sub(quotient, m.constant(1)), quotient);
    }
    return castScalar(b, loc, quotient, compute, dtype);
  });
}

// Elements that no update meets keep their value, also where include_self is false.
static Tensor reduceInto(Call &call, const ScatterOperands &o, StringRef reduce, ArrayRef<int64_t> coordinates) {
  Emitter &e = call.e;
  std::optional<ScatterKind> kind = kindOf(reduce);
  if (!kind)
    return call.unsupported("reduction '" + reduce.str() + "'");
  bool includesSelf = call.boolean("include_self");
  Tensor start = o.target;
  SizesRef sizes = o.source.sizes;
  if (!includesSelf)
    start = createScatter(call, start, o.index, neutral(e, sizes, start.dtype, *kind), ScatterKind::Set, coordinates);
  Tensor reduced = createOrderedScatter(call, start, o.index, o.source, *kind, coordinates);
  if (reduce != "mean")
    return reduced;
  Tensor ones = e.fill(sizes, ScalarType::Int64, Scalar::of(int64_t{1}));
  Tensor counts = e.fill(start.sizes, ScalarType::Int64, Scalar::of(int64_t{includesSelf}));
  return divideByCount(e, reduced, createScatter(call, counts, o.index, ones, ScatterKind::Add, coordinates));
}

static Results importScatterReduce(Call &call) {
  ScatterOperands o = scatterOperands(call);
  return {like(call.e, reduceInto(call, o, call.string("reduce"), coordinatesAlong(o.target.rank(), o.dim)), o.self)};
}

//===--- index_add, index_copy, index_fill, index_reduce -------------------------------------------------------------===//

// Operands whose index is one line of positions along `dim`: it is the same for all other coordinates.
static ScatterOperands lineOperands(Call &call, const Tensor &source) {
  Emitter &e = call.e;
  ScatterOperands o;
  o.self = call.tensor("self");
  o.target = withDims(e, o.self);
  o.dim = call.dim("dim", o.target.rank());
  Tensor index = withDims(e, call.tensor("index"));
  Sizes sizes = o.target.sizes, line(o.target.rank(), e.size(1));
  sizes[o.dim] = line[o.dim] = index.sizes[0];
  o.index = e.reshape(index, line);
  o.source = source.rank() == 0 ? e.broadcast(source, sizes) : source;
  if (o.source.rank() != o.target.rank()) {
    call.unsupported("a source of another rank than what it updates");
    o.source = e.empty(sizes, o.self.dtype);
  }
  return o;
}

static Results importIndexCopy(Call &call) {
  ScatterOperands o = lineOperands(call, call.tensor("source"));
  return {like(call.e,
               createScatter(call, o.target, o.index, o.source, ScatterKind::Set, coordinatesAlong(o.target.rank(), o.dim)),
               o.self)};
}

static Results importIndexAdd(Call &call) {
  Emitter &e = call.e;
  Tensor source = call.tensor("source");
  Scalar alpha = call.scalar("alpha");
  ScalarType dtype = source.dtype, compute = computeType(dtype);
  if (!alpha.isConstant() || alpha.asDouble() != 1)
    source = e.pointwise(source, source.sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
      Value product = Math(b, loc, compute).mul(castScalar(b, loc, args[0], dtype, compute), alpha.materialize(b, loc, compute));
      return castScalar(b, loc, product, compute, dtype);
    });
  ScatterOperands o = lineOperands(call, source);
  return {like(e, createScatter(call, o.target, o.index, o.source, ScatterKind::Add, coordinatesAlong(o.target.rank(), o.dim)),
               o.self)};
}

static Results importIndexFill(Call &call) {
  Emitter &e = call.e;
  ScalarType dtype = call.resultDtype();
  Tensor value = call.isTensor("value") ? e.cast(call.tensor("value"), dtype) : e.fill({}, dtype, call.scalar("value"));
  ScatterOperands o = lineOperands(call, value);
  return {like(e, createScatter(call, o.target, o.index, o.source, ScatterKind::Set, coordinatesAlong(o.target.rank(), o.dim),
                                /*wraps=*/true),
               o.self)};
}

static Results importIndexReduce(Call &call) {
  ScatterOperands o = lineOperands(call, call.tensor("source"));
  return {like(call.e, reduceInto(call, o, call.string("reduce"), coordinatesAlong(o.target.rank(), o.dim)), o.self)};
}

//===--- masks -------------------------------------------------------------------------------------------------------===//

static Tensor select(Emitter &e, const Tensor &mask, const Tensor &chosen, const Tensor &other) {
  return e.pointwise({mask, e.cast(chosen, other.dtype), other}, other.sizes, other.dtype,
                     [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                       return arith::SelectOp::create(b, loc, args[0], args[1], args[2]);
                     });
}

// The i-th true element of the mask takes element i of the source: its number is a running sum over the mask.
static Tensor maskedScatter(Call &call, const Tensor &self, const Tensor &mask, const Tensor &source) {
  Emitter &e = call.e;
  Size count = e.product(self.sizes);
  Tensor flatMask = e.reshape(e.broadcast(mask, self.sizes), Sizes{count});
  Tensor flatSource = e.reshape(source, Sizes{e.product(source.sizes)});
  if (staticSize(flatSource.sizes[0]) == 0)
    return self;
  Tensor number = e.cumulativeSum(e.cast(flatMask, ScalarType::Int64), 0);
  Size length = flatSource.sizes[0];
  call.checkIndex(number, e.add(length, e.size(1)));
  if (!staticSize(length)) // one element more, since the source may have none
    flatSource = e.insertSlice(e.fill(Sizes{e.add(length, e.size(1))}, source.dtype, Scalar::of(int64_t{0})), flatSource, 0,
                               e.size(0));
  // Places before the first true element read element 0; what they read is not used.
  Tensor position = e.pointwise(number, number.sizes, ScalarType::Int64, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, ScalarType::Int64);
    return m.max(m.sub(args[0], m.constant(1)), m.constant(0));
  });
  Tensor values = e.gather(flatSource, position, e.b.getMultiDimIdentityMap(1), position.sizes,
                           [&](OpBuilder &b, Location loc, ValueRange args) {
                             return SmallVector<Value>{arith::IndexCastOp::create(b, loc, b.getIndexType(), args[0])};
                           });
  return select(e, mask, e.reshape(values, self.sizes), self);
}

static Results importMaskedScatter(Call &call) {
  Emitter &e = call.e;
  Tensor self = e.broadcast(call.tensor("self"), call.resultSizes()), mask = call.tensor("mask");
  if (mask.dtype != ScalarType::Bool)
    return {call.unsupported("a mask of another dtype than bool, which ATen refuses")};
  return {maskedScatter(call, self, mask, call.tensor("source"))};
}

// x[mask] = values, the mask over the leading dimensions. One value for all true elements is a selection; else the values'
// first dimension counts them.
static Tensor putByMask(Call &call, const Tensor &self, Tensor mask, const Tensor &values) {
  Emitter &e = call.e;
  int64_t rest = self.rank() - mask.rank();
  for (int64_t i = 0; i < rest; ++i)
    mask = e.unsqueeze(mask, mask.rank());
  if (values.rank() <= rest)
    return select(e, mask, values, self);
  if (isOne(values.sizes[0]))
    return select(e, mask, e.squeeze(values, 0), self);
  Sizes full{values.sizes[0]};
  full.append(self.sizes.end() - rest, self.sizes.end());
  return maskedScatter(call, self, mask, e.broadcast(values, full));
}

//===--- index_put ---------------------------------------------------------------------------------------------------===//

// x[i, :, j] = values: index tensors broadcast to one block of dimensions, which stands where the first of them stood if
// they are adjacent and in front otherwise (NumPy's rule); values broadcast to block and remaining dimensions.
Tensor tenon::aten::putByIndices(Call &call, const Tensor &self, ArrayRef<Tensor> indices, const Tensor &values,
                                 ScatterKind kind) {
  Emitter &e = call.e;
  SmallVector<int64_t> indexedDims;
  Sizes block;
  for (auto [dim, index] : llvm::enumerate(indices)) {
    if (!index)
      continue;
    indexedDims.push_back(dim);
    Sizes sizes = index.sizes;
    if (sizes.size() < block.size())
      sizes.insert(sizes.begin(), block.size() - sizes.size(), e.size(1));
    block.insert(block.begin(), sizes.size() - block.size(), e.size(1));
    for (auto [size, other] : llvm::zip(block, sizes))
      size = isOne(size) ? other : size;
  }
  bool isAdjacent = indexedDims.back() - indexedDims.front() + 1 == static_cast<int64_t>(indexedDims.size());
  int64_t blockStart = isAdjacent ? indexedDims.front() : 0, blockRank = block.size();
  Sizes loop;
  SmallVector<int64_t> coordinates(self.rank(), -1);
  auto appendBlock = [&] {
    if (static_cast<int64_t>(loop.size()) == blockStart)
      loop.append(block.begin(), block.end());
  };
  bool placed = false;
  for (int64_t dim = 0; dim < self.rank(); ++dim) {
    if (!placed && static_cast<int64_t>(loop.size()) == blockStart) {
      appendBlock();
      placed = true;
    }
    if (indices[dim])
      continue;
    coordinates[dim] = loop.size();
    loop.push_back(self.sizes[dim]);
  }
  int64_t after = loop.size() - blockStart - blockRank;
  SmallVector<Tensor> aligned; // index tensors with size-one dimensions for what follows the block
  for (int64_t dim : indexedDims) {
    Sizes sizes = indices[dim].sizes;
    sizes.append(after, e.size(1));
    coordinates[dim] = -1 - static_cast<int64_t>(aligned.size());
    aligned.push_back(e.reshape(indices[dim], sizes));
  }
  return createScatter(call, self, aligned, e.broadcast(values, loop), kind, coordinates, /*wraps=*/true);
}

static Results importIndexPut(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), values = e.cast(call.tensor("values"), self.dtype);
  SmallVector<Tensor> indices = call.tensors("indices");
  bool accumulates = call.boolean("accumulate");
  auto isMask = [](const Tensor &tensor) { return tensor && tensor.dtype == ScalarType::Bool; };
  while (!indices.empty() && !indices.back())
    indices.pop_back();
  if (indices.empty())
    return {call.unsupported("no index at all")};
  if (indices.size() == 1 && isMask(indices[0]) && !accumulates)
    return {putByMask(call, self, indices[0], values)};
  indices = withoutMasks(call, indices);
  indices.resize(self.rank());
  return {putByIndices(call, self, indices, values, accumulates ? ScatterKind::Add : ScatterKind::Set)};
}

// What the mask hides adds nothing, wherever its indices point.
static Results importMaskedAccumulation(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), mask = call.tensor("mask"), values = e.cast(call.tensor("values"), self.dtype);
  SmallVector<Tensor> indices = clampedIndices(e, self, call.tensors("indices"));
  indices.resize(self.rank());
  Tensor zero = e.fill({}, self.dtype, Scalar::of(int64_t{0}));
  Tensor added = e.pointwise({mask, values, zero}, e.broadcastSizes({mask, values}), self.dtype,
                             [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                               return arith::SelectOp::create(b, loc, args[0], args[1], args[2]);
                             });
  return {putByIndices(call, self, indices, added, ScatterKind::Add)};
}

void tenon::aten::addScatteringRows(OpTable &table) {
  table.add("scatter", importScatter);
  table.add("scatter_add", [](Call &call) { return scatterAs(call, ScatterKind::Add); });
  table.add("scatter_reduce", importScatterReduce);
  table.add("index_copy", importIndexCopy);
  table.add("index_add", importIndexAdd);
  table.add("index_fill", importIndexFill);
  table.add("index_reduce", importIndexReduce);
  table.add("masked_scatter", importMaskedScatter);
  table.add("_unsafe_masked_index_put_accumulate", importMaskedAccumulation);
  for (auto name : {"index_put", "_unsafe_index_put", "_index_put_impl"})
    table.add(name, importIndexPut);
}
