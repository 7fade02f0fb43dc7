//===- Losses.cpp - losses: what differs per element, then a sum or mean ------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/PointwiseRow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

//===--- reduction ---------------------------------------------------------------------------------------------------===//

namespace {
/// ATen's at::Reduction.
enum class Reduction { None, Mean, Sum };
} // namespace

static Reduction reductionOf(Call &call) { return static_cast<Reduction>(call.integer("reduction")); }

static Tensor sumOfAll(Emitter &e, const Tensor &tensor) {
  return e.sum(tensor, llvm::to_vector(llvm::seq<int64_t>(0, tensor.rank())), tensor.dtype);
}

static Tensor quotient(Emitter &e, const Tensor &x, const Tensor &y) {
  return e.compute({x, y}, x.dtype, [](Math &m, ValueRange args) { return m.div(args[0], args[1]); });
}

static Tensor countOf(Emitter &e, SizesRef sizes, ScalarType dtype) {
  Size count = e.product(sizes);
  Scalar number = staticSize(count) ? Scalar::of(*staticSize(count))
                                    : Scalar{ScalarType::Int64, 0, 0, cast<Value>(count)};
  return e.fill({}, dtype, number);
}

// Losses of elements, reduced as the call says. `divisor`: of the mean; null: the number of elements.
static Tensor reduceLoss(Emitter &e, const Tensor &losses, Reduction reduction, const Tensor &divisor = {}) {
  if (reduction == Reduction::None)
    return losses;
  Tensor sum = sumOfAll(e, losses);
  if (reduction == Reduction::Sum)
    return sum;
  return quotient(e, sum, divisor ? divisor : countOf(e, losses.sizes, sum.dtype));
}

Tensor tenon::aten::reduceLoss(Call &call, const Tensor &losses) {
  return ::reduceLoss(call.e, losses, reductionOf(call));
}

//===--- losses of pairs of elements ---------------------------------------------------------------------------------===//

using O = Math::Order;

static Value distance(Body &k) { return k.op<math::AbsFOp>(k.sub(k.x[0], k.x[1])); }

static Value smoothL1(Body &k) {
  Value z = distance(k), beta = k.param("beta"), half = k.constant(0.5);
  Value low = k.div(k.mul(k.mul(half, z), z), beta);
  return k.select(k.compare(O::Lt, z, beta), low, k.sub(z, k.mul(half, beta)));
}

static Value huber(Body &k) {
  Value z = distance(k), delta = k.param("delta"), half = k.constant(0.5);
  Value high = k.mul(delta, k.sub(z, k.mul(half, delta)));
  return k.select(k.compare(O::Lt, z, delta), k.mul(k.mul(half, z), z), high);
}

static Value weighted(Body &k, Value loss, size_t operand) {
  return k.call.has("weight") ? k.mul(loss, k.x[operand]) : loss;
}

// Logarithms are at least -100, so that a wrong certainty does not cost infinity.
static Value binaryCrossEntropy(Body &k) {
  Value x = k.x[0], target = k.x[1], floor = k.constant(-100);
  Value ofRest = k.max(k.op<math::Log1pOp>(k.neg(x)), floor), ofX = k.max(k.op<math::LogOp>(x), floor);
  return weighted(k, k.sub(k.mul(k.sub(target, k.constant(1)), ofRest), k.mul(target, ofX)), 2);
}

// log(1 + exp(-|x|)) + max(-x, 0), which is -log(sigmoid(x)).
static Value negativeLogSigmoid(Body &k, Value x) {
  Value tail = k.op<math::Log1pOp>(k.op<math::ExpOp>(k.neg(k.op<math::AbsFOp>(x))));
  return k.add(tail, k.max(k.neg(x), k.constant(0)));
}

static Value binaryCrossEntropyOfLogits(Body &k) {
  Value x = k.x[0], target = k.x[1], one = k.constant(1), loss = negativeLogSigmoid(k, x);
  if (k.call.has("pos_weight"))
    loss = k.mul(k.add(k.mul(k.sub(k.x.back(), one), target), one), loss);
  return weighted(k, k.add(k.mul(k.sub(one, target), x), loss), 2);
}

// target * (log(target) - x), zero where the target is; or both in logarithms.
static Value klDivergence(Body &k) {
  Value x = k.x[0], target = k.x[1];
  if (k.call.boolean("log_target"))
    return k.mul(k.op<math::ExpOp>(target), k.sub(target, x));
  Value entropy = k.mul(target, k.op<math::LogOp>(target));
  entropy = k.select(k.compare(O::Eq, target, k.constant(0)), k.constant(0), entropy);
  return k.sub(entropy, k.mul(target, x));
}

// Stirling's approximation stands for log(target!) above 1.
static Value poisson(Body &k) {
  constexpr double pi = 3.14159265358979323846;
  Value x = k.x[0], target = k.x[1];
  Value loss = k.call.boolean("log_input")
                   ? k.sub(k.op<math::ExpOp>(x), k.mul(target, x))
                   : k.sub(x, k.mul(target, k.op<math::LogOp>(k.add(x, k.param("eps")))));
  if (!k.call.boolean("full"))
    return loss;
  Value logTarget = k.op<math::LogOp>(target);
  Value half = k.mul(k.constant(0.5), k.op<math::LogOp>(k.mul(k.constant(2 * pi), target)));
  Value stirling = k.add(k.sub(k.mul(target, logTarget), target), half);
  Value isSmall = k.compare(O::Le, target, k.constant(1));
  return k.add(loss, k.select(isSmall, k.constant(0), stirling));
}

static Value hingeEmbedding(Body &k) {
  Value x = k.x[0], target = k.x[1], zero = k.constant(0);
  Value margin = k.max(k.sub(k.param("margin"), x), zero);
  Value low = k.select(k.compare(O::Ne, target, k.constant(1)), margin, zero);
  return k.add(low, k.select(k.compare(O::Ne, target, k.constant(-1)), x, zero));
}

static Value marginRanking(Body &k) {
  Value difference = k.sub(k.x[0], k.x[1]);
  return k.max(k.add(k.mul(k.neg(k.x[2]), difference), k.param("margin")), k.constant(0));
}

static const PointwiseRow rows[] = {
    {"mse_loss", Promotion::Common, {"self", "target"}, false,
     [](Body &k) {
       Value difference = k.sub(k.x[0], k.x[1]);
       return k.mul(difference, difference);
     }},
    {"l1_loss", Promotion::Common, {"self", "target"}, false, distance},
    {"smooth_l1_loss", Promotion::Common, {"self", "target"}, false, smoothL1},
    {"huber_loss", Promotion::Common, {"self", "target"}, false, huber},
    {"binary_cross_entropy", Promotion::Common, {"self", "target", "weight"}, false, binaryCrossEntropy},
    {"binary_cross_entropy_with_logits", Promotion::Common, {"self", "target", "weight", "pos_weight"}, false,
     binaryCrossEntropyOfLogits},
    {"kl_div", Promotion::Common, {"self", "target"}, false, klDivergence},
    {"poisson_nll_loss", Promotion::Common, {"input", "target"}, false, poisson},
    {"hinge_embedding_loss", Promotion::Common, {"self", "target"}, false, hingeEmbedding},
    {"soft_margin_loss", Promotion::Common, {"self", "target"}, false,
     [](Body &k) { return k.op<math::Log1pOp>(k.op<math::ExpOp>(k.mul(k.neg(k.x[0]), k.x[1]))); }},
    {"margin_ranking_loss", Promotion::Common, {"input1", "input2", "target"}, false, marginRanking},
};

static Results importPairLoss(Call &call, const PointwiseRow &row) {
  Emitter &e = call.e;
  SmallVector<Tensor> operands;
  for (StringRef name : row.operands)
    if (call.has(name))
      operands.push_back(call.tensor(name));
  ScalarType result = call.resultDtype();
  // Between its steps ATen rounds such a loss to the integers of each operand.
  bool hasFloat = llvm::any_of(operands, [](const Tensor &operand) { return isFloat(operand.dtype); });
  if (!isFloat(result) || !hasFloat)
    return {call.unsupported("a loss of integers")};
  Tensor losses = applyRow(call, row, e.broadcastSizes(operands), computeType(result));
  return {e.cast(reduceLoss(call, losses), result)};
}

//===--- losses of classes -------------------------------------------------------------------------------------------===//

namespace {
/// Per target: its class where it counts (else class 0), and the weight it has (0 where it is ignored).
struct Classes {
  Tensor target, weight;
};
} // namespace

static Value asIndex(OpBuilder &b, Location loc, Value element, ScalarType dtype) {
  Value wide = castScalar(b, loc, element, dtype, ScalarType::Int64);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), wide);
}

static Classes classesOf(Call &call, const Tensor &target, Size count, ScalarType dtype) {
  Emitter &e = call.e;
  Scalar ignored = call.scalar("ignore_index");
  Tensor weight = call.optionalTensor("weight");
  Tensor clean = e.compute(target, ScalarType::Int64, [&](Math &m, ValueRange args) {
    Value isIgnored = m.compare(O::Eq, args[0], ignored.materialize(m.b, m.loc, ScalarType::Int64));
    return m.select(isIgnored, m.constant(0), args[0]);
  });
  call.checkIndex(clean, count);
  Tensor weights =
      e.pointwise({target, clean}, target.sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Math m(b, loc, dtype);
        Value own = m.constant(1);
        if (weight)
          own = castScalar(b, loc,
                           tensor::ExtractOp::create(b, loc, weight.value, asIndex(b, loc, args[1], clean.dtype)),
                           weight.dtype, dtype);
        Value isIgnored = Math(b, loc, target.dtype)
                              .compare(O::Eq, args[0], ignored.materialize(b, loc, target.dtype));
        return m.select(isIgnored, m.constant(0), own);
      });
  return {clean, weights};
}

// The element of `scores` [N, C, d…] (or [C]) at each target's class, negated; not read into the sum where it is ignored.
static Tensor pickedLosses(Call &call, const Tensor &scores, const Classes &classes) {
  Emitter &e = call.e;
  ScalarType dtype = classes.weight.dtype;
  int64_t rank = classes.target.rank(), classDim = scores.rank() > 1 ? 1 : 0;
  return e.pointwise({classes.target, classes.weight}, classes.target.sizes, dtype,
                     [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                       SmallVector<Value> at;
                       for (int64_t dim = 0; dim < rank; ++dim)
                         at.push_back(linalg::IndexOp::create(b, loc, dim));
                       at.insert(at.begin() + classDim, asIndex(b, loc, args[0], classes.target.dtype));
                       Math m(b, loc, dtype);
                       Value score = castScalar(b, loc, tensor::ExtractOp::create(b, loc, scores.value, at),
                                                scores.dtype, dtype);
                       Value isIgnored = m.compare(O::Eq, args[1], m.constant(0));
                       return m.select(isIgnored, m.constant(0), m.mul(m.neg(score), args[1]));
                     });
}

static Size numClasses(const Tensor &scores) { return scores.sizes[scores.rank() > 1 ? 1 : 0]; }

static Results importNll(Call &call) {
  Emitter &e = call.e;
  Tensor scores = call.tensor("self"), target = call.tensor("target");
  ScalarType result = call.resultDtype();
  if (scores.rank() < 1 || target.rank() != std::max<int64_t>(scores.rank() - 1, 0))
    return {call.unsupported("targets of this rank")};
  Classes classes = classesOf(call, target, numClasses(scores), computeType(result));
  Tensor total = sumOfAll(e, classes.weight);
  Tensor loss = ::reduceLoss(e, pickedLosses(call, scores, classes), reductionOf(call), total);
  if (reductionOf(call) == Reduction::None)
    total = e.fill({}, total.dtype, Scalar::of(0.0));
  return {e.cast(loss, result), e.cast(total, result)};
}

// Sums over the classes of -log(p), times the classes' weights where there are any.
static Tensor sumOverClasses(Call &call, const Tensor &logits, const Tensor &factor) {
  Emitter &e = call.e;
  Tensor weight = call.optionalTensor("weight");
  int64_t classDim = logits.rank() > 1 ? 1 : 0;
  SmallVector<Tensor> operands{logits};
  if (factor)
    operands.push_back(factor);
  if (weight) {
    Sizes aligned(logits.rank() - classDim, e.size(1));
    aligned[0] = weight.sizes[0];
    operands.push_back(e.reshape(weight, aligned));
  }
  Tensor terms = e.compute(operands, logits.dtype, [&](Math &m, ValueRange args) {
    Value product = m.neg(args[0]);
    for (Value arg : args.drop_front())
      product = m.mul(product, arg);
    return product;
  });
  return e.sum(terms, classDim, logits.dtype);
}

// Targets that are probabilities: the mean is over targets, not over weights.
static Tensor crossEntropyOfProbabilities(Call &call, const Tensor &logits, Tensor target, double smoothing) {
  Emitter &e = call.e;
  Size count = numClasses(logits);
  if (smoothing > 0) {
    Tensor classes = countOf(e, count, logits.dtype);
    target = e.compute({target, classes}, logits.dtype, [&](Math &m, ValueRange args) {
      return m.add(m.mul(args[0], m.constant(1 - smoothing)), m.div(m.constant(smoothing), args[1]));
    });
  }
  Tensor losses = sumOverClasses(call, logits, target);
  return reduceLoss(call, losses);
}

static Tensor crossEntropyOfClasses(Call &call, const Tensor &logits, const Tensor &target, double smoothing) {
  Emitter &e = call.e;
  Classes classes = classesOf(call, target, numClasses(logits), logits.dtype);
  Reduction reduction = reductionOf(call);
  Tensor total = sumOfAll(e, classes.weight);
  Tensor loss = ::reduceLoss(e, pickedLosses(call, logits, classes), reduction, total);
  if (smoothing == 0)
    return loss;
  Scalar ignored = call.scalar("ignore_index");
  Tensor smooth = e.compute({sumOverClasses(call, logits, {}), target}, logits.dtype, [&](Math &m, ValueRange args) {
    Value isIgnored = m.compare(O::Eq, args[1], ignored.materialize(m.b, m.loc, m.dtype));
    return m.select(isIgnored, m.constant(0), args[0]);
  });
  Tensor classCount = countOf(e, numClasses(logits), logits.dtype);
  return e.compute({loss, ::reduceLoss(e, smooth, reduction, total), classCount}, logits.dtype,
                   [&](Math &m, ValueRange args) {
                     Value share = m.div(m.constant(smoothing), args[2]);
                     return m.add(m.mul(m.constant(1 - smoothing), args[0]), m.mul(share, args[1]));
                   });
}

static Results importCrossEntropy(Call &call) {
  Tensor scores = call.tensor("self"), target = call.tensor("target");
  ScalarType result = call.resultDtype();
  if (scores.rank() < 1 || !isFloat(result))
    return {call.unsupported("scores of this rank or dtype")};
  Tensor logits = logSoftmax(call, scores, scores.rank() > 1 ? 1 : 0, computeType(result));
  double smoothing = call.real("label_smoothing");
  bool areProbabilities = target.rank() == scores.rank() && isFloat(target.dtype);
  Tensor loss = areProbabilities ? crossEntropyOfProbabilities(call, logits, target, smoothing)
                                 : crossEntropyOfClasses(call, logits, target, smoothing);
  return {call.e.cast(loss, result)};
}

// Mean over the classes of max(0, margin - x[y] + x)^p * weight[y], without the class y itself.
static Results importMultiMargin(Call &call) {
  Emitter &e = call.e;
  Tensor scores = call.tensor("self"), target = call.tensor("target"), weight = call.optionalTensor("weight");
  ScalarType result = call.resultDtype(), dtype = computeType(result);
  if (scores.rank() < 1)
    return {call.unsupported("scores without classes")};
  bool isSingle = scores.rank() == 1;
  if (isSingle)
    scores = e.unsqueeze(scores, 0);
  target = e.reshape(target, Sizes{scores.sizes[0]});
  call.checkIndex(target, scores.sizes[1]);
  Scalar margin = call.scalar("margin");
  bool isSquared = call.real("p") == 2;
  Tensor terms = e.mapped(
      {scores, target}, {e.b.getMultiDimIdentityMap(2), e.dimsMap(2, 0)}, scores.sizes, dtype,
      [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Math m(b, loc, dtype);
        Value row = linalg::IndexOp::create(b, loc, 0), column = linalg::IndexOp::create(b, loc, 1);
        Value own = asIndex(b, loc, args[1], target.dtype);
        Value picked = tensor::ExtractOp::create(b, loc, scores.value, ValueRange{row, own});
        Value difference = m.sub(castScalar(b, loc, args[0], scores.dtype, dtype),
                                 castScalar(b, loc, picked, scores.dtype, dtype));
        Value term = m.max(m.add(margin.materialize(b, loc, dtype), difference), m.constant(0));
        if (isSquared)
          term = m.mul(term, term);
        if (weight)
          term = m.mul(term, castScalar(b, loc, tensor::ExtractOp::create(b, loc, weight.value, own), weight.dtype, dtype));
        Value isOwn = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, own, column);
        return m.select(isOwn, m.constant(0), term);
      });
  Tensor losses = quotient(e, e.sum(terms, 1, dtype), countOf(e, scores.sizes[1], dtype));
  if (isSingle)
    losses = e.squeeze(losses, 0);
  return {e.cast(reduceLoss(call, losses), result)};
}

void tenon::aten::addLossRows(OpTable &table) {
  for (const PointwiseRow &row : rows)
    table.add(row.name, [&row](Call &call) { return importPairLoss(call, row); });
  for (auto name : {"nll_loss", "nll_loss_nd", "nll_loss2d", "nll_loss_forward", "nll_loss2d_forward"})
    table.add(name, importNll);
  table.add("cross_entropy_loss", importCrossEntropy);
  table.add("multi_margin_loss", importMultiMargin);
}
