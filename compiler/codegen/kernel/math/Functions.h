//===- Functions.h - formulas of transcendental functions ---*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Each function builds the value of one function of `x` (f32 or f64 as its builder's type) from primitives, without
// calls. NaN gives NaN; infinities, signed zeros and domain errors follow C99 Annex F. The bounds behind the
// declarations are of f32 and of f64, in units in the last place (ulp) of the exact result; test/math/ asserts them.
// Results that underflow come out subnormal (their unit is the smallest subnormal), but for f16 and bf16: those are
// rounded from f32 by the CPU, and x86's instruction for bf16 flushes subnormals.
//
// Functions marked [f64] evaluate f32 in f64 and round once: they are rare in models, and this makes them short and
// exact to 0.51 ULP.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_KERNEL_MATH_FUNCTIONS_H
#define TENON_COMPILER_CODEGEN_KERNEL_MATH_FUNCTIONS_H

#include "compiler/codegen/kernel/math/MathBuilder.h"
#include "compiler/ir/TenonDialect.h"

namespace tenon {

/// Gives the transcendental functions and activations within `root` their formulas; see ExpandMath.cpp.
void expandMath(mlir::Operation *root);

} // namespace tenon

namespace tenon::functions {

using mlir::Value;

// Exponential.cpp
Value exp(MathBuilder &b, Value x);   // 1.0, 1.0
Value exp2(MathBuilder &b, Value x);  // 1.0, 1.0
Value expm1(MathBuilder &b, Value x); // 1.5, 2.0
/// exp2(x + low) for a small `low`, which a sum with x would lose.
Value exp2OfSum(MathBuilder &b, Value x, Value low);
/// exp(x) for x <= 0 (or NaN).
Value expOfNonPositive(MathBuilder &b, Value x);
Value sinh(MathBuilder &b, Value x); // [f64] 0.51, 2.5
Value cosh(MathBuilder &b, Value x); // [f64] 0.51, 2.0
Value tanh(MathBuilder &b, Value x); // 3.0, 3.0

// Logarithm.cpp
Value log(MathBuilder &b, Value x);          // 1.0, 1.0
Value log2(MathBuilder &b, Value x);         // [f64] 0.51, 2.0
Value log10(MathBuilder &b, Value x);        // [f64] 0.51, 2.0
Value log1p(MathBuilder &b, Value x);        // 1.5, 2.0
Value asinh(MathBuilder &b, Value x);        // [f64] 0.51, 3.5
Value acosh(MathBuilder &b, Value x);        // [f64] 0.51, 3.5
Value atanh(MathBuilder &b, Value x);        // [f64] 0.51, 3.5
Value pow(MathBuilder &b, Value x, Value y); // [f64] 0.51, 1.5

// Trigonometric.cpp. f64: sin, cos and tan hold their bounds for |x| <= 2^40 only; f32 everywhere.
Value sin(MathBuilder &b, Value x);            // 2.0, 2.0
Value cos(MathBuilder &b, Value x);            // 2.0, 2.0
Value tan(MathBuilder &b, Value x);            // [f64] 0.51, 3.5
Value atan(MathBuilder &b, Value x);           // [f64] 0.51, 2.0
Value asin(MathBuilder &b, Value x);           // [f64] 0.51, 4.0
Value acos(MathBuilder &b, Value x);           // [f64] 0.51, 4.0
Value atan2(MathBuilder &b, Value y, Value x); // [f64] 0.51

// Remainder.cpp
Value fmod(MathBuilder &b, Value x, Value y); // exact; a zero has the sign of x

// ErrorFunction.cpp
Value erf(MathBuilder &b, Value x);  // 6.0, 2.5
Value erfc(MathBuilder &b, Value x); // [f64] 0.51, 6.0

// Activation.cpp
Value sigmoid(MathBuilder &b, Value x); // 2.5
Value rsqrt(MathBuilder &b, Value x);   // 1.5, 1.5
/// Named activation `kind` with PyTorch's meaning of its parameters. f32 bounds: 0 relu, clip; 0.5 leaky_relu; 1.5
/// hardsigmoid; 2.5 hardswish, sigmoid, elu; 3.0 tanh, softplus; silu 3.0 and mish 5.0, with an absolute error of |x|
/// 2^-149 where exp(x) is subnormal; gelu_tanh 2.0 and gelu_erf 2.5 in units of x, because PyTorch's formula cancels
/// for negative x.
Value activation(MathBuilder &b, ActivationKind kind, Value x, double alpha, double beta);

/// `function` evaluated in f64 and rounded to the builder's f32.
template <typename... Values>
Value inDouble(MathBuilder &b, Value (*function)(MathBuilder &, Values...), Values... operands) {
  MathBuilder wide = b.toDouble();
  return b.convert(function(wide, wide.convert(operands)...));
}

} // namespace tenon::functions

#endif // TENON_COMPILER_CODEGEN_KERNEL_MATH_FUNCTIONS_H
