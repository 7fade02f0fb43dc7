//===- PrepareKernels.cpp - linalg ops in the form that grouping expects --------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/PrepareKernels.h"

#include "compiler/ir/TenonDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace tenon;

/// Inlining repeats the producer's body per element: at most this many operations, none of them transcendental.
static constexpr unsigned maxInlinedOps = 6;

//===--- inlining ----------------------------------------------------------------------------------------------------===//

static bool isCheap(Operation &op) {
  return isa<arith::ArithDialect>(op.getDialect()) ? !isa<arith::DivFOp, arith::RemFOp>(op)
                                                   : isa<linalg::IndexOp, linalg::YieldOp>(op);
}

static bool hasCheapBody(linalg::GenericOp producer) {
  Block *body = producer.getBody();
  return body->getOperations().size() <= maxInlinedOps + 1 && llvm::all_of(*body, isCheap);
}

// Inlined is what a generic reads through a broadcast (grouping needs equal iteration spaces) or what reads no tensor.
static bool shouldInline(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer || producer.getNumReductionLoops() != 0 || !hasCheapBody(producer))
    return false;
  return producer.getNumDpsInputs() == 0 || producer.getNumLoops() < consumer.getNumParallelLoops();
}

//===--- scalars -----------------------------------------------------------------------------------------------------===//

// A folder makes one constant of scalars that are constants, which has no memory: it is taken apart again.
static void spellOutConstants(func::FuncOp function) {
  SmallVector<arith::ConstantOp> constants;
  function.walk([&](arith::ConstantOp op) {
    if (isa<RankedTensorType>(op.getType()))
      constants.push_back(op);
  });
  for (arith::ConstantOp op : constants) {
    OpBuilder builder(op);
    SmallVector<Value> elements;
    for (Attribute element : cast<DenseElementsAttr>(op.getValue()).getValues<Attribute>())
      elements.push_back(arith::ConstantOp::create(builder, op.getLoc(), cast<TypedAttr>(element)));
    Value tensor = tensor::FromElementsOp::create(builder, op.getLoc(), cast<RankedTensorType>(op.getType()), elements);
    op.replaceAllUsesWith(tensor);
    op.erase();
  }
}

// Scalars in memory are written by a kernel like any other value: tensor.from_elements becomes a generic that selects the
// scalar of each position.
static void writeScalarsByGenerics(func::FuncOp function) {
  SmallVector<tensor::FromElementsOp> tensors;
  function.walk([&](tensor::FromElementsOp op) { tensors.push_back(op); });
  for (tensor::FromElementsOp op : tensors) {
    OpBuilder builder(op);
    Location loc = op.getLoc();
    RankedTensorType type = op.getType();
    Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
    SmallVector<AffineMap> maps{builder.getMultiDimIdentityMap(type.getRank())};
    SmallVector<utils::IteratorType> kinds(type.getRank(), utils::IteratorType::parallel);
    auto generic = linalg::GenericOp::create(
        builder, loc, type, ValueRange(), empty, maps, kinds, [&](OpBuilder &nested, Location loc, ValueRange) {
          Value position = arith::ConstantIndexOp::create(nested, loc, 0);
          for (int64_t dim = 0; dim < type.getRank() && op.getElements().size() > 1; ++dim) {
            Value size = arith::ConstantIndexOp::create(nested, loc, type.getDimSize(dim));
            position = arith::AddIOp::create(nested, loc, arith::MulIOp::create(nested, loc, position, size),
                                             linalg::IndexOp::create(nested, loc, dim));
          }
          Value element = op.getElements().front();
          for (auto [index, other] : llvm::drop_begin(llvm::enumerate(op.getElements()))) {
            Value here = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::eq, position,
                                               arith::ConstantIndexOp::create(nested, loc, index));
            element = arith::SelectOp::create(nested, loc, here, other, element);
          }
          linalg::YieldOp::create(nested, loc, element);
        });
    op.replaceAllUsesWith(generic.getResult(0));
    op.erase();
  }
}

//===--- unit loops --------------------------------------------------------------------------------------------------===//

namespace {

// A parallel loop over a dimension of size one becomes the constant 0.
struct DropUnitLoops : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp generic, PatternRewriter &rewriter) const override {
    SmallVector<int64_t> sizes = generic.getStaticLoopRanges();
    SmallVector<utils::IteratorType> kinds = generic.getIteratorTypesArray();
    SmallVector<AffineExpr> replacements;
    SmallVector<int64_t> newPositions(sizes.size(), -1);
    SmallVector<Attribute> newKinds;
    for (size_t loop = 0; loop < sizes.size(); ++loop) {
      bool drop = sizes[loop] == 1 && kinds[loop] == utils::IteratorType::parallel;
      if (!drop) {
        newPositions[loop] = newKinds.size();
        newKinds.push_back(generic.getIteratorTypes()[loop]);
      }
      replacements.push_back(drop ? rewriter.getAffineConstantExpr(0)
                                  : rewriter.getAffineDimExpr(newPositions[loop]));
    }
    if (newKinds.size() == sizes.size())
      return failure();
    SmallVector<AffineMap> maps;
    for (AffineMap map : generic.getIndexingMapsArray())
      maps.push_back(map.replaceDimsAndSymbols(replacements, {}, newKinds.size(), 0));
    renumberIndices(generic, newPositions, rewriter);
    rewriter.modifyOpInPlace(generic, [&] {
      generic.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
      generic.setIteratorTypesAttr(rewriter.getArrayAttr(newKinds));
    });
    return success();
  }

private:
  static void renumberIndices(linalg::GenericOp generic, ArrayRef<int64_t> newPositions, PatternRewriter &rewriter) {
    for (auto index : llvm::make_early_inc_range(generic.getBody()->getOps<linalg::IndexOp>())) {
      rewriter.setInsertionPoint(index);
      int64_t position = newPositions[index.getDim()];
      if (position < 0)
        rewriter.replaceOpWithNewOp<arith::ConstantIndexOp>(index, 0);
      else
        rewriter.modifyOpInPlace(index, [&] { index.setDim(position); });
    }
  }
};

} // namespace

//===--- inits -------------------------------------------------------------------------------------------------------===//

// Gives every linalg op that starts from a fill its own copy of it.
static void splitFills(func::FuncOp function) {
  SmallVector<linalg::FillOp> fills;
  function.walk([&](linalg::FillOp fill) { fills.push_back(fill); });
  for (linalg::FillOp fill : fills)
    for (OpOperand &use : llvm::make_early_inc_range(fill->getUses())) {
      auto consumer = dyn_cast<linalg::LinalgOp>(use.getOwner());
      if (!consumer || !consumer.isDpsInit(&use) || fill->hasOneUse())
        continue;
      OpBuilder builder(consumer);
      use.set(builder.clone(*fill)->getResult(0));
    }
}

// Copies data that an op accumulates into, so that only values made by linalg ops are read through inits.
static void copyReadInits(func::FuncOp function) {
  SmallVector<OpOperand *> readInits;
  function.walk([&](linalg::LinalgOp op) {
    for (OpOperand &init : op.getDpsInitsMutable())
      if (op.payloadUsesValueFromOperand(&init) && isa<RankedTensorType>(init.get().getType()) &&
          !init.get().getDefiningOp<linalg::LinalgOp>() && !init.get().getDefiningOp<tensor::EmptyOp>())
        readInits.push_back(&init);
  });
  for (OpOperand *init : readInits) {
    OpBuilder builder(init->getOwner());
    Location loc = init->getOwner()->getLoc();
    auto type = cast<RankedTensorType>(init->get().getType());
    Value empty = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, init->get()),
                                          type.getElementType());
    SmallVector<AffineMap> maps(2, builder.getMultiDimIdentityMap(type.getRank()));
    SmallVector<utils::IteratorType> kinds(type.getRank(), utils::IteratorType::parallel);
    auto copy = linalg::GenericOp::create(
        builder, loc, type, init->get(), empty, maps, kinds,
        [](OpBuilder &nested, Location loc, ValueRange arguments) {
          linalg::YieldOp::create(nested, loc, arguments[0]);
        });
    init->set(copy.getResult(0));
  }
}

LogicalResult tenon::prepareKernels(func::FuncOp function) {
  spellOutConstants(function);
  writeScalarsByGenerics(function);
  RewritePatternSet inlining(function.getContext());
  linalg::populateElementwiseOpsFusionPatterns(inlining, shouldInline);
  if (failed(applyPatternsGreedily(function, std::move(inlining))))
    return failure();
  copyReadInits(function);
  RewritePatternSet unitLoops(function.getContext());
  unitLoops.add<DropUnitLoops>(function.getContext());
  if (failed(applyPatternsGreedily(function, std::move(unitLoops))))
    return failure();
  splitFills(function);
  return success();
}
