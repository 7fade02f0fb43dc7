//===- Windows.cpp - sliding windows as tensors, and back --------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon::aten;

static Value loopIndex(OpBuilder &b, Location loc, int64_t dim) { return linalg::IndexOp::create(b, loc, dim); }

// a * factor + b * step - shift
static Value position(OpBuilder &b, Location loc, Value a, int64_t factor, Value tap, int64_t step, int64_t shift) {
  auto constant = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); };
  Value sum = arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, a, constant(factor)),
                                    arith::MulIOp::create(b, loc, tap, constant(step)));
  return arith::SubIOp::create(b, loc, sum, constant(shift));
}

// 0 <= at < size
static Value isInside(OpBuilder &b, Location loc, Value at, Value size) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  return arith::AndIOp::create(b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, at, zero),
                               arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, at, size));
}

static Value clampedTo(OpBuilder &b, Location loc, Value at, Value size) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
  Value last = arith::SubIOp::create(b, loc, size, one);
  return arith::MaxSIOp::create(b, loc, zero, arith::MinSIOp::create(b, loc, at, last));
}

// Tensor.unfold: windows along a dimension; their elements become the last one.
static Results importUnfold(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  if (self.rank() == 0)
    return {e.unsqueeze(self, 0)};
  int64_t dim = call.dim("dimension", self.rank()), step = call.integer("step");
  auto read = [=, rank = self.rank(), sizes = call.resultSizes()](Emitter &e, const Tensor &base) {
    return e.gather(base, {}, {}, sizes, [&](OpBuilder &b, Location loc, ValueRange) {
      SmallVector<Value> coordinates;
      for (int64_t i = 0; i < rank; ++i) {
        Value at = loopIndex(b, loc, i);
        coordinates.push_back(i == dim ? position(b, loc, at, step, loopIndex(b, loc, rank), 1, 0) : at);
      }
      return coordinates;
    });
  };
  return {View{read, nullptr}}; // windows may overlap
}

//===--- im2col, col2im ----------------------------------------------------------------------------------------------===//

namespace {
struct Blocks {
  SmallVector<int64_t> kernel, dilation, padding, stride;
  Sizes counts; ///< of blocks, per spatial dimension
};
} // namespace

// The windows over an image of `sizes` (its last two dimensions).
static Blocks blocksOf(Call &call, SizesRef sizes) {
  Emitter &e = call.e;
  Blocks blocks{call.integers("kernel_size", 2), call.integers("dilation", 2), call.integers("padding", 2),
                call.integers("stride", 2), {}};
  for (int64_t i = 0; i < 2; ++i) {
    Size room = e.sub(e.add(sizes[sizes.size() - 2 + i], e.size(2 * blocks.padding[i])),
                      e.size(blocks.dilation[i] * (blocks.kernel[i] - 1) + 1));
    blocks.counts.push_back(e.add(e.floorDiv(room, e.size(blocks.stride[i])), e.size(1)));
  }
  return blocks;
}

// [N, C, H, W] -> [N, C * kernel, blocks]; what lies in the padding is zero.
static Results importIm2col(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  bool isUnbatched = self.rank() == 3;
  if (isUnbatched)
    self = e.unsqueeze(self, 0);
  Blocks blocks = blocksOf(call, self.sizes);
  Sizes loop{self.sizes[0], self.sizes[1], e.size(blocks.kernel[0]), e.size(blocks.kernel[1]), blocks.counts[0],
             blocks.counts[1]};
  Value height = e.index(self.sizes[2]), width = e.index(self.sizes[3]);
  ScalarType dtype = self.dtype;
  Tensor columns = e.mapped({}, {}, loop, dtype, [&](OpBuilder &b, Location loc, ValueRange) -> Value {
    Value sizes[] = {height, width}, at[2], inside;
    for (int64_t i = 0; i < 2; ++i) {
      at[i] = position(b, loc, loopIndex(b, loc, 4 + i), blocks.stride[i], loopIndex(b, loc, 2 + i), blocks.dilation[i],
                       blocks.padding[i]);
      Value fits = isInside(b, loc, at[i], sizes[i]);
      inside = i == 0 ? fits : arith::AndIOp::create(b, loc, inside, fits).getResult();
      at[i] = clampedTo(b, loc, at[i], sizes[i]);
    }
    Value element = tensor::ExtractOp::create(
        b, loc, self.value, ValueRange{loopIndex(b, loc, 0), loopIndex(b, loc, 1), at[0], at[1]});
    return arith::SelectOp::create(b, loc, inside, element, scalarConstant(b, loc, dtype, int64_t{0}));
  });
  return {e.reshape(columns, call.resultSizes())};
}

// The reverse: the sum over all blocks that cover a place.
static Results importCol2im(Call &call) {
  Emitter &e = call.e;
  Tensor self = call.tensor("self");
  Sizes result = call.resultSizes();
  bool isUnbatched = self.rank() == 2;
  if (isUnbatched) {
    self = e.unsqueeze(self, 0);
    result.insert(result.begin(), e.size(1));
  }
  Blocks blocks = blocksOf(call, result);
  Sizes loop{result[0], result[1], e.size(blocks.kernel[0]), e.size(blocks.kernel[1]), blocks.counts[0], blocks.counts[1]};
  Tensor columns = e.reshape(self, loop);
  Value counts[] = {e.index(blocks.counts[0]), e.index(blocks.counts[1])};
  ScalarType dtype = self.dtype, compute = computeType(dtype);
  Sizes over = result; // N, C, H, W, then the kernel
  over.append({e.size(blocks.kernel[0]), e.size(blocks.kernel[1])});
  // What gives the loops over the kernel their lengths; nothing reads its elements.
  Tensor taps = e.fill(SizesRef(over).take_back(2), ScalarType::Bool, Scalar::of(false));
  Tensor sum = e.reduceMapped(
      taps, e.dimsMap(6, {4, 5}), over, {4, 5}, compute, Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange) -> Value {
        Value block[2], covers;
        for (int64_t i = 0; i < 2; ++i) {
          Value stride = arith::ConstantIndexOp::create(b, loc, blocks.stride[i]);
          Value shifted = position(b, loc, loopIndex(b, loc, 2 + i), 1, loopIndex(b, loc, 4 + i), -blocks.dilation[i],
                                   -blocks.padding[i]);
          block[i] = arith::DivSIOp::create(b, loc, shifted, stride);
          Value isWhole = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                                arith::MulIOp::create(b, loc, block[i], stride), shifted);
          Value fits = arith::AndIOp::create(b, loc, isWhole, isInside(b, loc, block[i], counts[i]));
          covers = i == 0 ? fits : arith::AndIOp::create(b, loc, covers, fits).getResult();
          block[i] = clampedTo(b, loc, block[i], counts[i]);
        }
        Value element = tensor::ExtractOp::create(b, loc, columns.value,
                                                  ValueRange{loopIndex(b, loc, 0), loopIndex(b, loc, 1), loopIndex(b, loc, 4),
                                                             loopIndex(b, loc, 5), block[0], block[1]});
        Value wide = castScalar(b, loc, element, dtype, compute);
        return arith::SelectOp::create(b, loc, covers, wide, scalarConstant(b, loc, compute, int64_t{0}));
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, compute).add(acc, next); });
  sum = e.cast(sum, dtype);
  return {isUnbatched ? e.squeeze(sum, 0) : sum};
}

void tenon::aten::addWindowRows(OpTable &table) {
  table.add("unfold", importUnfold);
  table.add("im2col", importIm2col);
  table.add("col2im", importCol2im);
}
