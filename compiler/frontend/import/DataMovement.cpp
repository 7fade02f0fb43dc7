//===- DataMovement.cpp - repeating, padding, reordering ----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tenon::aten;

// repeat and tile: every dimension becomes (times, size), then one.
static Results importRepeat(Call &call, StringRef timesName) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  Sizes times = call.sizes(timesName), ones, repeated;
  while (static_cast<int64_t>(times.size()) < self.rank())
    times.insert(times.begin(), e.size(1));
  for (size_t dim = 0; dim < times.size(); ++dim) {
    int64_t from = static_cast<int64_t>(dim) - (static_cast<int64_t>(times.size()) - self.rank());
    Size size = from < 0 ? e.size(1) : self.sizes[from];
    if (!isOne(times[dim])) {
      ones.push_back(e.size(1));
      repeated.push_back(times[dim]);
    }
    ones.push_back(size);
    repeated.push_back(size);
  }
  return {e.reshape(e.broadcast(e.reshape(self, ones), repeated), call.resultSizes())};
}

static Results importRepeatInterleave(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  if (!call.has("dim"))
    self = e.reshape(self, Sizes{e.product(self.sizes)});
  int64_t dim = call.has("dim") ? call.dim("dim", self.rank()) : 0;
  Tensor single = e.unsqueeze(self, dim + 1);
  Sizes repeated = single.sizes;
  repeated[dim + 1] = call.size("repeats");
  return {e.reshape(e.broadcast(single, repeated), call.resultSizes())};
}

//===--- reordering along one dimension ------------------------------------------------------------------------------===//

namespace {
/// The source's coordinate along a dimension, from the result's.
using Coordinate = std::function<Value(OpBuilder &, Location, Value position, int64_t dim)>;
} // namespace

static Tensor remap(Emitter &e, const Tensor &tensor, SizesRef sizes, const Coordinate &coordinate) {
  return e.gather(tensor, {}, {}, sizes, [&](OpBuilder &b, Location loc, ValueRange) {
    SmallVector<Value> coordinates;
    for (int64_t dim = 0; dim < tensor.rank(); ++dim)
      coordinates.push_back(coordinate(b, loc, linalg::IndexOp::create(b, loc, dim), dim));
    return coordinates;
  });
}

Tensor tenon::aten::flipped(Emitter &e, const Tensor &self, ArrayRef<int64_t> dims) {
  SmallVector<Value> last(self.rank());
  for (int64_t given : dims) {
    int64_t dim = given < 0 ? given + self.rank() : given;
    last[dim] = e.index(e.sub(self.sizes[dim], e.size(1)));
  }
  return remap(e, self, self.sizes, [&](OpBuilder &b, Location loc, Value position, int64_t dim) -> Value {
    return last[dim] ? Value(arith::SubIOp::create(b, loc, last[dim], position)) : position;
  });
}

// An empty list names no dimension.
static Results importFlip(Call &call) { return {flipped(call.e, call.tensor("self"), call.integers("dims"))}; }

// A quarter turn from the first dimension to the second: the second reversed, then both swapped.
static Results importRot90(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  SmallVector<int64_t> dims = call.integers("dims");
  for (int64_t &dim : dims)
    dim += dim < 0 ? self.rank() : 0;
  if (dims.size() != 2)
    return {call.unsupported("a rotation between other than two dimensions")};
  switch (((call.integer("k") % 4) + 4) % 4) {
  case 1: return {e.transpose(flipped(e, self, dims[1]), dims[0], dims[1])};
  case 2: return {flipped(e, self, dims)};
  case 3: return {e.transpose(flipped(e, self, dims[0]), dims[0], dims[1])};
  default: return {e.cast(self, call.resultDtype())};
  }
}

// Two slices joined the other way round, dimension by dimension.
static Results importRoll(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), result = self;
  SmallVector<int64_t> shifts = call.integers("shifts"), dims = call.integers("dims");
  if (dims.empty()) {
    result = e.reshape(self, Sizes{e.product(self.sizes)});
    dims.push_back(0);
  }
  for (auto [shift, dim] : llvm::zip(shifts, dims)) {
    int64_t at = dim < 0 ? dim + self.rank() : dim;
    std::optional<int64_t> size = staticSize(result.sizes[at]);
    if (!size)
      return {call.unsupported("a roll along a dynamic dimension")};
    int64_t split = *size ? ((-shift % *size) + *size) % *size : 0;
    if (split == 0)
      continue;
    Tensor head = e.slice(result, at, e.size(0), e.size(split));
    Tensor tail = e.slice(result, at, e.size(split), e.size(*size - split));
    result = e.concat({tail, head}, at);
  }
  return {e.reshape(result, self.sizes)};
}

//===--- padding -----------------------------------------------------------------------------------------------------===//

// Cuts off what negative padding asks for; `pad` keeps the rest. An amount of the run's sizes may turn out either way.
static Tensor cutByPadding(Emitter &e, Tensor self, Sizes &pad) {
  Size zero = e.size(0);
  for (size_t i = 0; 2 * i + 1 < pad.size(); ++i) {
    int64_t dim = self.rank() - 1 - static_cast<int64_t>(i);
    Size &low = pad[2 * i], &high = pad[2 * i + 1];
    Size cutLow = e.max(e.sub(zero, low), zero), cutHigh = e.max(e.sub(zero, high), zero);
    self = e.slice(self, dim, cutLow, e.sub(self.sizes[dim], e.add(cutLow, cutHigh)));
    low = e.max(low, zero);
    high = e.max(high, zero);
  }
  return self;
}

// What negative padding leaves is put into a tensor of the value.
static Tensor padConstant(Call &call, Tensor self, Sizes pad, const Scalar &value) {
  Emitter &e = call.e;
  Sizes result = call.resultSizes();
  self = cutByPadding(e, self, pad);
  if (llvm::all_of(pad, [](Size size) { return staticSize(size) == 0; }))
    return self;
  Sizes lows(self.rank(), e.size(0));
  for (size_t i = 0; 2 * i + 1 < pad.size(); ++i)
    lows[self.rank() - 1 - static_cast<int64_t>(i)] = pad[2 * i];
  Tensor result_ = e.fill(result, self.dtype, value);
  SmallVector<Tensor> levels{result_}; // one slice per dimension, outermost first
  Tensor target = result_;
  for (int64_t dim = 0; dim < self.rank(); ++dim) {
    target = e.slice(target, dim, lows[dim], self.sizes[dim]);
    levels.push_back(target);
  }
  Tensor inner = self;
  for (int64_t dim = self.rank() - 1; dim >= 0; --dim)
    inner = e.insertSlice(levels[dim], inner, dim, lows[dim]);
  return inner;
}

// reflect, replicate and circular read the source at another place. Circular padding repeats what is left of the source.
static Tensor padByMode(Call &call, Tensor self, Sizes pad, StringRef mode) {
  Emitter &e = call.e;
  if (mode == "circular")
    self = cutByPadding(e, self, pad);
  SmallVector<Value> lows(self.rank()), sizes(self.rank());
  for (size_t i = 0; 2 * i + 1 < pad.size(); ++i) {
    int64_t dim = self.rank() - 1 - static_cast<int64_t>(i);
    lows[dim] = e.index(pad[2 * i]);
    sizes[dim] = e.index(self.sizes[dim]);
  }
  return remap(e, self, call.resultSizes(), [&](OpBuilder &b, Location loc, Value position, int64_t dim) -> Value {
    if (!lows[dim])
      return position;
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
    Value at = arith::SubIOp::create(b, loc, position, lows[dim]);
    Value last = arith::SubIOp::create(b, loc, sizes[dim], one);
    if (mode == "replicate")
      return arith::MaxSIOp::create(b, loc, zero, arith::MinSIOp::create(b, loc, at, last));
    Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, at, zero);
    Value beyond = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, at, last);
    bool reflects = mode == "reflect";
    Value low = reflects ? Value(arith::SubIOp::create(b, loc, zero, at))
                         : Value(arith::AddIOp::create(b, loc, at, sizes[dim]));
    Value high = reflects ? Value(arith::SubIOp::create(b, loc, arith::AddIOp::create(b, loc, last, last), at))
                          : Value(arith::SubIOp::create(b, loc, at, sizes[dim]));
    return arith::SelectOp::create(b, loc, negative, low, arith::SelectOp::create(b, loc, beyond, high, at));
  });
}

static Results importPad(Call &call) {
  Tensor self = call.tensor("self");
  Sizes pad = call.sizes("pad");
  std::string mode = call.string("mode");
  if (mode.empty() || mode == "constant")
    return {padConstant(call, self, pad, call.optionalScalar("value").value_or(Scalar::of(int64_t{0})))};
  return {padByMode(call, self, pad, mode)};
}

// x[i + 1] - x[i] along a dimension, `n` times; of booleans it is "differs".
static Results importDiff(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self"), before = call.optionalTensor("prepend"), after = call.optionalTensor("append");
  int64_t dim = call.dim("dim", self.rank());
  SmallVector<Tensor> parts;
  for (const Tensor &part : {before, self, after})
    if (part)
      parts.push_back(e.cast(part, self.dtype));
  Tensor result = e.concat(parts, dim);
  ScalarType dtype = result.dtype, compute = computeType(dtype);
  for (int64_t i = call.integer("n"); i > 0; --i) {
    Size length = e.sub(result.sizes[dim], e.size(1));
    Tensor low = e.slice(result, dim, e.size(0), length), high = e.slice(result, dim, e.size(1), length);
    result = e.pointwise({high, low}, low.sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
      Math m(b, loc, compute);
      if (dtype == ScalarType::Bool)
        return m.compare(Math::Order::Ne, args[0], args[1]);
      Value x = castScalar(b, loc, args[0], dtype, compute), y = castScalar(b, loc, args[1], dtype, compute);
      return castScalar(b, loc, m.sub(x, y), compute, dtype);
    });
  }
  return {result};
}

void tenon::aten::addDataMovementRows(OpTable &table) {
  table.add("repeat", [](Call &call) { return importRepeat(call, "repeats"); });
  table.add("tile", [](Call &call) { return importRepeat(call, "dims"); });
  table.add("repeat_interleave.self_int", importRepeatInterleave);
  table.add("flip", importFlip);
  table.add("fliplr", [](Call &call) { return Results{flipped(call.e, call.tensor("self"), 1)}; });
  table.add("flipud", [](Call &call) { return Results{flipped(call.e, call.tensor("self"), 0)}; });
  table.add("rot90", importRot90);
  table.add("roll", importRoll);
  for (auto name : {"pad", "constant_pad_nd"})
    table.add(name, importPad);
  table.add("diff", importDiff);
}
