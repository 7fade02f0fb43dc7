//===- ComplexPointwise.cpp - element-wise ops of complex numbers: one line each ----------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Complex.h"
#include "compiler/frontend/import/ComplexFunctions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace tenon::aten;
using O = Math::Order;

namespace {
/// A body on complex operands.
struct NumberBody : ComplexMath {
  NumberBody(Math &m, Call &call) : ComplexMath(m), call(call) {}
  Call &call;
  SmallVector<Number> x;

  Number param(StringRef name) {
    ComplexScalar number = call.complexScalar(name);
    return {number.real.materialize(m.b, m.loc, m.dtype), number.imaginary.materialize(m.b, m.loc, m.dtype)};
  }
};

/// What a body computes in. Functions do so in float64: they are rare, and steps that cancel or overflow in float32 do not there.
enum class Precision { Own, Double };

struct NumberRow {
  StringLiteral name;
  Precision precision;
  std::initializer_list<StringLiteral> operands; ///< schema names; None leaves an operand out
  Number (*build)(NumberBody &);
};

/// Of complex operands a truth value.
struct TruthRow {
  StringLiteral name;
  std::initializer_list<StringLiteral> operands;
  Value (*build)(NumberBody &);
};

/// One operand: the parts of a tensor, or a number.
struct Operand {
  ComplexParts parts;
  ComplexScalar number;
};

/// A row's operands, and the dtype of the parts that they have in common.
struct Operands {
  SmallVector<Operand> list;
  SmallVector<Tensor> tensors;
  ScalarType common;

  Operands(Call &call, ArrayRef<StringLiteral> names) {
    ResultType type;
    for (StringRef name : names) {
      if (!call.has(name))
        continue;
      Operand operand;
      if (call.isTensor(name)) {
        Tensor tensor = call.tensor(name);
        operand.parts = partsOf(call.e, tensor);
        type.addTensor(partType(tensor.dtype), tensor.rank());
        for (const Tensor &part : {operand.parts.real, operand.parts.imaginary})
          if (part)
            tensors.push_back(part);
      } else {
        operand.number = call.complexScalar(name);
        type.addNumber(ScalarType::Float64);
      }
      list.push_back(operand);
    }
    common = type.get();
  }

  /// The operands of one element, whose tensors have elements `args`.
  SmallVector<Number> elements(Math &m, ValueRange args) const {
    SmallVector<Number> numbers;
    auto next = args.begin();
    auto element = [&](const Tensor &part) { return castScalar(m.b, m.loc, *next++, part.dtype, m.dtype); };
    for (const Operand &operand : list) {
      if (!operand.parts.real) {
        numbers.push_back({operand.number.real.materialize(m.b, m.loc, m.dtype),
                           operand.number.imaginary.materialize(m.b, m.loc, m.dtype)});
        continue;
      }
      Value real = element(operand.parts.real);
      numbers.push_back({real, operand.parts.imaginary ? element(operand.parts.imaginary) : m.constant(0)});
    }
    return numbers;
  }
};
} // namespace

//===--- bodies ------------------------------------------------------------------------------------------------------===//

template <Number (ComplexMath::*function)(Number)> static Number unary(NumberBody &k) { return (k.*function)(k.x[0]); }

static Number withAlpha(NumberBody &k, Number x) { return k.mul(k.param("alpha"), x); }
static Number reciprocal(NumberBody &k, Number x) { return k.div(k.constant(1), x); }
static Number scaledLog(NumberBody &k, double base) { return k.scale(k.log(k.x[0]), k.m.constant(1 / std::log(base))); }
static Number sigmoid(NumberBody &k) { return reciprocal(k, k.add(k.constant(1), k.exp(k.neg(k.x[0])))); }

// ATen computes these exponents without pow.
static Number powBody(NumberBody &k) {
  Number x = k.x[0];
  if (!k.call.isTensor("exponent")) {
    ComplexScalar exponent = k.call.complexScalar("exponent");
    bool isReal = exponent.imaginary.isConstant() && exponent.imaginary.asDouble() == 0 && exponent.real.isConstant();
    double real = isReal ? exponent.real.asDouble() : 0.25;
    if (real == 0)
      return k.constant(1);
    if (real == 1)
      return x;
    if (real == 2)
      return k.mul(x, x);
    if (real == 3)
      return k.mul(k.mul(x, x), x);
    if (real == 0.5)
      return k.sqrt(x);
    if (real == -0.5)
      return reciprocal(k, k.sqrt(x));
    if (real == -1)
      return reciprocal(k, x);
    if (real == -2)
      return reciprocal(k, k.mul(x, x));
  }
  return k.pow(x, k.x[1]);
}

static Number sgnBody(NumberBody &k) {
  Value size = k.magnitude(k.x[0]), isZero = k.isZero(k.x[0]);
  Value divisor = k.m.select(isZero, k.m.constant(1), size);
  return k.select(isZero, k.constant(0), {k.m.div(k.x[0].real, divisor), k.m.div(k.x[0].imaginary, divisor)});
}

// ATen's lerp takes the end whose weight is larger.
static Number lerpBody(NumberBody &k) {
  Number start = k.x[0], end = k.x[1], weight = k.x[2], difference = k.sub(end, start);
  Number low = k.add(start, k.mul(weight, difference));
  Number high = k.sub(end, k.mul(difference, k.sub(k.constant(1), weight)));
  return k.select(k.m.compare(O::Lt, k.magnitude(weight), k.m.constant(0.5)), low, high);
}

static Number sincBody(NumberBody &k) {
  Number scaled = k.scale(k.x[0], k.m.constant(std::numbers::pi));
  return k.select(k.isZero(k.x[0]), k.constant(1), k.div(k.sin(scaled), scaled));
}

// About the one with the greater real part.
static Number logAddExp(NumberBody &k) {
  Value isFirst = k.m.compare(O::Ge, k.x[0].real, k.x[1].real);
  Number high = k.select(isFirst, k.x[0], k.x[1]), low = k.select(isFirst, k.x[1], k.x[0]);
  return k.add(high, k.log1p(k.exp(k.sub(low, high))));
}

static Value eitherPart(NumberBody &k, Number x, llvm::function_ref<Value(Value)> holds) {
  return arith::OrIOp::create(k.m.b, k.m.loc, holds(x.real), holds(x.imaginary));
}
static Value bothParts(NumberBody &k, Number x, llvm::function_ref<Value(Value)> holds) {
  return arith::AndIOp::create(k.m.b, k.m.loc, holds(x.real), holds(x.imaginary));
}
static Value compareSize(NumberBody &k, O order, Value part) {
  return k.m.compare(order, math::AbsFOp::create(k.m.b, k.m.loc, part), highestConstant(k.m.b, k.m.loc, k.m.dtype));
}
static Value isNan(NumberBody &k, Number x) {
  return eitherPart(k, x, [&](Value part) { return k.m.isNan(part); });
}

// |x - y| <= atol + |rtol y| and finite, or equal, or both NaN where these count as equal.
static Value isClose(NumberBody &k) {
  Value close = k.equal(k.x[0], k.x[1]);
  auto either = [&](Value a, Value b) -> Value { return arith::OrIOp::create(k.m.b, k.m.loc, a, b); };
  if (k.call.boolean("equal_nan"))
    close = either(close, arith::AndIOp::create(k.m.b, k.m.loc, isNan(k, k.x[0]), isNan(k, k.x[1])));
  if (k.call.real("rtol") == 0 && k.call.real("atol") == 0)
    return close;
  Value distance = k.magnitude(k.sub(k.x[0], k.x[1]));
  Value allowed = k.m.add(k.param("atol").real, k.magnitude(k.scale(k.x[1], k.param("rtol").real)));
  Value isNear = arith::AndIOp::create(k.m.b, k.m.loc, compareSize(k, O::Lt, distance), k.m.compare(O::Le, distance, allowed));
  return either(close, isNear);
}

//===--- the tables --------------------------------------------------------------------------------------------------===//

static constexpr auto Own = Precision::Own;
static constexpr auto Double = Precision::Double;
using M = ComplexMath;
using K = NumberBody;

static const NumberRow rows[] = {
    {"add", Own, {"self", "other"}, [](K &k) { return k.add(k.x[0], withAlpha(k, k.x[1])); }},
    {"sub", Own, {"self", "other"}, [](K &k) { return k.sub(k.x[0], withAlpha(k, k.x[1])); }},
    {"rsub", Own, {"other", "self"}, [](K &k) { return k.sub(k.x[0], withAlpha(k, k.x[1])); }},
    {"mul", Own, {"self", "other"}, [](K &k) { return k.mul(k.x[0], k.x[1]); }},
    {"multiply", Own, {"self", "other"}, [](K &k) { return k.mul(k.x[0], k.x[1]); }},
    {"div", Own, {"self", "other"}, [](K &k) { return k.div(k.x[0], k.x[1]); }},
    {"true_divide", Own, {"self", "other"}, [](K &k) { return k.div(k.x[0], k.x[1]); }},
    {"addcmul", Own, {"self", "tensor1", "tensor2"},
     [](K &k) { return k.add(k.x[0], k.mul(k.mul(k.param("value"), k.x[1]), k.x[2])); }},
    {"addcdiv", Own, {"self", "tensor1", "tensor2"},
     [](K &k) { return k.add(k.x[0], k.div(k.mul(k.param("value"), k.x[1]), k.x[2])); }},
    {"lerp", Own, {"self", "end", "weight"}, lerpBody},
    {"pow", Double, {"self", "exponent"}, powBody},
    {"float_power", Double, {"self", "exponent"}, powBody},
    {"neg", Own, {"self"}, unary<&M::neg>},
    {"positive", Own, {"self"}, [](K &k) { return k.x[0]; }},
    {"square", Own, {"self"}, [](K &k) { return k.mul(k.x[0], k.x[0]); }},
    {"reciprocal", Own, {"self"}, [](K &k) { return reciprocal(k, k.x[0]); }},
    {"sgn", Double, {"self"}, sgnBody},
    {"exp", Own, {"self"}, unary<&M::exp>},
    {"exp2", Double, {"self"}, [](K &k) { return k.exp(k.scale(k.x[0], k.m.constant(std::numbers::ln2))); }},
    {"expm1", Double, {"self"}, unary<&M::expm1>},
    {"log", Double, {"self"}, unary<&M::log>},
    {"log2", Double, {"self"}, [](K &k) { return scaledLog(k, 2); }},
    {"log10", Double, {"self"}, [](K &k) { return scaledLog(k, 10); }},
    {"log1p", Double, {"self"}, unary<&M::log1p>},
    {"logaddexp", Double, {"self", "other"}, logAddExp},
    {"sqrt", Double, {"self"}, unary<&M::sqrt>},
    {"rsqrt", Double, {"self"}, [](K &k) { return reciprocal(k, k.sqrt(k.x[0])); }},
    {"sin", Double, {"self"}, unary<&M::sin>},
    {"cos", Double, {"self"}, unary<&M::cos>},
    {"tan", Double, {"self"}, unary<&M::tan>},
    {"asin", Double, {"self"}, unary<&M::asin>},
    {"acos", Double, {"self"}, unary<&M::acos>},
    {"atan", Double, {"self"}, unary<&M::atan>},
    {"sinh", Double, {"self"}, unary<&M::sinh>},
    {"cosh", Double, {"self"}, unary<&M::cosh>},
    {"tanh", Double, {"self"}, unary<&M::tanh>},
    {"asinh", Double, {"self"}, unary<&M::asinh>},
    {"acosh", Double, {"self"}, unary<&M::acosh>},
    {"atanh", Double, {"self"}, unary<&M::atanh>},
    {"sigmoid", Double, {"self"}, sigmoid},
    {"silu", Double, {"self"}, [](K &k) { return k.mul(k.x[0], sigmoid(k)); }},
    {"sinc", Double, {"self"}, sincBody},
    {"ldexp", Double, {"self", "other"},
     [](K &k) { return k.mul(k.x[0], k.exp(k.scale(k.x[1], k.m.constant(std::numbers::ln2)))); }},
    {"fill", Own, {"value"}, [](K &k) { return k.x[0]; }},
};

static const TruthRow truthRows[] = {
    {"eq", {"self", "other"}, [](K &k) { return k.equal(k.x[0], k.x[1]); }},
    {"ne", {"self", "other"},
     [](K &k) {
       Value isEqual = k.equal(k.x[0], k.x[1]);
       return Value(arith::XOrIOp::create(k.m.b, k.m.loc, isEqual, scalarConstant(k.m.b, k.m.loc, ScalarType::Bool, int64_t{1})));
     }},
    {"isnan", {"self"}, [](K &k) { return isNan(k, k.x[0]); }},
    {"isinf", {"self"},
     [](K &k) { return eitherPart(k, k.x[0], [&](Value part) { return compareSize(k, O::Eq, part); }); }},
    {"isfinite", {"self"},
     [](K &k) { return bothParts(k, k.x[0], [&](Value part) { return compareSize(k, O::Lt, part); }); }},
    {"isreal", {"self"}, [](K &k) { return k.m.compare(O::Eq, k.x[0].imaginary, k.m.constant(0)); }},
    {"isclose", {"self", "other"}, isClose},
};

static Results importNumbers(Call &call, const NumberRow &row) {
  Emitter &e = call.e;
  Operands operands(call, row.operands);
  ScalarType result = partType(call.resultDtype());
  ScalarType compute = row.precision == Double ? ScalarType::Float64 : computeType(operands.common);
  auto part = [&](bool isReal) {
    return e.pointwise(operands.tensors, call.resultSizes(), result, [&](OpBuilder &b, Location loc, ValueRange args) {
      Math m(b, loc, compute);
      NumberBody body(m, call);
      body.x = operands.elements(m, args);
      Number number = row.build(body);
      return castScalar(b, loc, isReal ? number.real : number.imaginary, compute, result);
    });
  };
  return {joinParts(e, {part(true), part(false)})};
}

static Results importTruth(Call &call, const TruthRow &row) {
  Operands operands(call, row.operands);
  // In place the truth value becomes a number.
  ScalarType result = partType(call.resultDtype()), compute = computeType(operands.common);
  return {call.e.pointwise(operands.tensors, call.resultSizes(), result, [&](OpBuilder &b, Location loc, ValueRange args) {
    Math m(b, loc, compute);
    NumberBody body(m, call);
    body.x = operands.elements(m, args);
    return castScalar(b, loc, row.build(body), ScalarType::Bool, result);
  })};
}

void tenon::aten::addComplexPointwiseRows(OpTable &table) {
  for (const NumberRow &row : rows)
    table.add(("complex." + row.name).str(), [&row](Call &call) { return importNumbers(call, row); });
  for (const TruthRow &row : truthRows)
    table.add(("complex." + row.name).str(), [&row](Call &call) { return importTruth(call, row); });
}
