//===- ShortTimeFourier.cpp - stft and istft ----------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace tenon::aten;

namespace {
/// How a signal is cut into frames.
struct Framing {
  int64_t length, hop, window;

  explicit Framing(Call &call) : length(call.integer("n_fft")) {
    hop = call.has("hop_length") ? call.integer("hop_length") : length / 4;
    window = call.has("win_length") ? call.integer("win_length") : length;
  }
};
} // namespace

static Tensor times(Emitter &e, const Tensor &x, const Tensor &y) {
  return e.compute({x, y}, x.dtype, [](Math &m, ValueRange args) { return m.mul(args[0], args[1]); });
}

static Tensor scaled(Emitter &e, const Tensor &x, double factor) {
  return e.compute(x, x.dtype, [&](Math &m, ValueRange args) { return m.mul(m.constant(factor), args[0]); });
}

// A frame's weights: the window, or ones, in the middle of zeros.
static Tensor frameWeights(Call &call, const Framing &f, ScalarType dtype) {
  Emitter &e = call.e;
  Tensor window =
      call.has("window") ? e.cast(call.tensor("window"), dtype) : e.fill(e.sizes({f.window}), dtype, Scalar::of(1.0));
  int64_t before = (f.length - f.window) / 2, after = f.length - f.window - before;
  auto zeros = [&](int64_t count) { return e.fill(e.sizes({count}), dtype, Scalar::of(0.0)); };
  return e.concat({zeros(before), window, zeros(after)}, 0);
}

// [B, T] as spectra [B, frequencies, frames].
static Results importStft(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  if (isComplex(self.dtype) || call.has("center") || (call.has("align_to_window") && call.boolean("align_to_window")))
    return {call.unsupported("a short-time transform of complex numbers, or one that aligns its frames itself")};
  Framing f(call);
  Tensor signal = self.rank() == 1 ? e.unsqueeze(self, 0) : self;
  Size frames = e.add(e.floorDiv(e.sub(signal.sizes[1], e.size(f.length)), e.size(f.hop)), e.size(1));
  Tensor cut = e.gather(
      signal, {}, {}, Sizes{signal.sizes[0], frames, e.size(f.length)}, [&](OpBuilder &b, Location loc, ValueRange) {
        auto index = [&](int64_t dim) -> Value { return linalg::IndexOp::create(b, loc, dim); };
        Value start = arith::MulIOp::create(b, loc, index(1), arith::ConstantIndexOp::create(b, loc, f.hop));
        return SmallVector<Value>{index(0), arith::AddIOp::create(b, loc, start, index(2))};
      });
  ComplexParts spectra = transformRows(e, {times(e, cut, frameWeights(call, f, self.dtype)), {}}, -1);
  bool isOneSided = !call.has("onesided") || call.boolean("onesided");
  auto shown = [&](Tensor part) {
    if (isOneSided)
      part = e.slice(part, 2, e.size(0), e.size(f.length / 2 + 1));
    if (call.boolean("normalized"))
      part = scaled(e, part, 1 / std::sqrt(static_cast<double>(f.length)));
    part = e.transpose(part, 1, 2);
    return self.rank() == 1 ? e.squeeze(part, 0) : part;
  };
  Tensor result = joinParts(e, {shown(spectra.real), shown(spectra.imaginary)});
  return {isComplex(call.resultDtype()) ? result : viewAsReal(e, result)};
}

// Adds frames [B, F, N] up, each `hop` behind the one before: every place sums the frames that reach it.
static Tensor overlapped(Emitter &e, const Tensor &frames, int64_t hop) {
  int64_t length = *staticSize(frames.sizes[2]);
  ScalarType dtype = frames.dtype;
  Size total = e.add(e.mul(e.sub(frames.sizes[1], e.size(1)), e.size(hop)), e.size(length));
  Sizes loop{frames.sizes[0], total, e.size((length + hop - 1) / hop)};
  // An operand has to show how many frames reach a place; it counts them.
  Tensor counted = e.pointwise({}, loop.back(), ScalarType::Int64, [](OpBuilder &b, Location loc, ValueRange) -> Value {
    return arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, 0));
  });
  Value last = e.index(e.sub(frames.sizes[1], e.size(1)));
  auto element = [&](OpBuilder &b, Location loc, ValueRange args) {
    auto number = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
    auto holds = [&](arith::CmpIPredicate order, Value x, Value y) -> Value {
      return arith::CmpIOp::create(b, loc, order, x, y);
    };
    Value place = linalg::IndexOp::create(b, loc, 1),
          back = arith::IndexCastOp::create(b, loc, b.getIndexType(), args[0]);
    Value frame = arith::SubIOp::create(b, loc, arith::DivUIOp::create(b, loc, place, number(hop)), back);
    Value inside = arith::SubIOp::create(b, loc, place, arith::MulIOp::create(b, loc, frame, number(hop)));
    Value isReached = arith::AndIOp::create(b, loc, holds(arith::CmpIPredicate::sge, frame, number(0)),
                                            holds(arith::CmpIPredicate::sle, frame, last));
    isReached = arith::AndIOp::create(b, loc, isReached, holds(arith::CmpIPredicate::slt, inside, number(length)));
    Value safeFrame = arith::SelectOp::create(b, loc, isReached, frame, number(0)),
          safe = arith::SelectOp::create(b, loc, isReached, inside, number(0));
    Value value = tensor::ExtractOp::create(b, loc, frames.value,
                                            ValueRange{linalg::IndexOp::create(b, loc, 0), safeFrame, safe});
    return Math(b, loc, dtype).select(isReached, value, scalarConstant(b, loc, dtype, int64_t{0}));
  };
  return e.reduceMapped(
      counted, e.dimsMap(3, 2), loop, 2, dtype, Scalar::of(0.0), element,
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, dtype).add(acc, next); });
}

// The inverse transforms of the frames, weighted and added up, over the squares of the weights added up likewise.
static Results importIstft(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  bool isOneSided = !call.has("onesided") || call.boolean("onesided");
  if (!isComplex(self.dtype) || call.boolean("return_complex") || !isOneSided)
    return {call.unsupported("an inverse short-time transform of two-sided spectra")};
  Framing f(call);
  ComplexParts half = partsOf(e, self.rank() == 2 ? e.unsqueeze(self, 0) : self);
  auto framesLast = [&](const Tensor &part) { return e.transpose(part, 1, 2); };
  double factor =
      call.boolean("normalized") ? 1 / std::sqrt(static_cast<double>(f.length)) : 1 / static_cast<double>(f.length);
  Tensor frames = scaled(e, inverseOfHalf(e, {framesLast(half.real), framesLast(half.imaginary)}, 2, f.length), factor);
  Tensor weights = frameWeights(call, f, frames.dtype);
  Tensor squares = e.broadcast(times(e, weights, weights), Sizes{e.size(1), frames.sizes[1], e.size(f.length)});
  Tensor signal = overlapped(e, times(e, frames, weights), f.hop), envelope = overlapped(e, squares, f.hop);
  signal =
      e.compute({signal, envelope}, signal.dtype, [](Math &m, ValueRange args) { return m.div(args[0], args[1]); });
  int64_t start = call.boolean("center") ? f.length / 2 : 0;
  Size length = call.has("length") ? call.size("length") : e.sub(signal.sizes[1], e.size(2 * start));
  std::optional<int64_t> total = staticSize(signal.sizes[1]), wanted = staticSize(length);
  bool isInside = total && wanted ? start + *wanted <= *total : !call.has("length");
  if (!isInside)
    return {call.unsupported("a signal that is longer than its frames, or may be")};
  signal = e.slice(signal, 1, e.size(start), length);
  return {e.reshape(signal, call.resultSizes())};
}

void tenon::aten::addShortTimeFourierRows(OpTable &table) {
  for (auto name : {"stft", "complex.stft"})
    table.add(name, importStft);
  table.add("complex.istft", importIstft);
}
