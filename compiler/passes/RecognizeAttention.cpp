//===- RecognizeAttention.cpp - attention written out as products and a softmax -------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Models that add a bias of their own to the scores write softmax(q x k^T * scale + bias) x v op by op. As one tenon.attention
// the scores never leave the cache. Matched from the second product back: the softmax as the importer writes it, then sums and
// scalings up to the first product. Where other ops read the scores or the weights they have to exist anyway, and the ops stay.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Passes.h"
#include "compiler/passes/Remarks.h"
#include "compiler/passes/ScalarChain.h"
#include "compiler/passes/Views.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace tenon {
#define GEN_PASS_DEF_RECOGNIZEATTENTION
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

/// Rank of tenon.attention's operands: batch, heads, rows, width.
static constexpr int64_t attentionRank = 4;

namespace {

/// Scores as the softmax reads them: product * scale + the masks.
struct Scores {
  MatmulOp product;
  double scale = 1;
  SmallVector<Value> masks; // each broadcasts to the scores, aligned right
};

struct WrittenOut {
  Scores scores;
  Value weights; // what the softmax yields
  MatmulOp root;
};

} // namespace

//===--- the softmax -------------------------------------------------------------------------------------------------===//

// Returns the first op of a generic's body if the body is `numOps` ops and a yield of the last one.
static Operation *bodyOf(linalg::GenericOp generic, size_t numOps) {
  Block *body = generic.getBody();
  bool isWhole = body->getOperations().size() == numOps + 1 &&
                 body->getTerminator()->getOperand(0).getDefiningOp() == body->getTerminator()->getPrevNode();
  return isWhole ? &body->front() : nullptr;
}

// Matches a generic of `a` and b[..., row] that computes Ops(a, b), one after the other, for equal leading dimensions.
template <typename First, typename... Rest> static bool combinesWithRow(linalg::GenericOp generic) {
  if (!generic || generic.getNumReductionLoops() != 0 || generic.getNumDpsInputs() != 2 || generic.getNumResults() != 1)
    return false;
  int64_t rank = generic.getNumLoops();
  SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
  MLIRContext *context = generic.getContext();
  if (rank < 2 || !maps[0].isIdentity() || !maps[2].isIdentity() ||
      maps[1] != AffineMap::getMultiDimIdentityMap(rank, context).getMajorSubMap(rank - 1))
    return false;
  Operation *op = bodyOf(generic, 1 + sizeof...(Rest));
  if (!isa_and_nonnull<First>(op) || op->getOperand(0) != generic.getRegionInputArgs()[0] ||
      op->getOperand(1) != generic.getRegionInputArgs()[1])
    return false;
  auto follows = [&](auto isNext) {
    Operation *before = op;
    op = op->getNextNode();
    return isNext(op) && op->getOperand(0) == before->getResult(0);
  };
  return (follows([](Operation *next) { return isa<Rest>(next); }) && ...);
}

// Matches the reduction of `source`'s last dimension by `Op`, from `start`.
template <typename Op> static bool reducesRows(Value value, Value source, double start) {
  auto generic = value.getDefiningOp<linalg::GenericOp>();
  if (!generic || generic.getNumDpsInputs() != 1 || generic.getDpsInputs()[0] != source || generic.getNumResults() != 1)
    return false;
  int64_t rank = generic.getNumLoops();
  SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(rank, generic.getContext());
  if (rank < 2 || maps[0] != identity || maps[1] != identity.getMajorSubMap(rank - 1) || generic.getNumReductionLoops() != 1 ||
      !isa_and_nonnull<Op>(bodyOf(generic, 1)))
    return false;
  auto fill = generic.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  std::optional<double> first = fill ? constantOf(fill.getInputs()[0]) : std::nullopt;
  return first && *first == start;
}

static bool isReadBy(Value value, ArrayRef<Operation *> users) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) { return llvm::is_contained(users, user); });
}

// Returns what `weights` is the softmax of, along the last dimension.
static Value softmaxInput(Value weights) {
  auto quotient = weights.getDefiningOp<linalg::GenericOp>();
  if (!combinesWithRow<arith::DivFOp>(quotient))
    return {};
  Value powers = quotient.getDpsInputs()[0], sum = quotient.getDpsInputs()[1];
  auto exponential = powers.getDefiningOp<linalg::GenericOp>();
  if (!reducesRows<arith::AddFOp>(sum, powers, 0) || !combinesWithRow<arith::SubFOp, math::ExpOp>(exponential))
    return {};
  Value scores = exponential.getDpsInputs()[0], max = exponential.getDpsInputs()[1];
  bool isPrivate = isReadBy(powers, {quotient, sum.getDefiningOp()}) && isReadBy(sum, {quotient}) &&
                   isReadBy(max, {exponential}) && isReadBy(scores, {exponential, max.getDefiningOp()});
  constexpr double lowest = -std::numeric_limits<double>::infinity();
  return isPrivate && reducesRows<arith::MaximumFOp>(max, scores, lowest) ? scores : Value();
}

//===--- the scores --------------------------------------------------------------------------------------------------===//

// True where an operand read through `map` broadcasts to the iteration space as attention's masks do.
static bool isAlignedRight(AffineMap map, RankedTensorType type) {
  unsigned missing = map.getNumDims() - map.getNumResults();
  for (auto [i, expression] : llvm::enumerate(map.getResults())) {
    bool isUnit = type.getDimSize(i) == 1 && isa<AffineConstantExpr>(expression);
    if (!isUnit && expression != getAffineDimExpr(missing + i, map.getContext()))
      return false;
  }
  return map.getNumResults() <= map.getNumDims();
}

// True where a reshape splits or merges leading dimensions and leaves the last two.
static bool keepsRows(ReshapeOp reshape) {
  ArrayRef<int64_t> from = reshape.getSource().getType().getShape(), to = reshape.getType().getShape();
  auto isStatic = [](ArrayRef<int64_t> shape) { return !ShapedType::isDynamicShape(shape); };
  return from.size() >= 2 && to.size() >= 2 && isStatic(from) && isStatic(to) && from.take_back(2) == to.take_back(2);
}

static bool isPlainProduct(MatmulOp product) {
  return product && product.getEpilogue().empty() && !product.getBias() && product.getNumResults() == 1 &&
         llvm::all_of(product->getOperandTypes(), [](Type type) { return getElementTypeOrSelf(type).isF32(); });
}

static std::optional<Scores> readScores(Value value);

// Adds what `generic` does to its input `start` to the scores that the input is.
static std::optional<Scores> readStep(linalg::GenericOp generic, OpOperand &start) {
  std::string reason;
  FailureOr<SmallVector<ChainStep>> steps = readChain(generic, start, reason);
  if (failed(steps) || !generic.getMatchingIndexingMap(&start).isIdentity() || !start.get().hasOneUse())
    return std::nullopt;
  std::optional<Scores> scores = readScores(start.get());
  for (ChainStep &step : *steps) {
    if (!scores)
      return std::nullopt;
    if (step.step.getKind() == EpilogueKind::Scale && scores->masks.empty())
      scores->scale *= step.step.getAlpha();
    else if (step.step.getKind() == EpilogueKind::Add && step.operand &&
             getElementTypeOrSelf(step.operand->get().getType()).isF32() &&
             isAlignedRight(generic.getMatchingIndexingMap(step.operand), cast<RankedTensorType>(step.operand->get().getType())))
      scores->masks.push_back(step.operand->get());
    else
      return std::nullopt;
  }
  return scores;
}

// Follows `value` back to the product it was made of.
static std::optional<Scores> readScores(Value value) {
  if (auto product = value.getDefiningOp<MatmulOp>())
    return isPlainProduct(product) ? std::optional<Scores>({product, 1, {}}) : std::nullopt;
  if (auto reshape = value.getDefiningOp<ReshapeOp>()) {
    if (!keepsRows(reshape) || !reshape.getSource().hasOneUse())
      return std::nullopt;
    std::optional<Scores> scores = readScores(reshape.getSource());
    return scores && scores->masks.empty() ? scores : std::nullopt; // masks of another shape would not broadcast
  }
  auto generic = value.getDefiningOp<linalg::GenericOp>();
  if (!generic || generic.getNumReductionLoops() != 0 || generic.getNumResults() != 1)
    return std::nullopt;
  for (OpOperand *input : generic.getDpsInputOperands())
    if (input->get().getType() == value.getType())
      if (std::optional<Scores> scores = readStep(generic, *input))
        return scores;
  return std::nullopt;
}

static std::optional<WrittenOut> findAttention(MatmulOp root) {
  if (!isPlainProduct(root))
    return std::nullopt;
  Value weights = root.getLhs();
  if (auto reshape = weights.getDefiningOp<ReshapeOp>(); reshape && keepsRows(reshape) && weights.hasOneUse())
    weights = reshape.getSource();
  if (!weights.hasOneUse() || cast<RankedTensorType>(weights.getType()).getRank() > attentionRank)
    return std::nullopt;
  Value input = softmaxInput(weights);
  if (!input)
    return std::nullopt;
  // The maximum and the exponential read the scores; what made them may have no other reader.
  std::optional<Scores> scores = readScores(input);
  if (!scores)
    return std::nullopt;
  return WrittenOut{*scores, weights, root};
}

//===--- action ------------------------------------------------------------------------------------------------------===//

namespace {
class Rewriter {
public:
  Rewriter(WrittenOut &match) : match(match), builder(match.root) {
    SmallVector<int64_t> shape(cast<RankedTensorType>(match.weights.getType()).getShape().drop_back(2));
    shape.insert(shape.begin(), attentionRank - 2 - shape.size(), 1);
    batch = shape;
    builder.setInsertionPoint(match.root);
    loc = builder.getFusedLoc({match.scores.product.getLoc(), match.weights.getLoc(), match.root.getLoc()});
  }

  /// Replaces the second product; returns false where an operand does not have the heads of the scores.
  bool run() {
    MatmulOp product = match.scores.product, root = match.root;
    Value query = withHeads(product.getLhs()), key = withHeads(transposed(product.getRhs())), value = withHeads(root.getRhs());
    auto type = root.getResult(0).getType();
    Value init = initWithHeads(root.getInits()[0]);
    if (!query || !key || !value || !init)
      return false;
    Value mask = sumOfMasks();
    auto attention = AttentionOp::create(builder, loc, TypeRange{init.getType()}, query, key, value, mask, ValueRange{init},
                                         APFloat(match.scores.scale), /*causal=*/false, /*emptyRowsAreNan=*/true);
    explain(attention, "recognize-attention", "made one attention of two products and the softmax between");
    Value result = attention.getResult(0);
    if (result.getType() != type)
      result = ReshapeOp::create(builder, loc, type, result, ValueRange());
    root.getResult(0).replaceAllUsesWith(result);
    return true;
  }

private:
  SmallVector<int64_t> shapeWithHeads(RankedTensorType type) const {
    SmallVector<int64_t> shape = batch;
    llvm::append_range(shape, type.getShape().take_back(2));
    return shape;
  }

  /// The tensor as [B, H, rows, columns]; null where that takes sizes that are not known here.
  Value withHeads(Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    SmallVector<int64_t> shape = shapeWithHeads(type);
    if (type.getShape() == ArrayRef(shape))
      return tensor;
    int64_t elements = 1, wanted = 1;
    for (int64_t size : type.getShape())
      elements *= size;
    for (int64_t size : shape)
      wanted *= size;
    if (!type.hasStaticShape() || ShapedType::isDynamicShape(shape) || elements != wanted)
      return {};
    return ReshapeOp::create(builder, loc, type.clone(shape), tensor, ValueRange());
  }

  /// As withHeads, for what is only written.
  Value initWithHeads(Value init) {
    auto type = cast<RankedTensorType>(init.getType());
    SmallVector<int64_t> shape = shapeWithHeads(type);
    if (type.getShape() == ArrayRef(shape))
      return init;
    if (!type.hasStaticShape() || ShapedType::isDynamicShape(shape))
      return {};
    return tensor::EmptyOp::create(builder, loc, shape, type.getElementType());
  }

  Value transposed(Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())), shape(type.getShape());
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
    return PermuteOp::create(builder, loc, type.clone(shape), tensor, builder.getDenseI64ArrayAttr(order));
  }

  /// The masks as one, no larger than their shapes ask for.
  Value sumOfMasks() {
    ArrayRef<Value> masks = match.scores.masks;
    if (masks.size() <= 1)
      return masks.empty() ? Value() : masks[0];
    int64_t rank = 0;
    for (Value mask : masks)
      rank = std::max(rank, cast<RankedTensorType>(mask.getType()).getRank());
    SmallVector<OpFoldResult> sizes(rank, builder.getIndexAttr(1));
    SmallVector<AffineMap> maps;
    for (Value mask : masks) {
      auto type = cast<RankedTensorType>(mask.getType());
      SmallVector<AffineExpr> indices;
      for (int64_t i = 0; i < type.getRank(); ++i) {
        int64_t dim = rank - type.getRank() + i;
        bool isUnit = type.getDimSize(i) == 1;
        indices.push_back(isUnit ? builder.getAffineConstantExpr(0) : builder.getAffineDimExpr(dim));
        if (!isUnit)
          sizes[dim] = tensor::getMixedSize(builder, loc, mask, i);
      }
      maps.push_back(AffineMap::get(rank, 0, indices, builder.getContext()));
    }
    maps.push_back(builder.getMultiDimIdentityMap(rank));
    Value init = tensor::EmptyOp::create(builder, loc, sizes, builder.getF32Type());
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    return linalg::GenericOp::create(builder, loc, init.getType(), masks, init, maps, loops,
                                     [](OpBuilder &nested, Location loc, ValueRange arguments) {
                                       Value sum = arguments[0];
                                       for (Value next : arguments.drop_front().drop_back())
                                         sum = arith::AddFOp::create(nested, loc, sum, next);
                                       linalg::YieldOp::create(nested, loc, sum);
                                     })
        .getResult(0);
  }

  WrittenOut &match;
  OpBuilder builder;
  Location loc = builder.getUnknownLoc();
  SmallVector<int64_t> batch;
};

struct RecognizeAttention : tenon::impl::RecognizeAttentionBase<RecognizeAttention> {
  void runOnOperation() override {
    SmallVector<MatmulOp> roots;
    getOperation().walk([&](MatmulOp product) { roots.push_back(product); });
    for (MatmulOp root : roots)
      if (std::optional<WrittenOut> match = findAttention(root))
        if (Rewriter(*match).run())
          root.erase();
  }
};
} // namespace
