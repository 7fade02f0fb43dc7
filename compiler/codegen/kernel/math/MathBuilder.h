//===- MathBuilder.h - arithmetic on floats and their bits ---*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_KERNEL_MATH_MATHBUILDER_H
#define TENON_COMPILER_CODEGEN_KERNEL_MATH_MATHBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

#include <cstdint>

namespace tenon {

/// Builds arith and math primitives on values of one type: f32 or f64, a scalar or a vector of rank one (fixed or
/// scalable). Integers have the float's width and shape. Comparisons are ordered: false where an operand is NaN.
class MathBuilder {
public:
  using Value = mlir::Value;

  MathBuilder(mlir::OpBuilder &builder, mlir::Location location, mlir::Type floatType);

  /// A builder at the same place for values of the same shape with element type `element`.
  MathBuilder withElement(mlir::Type element);
  MathBuilder toDouble() { return withElement(ops.getF64Type()); }

  mlir::Type type() const { return floatType; }
  bool isDouble() const { return mlir::getElementTypeOrSelf(floatType).isF64(); }
  int mantissaBits() const { return isDouble() ? 52 : 23; }
  int exponentBias() const { return isDouble() ? 1023 : 127; }

  Value constant(double value);
  Value bits(uint64_t value);

  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value div(Value a, Value b);
  Value fma(Value a, Value b, Value c); ///< a * b + c, rounded once
  Value neg(Value a);
  Value abs(Value a);
  Value sqrt(Value a);
  Value floor(Value a);
  Value copySign(Value magnitude, Value sign);
  /// coefficients[0] + coefficients[1] * x + … by Horner's rule.
  Value polynomial(Value x, llvm::ArrayRef<double> coefficients);

  Value less(Value a, Value b);
  Value lessEqual(Value a, Value b);
  Value equal(Value a, Value b);
  Value both(Value a, Value b);
  Value either(Value a, Value b);
  Value flip(Value condition);
  Value select(Value condition, Value a, Value b);
  Value atLeast(Value a, double low); ///< NaN stays NaN
  Value atMost(Value a, double high); ///< NaN stays NaN

  Value toBits(Value a);
  Value fromBits(Value a);
  Value intAdd(Value a, Value b);
  Value intSub(Value a, Value b);
  Value intAnd(Value a, Value b);
  Value intXor(Value a, Value b);
  Value shiftLeft(Value a, int count);
  Value shiftRight(Value a, int count);       ///< logical
  Value shiftRightSigned(Value a, int count); ///< arithmetic
  Value intEqual(Value a, Value b);
  Value intMax(Value a, Value b); ///< signed

  /// True (one i1) where any lane of `condition` is.
  Value any(Value condition);

  /// `a` converted to this builder's float type; from a wider one it is rounded to nearest.
  Value convert(Value a);

  mlir::ImplicitLocOpBuilder ops;

private:
  mlir::Type withShape(mlir::Type element) const;

  mlir::Type floatType, intType;
};

} // namespace tenon

#endif // TENON_COMPILER_CODEGEN_KERNEL_MATH_MATHBUILDER_H
