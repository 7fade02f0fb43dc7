//===- FoldBatchNorm.cpp - a per-channel affine map joins the weights before it -------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
//   %c = tenon.conv ins(%x, %w) bias(%b)                  %w2 = linalg.generic (w[o, …] * scale[o])
//   %y = linalg.generic (c * scale[o] + shift[o])    =>   %b2 = linalg.generic (b[o] * scale[o] + shift[o])
//                                                         %y = tenon.conv ins(%x, %w2) bias(%b2)
//
// Batch normalisation in evaluation mode is imported as such a map. The weights are constants, so HoistConstants moves the work
// to load time. Source: https://arxiv.org/abs/1502.03167, section 3.1.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Passes.h"
#include "compiler/passes/Remarks.h"
#include "compiler/passes/ScalarChain.h"
#include "compiler/passes/Views.h"

namespace tenon {
#define GEN_PASS_DEF_FOLDBATCHNORM
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

namespace {

/// y = product * scale + shift, of which shift may be missing.
struct Affine {
  linalg::GenericOp op;
  Value scale, shift;
};

/// What a convolution and a matmul have in common here.
struct Product {
  Operation *op;
  OpOperand *weight;
  int64_t outputDim; // of the weight
  int64_t channelDim; // of the result
  Value bias;        // may be null
};

} // namespace

//===--- decision ----------------------------------------------------------------------------------------------------===//

static std::optional<Product> asProduct(Operation *op, std::string &reason) {
  if (auto conv = dyn_cast<ConvOp>(op)) {
    if (conv.getTransposed() && conv.getGroups() != 1)
      return reason = "a grouped transposed convolution has its output channels in two dimensions", std::nullopt;
    return Product{op, &conv.getWeightMutable(), conv.getTransposed() ? 1 : 0, 1, conv.getBias()};
  }
  auto matmul = cast<MatmulOp>(op);
  int64_t rank = cast<RankedTensorType>(matmul.getRhs().getType()).getRank();
  if (rank != 2)
    return std::nullopt;
  return Product{op, &matmul.getRhsMutable(), 1, 1, matmul.getBias()};
}

static bool isConstant(Value value) {
  Operation *op = value.getDefiningOp();
  return op && isMemoryEffectFree(op) && op->getNumRegions() <= 1 && llvm::all_of(op->getOperands(), isConstant);
}

// Returns the operand of `step` where it is a constant vector of channels.
static Value channelVector(linalg::GenericOp generic, const ChainStep &step, int64_t channelDim) {
  if (!step.operand || !isConstant(step.operand->get()))
    return {};
  AffineMap map = generic.getMatchingIndexingMap(step.operand);
  bool alongChannels = map.getNumResults() == 1 && map.getResult(0) == getAffineDimExpr(channelDim, map.getContext());
  return alongChannels ? step.operand->get() : Value();
}

static std::optional<Affine> affineAfter(const Product &product, std::string &reason) {
  Value result = product.op->getResult(0);
  auto generic = result.hasOneUse() ? dyn_cast<linalg::GenericOp>(*result.user_begin()) : linalg::GenericOp();
  if (!generic || generic->getBlock() != product.op->getBlock() || !generic.isDpsInput(&*result.use_begin()))
    return std::nullopt;
  OpOperand &read = *result.use_begin();
  if (!generic.getMatchingIndexingMap(&read).isIdentity() || generic.getResultTypes()[0] != result.getType() ||
      !generic.getMatchingIndexingMap(generic.getDpsInitOperand(0)).isIdentity())
    return std::nullopt;
  std::string noChain;
  FailureOr<SmallVector<ChainStep>> steps = readChain(generic, read, noChain);
  if (failed(steps) || steps->empty() || steps->size() > 2 || (*steps)[0].step.getKind() != EpilogueKind::Mul ||
      (steps->size() == 2 && (*steps)[1].step.getKind() != EpilogueKind::Add))
    return std::nullopt;
  Affine affine{generic, channelVector(generic, (*steps)[0], product.channelDim), {}};
  if (steps->size() == 2)
    affine.shift = channelVector(generic, (*steps)[1], product.channelDim);
  if (!affine.scale || (steps->size() == 2 && !affine.shift))
    return reason = "the scale or shift is no constant vector of channels", std::nullopt;
  if (!isConstant(product.weight->get()) || (product.bias && !isConstant(product.bias)))
    return reason = "the weight is no constant", std::nullopt;
  if (!product.op->getAttrOfType<ArrayAttr>("epilogue").empty())
    return reason = "the product has an epilogue before it", std::nullopt;
  return affine;
}

//===--- action ------------------------------------------------------------------------------------------------------===//

static Value convertTo(OpBuilder &builder, Location loc, Value scalar, Type type) {
  unsigned from = scalar.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (scalar.getType() == type)
    return scalar;
  return from < to ? arith::ExtFOp::create(builder, loc, type, scalar).getResult()
                   : arith::TruncFOp::create(builder, loc, type, scalar).getResult();
}

// Returns `value` * scale (+ shift), where both run along dimension `dim`, computed in the type of the scale.
static Value scaled(OpBuilder &builder, Location loc, Value value, const Affine &affine, int64_t dim, Value shift) {
  auto type = cast<RankedTensorType>(value.getType());
  AffineMap whole = builder.getMultiDimIdentityMap(type.getRank());
  AffineMap channels = AffineMap::get(type.getRank(), 0, builder.getAffineDimExpr(dim));
  SmallVector<Value> inputs{value, affine.scale};
  SmallVector<AffineMap> maps{whole, channels};
  if (shift) {
    inputs.push_back(shift);
    maps.push_back(channels);
  }
  maps.push_back(whole);
  SmallVector<utils::IteratorType> kinds(type.getRank(), utils::IteratorType::parallel);
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  Type compute = getElementTypeOrSelf(affine.scale.getType());
  auto generic = linalg::GenericOp::create(
      builder, loc, type, inputs, empty, maps, kinds, [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        Value result = convertTo(nested, loc, arguments[0], compute);
        result = arith::MulFOp::create(nested, loc, result, convertTo(nested, loc, arguments[1], compute));
        if (shift)
          result = arith::AddFOp::create(nested, loc, result, convertTo(nested, loc, arguments[2], compute));
        linalg::YieldOp::create(nested, loc, convertTo(nested, loc, result, type.getElementType()));
      });
  return generic.getResult(0);
}

static void fold(const Product &product, Affine &affine) {
  OpBuilder builder(affine.op);
  Location loc = affine.op.getLoc();
  product.weight->set(scaled(builder, loc, product.weight->get(), affine, product.outputDim, {}));
  Value bias = product.bias ? scaled(builder, loc, product.bias, affine, 0, affine.shift) : affine.shift;
  if (bias) {
    auto conv = dyn_cast<ConvOp>(product.op);
    (conv ? conv.getBiasMutable() : cast<MatmulOp>(product.op).getBiasMutable()).assign(bias);
  }
  product.op->moveBefore(affine.op);
  product.op->setLoc(builder.getFusedLoc({product.op->getLoc(), loc}));
  affine.op.getResult(0).replaceAllUsesWith(product.op->getResult(0));
  affine.op.erase();
}

namespace {
struct FoldBatchNorm : tenon::impl::FoldBatchNormBase<FoldBatchNorm> {
  using FoldBatchNormBase::FoldBatchNormBase;
  void runOnOperation() override {
    SmallVector<Operation *> products;
    getOperation().walk([&](Operation *op) {
      if (isa<MatmulOp, ConvOp>(op) && op->getNumResults() == 1)
        products.push_back(op);
    });
    for (Operation *product : products)
      foldInto(product);
  }

private:
  void foldInto(Operation *op) {
    std::string reason;
    std::optional<Product> product = asProduct(op, reason);
    std::optional<Affine> affine = product ? affineAfter(*product, reason) : std::nullopt;
    if (affine && keepRounding && isHalfWidthFloat(getElementTypeOrSelf(op->getResult(0).getType())))
      reason = "the scaled weights would be rounded to half width once more";
    if (affine && reason.empty())
      fold(*product, *affine);
    else if (!reason.empty())
      explain(op, "fold-batch-norm", "affine map not folded; " + reason);
  }
};
} // namespace
