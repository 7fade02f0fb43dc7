//===- Functions.h - formulas of transcendental functions ---*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Each function builds the value of one function of `x` (f32 or f64 as its builder's type) from primitives, without
// calls. Errors are in units in the last place (ULP) of the exact result, as test/math/ measures and asserts them;
// results that underflow come out subnormal (their unit is the smallest subnormal). NaN gives NaN; infinities, signed
// zeros and domain errors follow C99 Annex F unless a comment says otherwise.
//
// Functions marked [f64] evaluate f32 in f64 and round once: they are rare in models, and this makes them short and
// exact to 0.51 ULP.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_KERNEL_MATH_FUNCTIONS_H
#define TENON_COMPILER_CODEGEN_KERNEL_MATH_FUNCTIONS_H

#include "compiler/codegen/kernel/math/MathBuilder.h"
#include "compiler/ir/TenonDialect.h"

namespace tenon::functions {

using mlir::Value;

// Exponential.cpp
Value exp(MathBuilder &b, Value x);
Value exp2(MathBuilder &b, Value x);
Value expm1(MathBuilder &b, Value x);
/// exp(x) for x <= 0 (or NaN).
Value expOfNonPositive(MathBuilder &b, Value x);
Value sinh(MathBuilder &b, Value x); // [f64]
Value cosh(MathBuilder &b, Value x); // [f64]
Value tanh(MathBuilder &b, Value x);

// Logarithm.cpp
Value log(MathBuilder &b, Value x);
Value log2(MathBuilder &b, Value x);  // [f64]
Value log10(MathBuilder &b, Value x); // [f64]
Value log1p(MathBuilder &b, Value x);
Value asinh(MathBuilder &b, Value x); // [f64]
Value acosh(MathBuilder &b, Value x); // [f64]
Value atanh(MathBuilder &b, Value x); // [f64]
/// f32 only.
Value pow(MathBuilder &b, Value x, Value y); // [f64]

// Trigonometric.cpp. f64: sin, cos and tan hold their bounds for |x| <= 2^40 only; f32 everywhere.
Value sin(MathBuilder &b, Value x);
Value cos(MathBuilder &b, Value x);
Value tan(MathBuilder &b, Value x);            // [f64]
Value atan(MathBuilder &b, Value x);           // [f64]
Value asin(MathBuilder &b, Value x);           // [f64]
Value acos(MathBuilder &b, Value x);           // [f64]
Value atan2(MathBuilder &b, Value y, Value x); // [f64]

// ErrorFunction.cpp
Value erf(MathBuilder &b, Value x);
Value erfc(MathBuilder &b, Value x); // [f64]

// Activation.cpp
Value sigmoid(MathBuilder &b, Value x);
Value rsqrt(MathBuilder &b, Value x);
/// Named activation `kind` with PyTorch's meaning of its parameters.
Value activation(MathBuilder &b, ActivationKind kind, Value x, double alpha, double beta);

/// `function` evaluated in f64 and rounded to the builder's f32.
template <typename... Values>
Value inDouble(MathBuilder &b, Value (*function)(MathBuilder &, Values...), Values... operands) {
  MathBuilder wide = b.toDouble();
  return b.convert(function(wide, wide.convert(operands)...));
}

} // namespace tenon::functions

#endif // TENON_COMPILER_CODEGEN_KERNEL_MATH_FUNCTIONS_H
