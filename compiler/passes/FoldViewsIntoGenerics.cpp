//===- FoldViewsIntoGenerics.cpp - read views through indexing maps -------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A view between two generics would part them when kernels are formed. Where an indexing map can say the same, it does:
//
//   %b = tenon.broadcast %bias : tensor<8xf32> to tensor<4x8xf32>         linalg.generic {indexing_maps =
//   linalg.generic {indexing_maps = [(i, j) -> (i, j), …]} ins(%b)   =>    [(i, j) -> (j), …]} ins(%bias)
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Passes.h"
#include "compiler/passes/Views.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tenon {
#define GEN_PASS_DEF_FOLDVIEWSINTOGENERICS
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

namespace {

// An operand that is a view becomes the view's source, its map the map of that source.
struct ReadThroughView : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp generic, PatternRewriter &rewriter) const override {
    for (OpOperand *operand : generic.getDpsInputOperands())
      if (succeeded(readThrough(generic, *operand, rewriter)))
        return success();
    return failure();
  }

private:
  static LogicalResult readThrough(linalg::GenericOp generic, OpOperand &operand, PatternRewriter &rewriter) {
    Operation *view = operand.get().getDefiningOp();
    AffineMap map = view ? mapThroughView(view, generic.getMatchingIndexingMap(&operand)) : AffineMap();
    if (!map)
      return failure();
    SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
    maps[operand.getOperandNumber()] = map;
    // A loop that only this operand bounded would lose its bound.
    if (!inversePermutation(concatAffineMaps(maps, generic.getContext())))
      return failure();
    rewriter.modifyOpInPlace(generic, [&] {
      operand.set(view->getOperand(0));
      generic.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
    });
    return success();
  }
};

// A generic that only yields its operand is the operand, or a permutation of it.
struct RemoveIdentity : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp generic, PatternRewriter &rewriter) const override {
    if (!yieldsItsOnlyInput(generic))
      return failure();
    Value input = generic.getDpsInputOperand(0)->get();
    AffineMap inputMap = generic.getIndexingMapsArray()[0], outputMap = generic.getIndexingMapsArray()[1];
    if (inputMap == outputMap && input.getType() == generic.getResult(0).getType()) {
      rewriter.replaceOp(generic, input);
      return success();
    }
    if (!inputMap.isPermutation() || !outputMap.isPermutation())
      return failure();
    // Result dimension i runs over the loop that some dimension of the input runs over.
    SmallVector<int64_t> order;
    for (AffineExpr loop : outputMap.getResults())
      order.push_back(*inputMap.getResultPosition(loop));
    rewriter.replaceOpWithNewOp<PermuteOp>(generic, generic.getResult(0).getType(), input, order);
    return success();
  }

private:
  static bool yieldsItsOnlyInput(linalg::GenericOp generic) {
    if (generic.getNumDpsInputs() != 1 || generic.getNumResults() != 1 || generic.getNumReductionLoops() != 0)
      return false;
    auto yield = cast<linalg::YieldOp>(generic.getBody()->getTerminator());
    return yield.getOperand(0) == generic.getBody()->getArgument(0);
  }
};

struct FoldViewsIntoGenerics : tenon::impl::FoldViewsIntoGenericsBase<FoldViewsIntoGenerics> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ReadThroughView, RemoveIdentity>(&getContext());
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
