//===- ExpandMath.cpp - transcendental functions become inline formulas ----===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Every op of the tables and tenon.activation becomes its formula of Functions.h, built on f32 or f64, scalars or
// vectors of rank one:
//   f16, bf16        are extended to f32 and rounded back
//   rank two and up  one formula per row of the last dimension (leading dimensions are fixed)
//   rank zero        as its scalar
// pow by a constant that is a product or a root is that. Other types are left alone.
//
// Integer divisions of fixed vectors, for which x86-64 and NEON have no instruction, divide floats. 64-bit integers become
// f32 by way of f64 where that is all that vectors can do.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/math/Functions.h"

#include "compiler/codegen/kernel/KernelPasses.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"

namespace tenon {
#define GEN_PASS_DEF_EXPANDMATH
#include "compiler/codegen/kernel/KernelPasses.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

namespace {

using Unary = Value (*)(MathBuilder &, Value);

/// Builds a formula on operands of the builder's type.
using Formula = llvm::function_ref<Value(MathBuilder &, ValueRange)>;

struct UnaryExpansion {
  StringLiteral op;
  Unary formula;
};

const UnaryExpansion unaryExpansions[] = {
    {"math.acos", functions::acos},   {"math.acosh", functions::acosh}, {"math.asin", functions::asin},
    {"math.asinh", functions::asinh}, {"math.atan", functions::atan},   {"math.atanh", functions::atanh},
    {"math.cos", functions::cos},     {"math.cosh", functions::cosh},   {"math.erf", functions::erf},
    {"math.erfc", functions::erfc},   {"math.exp", functions::exp},     {"math.exp2", functions::exp2},
    {"math.expm1", functions::expm1}, {"math.log", functions::log},     {"math.log10", functions::log10},
    {"math.log1p", functions::log1p}, {"math.log2", functions::log2},   {"math.rsqrt", functions::rsqrt},
    {"math.sin", functions::sin},     {"math.sinh", functions::sinh},   {"math.tan", functions::tan},
    {"math.tanh", functions::tanh},
};

struct BinaryExpansion {
  StringLiteral op;
  Value (*formula)(MathBuilder &, Value, Value);
};

const BinaryExpansion binaryExpansions[] = {
    {"arith.remf", functions::fmod},
    {"math.atan2", functions::atan2},
};

//===--- pow by a constant -------------------------------------------------------------------------------------------===//

struct PowerExpansion {
  double exponent;
  Unary formula;
};

// The exponents that PyTorch's pow treats so as well.
const PowerExpansion powerExpansions[] = {
    {0.5, [](MathBuilder &b, Value x) { return b.sqrt(x); }},
    {2, [](MathBuilder &b, Value x) { return b.mul(x, x); }},
    {3, [](MathBuilder &b, Value x) { return b.mul(b.mul(x, x), x); }},
    {-0.5, functions::rsqrt},
    {-1, [](MathBuilder &b, Value x) { return b.div(b.constant(1), x); }},
    {-2, [](MathBuilder &b, Value x) { return b.div(b.constant(1), b.mul(x, x)); }},
};

/// Returns the formula for `exponent`, null where it is no constant of the table.
Unary formulaOfConstantPower(Value exponent) {
  APFloat value(0.0);
  if (auto broadcast = exponent.getDefiningOp<vector::BroadcastOp>())
    exponent = broadcast.getSource();
  if (!matchPattern(exponent, m_ConstantFloat(&value)))
    return nullptr;
  double number = value.convertToDouble();
  for (const PowerExpansion &expansion : powerExpansions)
    if (expansion.exponent == number)
      return expansion.formula;
  return nullptr;
}

//===--- types -------------------------------------------------------------------------------------------------------===//

/// Builds `formula` on scalars or vectors of rank one; f16 and bf16 by way of f32.
Value expandRow(OpBuilder &builder, Location location, Type type, ValueRange operands, Formula formula) {
  MathBuilder own(builder, location, type);
  Type element = getElementTypeOrSelf(type);
  if (element.isF32() || element.isF64())
    return formula(own, operands);
  MathBuilder single = own.withElement(builder.getF32Type());
  SmallVector<Value> extended = llvm::map_to_vector(operands, [&](Value operand) { return single.convert(operand); });
  return own.convert(formula(single, extended));
}

/// Builds `formula` for every vector along the last dimension.
Value expandRows(OpBuilder &builder, Location location, VectorType type, ValueRange operands, Formula formula) {
  int64_t leading = std::max<int64_t>(type.getRank() - 1, 0);
  auto rowType =
      type.getRank() == 0
          ? type.getElementType()
          : Type(VectorType::get(type.getShape().back(), type.getElementType(), type.getScalableDims().back()));
  SmallVector<int64_t> tile(leading, 1);
  Value result = arith::ConstantOp::create(builder, location, builder.getZeroAttr(type));
  for (SmallVector<int64_t> position : StaticTileOffsetRange(type.getShape().take_front(leading), tile)) {
    SmallVector<Value> row = llvm::map_to_vector(operands, [&](Value operand) -> Value {
      return vector::ExtractOp::create(builder, location, operand, position);
    });
    Value expanded = expandRow(builder, location, rowType, row, formula);
    result = vector::InsertOp::create(builder, location, expanded, result, position);
  }
  return result;
}

void replaceByFormula(Operation *op, Formula formula) {
  OpBuilder builder(op);
  Type type = op->getResult(0).getType();
  auto vector = dyn_cast<VectorType>(type);
  Value result = vector && vector.getRank() != 1 ? expandRows(builder, op->getLoc(), vector, op->getOperands(), formula)
                                                 : expandRow(builder, op->getLoc(), type, op->getOperands(), formula);
  op->replaceAllUsesWith(ValueRange{result});
  op->erase();
}

/// Floats of the widths that have formulas; of vectors only the last dimension is scalable.
bool isSupported(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (isa<ShapedType>(type) && !vector)
    return false;
  if (vector && vector.getRank() > 1 && llvm::is_contained(vector.getScalableDims().drop_back(), true))
    return false;
  Type element = getElementTypeOrSelf(type);
  return element.isF16() || element.isBF16() || element.isF32() || element.isF64();
}

//===--- integer division --------------------------------------------------------------------------------------------===//

bool isIntegerDivision(Operation *op) { return isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp>(op); }

/// The quotient of floats that hold both operands exactly, cut off, is the integer one: where x / y is no integer, it is 1 / y or
/// more below the next one, and rounding to P bits moves it by less than (x / y) 2^-P, which is less for all x < 2^P.
void expandIntegerDivision(Operation *op) {
  auto type = dyn_cast<VectorType>(op->getResult(0).getType());
  if (!type || type.isScalable() || !type.getElementType().isIntOrFloat())
    return;
  bool isUnsigned = isa<arith::DivUIOp, arith::RemUIOp>(op);
  unsigned bits = type.getElementTypeBitWidth();
  if (bits == 1 || bits > 32 || (bits == 32 && isUnsigned)) // conversions are to signed integers of 32 bits
    return;
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Type wide = type.clone(b.getI32Type()), real = type.clone(bits <= 16 ? b.getF32Type() : b.getF64Type());
  auto widen = [&](Value value) -> Value {
    if (bits == 32)
      return value;
    return isUnsigned ? Value(arith::ExtUIOp::create(b, wide, value)) : Value(arith::ExtSIOp::create(b, wide, value));
  };
  Value x = widen(op->getOperand(0)), y = widen(op->getOperand(1));
  Value quotient = arith::DivFOp::create(b, arith::SIToFPOp::create(b, real, x), arith::SIToFPOp::create(b, real, y));
  Value result = arith::FPToSIOp::create(b, wide, quotient);
  if (isa<arith::RemSIOp, arith::RemUIOp>(op))
    result = arith::SubIOp::create(b, x, arith::MulIOp::create(b, result, y));
  if (bits < 32)
    result = arith::TruncIOp::create(b, type, result);
  op->replaceAllUsesWith(ValueRange{result});
  op->erase();
}

//===--- 64-bit integers and f32 --------------------------------------------------------------------------------------===//

/// The integer is rounded once: f64 holds it exactly up to 2^53, and beyond with its last 10 bits as one, which says that there
/// is a rest and does not reach the 24 bits of f32. Two halves make the f64, the low one as a mantissa, or LLVM would see through
/// it and cast to f32 again.
void expandInt64ToF32(Operation *op) {
  OpBuilder builder(op);
  auto type = cast<VectorType>(op->getResult(0).getType());
  MathBuilder b(builder, op->getLoc(), type.clone(builder.getF64Type()));
  bool isUnsigned = isa<arith::UIToFPOp>(op);
  Value x = op->getOperand(0);
  Value rest = b.intAnd(b.intAdd(b.intAnd(x, b.bits(0x3ff)), b.bits(0x3ff)), b.bits(0x400));
  Value shortened = arith::OrIOp::create(b.ops, b.intAnd(x, b.bits(~uint64_t(0x3ff))), rest);
  Value tooLarge = isUnsigned ? b.shiftRight(x, 53) : b.shiftRight(b.intAdd(x, b.bits(uint64_t(1) << 53)), 54);
  Value isExact = b.intEqual(tooLarge, b.bits(0));
  x = b.select(isExact, x, shortened);
  Value high = arith::SIToFPOp::create(b.ops, b.type(), isUnsigned ? b.shiftRight(x, 32) : b.shiftRightSigned(x, 32));
  Value two52 = b.constant(0x1p52); // the last bit of its mantissa, all zeros, is worth one
  Value low = b.fromBits(arith::OrIOp::create(b.ops, b.intAnd(x, b.bits(0xffffffff)), b.toBits(two52)));
  low = b.sub(low, two52);
  Value real = b.fma(high, b.constant(0x1p32), low);
  op->replaceAllUsesWith(arith::TruncFOp::create(b.ops, type, real));
  op->erase();
}

/// What was f16 fits 32 bits.
void expandF16ToInt64(arith::FPToSIOp op) {
  OpBuilder builder(op);
  Type narrowType = cast<VectorType>(op.getType()).clone(builder.getI32Type());
  Value narrow = arith::FPToSIOp::create(builder, op.getLoc(), narrowType, op.getIn());
  op.replaceAllUsesWith(Value(arith::ExtSIOp::create(builder, op.getLoc(), op.getType(), narrow)));
  op.erase();
}

bool wasF16(Value value) {
  auto extension = value.getDefiningOp<arith::ExtFOp>();
  return extension && getElementTypeOrSelf(extension.getIn()).isF16();
}

/// Where vectors of 64-bit integers are converted from and to f64 only, LLVM would go by lanes for the other types.
void convertInt64ByF64(Operation *root) {
  auto isFixed = [](Type type) {
    auto vector = dyn_cast<VectorType>(type);
    return vector && !vector.isScalable() && vector.getElementType().isInteger(64);
  };
  root->walk([&](Operation *op) {
    if (isa<arith::SIToFPOp, arith::UIToFPOp>(op) && isFixed(op->getOperand(0).getType()) &&
        getElementTypeOrSelf(op->getResult(0)).isF32())
      expandInt64ToF32(op);
    else if (auto cast = dyn_cast<arith::FPToSIOp>(op); cast && isFixed(cast.getType()) && wasF16(cast.getIn()))
      expandF16ToInt64(cast);
  });
}

//===--- the pass ----------------------------------------------------------------------------------------------------===//

void expandActivation(ActivationOp op) {
  replaceByFormula(op, [&](MathBuilder &b, ValueRange operands) {
    return functions::activation(b, op.getKind(), operands[0], op.getAlpha().convertToDouble(),
                                 op.getBeta().convertToDouble());
  });
}

void expandPow(math::PowFOp op) {
  if (Unary formula = formulaOfConstantPower(op.getRhs()))
    return replaceByFormula(op, [&](MathBuilder &b, ValueRange operands) { return formula(b, operands[0]); });
  replaceByFormula(op, [](MathBuilder &b, ValueRange operands) { return functions::pow(b, operands[0], operands[1]); });
}

void expandUnary(Operation *op) {
  StringRef name = op->getName().getStringRef();
  const UnaryExpansion *expansion = llvm::find_if(unaryExpansions, [&](auto &row) { return row.op == name; });
  if (expansion == std::end(unaryExpansions))
    return;
  replaceByFormula(op, [&](MathBuilder &b, ValueRange operands) { return expansion->formula(b, operands[0]); });
}

void expand(Operation *op) {
  if (isIntegerDivision(op))
    return expandIntegerDivision(op);
  if (op->getNumResults() != 1 || !isSupported(op->getResult(0).getType()))
    return;
  if (auto activation = dyn_cast<ActivationOp>(op))
    return expandActivation(activation);
  if (auto pow = dyn_cast<math::PowFOp>(op))
    return expandPow(pow);
  for (const BinaryExpansion &expansion : binaryExpansions)
    if (op->getName().getStringRef() == expansion.op)
      return replaceByFormula(
          op, [&](MathBuilder &b, ValueRange operands) { return expansion.formula(b, operands[0], operands[1]); });
  expandUnary(op);
}

} // namespace

void tenon::expandMath(Operation *root) {
  SmallVector<Operation *> candidates;
  root->walk([&](Operation *op) {
    if (isa<ActivationOp, arith::RemFOp>(op) || isIntegerDivision(op) || isa<math::MathDialect>(op->getDialect()))
      candidates.push_back(op);
  });
  llvm::for_each(candidates, expand);
}

namespace {
struct ExpandMath : tenon::impl::ExpandMathBase<ExpandMath> {
  using ExpandMathBase::ExpandMathBase;
  void runOnOperation() override {
    expandMath(getOperation());
    if (int64ByF64)
      convertInt64ByF64(getOperation());
  }
};
} // namespace
