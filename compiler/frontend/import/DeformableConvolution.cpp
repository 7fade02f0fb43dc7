//===- DeformableConvolution.cpp - convolutions whose taps lie where an input says --------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Reads the taps into columns, then it is a matrix product. Source: torchvision.ops.deform_conv2d,
// https://arxiv.org/abs/1811.11168.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon::aten;

namespace {
struct TapGeometry {
  int64_t strideHeight, strideWidth, padHeight, padWidth, dilationHeight, dilationWidth, offsetGroups;
};

/// One plane of an image that is read between its pixels; zero outside of it.
struct Plane {
  Math &m; ///< of the dtype that is computed in
  const Tensor &image;
  Value batch, channel, height, width; ///< positions, and sizes as index values

  Value pixel(Value y, Value x) {
    OpBuilder &b = m.b;
    Location loc = m.loc;
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
    auto inside = [&](Value at, Value size) -> Value {
      Value low = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, at, zero);
      return arith::AndIOp::create(b, loc, low, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, at, size));
    };
    auto limited = [&](Value at, Value size) -> Value {
      return arith::MaxSIOp::create(b, loc, zero,
                                    arith::MinSIOp::create(b, loc, at, arith::SubIOp::create(b, loc, size, one)));
    };
    Value isInside = arith::AndIOp::create(b, loc, inside(y, height), inside(x, width));
    Value element = tensor::ExtractOp::create(b, loc, image.value,
                                              ValueRange{batch, channel, limited(y, height), limited(x, width)});
    return m.select(isInside, castScalar(b, loc, element, image.dtype, m.dtype), m.constant(0));
  }

  Value at(Value y, Value x) {
    auto whole = [&](Value low) -> Value {
      Value integer = castScalar(m.b, m.loc, low, m.dtype, ScalarType::Int64);
      return arith::IndexCastOp::create(m.b, m.loc, m.b.getIndexType(), integer);
    };
    Value lowY = math::FloorOp::create(m.b, m.loc, y), lowX = math::FloorOp::create(m.b, m.loc, x);
    Value partY = m.sub(y, lowY), partX = m.sub(x, lowX), one = m.constant(1);
    Value row = whole(lowY), column = whole(lowX), next = arith::ConstantIndexOp::create(m.b, m.loc, 1);
    Value nextRow = arith::AddIOp::create(m.b, m.loc, row, next),
          nextColumn = arith::AddIOp::create(m.b, m.loc, column, next);
    Value above = m.add(m.mul(m.sub(one, partX), pixel(row, column)), m.mul(partX, pixel(row, nextColumn)));
    Value below = m.add(m.mul(m.sub(one, partX), pixel(nextRow, column)), m.mul(partX, pixel(nextRow, nextColumn)));
    return m.add(m.mul(m.sub(one, partY), above), m.mul(partY, below));
  }
};
} // namespace

// [B, G, KH, KW, OH, OW] of component `part` of tensor [B, G * parts * KH * KW, OH, OW], with a dimension of one for
// the channels of a group behind G (masks have the groups' order but one part).
static Tensor perTap(Emitter &e, const Tensor &tensor, const TapGeometry &g, SizesRef window, int64_t parts,
                     int64_t part) {
  SizesRef sizes = tensor.sizes;
  Tensor split = e.reshape(
      tensor, Sizes{sizes[0], e.size(g.offsetGroups), window[0], window[1], e.size(parts), sizes[2], sizes[3]});
  return e.unsqueeze(e.squeeze(e.slice(split, 4, e.size(part), e.size(1)), 4), 2);
}

// [B, offset groups, channels of one, KH, KW, OH, OW].
static Tensor readColumns(Call &call, const TapGeometry &g, const Tensor &input, SizesRef window, SizesRef output) {
  Emitter &e = call.e;
  Tensor offset = call.tensor("offset");
  Sizes sizes{input.sizes[0],
              e.size(g.offsetGroups),
              e.floorDiv(input.sizes[1], e.size(g.offsetGroups)),
              window[0],
              window[1],
              output[2],
              output[3]};
  SmallVector<Tensor> operands{perTap(e, offset, g, window, 2, 0), perTap(e, offset, g, window, 2, 1)};
  if (call.boolean("use_mask"))
    operands.push_back(perTap(e, call.tensor("mask"), g, window, 1, 0));
  Value height = e.index(input.sizes[2]), width = e.index(input.sizes[3]), groupChannels = e.index(sizes[2]);
  ScalarType dtype = input.dtype, compute = computeType(dtype);
  return e.pointwise(operands, sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    auto index = [&](int64_t dim) -> Value { return linalg::IndexOp::create(b, loc, dim); };
    auto place = [&](int64_t tap, int64_t pixel, int64_t dilation, int64_t stride, int64_t pad, Value moved) {
      auto number = [&](int64_t dim) { return castScalar(b, loc, index(dim), ScalarType::Int64, compute); };
      Value corner =
          m.sub(m.mul(number(pixel), m.constant(static_cast<double>(stride))), m.constant(static_cast<double>(pad)));
      Value regular = m.add(corner, m.mul(number(tap), m.constant(static_cast<double>(dilation))));
      return m.add(regular, castScalar(b, loc, moved, offset.dtype, compute));
    };
    Value channel = arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, index(1), groupChannels), index(2));
    Plane plane{m, input, index(0), channel, height, width};
    Value value = plane.at(place(3, 5, g.dilationHeight, g.strideHeight, g.padHeight, args[0]),
                           place(4, 6, g.dilationWidth, g.strideWidth, g.padWidth, args[1]));
    if (args.size() > 2)
      value = m.mul(value, castScalar(b, loc, args[2], dtype, compute));
    return castScalar(b, loc, value, compute, dtype);
  });
}

static Results importDeformConv(Call &call) {
  Emitter &e = call.e;
  Tensor input = call.tensor("input"), weight = call.tensor("weight"), bias = call.optionalTensor("bias");
  TapGeometry g{call.integer("stride_h"),     call.integer("stride_w"),   call.integer("pad_h"),
                call.integer("pad_w"),        call.integer("dilation_h"), call.integer("dilation_w"),
                call.integer("offset_groups")};
  Size groups = e.size(call.integer("groups"));
  Sizes output = call.resultSizes();
  SizesRef w = weight.sizes;
  Tensor columns = readColumns(call, g, input, {w[2], w[3]}, output);
  Size taps = e.product(w.drop_front(1));
  columns = e.reshape(columns, Sizes{input.sizes[0], groups, taps, e.mul(output[2], output[3])});
  Tensor matrices = e.reshape(weight, Sizes{e.size(1), groups, e.floorDiv(w[0], groups), taps});
  Tensor product = e.reshape(e.matmul(matrices, columns), output);
  if (!bias)
    return {product};
  Tensor perChannel = e.reshape(bias, Sizes{bias.sizes[0], e.size(1), e.size(1)});
  return {e.compute({product, perChannel}, product.dtype,
                    [](Math &m, ValueRange args) { return m.add(args[0], args[1]); })};
}

void tenon::aten::addDeformableConvolutionRows(OpTable &table) {
  table.add("torchvision.deform_conv2d", importDeformConv);
}
