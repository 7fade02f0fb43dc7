//===- AssignLayouts.cpp - the order in which values lie in memory --------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Types keep PyTorch's dimension order; this pass gives producers the attribute tenon.layout: per result the dimensions
// from outermost to innermost in memory, or an empty list for row-major.
//
//   convolution and pooling       channels last: a pixel's channels are one vector, weights are blocked by the library
//   kernels, concatenations       as their largest operand of the same rank, so that nothing is transposed on the way
//   attention, matmul             so that the one permute that reads the result (heads back to columns) is free
//   what the function returns     row-major, as callers see it
//
// One walk in program order; a value's layout depends on its operands' only.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Passes.h"

namespace tenon {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

namespace {
/// Dimensions from outermost to innermost; empty for row-major.
using Layout = SmallVector<int64_t>;
} // namespace

static Layout channelsLast(int64_t rank) {
  Layout layout = {0};
  for (int64_t dim = 2; dim < rank; ++dim)
    layout.push_back(dim);
  layout.push_back(1);
  return layout;
}

// Returns `order` as a layout: empty when it is row-major.
static Layout canonical(ArrayRef<int64_t> order) { return llvm::is_sorted(order) ? Layout() : Layout(order); }

// Returns the layout of `value`: its producer's attribute, carried through the views that keep or permute dimensions.
static Layout layoutOf(Value value) {
  if (auto permute = value.getDefiningOp<PermuteOp>()) {
    Layout source = layoutOf(permute.getSource());
    if (source.empty())
      source = llvm::to_vector(llvm::seq<int64_t>(0, permute.getOrder().size()));
    Layout result;
    for (int64_t dim : source)
      result.push_back(llvm::find(permute.getOrder(), dim) - permute.getOrder().begin());
    return canonical(result);
  }
  if (auto slice = value.getDefiningOp<tensor::ExtractSliceOp>())
    return slice.getDroppedDims().none() ? layoutOf(slice.getSource()) : Layout();
  Operation *producer = value.getDefiningOp();
  auto layouts = producer ? producer->getAttrOfType<ArrayAttr>(layoutAttrName) : ArrayAttr();
  if (!layouts)
    return {};
  return Layout(cast<DenseI64ArrayAttr>(layouts[cast<OpResult>(value).getResultNumber()]).asArrayRef());
}

static int64_t staticElements(Value value) {
  int64_t count = 1;
  for (int64_t size : cast<ShapedType>(value.getType()).getShape())
    count *= ShapedType::isDynamic(size) ? 1 : size;
  return count;
}

// Returns the layout of the largest operand with the rank of `result`. Row-major operands of size-one extents fit any
// layout, so they do not vote.
static Layout layoutOfLargestOperand(ValueRange operands, Value result) {
  int64_t rank = cast<ShapedType>(result.getType()).getRank();
  Value largest;
  for (Value operand : operands) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type || type.getRank() != rank)
      continue;
    if (!largest || staticElements(operand) > staticElements(largest) ||
        (staticElements(operand) == staticElements(largest) && layoutOf(largest).empty()))
      largest = operand;
  }
  return largest ? layoutOf(largest) : Layout();
}

// Returns the layout that makes the only reader of `value`, a permute, row-major.
static Layout layoutForPermutedUse(Value value) {
  if (!value.hasOneUse())
    return {};
  auto permute = dyn_cast<PermuteOp>(*value.getUsers().begin());
  return permute ? canonical(permute.getOrder()) : Layout();
}

static bool isReturned(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::ReturnLike>(); });
}

static Layout chooseLayout(DestinationStyleOpInterface op, OpResult result) {
  int64_t rank = cast<ShapedType>(result.getType()).getRank();
  if (isReturned(result))
    return {};
  if (isa<ConvOp, PoolOp>(op))
    return channelsLast(rank);
  if (isa<AttentionOp, MatmulOp>(op))
    return layoutForPermutedUse(result);
  if (auto concat = dyn_cast<ConcatOp>(*op))
    return layoutOfLargestOperand(concat.getSources(), result);
  if (auto launch = dyn_cast<LaunchOp>(*op))
    return layoutOfLargestOperand(launch.getInputs(), result);
  return {};
}

namespace {

struct AssignLayouts : tenon::impl::AssignLayoutsBase<AssignLayouts> {
  void runOnOperation() override {
    if (getOperation()->hasAttr(kernelAttrName))
      return;
    getOperation().walk([](DestinationStyleOpInterface op) {
      if (op->getNumResults() == 0 || !isa<TenonDialect>(op->getDialect()))
        return;
      SmallVector<Layout> layouts =
          llvm::map_to_vector(op->getResults(), [&](OpResult result) { return chooseLayout(op, result); });
      if (llvm::all_of(layouts, [](const Layout &layout) { return layout.empty(); }))
        return;
      Builder builder(op.getContext());
      op->setAttr(layoutAttrName, builder.getArrayAttr(llvm::map_to_vector(layouts, [&](const Layout &layout) {
        return Attribute(builder.getDenseI64ArrayAttr(layout));
      })));
    });
  }
};

} // namespace
