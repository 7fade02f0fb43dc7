//===- Boxes.cpp - boxes of detectors: suppression and pooling ----------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// nms goes through the boxes from the best score on. What a box that is still there overlaps too much is struck out, all at
// once:
//
//   for i in 0 … N:   struck[j] |= !struck[i] && j > i && overlap(i, j) > threshold     for all j
//
// The positions that are left, in the order of the scores, are as many as the run finds. Source: torchvision.ops.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Sorting.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

//===--- suppression -------------------------------------------------------------------------------------------------===//

namespace {
/// Corners and areas of boxes, a vector each.
struct BoxTable {
  Tensor left, top, right, bottom, area;
  SmallVector<Tensor> columns() const { return {left, top, right, bottom, area}; }
};
} // namespace

// Row `order[i]` of `boxes` [N, 4] for each i.
static BoxTable boxesInOrder(Emitter &e, const Tensor &boxes, const Tensor &order) {
  SmallVector<Tensor> columns;
  for (int64_t column = 0; column < 4; ++column)
    columns.push_back(e.gather(
        boxes, order, e.b.getMultiDimIdentityMap(1), order.sizes, [&](OpBuilder &b, Location loc, ValueRange args) {
          return SmallVector<Value>{arith::IndexCastOp::create(b, loc, b.getIndexType(), args[0]),
                                    arith::ConstantIndexOp::create(b, loc, column)};
        }));
  Tensor area = e.compute(columns, boxes.dtype, [](Math &m, ValueRange args) {
    return m.mul(m.sub(args[2], args[0]), m.sub(args[3], args[1]));
  });
  return {columns[0], columns[1], columns[2], columns[3], area};
}

// The greatest number of `dtype` that is at most `value`: above the one is above the other.
static double roundedDown(double value, ScalarType dtype) {
  if (dtype != ScalarType::Float32)
    return value;
  auto nearest = static_cast<float>(value);
  return nearest > value ? std::nextafter(nearest, -std::numeric_limits<float>::infinity()) : nearest;
}

// The area that two boxes share by the one they cover. A NaN among the corners is no limit, as in std::max and std::min.
static Value overlap(Math &m, ValueRange a, ValueRange b) {
  auto greater = [&](Value x, Value y) { return m.select(m.compare(Math::Order::Lt, x, y), y, x); };
  auto lesser = [&](Value x, Value y) { return m.select(m.compare(Math::Order::Lt, y, x), y, x); };
  Value width = greater(m.constant(0), m.sub(lesser(a[2], b[2]), greater(a[0], b[0])));
  Value height = greater(m.constant(0), m.sub(lesser(a[3], b[3]), greater(a[1], b[1])));
  Value shared = m.mul(width, height);
  return m.div(shared, m.sub(m.add(a[4], b[4]), shared));
}

// `struck` where it was, and where box `i`, unless it is struck itself, overlaps a later one too much.
static Tensor strikeOut(Emitter &e, const Tensor &struck, const BoxTable &boxes, Value i, double threshold) {
  Value isStruck = tensor::ExtractOp::create(e.b, e.loc, struck.value, i);
  Value first = arith::SelectOp::create(e.b, e.loc, isStruck, e.index(struck.sizes[0]), i);
  SmallVector<Tensor> inputs = boxes.columns();
  for (const Tensor &column : boxes.columns())
    inputs.push_back(e.slice(column, 0, i, e.size(1)));
  inputs.push_back(struck);
  return e.pointwise(inputs, struck.sizes, ScalarType::Bool, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
    Math m(b, loc, boxes.left.dtype);
    ValueRange others = args.take_front(5), own = args.slice(5, 5);
    Value position = linalg::IndexOp::create(b, loc, 0);
    Value isLater = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, position, first);
    Value isTooMuch = m.compare(Math::Order::Gt, overlap(m, own, others), m.constant(threshold));
    return arith::OrIOp::create(b, loc, args.back(), arith::AndIOp::create(b, loc, isLater, isTooMuch));
  });
}

static Results importNms(Call &call) {
  Emitter &e = call.e;
  Tensor boxes = call.tensor("dets"), scores = call.tensor("scores");
  if (boxes.rank() != 2 || scores.rank() != 1 || boxes.dtype != scores.dtype || computeType(boxes.dtype) != boxes.dtype)
    return {call.unsupported("boxes that torchvision refuses")};
  Tensor order = createSort(call, scores, 0, scores.sizes[0], {/*descending=*/true}).positions;
  BoxTable table = boxesInOrder(e, boxes, order);
  double threshold = roundedDown(call.real("iou_threshold"), boxes.dtype);
  Tensor struck = e.fill(scores.sizes, ScalarType::Bool, Scalar::of(false));
  auto loop = scf::ForOp::create(e.b, e.loc, e.index(e.size(0)), e.index(scores.sizes[0]), e.index(e.size(1)),
                                 struck.value, [&](OpBuilder &b, Location loc, Value i, ValueRange carried) {
                                   Emitter inside(b, loc);
                                   Tensor current = struck;
                                   current.value = carried[0];
                                   scf::YieldOp::create(b, loc, strikeOut(inside, current, table, i, threshold).value);
                                 });
  struck.value = loop.getResult(0);
  Tensor isLeft =
      e.pointwise(struck, struck.sizes, ScalarType::Bool, [](OpBuilder &b, Location loc, ValueRange args) -> Value {
        return arith::XOrIOp::create(b, loc, args[0], scalarConstant(b, loc, ScalarType::Bool, int64_t{1}));
      });
  Tensor left = trueCoordinates(call, isLeft)[0];
  return {e.gather(order, left, e.b.getMultiDimIdentityMap(1), left.sizes,
                   [&](OpBuilder &b, Location loc, ValueRange args) {
                     return SmallVector<Value>{arith::IndexCastOp::create(b, loc, b.getIndexType(), args[0])};
                   })};
}

//===--- pooling -----------------------------------------------------------------------------------------------------===//

// Which channel or pixel each number comes from, the second result, is for training.
static Results poolRegions(Call &call, RegionPoolKind kind) {
  Emitter &e = call.e;
  Tensor input = call.tensor("input"), boxes = call.tensor("rois");
  if (input.dtype != boxes.dtype ||
      (input.dtype != ScalarType::Float32 && input.dtype != ScalarType::Float64 && input.dtype != ScalarType::Float16))
    return {call.unsupported("operands that torchvision refuses")};
  bool isAligning = kind == RegionPoolKind::Align || kind == RegionPoolKind::PositionalAlign;
  int64_t sampling = isAligning ? std::max<int64_t>(call.integer("sampling_ratio"), 0) : 0;
  bool isCentred = kind == RegionPoolKind::Align && call.boolean("aligned");
  Tensor result = e.empty(call.resultSizes(), input.dtype);
  auto op =
      PoolRegionsOp::create(e.b, e.loc, TypeRange{result.value.getType()}, input.value, boxes.value,
                            ValueRange{result.value}, kind, APFloat(call.real("spatial_scale")), sampling, isCentred);
  result.value = op->getResult(0);
  return {result};
}

void tenon::aten::addBoxRows(OpTable &table) {
  table.add("torchvision.nms", importNms);
  static constexpr std::pair<StringLiteral, RegionPoolKind> pools[] = {
      {"torchvision.roi_align", RegionPoolKind::Align},
      {"torchvision.roi_pool", RegionPoolKind::Max},
      {"torchvision.ps_roi_align", RegionPoolKind::PositionalAlign},
      {"torchvision.ps_roi_pool", RegionPoolKind::PositionalMean}};
  for (auto [name, kind] : pools)
    table.add(name, [kind](Call &call) { return poolRegions(call, kind); });
}
