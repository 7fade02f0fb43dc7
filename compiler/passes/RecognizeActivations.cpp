//===- RecognizeActivations.cpp - formulas that are named activations -----------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Models spell GELU and its kin in many ways: 0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x^3))) is six ops of the graph,
// in any order, with x^3 as a power or a product. So the formula is not matched but evaluated: a pointwise expression of one
// tensor that agrees with an activation at all samples, to the precision of the float32 constants in it, is that activation.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Passes.h"
#include "compiler/passes/Remarks.h"
#include "compiler/passes/ScalarChain.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

namespace tenon {
#define GEN_PASS_DEF_RECOGNIZEACTIVATIONS
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

/// Expressions of more scalar ops are no spelling of an activation.
static constexpr unsigned maxExpressionOps = 24;
/// Samples lie on both sides of every kink and in the saturated parts; the odd step keeps them off round numbers.
static constexpr double firstSample = -9.03, lastSample = 9.1, sampleStep = 0.37;
/// Constants such as sqrt(2/pi) are rounded to float32: 6e-8 relative, a little more through the formula.
static constexpr double tolerance = 2e-6;

namespace {

/// A pointwise expression of the elements of `leaf`, spread over generics with one iteration space.
struct Expression {
  linalg::GenericOp root;
  Value leaf;
  llvm::SetVector<Operation *> generics; // those between both, filled in by evaluation
};

} // namespace

//===--- activations -------------------------------------------------------------------------------------------------===//

static double clip(double x, double low, double high) { return std::min(std::max(x, low), high); }
static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

static double evaluate(ActivationKind kind, double x, double alpha, double beta) {
  switch (kind) {
  case ActivationKind::Relu:
    return std::max(x, 0.0);
  case ActivationKind::GeluErf:
    return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
  case ActivationKind::GeluTanh:
    return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  case ActivationKind::Sigmoid:
    return sigmoid(x);
  case ActivationKind::Tanh:
    return std::tanh(x);
  case ActivationKind::Silu:
    return x * sigmoid(x);
  case ActivationKind::HardSigmoid:
    return clip(x + 3, 0, 6) / 6;
  case ActivationKind::HardSwish:
    return x * clip(x + 3, 0, 6) / 6;
  case ActivationKind::LeakyRelu:
    return x > 0 ? x : alpha * x;
  case ActivationKind::Elu:
    return x > 0 ? x : alpha * (std::exp(x) - 1);
  case ActivationKind::Clip:
    return clip(x, alpha, beta);
  case ActivationKind::Softplus:
    return alpha * x > beta ? x : std::log1p(std::exp(alpha * x)) / alpha;
  case ActivationKind::Mish:
    return x * std::tanh(std::log1p(std::exp(x)));
  }
  llvm_unreachable("unknown activation");
}

static constexpr ActivationKind recognized[] = {ActivationKind::GeluTanh,    ActivationKind::GeluErf,
                                                ActivationKind::Silu,        ActivationKind::HardSwish,
                                                ActivationKind::HardSigmoid, ActivationKind::Mish,
                                                ActivationKind::Sigmoid};

//===--- expressions -------------------------------------------------------------------------------------------------===//

static bool isPointwise(linalg::GenericOp generic) {
  return generic.getNumResults() == 1 && generic.getNumReductionLoops() == 0 &&
         llvm::all_of(generic.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); });
}

static Value yielded(linalg::GenericOp generic) {
  return cast<linalg::YieldOp>(generic.getBody()->getTerminator()).getOperand(0);
}

// Returns the generic whose result a scalar is an element of, or the tensor itself.
static std::pair<linalg::GenericOp, Value> sourceOf(BlockArgument argument) {
  auto generic = cast<linalg::GenericOp>(argument.getOwner()->getParentOp());
  Value tensor = generic->getOperand(argument.getArgNumber());
  auto producer = tensor.getDefiningOp<linalg::GenericOp>();
  bool isPart = producer && isPointwise(producer) && producer->getBlock() == generic->getBlock() &&
                producer.getResultTypes()[0] == generic.getResultTypes()[0];
  return {isPart ? producer : linalg::GenericOp(), tensor};
}

// Evaluates `scalar` where the elements of the leaf are `x`; nothing for what is no formula of the leaf.
static std::optional<double> evaluate(Value scalar, Expression &expression, double x, unsigned &budget) {
  if (budget == 0 || !isa<FloatType>(scalar.getType()))
    return std::nullopt;
  --budget;
  if (std::optional<double> constant = constantOf(scalar))
    return constant;
  if (auto argument = dyn_cast<BlockArgument>(scalar)) {
    if (!isa<linalg::GenericOp>(argument.getOwner()->getParentOp()))
      return std::nullopt;
    auto [producer, tensor] = sourceOf(argument);
    if (tensor == expression.leaf)
      return x;
    if (!producer)
      return std::nullopt;
    expression.generics.insert(producer);
    return evaluate(yielded(producer), expression, x, budget);
  }
  Operation *op = scalar.getDefiningOp();
  SmallVector<double> a;
  for (Value operand : op->getOperands()) {
    std::optional<double> value = evaluate(operand, expression, x, budget);
    if (!value)
      return std::nullopt;
    a.push_back(*value);
  }
  using Result = std::optional<double>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) { return a[0]; })
      .Case([&](arith::AddFOp) { return a[0] + a[1]; })
      .Case([&](arith::SubFOp) { return a[0] - a[1]; })
      .Case([&](arith::MulFOp) { return a[0] * a[1]; })
      .Case([&](arith::DivFOp) { return a[0] / a[1]; })
      .Case([&](arith::NegFOp) { return -a[0]; })
      .Case([&](arith::MaximumFOp) { return std::max(a[0], a[1]); })
      .Case([&](arith::MinimumFOp) { return std::min(a[0], a[1]); })
      .Case([&](math::ExpOp) { return std::exp(a[0]); })
      .Case([&](math::ErfOp) { return std::erf(a[0]); })
      .Case([&](math::TanhOp) { return std::tanh(a[0]); })
      .Case([&](math::PowFOp) { return std::pow(a[0], a[1]); })
      .Case([&](ActivationOp activation) -> Result {
        return evaluate(activation.getKind(), a[0], activation.getAlpha().convertToDouble(),
                        activation.getBeta().convertToDouble());
      })
      .Default([](Operation *) { return std::nullopt; });
}

// Returns the tensors that `root` may be a formula of, the farthest first.
static SmallVector<Value> possibleLeaves(linalg::GenericOp root) {
  llvm::SetVector<Operation *> generics;
  llvm::SetVector<Value> leaves;
  generics.insert(root);
  for (size_t next = 0; next < generics.size() && generics.size() < maxExpressionOps; ++next) {
    auto generic = cast<linalg::GenericOp>(generics[next]);
    for (OpOperand *input : generic.getDpsInputOperands()) {
      auto [producer, tensor] = sourceOf(generic.getMatchingBlockArgument(input));
      if (producer)
        generics.insert(producer);
      if (tensor.getType() == root.getResultTypes()[0])
        leaves.insert(tensor);
    }
  }
  return llvm::to_vector(llvm::reverse(leaves));
}

static bool agrees(Expression &expression, ActivationKind kind) {
  for (double x = firstSample; x < lastSample; x += sampleStep) {
    unsigned budget = 16 * maxExpressionOps;
    std::optional<double> value = evaluate(yielded(expression.root), expression, x, budget);
    // Negated, so that NaN disagrees.
    if (!value || !(std::abs(*value - evaluate(kind, x, 0, 0)) <= tolerance * std::max(1.0, std::abs(x))))
      return false;
  }
  return true;
}

// True where nothing but the expression reads its parts.
static bool isPrivate(Expression &expression) {
  return llvm::all_of(expression.generics, [&](Operation *generic) {
    return llvm::all_of(generic->getUsers(), [&](Operation *user) {
      return user == expression.root.getOperation() || expression.generics.contains(user);
    });
  });
}

// True where values between the ops of the formula are rounded: each generic but the root yields a half-width float.
static bool roundsInside(Expression &expression) {
  return isHalfWidthFloat(getElementTypeOrSelf(expression.root.getResultTypes()[0])) && !expression.generics.empty();
}

static bool isOneActivation(linalg::GenericOp root) {
  return isa<ActivationOp>(root.getBody()->front()) && root.getBody()->getOperations().size() == 2;
}

//===--- action ------------------------------------------------------------------------------------------------------===//

static void replaceBy(Expression &expression, ActivationKind kind) {
  linalg::GenericOp root = expression.root;
  OpBuilder builder(root);
  SmallVector<Location> locs{root.getLoc()};
  for (Operation *op : llvm::reverse(expression.generics))
    locs.push_back(op->getLoc());
  int64_t rank = root.getNumLoops();
  SmallVector<AffineMap> maps(2, builder.getMultiDimIdentityMap(rank));
  auto activation = linalg::GenericOp::create(
      builder, builder.getFusedLoc(locs), root.getResultTypes(), expression.leaf, root.getDpsInits()[0], maps,
      root.getIteratorTypesArray(), [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        Value value = ActivationOp::create(nested, loc, arguments[0].getType(), kind, arguments[0], APFloat(0.0), APFloat(0.0));
        linalg::YieldOp::create(nested, loc, value);
      });
  explain(activation, "recognize-activations", "recognised '" + stringifyActivationKind(kind).str() + "'");
  root->replaceAllUsesWith(activation);
}

namespace {
struct RecognizeActivations : tenon::impl::RecognizeActivationsBase<RecognizeActivations> {
  using RecognizeActivationsBase::RecognizeActivationsBase;
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> roots;
    getOperation().walk([&](linalg::GenericOp generic) { roots.push_back(generic); });
    // From the end: the whole formula comes before its parts.
    for (linalg::GenericOp root : llvm::reverse(roots))
      if (isOpTriviallyDead(root))
        root.erase();
      else
        recognize(root);
  }

private:
  void recognize(linalg::GenericOp root) {
    if (!isPointwise(root) || isOneActivation(root) || !isa<FloatType>(getElementTypeOrSelf(root.getResultTypes()[0])))
      return;
    for (Value leaf : possibleLeaves(root))
      for (ActivationKind kind : recognized) {
        Expression expression{root, leaf, {}};
        if (agrees(expression, kind) && isPrivate(expression)) {
          if (keepRounding && roundsInside(expression)) {
            explain(root, "recognize-activations",
                    "left '" + stringifyActivationKind(kind) + "' spelled out; its parts are rounded to half width");
            return;
          }
          replaceBy(expression, kind);
          return root.erase();
        }
      }
  }
};
} // namespace
