//===- WindowMaxima.cpp - greatest elements of windows, and where they are ----------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/WindowMaxima.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon::aten;

static Value indexConstant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

WindowAxis tenon::aten::stridedAxis(Size size, int64_t window, int64_t stride, int64_t padding, int64_t dilation) {
  auto place = [=](OpBuilder &b, Location loc, Value number, Value tap) -> std::pair<Value, Value> {
    Value start = arith::MulIOp::create(b, loc, number, indexConstant(b, loc, stride));
    Value step = arith::MulIOp::create(b, loc, tap, indexConstant(b, loc, dilation));
    Value at = arith::SubIOp::create(b, loc, arith::AddIOp::create(b, loc, start, step), indexConstant(b, loc, padding));
    Value length = staticSize(size) ? indexConstant(b, loc, *staticSize(size)) : cast<Value>(size);
    Value low = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, at, indexConstant(b, loc, 0));
    Value high = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, at, length);
    return {at, arith::AndIOp::create(b, loc, low, high)};
  };
  return {window, size, place};
}

namespace {
/// One tap inside a generic over the result's dimensions, then one loop per axis.
struct TapElement {
  Value element, position, inside; ///< position: i64; inside: null where always true
};

/// Loops over results and taps.
struct TapLoops {
  Emitter &e;
  const Tensor &input;
  ArrayRef<WindowAxis> axes;
  Sizes loop;
  SmallVector<int64_t> taps; ///< the loops over taps
  Tensor lengths;            ///< what gives them their lengths; nothing reads its elements

  TapLoops(Emitter &e, const Tensor &input, ArrayRef<WindowAxis> axes, SizesRef result)
      : e(e), input(input), axes(axes), loop(result) {
    for (const WindowAxis &axis : axes) {
      taps.push_back(loop.size());
      loop.push_back(e.size(axis.numTaps));
    }
    lengths = e.fill(SizesRef(loop).take_back(axes.size()), ScalarType::Bool, Scalar::of(false));
  }

  TapElement element(OpBuilder &b, Location loc) const;
};
} // namespace

// A place outside is read at its nearest element inside, and not used.
TapElement TapLoops::element(OpBuilder &b, Location loc) const {
  int64_t first = input.rank() - axes.size();
  SmallVector<Value> at;
  for (int64_t dim = 0; dim < first; ++dim)
    at.push_back(linalg::IndexOp::create(b, loc, dim));
  Value inside, position = indexConstant(b, loc, 0);
  for (auto [i, axis] : llvm::enumerate(axes)) {
    auto [place, fits] = axis.place(b, loc, linalg::IndexOp::create(b, loc, first + i), linalg::IndexOp::create(b, loc, taps[i]));
    Value size = staticSize(axis.size) ? indexConstant(b, loc, *staticSize(axis.size)) : cast<Value>(axis.size);
    if (fits) {
      inside = inside ? arith::AndIOp::create(b, loc, inside, fits).getResult() : fits;
      Value last = arith::SubIOp::create(b, loc, size, indexConstant(b, loc, 1));
      place = arith::MaxSIOp::create(b, loc, arith::MinSIOp::create(b, loc, place, last), indexConstant(b, loc, 0));
    }
    position = arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, position, size), place);
    at.push_back(place);
  }
  Value element = tensor::ExtractOp::create(b, loc, input.value, at);
  return {element, arith::IndexCastOp::create(b, loc, b.getI64Type(), position), inside};
}

Tensor tenon::aten::windowMaxima(Emitter &e, const Tensor &input, ArrayRef<WindowAxis> axes, SizesRef result) {
  TapLoops loops(e, input, axes, result);
  ScalarType dtype = input.dtype;
  return e.reduceMapped(
      loops.lengths, e.dimsMap(loops.loop.size(), loops.taps), loops.loop, loops.taps, dtype,
      Scalar::of(-std::numeric_limits<double>::infinity()),
      [&](OpBuilder &b, Location loc, ValueRange) {
        TapElement tap = loops.element(b, loc);
        return tap.inside ? Math(b, loc, dtype).select(tap.inside, tap.element, lowestConstant(b, loc, dtype)) : tap.element;
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, dtype).max(acc, next); });
}

// The least key wins: a position, or for a NaN minus one minus its position, so that the last NaN comes first of all.
Tensor tenon::aten::windowMaximaPositions(Emitter &e, const Tensor &input, const Tensor &maxima, ArrayRef<WindowAxis> axes) {
  TapLoops loops(e, input, axes, maxima.sizes);
  int64_t rank = loops.loop.size();
  constexpr int64_t none = std::numeric_limits<int64_t>::max();
  Tensor keys = e.reduceMapped(
      {loops.lengths, maxima},
      {e.dimsMap(rank, loops.taps), e.dimsMap(rank, llvm::to_vector(llvm::seq<int64_t>(0, maxima.rank())))}, loops.loop,
      loops.taps, ScalarType::Int64, Scalar::of(none),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        TapElement tap = loops.element(b, loc);
        Math m(b, loc, input.dtype), keys(b, loc, ScalarType::Int64);
        Value found = m.compare(Math::Order::Eq, tap.element, args[1]), key = tap.position;
        if (m.isFloat()) {
          Value isNan = m.isNan(tap.element);
          key = keys.select(isNan, keys.sub(scalarConstant(b, loc, ScalarType::Int64, int64_t{-1}), key), key);
          found = arith::OrIOp::create(b, loc, found, isNan);
        }
        if (tap.inside)
          found = arith::AndIOp::create(b, loc, found, tap.inside);
        return keys.select(found, key, scalarConstant(b, loc, ScalarType::Int64, none));
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, ScalarType::Int64).min(acc, next); });
  return e.compute(keys, ScalarType::Int64, [](Math &m, ValueRange args) {
    Value fromEnd = m.sub(m.constant(-1), args[0]);
    return m.select(m.compare(Math::Order::Lt, args[0], m.constant(0)), fromEnd, args[0]);
  });
}
