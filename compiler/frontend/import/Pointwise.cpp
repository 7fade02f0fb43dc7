//===- Pointwise.cpp - element-wise ops: one line each ------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/PointwiseBodies.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

namespace {

// NaN loses, unlike in max and min.
template <bool isMax> Value extremeOfNumbers(Body &k) {
  Value x = k.x[0], y = k.x[1], result = isMax ? k.max(x, y) : k.min(x, y);
  return k.isFloat() ? k.select(k.isNan(x), y, k.select(k.isNan(y), x, result)) : result;
}

// Shifts by a negative number or by all bits and more leave nothing: zero, or the sign to the right.
template <bool isLeft> Value shiftBody(Body &k) {
  Value x = k.x[0], width = k.constant(k.x[0].getType().getIntOrFloatBitWidth()), zero = k.constant(0);
  Value isKept = arith::AndIOp::create(k.b, k.loc, k.compare(Math::Order::Ge, k.x[1], zero),
                                       k.compare(Math::Order::Lt, k.x[1], width));
  Value count = k.select(isKept, k.x[1], zero);
  if (isLeft)
    return k.select(isKept, arith::ShLIOp::create(k.b, k.loc, x, count), zero);
  if (isUnsigned(k.dtype))
    return k.select(isKept, arith::ShRUIOp::create(k.b, k.loc, x, count), zero);
  count = k.select(isKept, k.x[1], k.sub(width, k.constant(1)));
  return arith::ShRSIOp::create(k.b, k.loc, x, count);
}

template <Math::Order order> Value comparison(Body &k) { return k.compare(order, k.x[0], k.x[1]); }
template <typename Op> Value unary(Body &k) { return k.op<Op>(); }
template <typename Op> Value roundingOf(Body &k) { return k.isFloat() ? k.op<Op>() : k.x[0]; }
template <ActivationKind kind> Value activation(Body &k) { return k.activation(kind); }
template <typename Op> Value binary(Body &k) { return Op::create(k.b, k.loc, k.x[0], k.x[1]); }

template <int sign> Value isInfinityOf(Body &k) {
  if (!k.isFloat())
    return scalarConstant(k.b, k.loc, ScalarType::Bool, int64_t{0});
  Value infinity = highestConstant(k.b, k.loc, k.dtype);
  return k.compare(Math::Order::Eq, k.x[0], sign > 0 ? infinity : k.neg(infinity));
}

constexpr auto Common = Promotion::Common;
constexpr auto Floating = Promotion::Floating;
constexpr auto Boolean = Promotion::Boolean;
using O = Math::Order;

const PointwiseRow rows[] = {
    {"add", Common, {"self", "other"}, false, [](Body &k) { return k.add(k.x[0], withAlpha(k)); }},
    {"sub", Common, {"self", "other"}, false, [](Body &k) { return k.sub(k.x[0], withAlpha(k)); }},
    {"rsub", Common, {"other", "self"}, false, [](Body &k) { return k.sub(k.x[0], withAlpha(k)); }},
    {"mul", Common, {"self", "other"}, false, [](Body &k) { return k.mul(k.x[0], k.x[1]); }},
    {"multiply", Common, {"self", "other"}, false, [](Body &k) { return k.mul(k.x[0], k.x[1]); }},
    {"div.Tensor_mode", Common, {"self", "other"}, false, roundedDiv},
    {"div.Scalar_mode", Common, {"self", "other"}, false, roundedDiv},
    {"div", Floating, {"self", "other"}, false, [](Body &k) { return k.div(k.x[0], k.x[1]); }},
    {"true_divide", Floating, {"self", "other"}, false, [](Body &k) { return k.div(k.x[0], k.x[1]); }},
    {"floor_divide", Common, {"self", "other"}, false, floorDiv},
    {"remainder", Common, {"self", "other"}, false, pythonRemainder},
    {"fmod", Common, {"self", "other"}, false, [](Body &k) { return k.rem(k.x[0], k.x[1]); }},
    {"pow", Common, {"self", "exponent"}, false, powBody},
    {"float_power", Promotion::Double, {"self", "exponent"}, false, powBody},
    {"maximum", Common, {"self", "other"}, false, [](Body &k) { return k.max(k.x[0], k.x[1]); }},
    {"minimum", Common, {"self", "other"}, false, [](Body &k) { return k.min(k.x[0], k.x[1]); }},
    {"max.other", Common, {"self", "other"}, false, [](Body &k) { return k.max(k.x[0], k.x[1]); }},
    {"min.other", Common, {"self", "other"}, false, [](Body &k) { return k.min(k.x[0], k.x[1]); }},
    {"atan2", Floating, {"self", "other"}, false, binary<math::Atan2Op>},
    {"copysign", Floating, {"self", "other"}, false, binary<math::CopySignOp>},
    {"hypot", Floating, {"self", "other"}, false, hypotenuse},
    {"xlogy", Floating, {"self", "other"}, false, xlogy},
    {"special_xlogy", Floating, {"self", "other"}, false, xlogy},
    {"special_xlog1py", Floating, {"self", "other"}, false, xlog1py},
    {"ldexp", Floating, {"self", "other"}, false, [](Body &k) { return k.mul(k.x[0], k.op<math::Exp2Op>(k.x[1])); }},
    {"fmax", Common, {"self", "other"}, false, extremeOfNumbers<true>},
    {"fmin", Common, {"self", "other"}, false, extremeOfNumbers<false>},
    {"logaddexp", Floating, {"self", "other"}, false, logAddExp},
    {"logaddexp2", Floating, {"self", "other"}, false, logAddExp2},
    {"gcd", Common, {"self", "other"}, false, greatestDivisor},
    {"lcm", Common, {"self", "other"}, false, leastMultiple},
    {"heaviside", Common, {"self", "values"}, false, heavisideBody},
    {"lerp", Common, {"self", "end", "weight"}, false, lerpBody},
    {"addcmul",
     Common,
     {"self", "tensor1", "tensor2"},
     false,
     [](Body &k) { return k.add(k.x[0], k.mul(k.mul(k.param("value"), k.x[1]), k.x[2])); }},
    {"addcdiv",
     Floating,
     {"self", "tensor1", "tensor2"},
     false,
     [](Body &k) { return k.add(k.x[0], k.div(k.mul(k.param("value"), k.x[1]), k.x[2])); }},

    {"eq", Common, {"self", "other"}, true, comparison<O::Eq>},
    {"ne", Common, {"self", "other"}, true, comparison<O::Ne>},
    {"lt", Common, {"self", "other"}, true, comparison<O::Lt>},
    {"le", Common, {"self", "other"}, true, comparison<O::Le>},
    {"gt", Common, {"self", "other"}, true, comparison<O::Gt>},
    {"ge", Common, {"self", "other"}, true, comparison<O::Ge>},
    {"isclose", Common, {"self", "other"}, true, isCloseBody},
    {"isnan", Common, {"self"}, true, [](Body &k) { return k.isNan(k.x[0]); }},
    {"isinf", Common, {"self"}, true, isInfinite},
    {"isfinite", Common, {"self"}, true, isFinite},
    {"isposinf", Common, {"self"}, true, isInfinityOf<1>},
    {"isneginf", Common, {"self"}, true, isInfinityOf<-1>},
    {"isreal", Common, {"self"}, true, [](Body &k) { return scalarConstant(k.b, k.loc, ScalarType::Bool, int64_t{1}); }},
    {"nan_to_num", Common, {"self"}, false, nanToNumber},

    {"signbit", Common, {"self"}, true, signBit},

    {"logical_and", Boolean, {"self", "other"}, true, binary<arith::AndIOp>},
    {"logical_or", Boolean, {"self", "other"}, true, binary<arith::OrIOp>},
    {"logical_xor", Boolean, {"self", "other"}, true, binary<arith::XOrIOp>},
    {"logical_not", Boolean, {"self"}, true, bitwiseNot},
    {"bitwise_and", Common, {"self", "other"}, false, binary<arith::AndIOp>},
    {"bitwise_or", Common, {"self", "other"}, false, binary<arith::OrIOp>},
    {"bitwise_xor", Common, {"self", "other"}, false, binary<arith::XOrIOp>},
    {"__and__", Common, {"self", "other"}, false, binary<arith::AndIOp>},
    {"__or__", Common, {"self", "other"}, false, binary<arith::OrIOp>},
    {"__xor__", Common, {"self", "other"}, false, binary<arith::XOrIOp>},
    {"__lshift__", Common, {"self", "other"}, false, shiftBody<true>},
    {"__rshift__", Common, {"self", "other"}, false, shiftBody<false>},
    {"bitwise_left_shift", Common, {"self", "other"}, false, shiftBody<true>},
    {"bitwise_right_shift", Common, {"self", "other"}, false, shiftBody<false>},
    {"bitwise_not", Common, {"self"}, false, bitwiseNot},

    {"neg", Common, {"self"}, false, [](Body &k) { return k.neg(k.x[0]); }},
    {"positive", Common, {"self"}, false, [](Body &k) { return k.x[0]; }},
    {"abs", Common, {"self"}, false, absBody},
    {"sign", Common, {"self"}, false, signBody},
    {"sgn", Common, {"self"}, false, signBody},
    {"square", Common, {"self"}, false, [](Body &k) { return k.mul(k.x[0], k.x[0]); }},
    {"floor", Common, {"self"}, false, roundingOf<math::FloorOp>},
    {"ceil", Common, {"self"}, false, roundingOf<math::CeilOp>},
    {"trunc", Common, {"self"}, false, roundingOf<math::TruncOp>},
    {"round.default", Common, {"self"}, false, roundingOf<math::RoundEvenOp>},
    {"round.decimals", Common, {"self"}, false, roundedToDecimals},
    {"frac", Common, {"self"}, false, [](Body &k) { return k.sub(k.x[0], k.op<math::TruncOp>(k.x[0])); }},

    {"exp", Floating, {"self"}, false, unary<math::ExpOp>},
    {"exp2", Floating, {"self"}, false, unary<math::Exp2Op>},
    {"expm1", Floating, {"self"}, false, unary<math::ExpM1Op>},
    {"log", Floating, {"self"}, false, unary<math::LogOp>},
    {"log2", Floating, {"self"}, false, unary<math::Log2Op>},
    {"log10", Floating, {"self"}, false, unary<math::Log10Op>},
    {"log1p", Floating, {"self"}, false, unary<math::Log1pOp>},
    {"sqrt", Floating, {"self"}, false, unary<math::SqrtOp>},
    {"rsqrt", Floating, {"self"}, false, [](Body &k) { return reciprocal(k, k.op<math::SqrtOp>(k.x[0])); }},
    {"reciprocal", Floating, {"self"}, false, [](Body &k) { return reciprocal(k, k.x[0]); }},
    {"sin", Floating, {"self"}, false, unary<math::SinOp>},
    {"cos", Floating, {"self"}, false, unary<math::CosOp>},
    {"tan", Floating, {"self"}, false, unary<math::TanOp>},
    {"asin", Floating, {"self"}, false, unary<math::AsinOp>},
    {"acos", Floating, {"self"}, false, unary<math::AcosOp>},
    {"atan", Floating, {"self"}, false, unary<math::AtanOp>},
    {"sinh", Floating, {"self"}, false, unary<math::SinhOp>},
    {"cosh", Floating, {"self"}, false, unary<math::CoshOp>},
    {"asinh", Floating, {"self"}, false, unary<math::AsinhOp>},
    {"acosh", Floating, {"self"}, false, unary<math::AcoshOp>},
    {"atanh", Floating, {"self"}, false, unary<math::AtanhOp>},
    {"erf", Floating, {"self"}, false, unary<math::ErfOp>},
    {"erfc", Floating, {"self"}, false, unary<math::ErfcOp>},
    {"sinc", Floating, {"self"}, false, sincBody},
    {"logit", Floating, {"self"}, false, logitBody},
    {"special_entr", Floating, {"self"}, false, entropyBody},
    {"deg2rad",
     Floating,
     {"self"},
     false,
     [](Body &k) { return k.mul(k.x[0], k.constant(0.017453292519943295769236907684886)); }},
    {"rad2deg",
     Floating,
     {"self"},
     false,
     [](Body &k) { return k.mul(k.x[0], k.constant(57.295779513082320876798154814105)); }},

    {"tanh", Floating, {"self"}, false, activation<ActivationKind::Tanh>},
    {"sigmoid", Floating, {"self"}, false, activation<ActivationKind::Sigmoid>},
    {"silu", Floating, {"self"}, false, activation<ActivationKind::Silu>},
    {"mish", Floating, {"self"}, false, activation<ActivationKind::Mish>},
    {"hardsigmoid", Floating, {"self"}, false, activation<ActivationKind::HardSigmoid>},
    {"hardswish", Floating, {"self"}, false, activation<ActivationKind::HardSwish>},
    {"gelu", Floating, {"self"}, false, geluBody},
    {"elu", Floating, {"self"}, false, eluBody},
    {"celu",
     Floating,
     {"self"},
     false,
     [](Body &k) {
       Value low = k.mul(k.param("alpha"), k.op<math::ExpM1Op>(k.div(k.x[0], k.param("alpha"))));
       return k.select(k.compare(O::Gt, k.x[0], k.constant(0)), k.x[0], low);
     }},
    {"selu", Floating, {"self"}, false, seluBody},
    {"log_sigmoid", Floating, {"self"}, false, logSigmoid},
    {"softplus",
     Floating,
     {"self"},
     false,
     [](Body &k) { return k.activation(ActivationKind::Softplus, k.call.real("beta"), k.call.real("threshold")); }},
    {"leaky_relu",
     Floating,
     {"self"},
     false,
     [](Body &k) { return k.activation(ActivationKind::LeakyRelu, k.call.real("negative_slope")); }},
    {"rrelu", Floating, {"self"}, false, rreluBody},
    {"softshrink", Floating, {"self"}, false, softshrink},
    {"hardshrink", Floating, {"self"}, false, hardshrink},
    {"relu",
     Common,
     {"self"},
     false,
     [](Body &k) { return k.isFloat() ? k.activation(ActivationKind::Relu) : k.max(k.x[0], k.constant(0)); }},
    {"relu6",
     Common,
     {"self"},
     false,
     [](Body &k) {
       return k.isFloat() ? k.activation(ActivationKind::Clip, 0, 6)
                          : k.min(k.max(k.x[0], k.constant(0)), k.constant(6));
     }},
    {"hardtanh",
     Common,
     {"self"},
     false,
     [](Body &k) {
       if (k.isFloat())
         return k.activation(ActivationKind::Clip, k.call.real("min_val"), k.call.real("max_val"));
       return k.min(k.max(k.x[0], k.param("min_val")), k.param("max_val"));
     }},
    {"threshold",
     Common,
     {"self"},
     false,
     [](Body &k) { return k.select(k.compare(O::Le, k.x[0], k.param("threshold")), k.param("value"), k.x[0]); }},
    {"prelu",
     Common,
     {"self", "weight"},
     false,
     [](Body &k) { return k.select(k.compare(O::Gt, k.x[0], k.constant(0)), k.x[0], k.mul(k.x[1], k.x[0])); }},
    {"clamp",
     Common,
     {"self", "min", "max"},
     false,
     [](Body &k) { return clampBody(k, "min", "max", ArrayRef(k.x).drop_front()); }},
    {"clip",
     Common,
     {"self", "min", "max"},
     false,
     [](Body &k) { return clampBody(k, "min", "max", ArrayRef(k.x).drop_front()); }},
    {"clamp_min", Common, {"self", "min"}, false, [](Body &k) { return k.max(k.x[0], k.x[1]); }},
    {"clamp_max", Common, {"self", "max"}, false, [](Body &k) { return k.min(k.x[0], k.x[1]); }},
    {"fill", Common, {"value"}, false, [](Body &k) { return k.x[0]; }},
    {"copy", Common, {"src"}, false, [](Body &k) { return k.x[0]; }},
};

/// One operand of a row: a tensor or a number.
struct Operand {
  Tensor tensor;
  Scalar number;
};

SmallVector<Operand> collectOperands(Call &call, const PointwiseRow &row) {
  SmallVector<Operand> operands;
  for (StringRef name : row.operands) {
    if (!call.has(name))
      continue; // an optional bound
    if (call.isTensor(name))
      operands.push_back({call.tensor(name), {}});
    else
      operands.push_back({{}, call.scalar(name)});
  }
  return operands;
}

ScalarType commonType(ArrayRef<Operand> operands) {
  ResultType result;
  for (const Operand &operand : operands)
    operand.tensor ? result.addTensor(operand.tensor.dtype, operand.tensor.rank())
                   : result.addNumber(operand.number.dtype);
  return result.get();
}

// What operands are converted to, before half types widen to what the body computes in.
ScalarType promotedType(const PointwiseRow &row, ArrayRef<Operand> operands) {
  if (row.promotion == Promotion::Boolean)
    return ScalarType::Bool;
  if (row.promotion == Promotion::Double)
    return ScalarType::Float64;
  ScalarType common = commonType(operands);
  return row.promotion == Promotion::Floating && !isFloat(common) ? ScalarType::Float32 : common;
}

// Tensors are rounded to the promoted type; numbers and 0-d tensors keep the compute type's precision, as ATen's
// kernels take them.
Value promote(OpBuilder &b, Location loc, Value element, const Tensor &tensor, ScalarType promoted) {
  if (tensor.rank() > 0)
    return castScalar(b, loc, castScalar(b, loc, element, tensor.dtype, promoted), promoted, computeType(promoted));
  return castScalar(b, loc, element, tensor.dtype, computeType(promoted));
}

// prelu's weight [C] runs along dimension 1.
Tensor alignedOperand(Call &call, const Tensor &operand) {
  if (call.op != "prelu" || operand.rank() != 1 || isOne(operand.sizes[0]))
    return operand;
  Sizes sizes(std::max<int64_t>(static_cast<int64_t>(call.resultSizes().size()) - 1, 1), call.e.size(1));
  sizes[0] = operand.sizes[0];
  return call.e.reshape(operand, sizes);
}

// Integer division by zero is an error in ATen; kernels only make sure that it does not trap.
void checkDivisor(Call &call, const PointwiseRow &row, ArrayRef<Operand> operands, ScalarType promoted) {
  static constexpr StringRef divisions[] = {"div.Tensor_mode", "div.Scalar_mode", "floor_divide", "remainder", "fmod"};
  if (isFloat(promoted) || operands.size() != 2 || !llvm::is_contained(divisions, row.name))
    return;
  Emitter &e = call.e;
  if (operands[1].tensor) {
    CheckDivisorOp::create(e.b, e.loc, operands[1].tensor.value, call.describe(operands[1].tensor));
    return;
  }
  if (operands[1].number.isConstant() && operands[1].number.integer != 0)
    return;
  Value zero = scalarConstant(e.b, e.loc, ScalarType::Int64, int64_t{0});
  Value number = operands[1].number.materialize(e.b, e.loc, ScalarType::Int64);
  Value holds = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::ne, number, zero);
  call.require(holds, call.describe({}) + ": integer division by zero; give divisors other than zero");
}

} // namespace

Tensor tenon::aten::applyRow(Call &call, const PointwiseRow &row, SizesRef sizes, ScalarType result) {
  SmallVector<Operand> operands = collectOperands(call, row);
  ScalarType promoted = promotedType(row, operands), compute = computeType(promoted);
  checkDivisor(call, row, operands, promoted);
  SmallVector<Tensor> tensors;
  bool isFirst = true;
  for (const Operand &operand : operands) {
    if (operand.tensor)
      tensors.push_back(isFirst ? operand.tensor : alignedOperand(call, operand.tensor));
    isFirst = false;
  }
  return call.e.pointwise(tensors, sizes, result, [&](OpBuilder &b, Location loc, ValueRange args) {
    Body body(b, loc, compute, call);
    size_t next = 0;
    for (const Operand &operand : operands)
      body.x.push_back(operand.tensor ? promote(b, loc, args[next++], operand.tensor, promoted)
                                      : operand.number.materialize(b, loc, compute));
    Value value = row.build(body);
    return castScalar(b, loc, value, row.yieldsBool ? ScalarType::Bool : compute, result);
  });
}

//===--- selections: a condition beside the promoted operands --------------------------------------------------------===//

// where(condition, x, y): the result's dtype is that of x and y.
static Results importSelect(Call &call, StringRef conditionName, StringRef thenName, StringRef elseName) {
  SmallVector<Operand> operands;
  SmallVector<Tensor> tensors{call.tensor(conditionName)};
  for (StringRef name : {thenName, elseName}) {
    Operand operand;
    if (call.isTensor(name))
      tensors.push_back(operand.tensor = call.tensor(name));
    else
      operand.number = call.scalar(name);
    operands.push_back(operand);
  }
  ScalarType result = call.resultDtype();
  return {call.e.pointwise(tensors, call.resultSizes(), result, [&](OpBuilder &b, Location loc, ValueRange args) {
    size_t next = 1;
    SmallVector<Value> values;
    for (const Operand &operand : operands) {
      if (operand.tensor)
        values.push_back(castScalar(b, loc, args[next++], operand.tensor.dtype, result));
      else
        values.push_back(operand.number.materialize(b, loc, result));
    }
    Value condition = castScalar(b, loc, args[0], tensors[0].dtype, ScalarType::Bool);
    return arith::SelectOp::create(b, loc, condition, values[0], values[1]).getResult();
  })};
}

void tenon::aten::addPointwiseRows(OpTable &table) {
  for (const PointwiseRow &row : rows)
    table.add(row.name, [&row](Call &call) {
      return Results{applyRow(call, row, call.resultSizes(), call.resultDtype())};
    });
  table.add("where", [](Call &call) { return importSelect(call, "condition", "self", "other"); });
  table.add("masked_fill", [](Call &call) { return importSelect(call, "mask", "value", "self"); });
  table.add("zero", [](Call &call) {
    return Results{call.e.fill(call.resultSizes(), call.resultDtype(), Scalar::of(int64_t{0}))};
  });
}
