//===- Norms.cpp - normalisations and softmax ---------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Each is several linalg.generics (reduce, combine, normalise) in float32 for half types; kernel formation makes one of
// them.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon::aten;

static SmallVector<int64_t> range(int64_t from, int64_t to) { return llvm::to_vector(llvm::seq<int64_t>(from, to)); }

static Value inverseRoot(Math &m, Value variance, double eps) {
  Value root = math::SqrtOp::create(m.b, m.loc, m.add(variance, m.constant(eps)));
  return m.div(m.constant(1), root);
}

namespace {
/// A tensor that is normalised over `dims`: `outer` are its other dimensions.
struct Normalisation {
  Call &call;
  Tensor x;
  SmallVector<int64_t> dims, outer;
  ScalarType compute;

  Normalisation(Call &call, Tensor tensor, SmallVector<int64_t> reduced)
      : call(call), x(std::move(tensor)), dims(std::move(reduced)), compute(computeType(x.dtype)) {
    for (int64_t dim = 0; dim < x.rank(); ++dim)
      if (!llvm::is_contained(dims, dim))
        outer.push_back(dim);
  }

  Emitter &e() { return call.e; }
  AffineMap xMap() { return e().b.getMultiDimIdentityMap(x.rank()); }
  AffineMap outerMap() { return e().dimsMap(x.rank(), outer); }
  /// The number of reduced elements.
  Scalar count();
  /// `sum` divided by it.
  Tensor divideByCount(const Tensor &sum);
  Tensor mean() { return divideByCount(e().sum(x, dims, compute)); }
  /// The mean of (x - mean)^2, or of x^2 without `mean`.
  Tensor meanSquare(const Tensor &mean);
  Tensor inverseDeviation(const Tensor &variance, double eps);
  /// (x - mean) * scale * weight + bias, where mean, weight and bias may be missing; weight and bias run along
  /// `weightDims`.
  Tensor normalise(const Tensor &mean, const Tensor &scale, const Tensor &weight, const Tensor &bias,
                   ArrayRef<int64_t> weightDims);
};
} // namespace

Scalar Normalisation::count() {
  Sizes reduced;
  for (int64_t dim : dims)
    reduced.push_back(x.sizes[dim]);
  Size product = e().product(reduced);
  return staticSize(product) ? Scalar::of(*staticSize(product)) : Scalar{ScalarType::Int64, 0, 0, cast<Value>(product)};
}

Tensor Normalisation::divideByCount(const Tensor &sum) {
  Scalar divisor = count();
  return e().pointwise(sum, sum.sizes, compute, [&](OpBuilder &b, Location loc, ValueRange args) {
    return Math(b, loc, compute).div(args[0], divisor.materialize(b, loc, compute));
  });
}

Tensor Normalisation::meanSquare(const Tensor &mean) {
  SmallVector<Tensor> inputs{x};
  SmallVector<AffineMap> maps{xMap()};
  if (mean) {
    inputs.push_back(mean);
    maps.push_back(outerMap());
  }
  Tensor sum = e().reduceMapped(
      inputs, maps, x.sizes, dims, compute, Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, compute);
        Value value = castScalar(b, loc, args[0], x.dtype, compute);
        if (mean)
          value = m.sub(value, args[1]);
        return m.mul(value, value);
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, compute).add(acc, next); });
  return divideByCount(sum);
}

Tensor Normalisation::inverseDeviation(const Tensor &variance, double eps) {
  return e().pointwise(variance, variance.sizes, compute, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    return inverseRoot(m, args[0], eps);
  });
}

Tensor Normalisation::normalise(const Tensor &mean, const Tensor &scale, const Tensor &weight, const Tensor &bias,
                                ArrayRef<int64_t> weightDims) {
  AffineMap weightMap = e().dimsMap(x.rank(), weightDims);
  SmallVector<Tensor> inputs{x};
  SmallVector<AffineMap> maps{xMap()};
  auto addInput = [&](const Tensor &tensor, AffineMap map) -> size_t {
    if (!tensor)
      return 0;
    inputs.push_back(tensor);
    maps.push_back(map);
    return inputs.size() - 1;
  };
  size_t meanAt = addInput(mean, outerMap()), scaleAt = addInput(scale, outerMap());
  size_t weightAt = addInput(weight, weightMap), biasAt = addInput(bias, weightMap);
  return e().mapped(inputs, maps, x.sizes, x.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    auto arg = [&](size_t i) { return castScalar(b, loc, args[i], inputs[i].dtype, compute); };
    Value value = arg(0);
    if (meanAt)
      value = m.sub(value, arg(meanAt));
    value = m.mul(value, arg(scaleAt));
    if (weightAt)
      value = m.mul(value, arg(weightAt));
    if (biasAt)
      value = m.add(value, arg(biasAt));
    return castScalar(b, loc, value, compute, x.dtype);
  });
}

//===--- rows --------------------------------------------------------------------------------------------------------===//

static Results importLayerNorm(Call &call) {
  Tensor x = call.tensor("input");
  int64_t normalised = call.has("normalized_shape") ? call.sizes("normalized_shape").size() : 1;
  Normalisation n(call, x, range(x.rank() - normalised, x.rank()));
  Tensor mean = n.mean();
  Tensor scale = n.inverseDeviation(n.meanSquare(mean), call.real("eps"));
  Tensor result = n.normalise(mean, scale, call.optionalTensor("weight"), call.optionalTensor("bias"), n.dims);
  return {result, n.e().keepDims(mean, x, n.dims), n.e().keepDims(scale, x, n.dims)};
}

static double machineEpsilon(ScalarType type) {
  switch (type) {
  case ScalarType::Float64:
    return 2.220446049250313e-16;
  case ScalarType::Float16:
    return 9.765625e-04;
  case ScalarType::BFloat16:
    return 7.8125e-03;
  default:
    return 1.1920928955078125e-07;
  }
}

static Results importRmsNorm(Call &call) {
  Tensor x = call.tensor("input");
  Normalisation n(call, x, range(x.rank() - call.sizes("normalized_shape").size(), x.rank()));
  // ATen's default is the epsilon of the type it computes in.
  double eps = call.has("eps") ? call.real("eps") : machineEpsilon(n.compute);
  Tensor scale = n.inverseDeviation(n.meanSquare({}), eps);
  return {n.normalise({}, scale, call.optionalTensor("weight"), {}, n.dims)};
}

// [N, C, D...] as [N, G, C/G, D...]: statistics per group, weights per channel.
static Results importGroupNorm(Call &call, StringRef groupsName) {
  Emitter &e = call.e;
  Tensor x = call.tensor("input"), weight = call.optionalTensor("weight"), bias = call.optionalTensor("bias");
  int64_t groups = call.integer(groupsName);
  Sizes sizes = x.sizes;
  Size perGroup = e.floorDiv(sizes[1], e.size(groups));
  sizes[1] = perGroup;
  sizes.insert(sizes.begin() + 1, e.size(groups));
  auto perChannel = [&](const Tensor &tensor) {
    return tensor ? e.reshape(tensor, Sizes{e.size(groups), perGroup}) : tensor;
  };
  Normalisation n(call, e.reshape(x, sizes), range(2, sizes.size()));
  Tensor mean = n.mean();
  Tensor scale = n.inverseDeviation(n.meanSquare(mean), call.real("eps"));
  Tensor result = n.normalise(mean, scale, perChannel(weight), perChannel(bias), {1, 2});
  return {e.reshape(result, x.sizes), mean, scale};
}

// Statistics are constants: y = x * scale + shift with scale = weight / sqrt(var + eps), shift = bias - mean * scale,
// both of them tensors [C], so that folding them into a convolution is a rewrite.
static Results normaliseByStatistics(Call &call) {
  Emitter &e = call.e;
  Tensor x = call.tensor("input"), weight = call.optionalTensor("weight"), bias = call.optionalTensor("bias");
  Tensor mean = call.tensor("running_mean"), variance = call.tensor("running_var");
  double eps = call.real("eps");
  ScalarType compute = computeType(x.dtype);
  SmallVector<Tensor> scaleInputs{variance}, shiftInputs{mean};
  if (weight)
    scaleInputs.push_back(weight);
  Tensor scale = e.pointwise(scaleInputs, variance.sizes, compute, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    Value value = inverseRoot(m, castScalar(b, loc, args[0], variance.dtype, compute), eps);
    return weight ? m.mul(value, castScalar(b, loc, args[1], weight.dtype, compute)) : value;
  });
  shiftInputs.push_back(scale);
  if (bias)
    shiftInputs.push_back(bias);
  Tensor shift = e.pointwise(shiftInputs, mean.sizes, compute, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    Value start = bias ? castScalar(b, loc, args[2], bias.dtype, compute) : m.constant(0);
    return m.sub(start, m.mul(castScalar(b, loc, args[0], mean.dtype, compute), args[1]));
  });
  AffineMap identity = e.b.getMultiDimIdentityMap(x.rank()), channel = e.dimsMap(x.rank(), {1});
  return {e.mapped({x, scale, shift}, {identity, channel, channel}, x.sizes, x.dtype,
                   [&](OpBuilder &b, Location loc, ValueRange args) {
                     Math m(b, loc, compute);
                     Value value = castScalar(b, loc, args[0], x.dtype, compute);
                     return castScalar(b, loc, m.add(m.mul(value, args[1]), args[2]), compute, x.dtype);
                   })};
}

// Training: the running statistics move towards the input's, by `momentum`; the variance is the one of n - 1 degrees of freedom.
static std::pair<Tensor, Tensor> movedStatistics(Normalisation &n, const Tensor &mean, const Tensor &variance) {
  Call &call = n.call;
  double momentum = call.real("momentum");
  Scalar divisor = n.count();
  auto moved = [&](StringRef name, const Tensor &towards, bool isVariance) {
    Tensor running = call.tensor(name);
    return n.e().compute({running, towards}, running.dtype, [&](Math &m, ValueRange args) {
      Value target = args[1], number = divisor.materialize(m.b, m.loc, m.dtype);
      if (isVariance)
        target = m.mul(target, m.div(number, m.sub(number, m.constant(1))));
      return m.add(m.mul(args[0], m.constant(1 - momentum)), m.mul(target, m.constant(momentum)));
    });
  };
  return {moved("running_mean", mean, /*isVariance=*/false), moved("running_var", variance, /*isVariance=*/true)};
}

// Statistics of the input itself, over `dims`; weights per channel (dimension 1). Functional ops return the running statistics
// last, others write them.
static Results normaliseByInput(Call &call, int64_t firstReduced, bool reducesBatch) {
  Tensor x = call.tensor("input");
  SmallVector<int64_t> dims = range(firstReduced, x.rank());
  if (reducesBatch)
    dims.insert(dims.begin(), 0);
  Normalisation n(call, x, dims);
  Tensor mean = n.mean(), variance = n.meanSquare(mean), scale = n.inverseDeviation(variance, call.real("eps"));
  Results results{n.normalise(mean, scale, call.optionalTensor("weight"), call.optionalTensor("bias"), {1})};
  if (call.numResults() > 2)
    results.append({n.e().cast(mean, call.resultDtype(1)), n.e().cast(scale, call.resultDtype(2))});
  if (!reducesBatch || !call.has("running_mean"))
    return results;
  auto [movedMean, movedVariance] = movedStatistics(n, mean, variance);
  if (call.op.ends_with("_functional")) {
    results.resize(call.numResults() - 2, Tensor());
    results.append({movedMean, movedVariance});
  } else {
    call.write("running_mean", movedMean);
    call.write("running_var", movedVariance);
  }
  return results;
}

static Results importBatchNorm(Call &call) {
  bool training = call.has("training") ? call.boolean("training") : call.op.contains("_with_update");
  if (training || !call.has("running_mean"))
    return normaliseByInput(call, 2, /*reducesBatch=*/true);
  Results results = normaliseByStatistics(call);
  if (call.op.ends_with("_functional")) {
    results.resize(call.numResults() - 2, Tensor());
    results.append({call.tensor("running_mean"), call.tensor("running_var")});
  }
  return results;
}

static Results importInstanceNorm(Call &call) {
  if (!call.boolean("use_input_stats"))
    return normaliseByStatistics(call);
  return normaliseByInput(call, 2, /*reducesBatch=*/false);
}

// What softmax and its logarithm subtract first, so that no exponential overflows.
static Tensor greatest(const Normalisation &n) {
  ScalarType compute = n.compute;
  Scalar lowest = Scalar::of(-std::numeric_limits<double>::infinity());
  return n.call.e.reduce(n.x, n.dims, compute, lowest, [&](OpBuilder &b, Location loc, Value acc, Value next) {
    return Math(b, loc, compute).max(acc, next);
  });
}

Tensor tenon::aten::logSoftmax(Call &call, const Tensor &x, int64_t dim, ScalarType result) {
  Emitter &e = call.e;
  Normalisation n(call, x, {dim});
  ScalarType compute = n.compute;
  Tensor max = greatest(n);
  auto difference = [&](Math &m, ValueRange args) {
    return m.sub(castScalar(m.b, m.loc, args[0], x.dtype, compute), args[1]);
  };
  Tensor sum = e.reduceMapped(
      {x, max}, {n.xMap(), n.outerMap()}, x.sizes, n.dims, compute, Scalar::of(0.0),
      [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Math m(b, loc, compute);
        return math::ExpOp::create(b, loc, difference(m, args));
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, compute).add(acc, next); });
  return e.mapped({x, max, sum}, {n.xMap(), n.outerMap(), n.outerMap()}, x.sizes, result,
                  [&](OpBuilder &b, Location loc, ValueRange args) {
                    Math m(b, loc, compute);
                    Value value = m.sub(difference(m, args), math::LogOp::create(b, loc, args[2]));
                    return castScalar(b, loc, value, compute, result);
                  });
}

// exp(x - max) / sum.
static Tensor softmax(Call &call, const Tensor &x, int64_t dim, ScalarType result) {
  Emitter &e = call.e;
  Normalisation n(call, x, {dim});
  ScalarType compute = n.compute;
  Tensor max = greatest(n);
  Tensor exponentials = e.mapped({x, max}, {n.xMap(), n.outerMap()}, x.sizes, compute,
                                 [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                                   Math m(b, loc, compute);
                                   Value value = castScalar(b, loc, args[0], x.dtype, compute);
                                   return math::ExpOp::create(b, loc, m.sub(value, args[1]));
                                 });
  Tensor sum = e.sum(exponentials, n.dims, compute);
  return e.mapped({exponentials, sum}, {n.xMap(), n.outerMap()}, x.sizes, result,
                  [&](OpBuilder &b, Location loc, ValueRange args) {
                    return castScalar(b, loc, Math(b, loc, compute).div(args[0], args[1]), compute, result);
                  });
}

static Results importSoftmax(Call &call, bool isLog) {
  Tensor x = call.tensor("self");
  ScalarType result = call.resultDtype();
  if (!isFloat(result))
    return {call.unsupported("softmax of integers")};
  x = call.e.cast(x, result); // a dtype argument converts the input first
  if (x.rank() == 0)
    return {call.e.reshape(isLog ? logSoftmax(call, call.e.unsqueeze(x, 0), 0, result) : softmax(call, call.e.unsqueeze(x, 0), 0, result), {})};
  int64_t dim = call.dim("dim", x.rank());
  return {isLog ? logSoftmax(call, x, dim, result) : softmax(call, x, dim, result)};
}

// Rows that see nothing are zero.
static Results importSafeSoftmax(Call &call) {
  Emitter &e = call.e;
  Results results = importSoftmax(call, /*isLog=*/false);
  Tensor x = call.tensor("self");
  if (x.rank() == 0 || !isFloat(x.dtype))
    return results;
  int64_t dim = call.dim("dim", x.rank());
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Tensor isSeen = e.reduceMapped(
      x, e.b.getMultiDimIdentityMap(x.rank()), x.sizes, {dim}, ScalarType::Bool, Scalar::of(false),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Math m(b, loc, x.dtype);
        return m.compare(Math::Order::Ne, args[0], m.constant(-infinity));
      },
      [](OpBuilder &b, Location loc, Value acc, Value next) -> Value { return arith::OrIOp::create(b, loc, acc, next); });
  Tensor value = results[0].tensor;
  return {e.pointwise({value, e.keepDims(isSeen, x, dim)}, value.sizes, value.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, value.dtype);
    return m.select(args[1], args[0], m.constant(0));
  })};
}

// v * (g / |v|), the norm over all dimensions but `dim`.
static Results importWeightNorm(Call &call) {
  Emitter &e = call.e;
  Tensor v = call.tensor("v"), g = call.tensor("g");
  int64_t dim = call.dim("dim", v.rank());
  SmallVector<int64_t> others;
  for (int64_t i = 0; i < v.rank(); ++i)
    if (i != dim)
      others.push_back(i);
  ScalarType compute = computeType(v.dtype);
  Tensor squares = e.reduceMapped(
      v, e.b.getMultiDimIdentityMap(v.rank()), v.sizes, others, compute, Scalar::of(int64_t{0}),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value value = castScalar(b, loc, args[0], v.dtype, compute);
        return Math(b, loc, compute).mul(value, value);
      },
      [&](OpBuilder &b, Location loc, Value acc, Value next) { return Math(b, loc, compute).add(acc, next); });
  Tensor scale = e.pointwise({g, e.keepDims(squares, v, others)}, g.sizes, compute,
                             [&](OpBuilder &b, Location loc, ValueRange args) {
                               Value norm = math::SqrtOp::create(b, loc, args[1]);
                               return Math(b, loc, compute).div(castScalar(b, loc, args[0], g.dtype, compute), norm);
                             });
  return {e.pointwise({v, scale}, v.sizes, v.dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Value value = castScalar(b, loc, args[0], v.dtype, compute);
    return castScalar(b, loc, Math(b, loc, compute).mul(value, args[1]), compute, v.dtype);
  })};
}

void tenon::aten::addNormRows(OpTable &table) {
  for (auto name : {"layer_norm", "native_layer_norm"})
    table.add(name, importLayerNorm);
  table.add("rms_norm", importRmsNorm);
  table.add("_weight_norm", importWeightNorm);
  table.add("group_norm", [](Call &call) { return importGroupNorm(call, "num_groups"); });
  table.add("native_group_norm", [](Call &call) { return importGroupNorm(call, "group"); });
  for (auto name : {"batch_norm", "_native_batch_norm_legit_no_training", "native_batch_norm", "_native_batch_norm_legit",
                    "_native_batch_norm_legit_functional", "_batch_norm_with_update", "_batch_norm_with_update_functional",
                    "_batch_norm_no_update"})
    table.add(name, importBatchNorm);
  table.add("instance_norm", importInstanceNorm);
  for (auto name : {"softmax", "_softmax"})
    table.add(name, [](Call &call) { return importSoftmax(call, /*isLog=*/false); });
  table.add("_safe_softmax", importSafeSoftmax);
  for (auto name : {"log_softmax", "_log_softmax"})
    table.add(name, [](Call &call) { return importSoftmax(call, /*isLog=*/true); });
}
