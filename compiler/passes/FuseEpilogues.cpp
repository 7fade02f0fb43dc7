//===- FuseEpilogues.cpp - pointwise ops join the product before them -----------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
//   %m = tenon.matmul ins(%x, %w) … epilogue []                    %r = tenon.reshape %residual : [4, 8, 64] to [32, 64]
//   %v = tenon.reshape %m : [32, 64] to [4, 8, 64]           =>    %m = tenon.matmul ins(%x, %w) extras(%r) … epilogue [add, relu]
//   %y = linalg.generic (max(%v + %residual, 0))                   %y = tenon.reshape %m : [32, 64] to [4, 8, 64]
//
// The product moves down to the pointwise op, so that the extra operands are there before it.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Passes.h"
#include "compiler/passes/Remarks.h"
#include "compiler/passes/ScalarChain.h"
#include "compiler/passes/Views.h"

namespace tenon {
#define GEN_PASS_DEF_FUSEEPILOGUES
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

/// oneDNN takes up to 32 post-ops, but each further one costs registers of its micro-kernel.
static constexpr size_t maxEpilogueSteps = 8;

namespace {

/// How an extra operand is broadcast over the product's result; libraries know no other ways.
enum class ExtraShape { Whole, PerChannel };

/// An operand of the pointwise op as the product's `extras` or `bias` will see it.
struct Extra {
  OpOperand *operand;
  ExtraShape shape;
};

/// A pointwise op that a product can take over.
struct Fusion {
  Operation *product;
  linalg::GenericOp pointwise;
  ReshapeOp reshape;                        // between both, or null
  SmallVector<SmallVector<int64_t>> loops;  // for each dimension of the product's result, the loops that run over it
  SmallVector<ChainStep> steps;
  SmallVector<Extra> extras;                // one per step that takes an operand
};

} // namespace

//===--- decision ----------------------------------------------------------------------------------------------------===//

static ArrayAttr epilogueOf(Operation *product) { return product->getAttrOfType<ArrayAttr>("epilogue"); }

static int64_t channelDim(Operation *product, int64_t rank) { return isa<ConvOp>(product) ? 1 : rank - 1; }

static bool isOne(linalg::GenericOp generic, int64_t loop) { return generic.getStaticLoopRanges()[loop] == 1; }

// Pairs the dimensions of `reshape` from the last: returns for each source dimension the result dimensions that it becomes, or
// nothing where a dimension but the first would be split.
static std::optional<SmallVector<SmallVector<int64_t>>> splitOfFirstDims(ReshapeOp reshape) {
  Value source = reshape.getSource(), result = reshape.getResult();
  int64_t from = cast<RankedTensorType>(source.getType()).getRank();
  int64_t to = cast<RankedTensorType>(result.getType()).getRank();
  SmallVector<SmallVector<int64_t>> groups(from);
  while (from > 1 && to > 0 && sameSize(source, from - 1, result, to - 1))
    groups[--from] = {--to};
  if (from != 1)
    return std::nullopt;
  llvm::append_range(groups[0], llvm::seq<int64_t>(0, to));
  return groups;
}

// Fills in `loops`; the pointwise op must read the product where it writes its own result, in the same order.
static std::string matchLoops(Fusion &fusion, OpOperand &read) {
  linalg::GenericOp pointwise = fusion.pointwise;
  AffineMap readMap = pointwise.getMatchingIndexingMap(&read);
  AffineMap written = pointwise.getMatchingIndexingMap(pointwise.getDpsInitOperand(0));
  if (!written.isIdentity())
    return "is followed by an op that permutes its result";
  if (fusion.reshape) {
    auto groups = splitOfFirstDims(fusion.reshape);
    if (!groups || !readMap.isIdentity())
      return "is followed by a reshape that splits its columns";
    fusion.loops = *groups;
    return {};
  }
  int64_t nextLoop = 0;
  for (AffineExpr expr : readMap.getResults()) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (!loop && !isa<AffineConstantExpr>(expr))
      return "is read in another order by the op that follows";
    if (loop)
      for (; nextLoop < loop.getPosition(); ++nextLoop)
        if (!isOne(pointwise, nextLoop))
          return "is broadcast by the op that follows";
    if (loop && nextLoop != loop.getPosition())
      return "is read in another order by the op that follows";
    fusion.loops.push_back(loop ? SmallVector<int64_t>{nextLoop++} : SmallVector<int64_t>{});
  }
  for (; nextLoop < pointwise.getNumLoops(); ++nextLoop)
    if (!isOne(pointwise, nextLoop))
      return "is broadcast by the op that follows";
  return {};
}

// Returns for each dimension of the product whether `operand` runs along it; nothing where it is transposed or runs along a
// part of one only.
static std::optional<SmallVector<bool>> dimsOf(const Fusion &fusion, OpOperand &operand) {
  linalg::GenericOp pointwise = fusion.pointwise;
  llvm::SmallDenseSet<int64_t> present;
  int64_t last = -1;
  for (AffineExpr expr : pointwise.getMatchingIndexingMap(&operand).getResults()) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (!loop && !isa<AffineConstantExpr>(expr))
      return std::nullopt;
    if (!loop || isOne(pointwise, loop.getPosition()))
      continue;
    if (static_cast<int64_t>(loop.getPosition()) <= last)
      return std::nullopt;
    last = loop.getPosition();
    present.insert(last);
  }
  SmallVector<bool> dims;
  for (ArrayRef<int64_t> group : fusion.loops) {
    int64_t wide = llvm::count_if(group, [&](int64_t loop) { return !isOne(pointwise, loop); });
    int64_t seen = llvm::count_if(group, [&](int64_t loop) { return present.contains(loop); });
    if (seen != 0 && seen != wide)
      return std::nullopt;
    dims.push_back(seen == wide && seen > 0);
  }
  return dims;
}

static std::string classifyExtra(Fusion &fusion, OpOperand &operand) {
  auto result = cast<RankedTensorType>(fusion.product->getResult(0).getType());
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  if (!type || type.getElementType() != result.getElementType())
    return "is followed by an operand of another type";
  std::optional<SmallVector<bool>> dims = dimsOf(fusion, operand);
  if (!dims)
    return "is followed by a transposed operand";
  bool whole = true, perChannel = true;
  for (int64_t dim = 0; dim < result.getRank(); ++dim) {
    bool wide = result.getDimSize(dim) != 1;
    whole &= (*dims)[dim] || !wide;
    perChannel &= (*dims)[dim] == (wide && dim == channelDim(fusion.product, result.getRank()));
  }
  if (!whole && !perChannel)
    return "is followed by an operand that is broadcast over other dimensions than all but the channels";
  fusion.extras.push_back({&operand, perChannel ? ExtraShape::PerChannel : ExtraShape::Whole});
  return {};
}

// Returns the one op that reads `value`, through at most one reshape of a matmul's result.
static OpOperand *onlyReader(Operation *product, ReshapeOp &reshape) {
  Value value = product->getResult(0);
  if (!value.hasOneUse())
    return nullptr;
  OpOperand *use = &*value.use_begin();
  reshape = dyn_cast<ReshapeOp>(use->getOwner());
  if (!reshape || !isa<MatmulOp>(product))
    return use;
  return reshape->hasOneUse() ? &*reshape->use_begin() : nullptr;
}

// True where rounding before and after the step gives the same: ReLU passes on its operand or gives zero.
static bool commutesWithRounding(const ChainStep &step) {
  return step.step.getKind() == EpilogueKind::Activation && step.step.getActivation() == ActivationKind::Relu;
}

// Returns the fusion of `product` with what follows it. `reason` is set where a pointwise op follows but cannot be fused.
static FailureOr<Fusion> canFuse(Operation *product, bool keepRounding, std::string &reason) {
  Fusion fusion{product, {}, {}, {}, {}, {}};
  OpOperand *read = onlyReader(product, fusion.reshape);
  fusion.pointwise = read ? dyn_cast<linalg::GenericOp>(read->getOwner()) : linalg::GenericOp();
  if (!fusion.pointwise || fusion.pointwise->getBlock() != product->getBlock())
    return failure();
  auto type = cast<RankedTensorType>(product->getResult(0).getType());
  auto resultType = cast<RankedTensorType>(fusion.pointwise.getResultTypes()[0]);
  if (!isa<FloatType>(type.getElementType()) || resultType.getElementType() != type.getElementType())
    return reason = "is followed by an op that changes its type", failure();
  if (!fusion.pointwise.isDpsInput(read))
    return failure();
  auto steps = readChain(fusion.pointwise, *read, reason);
  if (failed(steps))
    return failure();
  fusion.steps = *steps;
  if (fusion.steps.size() + epilogueOf(product).size() > maxEpilogueSteps)
    return reason = "has as many epilogue steps as fit", failure();
  if (keepRounding && isHalfWidthFloat(type.getElementType()) && !llvm::all_of(fusion.steps, commutesWithRounding))
    return reason = "is rounded to half width before the op that follows", failure();
  if (reason = matchLoops(fusion, *read); !reason.empty())
    return failure();
  for (const ChainStep &step : fusion.steps)
    if (step.operand)
      if (reason = classifyExtra(fusion, *step.operand); !reason.empty())
        return failure();
  return fusion;
}

//===--- action ------------------------------------------------------------------------------------------------------===//

// Returns `value` reshaped to `type`, whose dynamic sizes are those of `like`.
static Value reshapeTo(OpBuilder &builder, Location loc, Value value, RankedTensorType type, Value like) {
  if (value.getType() == type)
    return value;
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim)) {
      OpFoldResult size = sizeOf(like, dim);
      sizes.push_back(size ? cast<Value>(size) : tensor::DimOp::create(builder, loc, like, dim));
    }
  return ReshapeOp::create(builder, loc, type, value, sizes);
}

static Value makeExtra(OpBuilder &builder, const Fusion &fusion, const Extra &extra) {
  Value value = extra.operand->get(), init = cast<DestinationStyleOpInterface>(fusion.product).getDpsInits()[0];
  auto type = cast<RankedTensorType>(init.getType());
  if (extra.shape == ExtraShape::Whole)
    return reshapeTo(builder, value.getLoc(), value, type, init);
  int64_t channel = channelDim(fusion.product, type.getRank());
  SmallVector<int64_t> shape(type.getRank() - channel, 1);
  shape[0] = type.getDimSize(channel);
  auto flat = RankedTensorType::get(shape, type.getElementType());
  // A dynamic number of channels has the operand's only dynamic dimension.
  return value.getType() == flat || flat.hasStaticShape()
             ? reshapeTo(builder, value.getLoc(), value, flat, init)
             : ReshapeOp::create(builder, value.getLoc(), flat, value, cast<Value>(sizeOf(init, channel))).getResult();
}

// True where the first step is the addition of a vector of channels, for which products have an operand of its own.
static bool startsWithBias(const Fusion &fusion) {
  bool hasBias = isa<ConvOp>(fusion.product) ? cast<ConvOp>(fusion.product).getBias() != nullptr
                                             : cast<MatmulOp>(fusion.product).getBias() != nullptr;
  return !hasBias && epilogueOf(fusion.product).empty() && !fusion.steps.empty() &&
         fusion.steps[0].step.getKind() == EpilogueKind::Add && fusion.extras[0].shape == ExtraShape::PerChannel;
}

static Value makeBias(OpBuilder &builder, const Fusion &fusion) {
  Value extra = makeExtra(builder, fusion, fusion.extras[0]);
  auto type = cast<RankedTensorType>(extra.getType());
  if (type.getRank() == 1)
    return extra;
  auto vector = RankedTensorType::get({type.getDimSize(0)}, type.getElementType());
  Value init = cast<DestinationStyleOpInterface>(fusion.product).getDpsInits()[0];
  SmallVector<Value> sizes;
  if (!vector.hasStaticShape())
    sizes.push_back(cast<Value>(sizeOf(init, 1)));
  return ReshapeOp::create(builder, extra.getLoc(), vector, extra, sizes);
}

template <typename Product>
static Operation *fuseInto(Product product, Fusion &fusion, OpBuilder &builder) {
  SmallVector<Attribute> epilogue(product.getEpilogue().begin(), product.getEpilogue().end());
  SmallVector<Value> extras(product.getExtras());
  size_t firstStep = 0, nextExtra = 0;
  Value bias = product.getBias();
  if (startsWithBias(fusion)) {
    bias = makeBias(builder, fusion);
    firstStep = nextExtra = 1;
  }
  for (const ChainStep &step : ArrayRef(fusion.steps).drop_front(firstStep)) {
    epilogue.push_back(step.step);
    if (step.operand)
      extras.push_back(makeExtra(builder, fusion, fusion.extras[nextExtra++]));
  }
  product->moveBefore(fusion.pointwise);
  if (bias)
    product.getBiasMutable().assign(bias);
  product.getExtrasMutable().assign(extras);
  product.setEpilogueAttr(builder.getArrayAttr(epilogue));
  product->setLoc(builder.getFusedLoc({product.getLoc(), fusion.pointwise.getLoc()}));
  return product;
}

static void fuse(Fusion &fusion) {
  linalg::GenericOp pointwise = fusion.pointwise;
  OpBuilder builder(pointwise);
  // The product's init must be there where the product moves to; its sizes are, as they are above the product already.
  if (auto conv = dyn_cast<ConvOp>(fusion.product))
    fuseInto(conv, fusion, builder);
  else
    fuseInto(cast<MatmulOp>(fusion.product), fusion, builder);
  builder.setInsertionPoint(pointwise);
  Value result = reshapeTo(builder, pointwise.getLoc(), fusion.product->getResult(0),
                           cast<RankedTensorType>(pointwise.getResultTypes()[0]), pointwise.getDpsInits()[0]);
  pointwise.getResult(0).replaceAllUsesWith(result);
  pointwise.erase();
  if (fusion.reshape)
    fusion.reshape.erase();
}

namespace {
struct FuseEpilogues : tenon::impl::FuseEpiloguesBase<FuseEpilogues> {
  using FuseEpiloguesBase::FuseEpiloguesBase;
  void runOnOperation() override {
    SmallVector<Operation *> products;
    getOperation().walk([&](Operation *op) {
      if (isa<MatmulOp, ConvOp>(op) && op->getNumResults() == 1)
        products.push_back(op);
    });
    // Of two products that are added, the later one takes the sum: the earlier one stays where it is.
    for (Operation *product : llvm::reverse(products))
      fuseAllInto(product);
  }

private:
  void fuseAllInto(Operation *product) {
    std::string reason;
    FailureOr<Fusion> fusion = canFuse(product, keepRounding, reason);
    for (; succeeded(fusion); fusion = canFuse(product, keepRounding, reason))
      fuse(*fusion);
    if (!reason.empty())
      explain(product, "fuse-epilogues", "not fused further; the product " + reason);
  }
};
} // namespace
