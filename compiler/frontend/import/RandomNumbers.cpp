//===- RandomNumbers.cpp - what draws from the generator -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Everything is made of uniform, normal and integer numbers of tenon.random, each drawn as PyTorch draws it: a model that is
// seeded as eager is sees eager's numbers. (PyTorch built with MKL takes its numbers for bernoulli and dropout, and for
// exponential, from MKL: those differ.)
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"
#include "compiler/frontend/import/Sorting.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

static Tensor draw(Call &call, RandomKind kind, SizesRef sizes, ScalarType dtype) {
  Emitter &e = call.e;
  Tensor numbers = e.empty(sizes, dtype);
  auto op = RandomOp::create(e.b, e.loc, TypeRange{numbers.value.getType()}, ValueRange{numbers.value}, kind);
  numbers.value = op->getResult(0);
  return numbers;
}

namespace {
/// How eager's first result lies in memory, which is how it is drawn.
struct MemoryOrder {
  SmallVector<int64_t> dims; ///< from outermost to innermost
  bool isContiguous = true;  ///< row by row and without gaps
};
} // namespace

static MemoryOrder memoryOrder(Call &call) {
  MemoryOrder order;
  int64_t rank = static_cast<int64_t>(call.resultSizes().size());
  order.dims.assign(llvm::seq<int64_t>(0, rank).begin(), llvm::seq<int64_t>(0, rank).end());
  auto sizes = call.typicalSizes(), strides = call.typicalStrides();
  if (!sizes || !strides)
    return order;
  int64_t expected = 1;
  for (int64_t dim : llvm::reverse(order.dims)) {
    order.isContiguous &= (*sizes)[dim] == 1 || (*strides)[dim] == expected;
    expected *= (*sizes)[dim];
  }
  llvm::stable_sort(order.dims, [&](int64_t a, int64_t b) { return (*strides)[a] > (*strides)[b]; });
  return order;
}

// As many numbers as the first result has, in the order of eager's memory.
static Tensor drawInMemoryOrder(Call &call, RandomKind kind, ScalarType dtype, const MemoryOrder &order) {
  Sizes sizes = call.resultSizes();
  if (llvm::is_sorted(order.dims))
    return draw(call, kind, sizes, dtype);
  Sizes inOrder;
  SmallVector<int64_t> back(sizes.size());
  for (auto [position, dim] : llvm::enumerate(order.dims)) {
    inOrder.push_back(sizes[dim]);
    back[dim] = static_cast<int64_t>(position);
  }
  return call.e.permute(draw(call, kind, inOrder, dtype), back);
}

static Tensor drawInMemoryOrder(Call &call, RandomKind kind, ScalarType dtype) {
  return drawInMemoryOrder(call, kind, dtype, memoryOrder(call));
}

//===--- floats ------------------------------------------------------------------------------------------------------===//

// In [from, to). Half types round numbers of float32; what reaches `to` by that is `from`.
static Results importUniform(Call &call, double from, double to) {
  ScalarType dtype = call.resultDtype(), compute = computeType(dtype);
  if (!isFloat(dtype))
    return {call.unsupported("uniform integers")};
  Tensor numbers = drawInMemoryOrder(call, RandomKind::Uniform, compute);
  if (from == 0 && to == 1 && compute == dtype)
    return {numbers};
  return {call.e.pointwise(numbers, numbers.sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute), result(b, loc, dtype);
    Value number = m.add(m.mul(args[0], m.constant(to - from)), m.constant(from));
    number = castScalar(b, loc, number, compute, dtype);
    if (compute == dtype)
      return number;
    return m.select(result.compare(Math::Order::Eq, number, result.constant(to)), result.constant(from), number);
  })};
}

// A number, or a tensor, that a distribution is given.
static Tensor parameter(Call &call, StringRef name) {
  return call.isTensor(name) ? call.tensor(name) : call.e.fill({}, computeType(call.resultDtype()), call.scalar(name));
}

// Normal numbers of contiguous tensors come in blocks of 16. What is left over makes the last block be drawn anew: in half
// precision, whose numbers are float32's, without having been drawn before. Those of other tensors come one by one.
static Tensor normalNumbers(Call &call, ScalarType dtype) {
  MemoryOrder order = memoryOrder(call);
  if (!order.isContiguous) {
    bool isHalf = dtype != computeType(dtype);
    return drawInMemoryOrder(call, RandomKind::SerialNormal, isHalf ? ScalarType::Float64 : dtype, order);
  }
  Emitter &e = call.e;
  Sizes sizes = call.resultSizes();
  constexpr int64_t block = 16;
  Size count = e.product(sizes);
  std::optional<int64_t> known = staticSize(count);
  ScalarType drawn = computeType(dtype);
  if (drawn == dtype || (known && (*known < block || *known % block == 0)))
    return draw(call, RandomKind::Normal, sizes, drawn);
  if (!known)
    return call.unsupported("normal numbers in half precision whose number varies; draw them in float32");
  Tensor whole = draw(call, RandomKind::Normal, e.sizes({*known / block * block}), drawn);
  Tensor last = draw(call, RandomKind::Normal, e.sizes({block}), drawn);
  return e.reshape(e.concat({e.slice(whole, 0, e.size(0), e.size(*known - block)), last}, 0), sizes);
}

static Results importNormal(Call &call, bool isStandard) {
  ScalarType dtype = call.resultDtype();
  if (!isFloat(dtype))
    return {call.unsupported("normal integers")};
  Tensor numbers = normalNumbers(call, dtype);
  if (!call.problem().empty())
    return {numbers};
  if (isStandard)
    return {call.e.cast(numbers, dtype)};
  return {call.e.compute({numbers, parameter(call, "std"), parameter(call, "mean")}, dtype,
                         [](Math &m, ValueRange args) { return m.add(m.mul(args[0], args[1]), args[2]); })};
}

// Both parts are drawn, one number after the other; normal ones have half the variance each.
static Results importComplexNumbers(Call &call, RandomKind kind) {
  Emitter &e = call.e;
  Sizes pairs = call.resultSizes();
  pairs.push_back(e.size(2));
  Tensor numbers = draw(call, kind, pairs, partType(call.resultDtype()));
  if (kind == RandomKind::Normal)
    numbers = e.compute({numbers}, numbers.dtype, [](Math &m, ValueRange args) { return m.mul(args[0], m.constant(std::numbers::sqrt2 / 2)); });
  return {viewAsComplex(e, numbers)};
}

// `shape` of uniform numbers of float64 in [0, 1).
static Results importShaped(Call &call, llvm::function_ref<Value(Math &, Value)> shape) {
  Tensor uniform = drawInMemoryOrder(call, RandomKind::Uniform, ScalarType::Float64);
  Tensor numbers = call.e.compute({uniform}, ScalarType::Float64, [&](Math &m, ValueRange args) { return shape(m, args[0]); });
  return {call.e.cast(numbers, call.resultDtype())};
}

static Results importCauchy(Call &call) {
  double median = call.real("median"), sigma = call.real("sigma");
  return importShaped(call, [&](Math &m, Value u) {
    Value angle = m.mul(m.constant(std::numbers::pi), m.sub(u, m.constant(0.5)));
    return m.add(m.constant(median), m.mul(m.constant(sigma), math::TanOp::create(m.b, m.loc, angle)));
  });
}

static Results importGeometric(Call &call) {
  double p = call.real("p");
  return importShaped(call, [&](Math &m, Value u) -> Value {
    Value trials = m.div(math::LogOp::create(m.b, m.loc, u), m.constant(std::log1p(-p)));
    return math::CeilOp::create(m.b, m.loc, trials);
  });
}

static Tensor exponential(Call &call, SizesRef sizes, ScalarType dtype, double rate) {
  Tensor uniform = draw(call, RandomKind::Uniform, sizes, ScalarType::Float64);
  Tensor numbers = call.e.compute({uniform}, ScalarType::Float64, [&](Math &m, ValueRange args) {
    Value logarithm = math::Log1pOp::create(m.b, m.loc, m.neg(args[0]));
    return m.mul(logarithm, m.constant(-1 / rate));
  });
  return call.e.cast(numbers, dtype);
}

//===--- integers and truth values -----------------------------------------------------------------------------------===//

// In [low, high): the remainder of 32 random bits, or of 64 where those would prefer some numbers too much.
static Results importIntegers(Call &call, int64_t low, int64_t high) {
  if (high <= low)
    return {call.unsupported("random integers of an empty range")};
  uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  constexpr uint64_t largestOf32Bits = uint64_t(1) << 28;
  RandomKind kind = range < largestOf32Bits ? RandomKind::Bits32 : RandomKind::Bits64;
  Tensor bits = drawInMemoryOrder(call, kind, ScalarType::Int64);
  ScalarType dtype = call.resultDtype();
  return {call.e.pointwise(bits, bits.sizes, dtype, [&](OpBuilder &b, Location loc, ValueRange args) {
    Value divisor = scalarConstant(b, loc, ScalarType::Int64, static_cast<int64_t>(range));
    Value number = arith::AddIOp::create(b, loc, arith::RemUIOp::create(b, loc, args[0], divisor),
                                         scalarConstant(b, loc, ScalarType::Int64, low));
    return castScalar(b, loc, number, ScalarType::Int64, dtype);
  })};
}

// All integers that the dtype holds from zero on; of floats those up to which every integer is one.
static Results importWholeRange(Call &call) {
  ScalarType dtype = call.resultDtype();
  switch (dtype) {
  case ScalarType::Bool: return importIntegers(call, 0, 2);
  case ScalarType::UInt8: return importIntegers(call, 0, 256);
  case ScalarType::Int8: return importIntegers(call, 0, 128);
  case ScalarType::Int16: return importIntegers(call, 0, 32768);
  case ScalarType::BFloat16: return importIntegers(call, 0, (1 << 8) + 1);
  case ScalarType::Float16: return importIntegers(call, 0, (1 << 11) + 1);
  case ScalarType::Float32: return importIntegers(call, 0, (1 << 24) + 1);
  default: return {call.unsupported("random integers of the whole range of this dtype; give a range")};
  }
}

// True with a probability that is a number, or per element a tensor's.
static Tensor bernoulli(Call &call, SizesRef sizes, const Tensor &probability) {
  ScalarType dtype = probability.dtype == ScalarType::Float64 ? ScalarType::Float64 : ScalarType::Float32;
  Tensor uniform = draw(call, RandomKind::Uniform, sizes, dtype);
  return call.e.pointwise({uniform, probability}, sizes, ScalarType::Bool, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, dtype);
    return m.compare(Math::Order::Lt, args[0], castScalar(b, loc, args[1], probability.dtype, dtype));
  });
}

static Tensor bernoulli(Call &call, SizesRef sizes, double probability) {
  return bernoulli(call, sizes, call.e.fill({}, ScalarType::Float64, Scalar::of(probability)));
}

static Results importBernoulli(Call &call) {
  StringRef name = call.has("p") ? "p" : "self"; // the functional op takes its probabilities from self
  Sizes sizes = call.resultSizes();
  Tensor drawn = call.isTensor(name) ? bernoulli(call, sizes, call.tensor(name)) : bernoulli(call, sizes, call.real(name));
  return {call.e.cast(drawn, call.resultDtype())};
}

static Results importPermutation(Call &call) {
  return {call.e.cast(draw(call, RandomKind::Permutation, call.resultSizes(), ScalarType::Int64), call.resultDtype())};
}

// Those whose probability over an exponential number is greatest (https://doi.org/10.1016/j.ipl.2005.11.003).
static Results importMultinomial(Call &call) {
  Emitter &e = call.e;
  Tensor weights = call.tensor("self");
  int64_t count = call.integer("num_samples"), last = weights.rank() - 1;
  if (call.boolean("replacement") && count != 1)
    return {call.unsupported("several draws with replacement")};
  Tensor rates = exponential(call, weights.sizes, weights.dtype, 1);
  Tensor keys = e.compute({weights, rates}, weights.dtype, [](Math &m, ValueRange args) { return m.div(args[0], args[1]); });
  return {createSort(call, keys, last, e.size(count), {/*descending=*/true, /*selects=*/true}).positions};
}

//===--- dropout -----------------------------------------------------------------------------------------------------===//

// Zeros with probability p; what stays is scaled so that means stay. `alpha` moves zeros to where a SELU saturates and scales so
// that variances stay as well (https://arxiv.org/abs/1706.02515).
static Tensor dropOut(Call &call, const Tensor &x, const Tensor &stays, double p, bool alpha) {
  constexpr double saturation = 1.7580993408473766;
  double scale = alpha ? 1 / std::sqrt((saturation * saturation * p + 1) * (1 - p)) : 1 / (1 - p);
  double shift = alpha ? saturation * scale : 0;
  return call.e.compute({x, stays}, x.dtype, [&](Math &m, ValueRange args) {
    Value isKept = m.compare(Math::Order::Ne, args[1], m.constant(0));
    Value kept = m.mul(args[0], m.select(isKept, m.constant(scale), m.constant(0)));
    return alpha ? m.add(kept, m.select(isKept, m.constant(shift * p), m.constant(shift * (p - 1)))) : kept;
  });
}

static Results importDropout(Call &call, bool perFeature, bool alpha) {
  Tensor x = call.tensor(call.has("input") ? "input" : "self"); // the latter in place
  double p = call.real("p");
  if (!call.boolean("train") || p == 0)
    return {View::identity()};
  if (p == 1) // draws nothing
    return {call.e.compute({x}, x.dtype, [](Math &m, ValueRange args) { return m.mul(args[0], m.constant(0)); })};
  if (perFeature && x.rank() < 2)
    return {call.unsupported("dropout of features of a vector")};
  Sizes sizes = x.sizes;
  if (perFeature)
    std::fill(sizes.begin() + 2, sizes.end(), call.e.size(1));
  return {dropOut(call, x, bernoulli(call, sizes, 1 - p), p, alpha)};
}

static Results importNativeDropout(Call &call) {
  Tensor x = call.tensor("input");
  double p = call.real("p");
  bool trains = !call.has("train") || call.boolean("train");
  Tensor stays = trains ? bernoulli(call, x.sizes, 1 - p) : call.e.fill(x.sizes, ScalarType::Bool, Scalar::of(true));
  return {trains ? dropOut(call, x, stays, p, /*alpha=*/false) : x, stays};
}

//===--- the table ---------------------------------------------------------------------------------------------------===//

void tenon::aten::addRandomRows(OpTable &table) {
  for (auto name : {"complex.rand", "complex.rand_like"})
    table.add(name, [](Call &call) { return importComplexNumbers(call, RandomKind::Uniform); });
  for (auto name : {"complex.randn", "complex.randn_like"})
    table.add(name, [](Call &call) { return importComplexNumbers(call, RandomKind::Normal); });
  for (auto name : {"rand", "rand_like"})
    table.add(name, [](Call &call) { return importUniform(call, 0, 1); });
  table.add("uniform", [](Call &call) { return importUniform(call, call.real("from"), call.real("to")); });
  for (auto name : {"randn", "randn_like"})
    table.add(name, [](Call &call) { return importNormal(call, /*isStandard=*/true); });
  table.add("normal", [](Call &call) { return importNormal(call, /*isStandard=*/false); });
  table.add("cauchy", importCauchy);
  table.add("geometric", importGeometric);
  table.add("exponential", [](Call &call) {
    return Results{exponential(call, call.resultSizes(), call.resultDtype(), call.real("lambd"))};
  });
  for (auto name : {"randint", "randint_like"})
    table.add(name, [](Call &call) {
      return importIntegers(call, call.has("low") ? call.integer("low") : 0, call.integer("high"));
    });
  table.add("random.default", importWholeRange);
  for (auto name : {"random.from", "random.to"})
    table.add(name, [](Call &call) {
      return importIntegers(call, call.has("from") ? call.integer("from") : 0, call.integer("to"));
    });
  table.add("bernoulli", importBernoulli);
  table.add("randperm", importPermutation);
  table.add("multinomial", importMultinomial);
  for (bool perFeature : {false, true})
    for (bool alpha : {false, true})
      table.add(std::string(perFeature ? "feature_" : "") + (alpha ? "alpha_" : "") + "dropout",
                [=](Call &call) { return importDropout(call, perFeature, alpha); });
  table.add("native_dropout", importNativeDropout);
}

bool tenon::aten::drawsRandomNumbers(StringRef op, StringRef overload) {
  static const OpTable rows = [] {
    OpTable table;
    addRandomRows(table);
    return table;
  }();
  return rows.find(op, overload) != nullptr;
}
