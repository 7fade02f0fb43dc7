//===- SpecialFunctions.h - gamma, error and Bessel functions as formulas ------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_SPECIALFUNCTIONS_H
#define TENON_FRONTEND_IMPORT_SPECIALFUNCTIONS_H

#include "compiler/frontend/import/Emit.h"

/// Operands and results are float64, and so are the constants of `m`: these functions are rare, so that one formula
/// each, good to about 1e-14, serves all dtypes.
namespace tenon::aten::special {

/// coefficients[0] + x (coefficients[1] + x (…)).
mlir::Value polynomial(Math &m, mlir::Value x, llvm::ArrayRef<double> coefficients);
/// The Bessel functions of the first and second kind, of `order` 0 or 1.
mlir::Value besselJ(Math &m, int order, mlir::Value x);
mlir::Value besselY(Math &m, int order, mlir::Value x);
/// The modified Bessel function of the second kind, of `order` 0 or 1; times exp(x) where `scaled`.
mlir::Value besselK(Math &m, int order, mlir::Value x, bool scaled);
/// The modified Bessel function of the first kind, of `order` 0 or 1; times exp(-|x|) where `scaled`.
mlir::Value besselI(Math &m, int order, mlir::Value x, bool scaled = false);
/// log |gamma(x)|.
mlir::Value logGamma(Math &m, mlir::Value x);
/// The derivative of log gamma.
mlir::Value digamma(Math &m, mlir::Value x);
/// The derivative of digamma.
mlir::Value trigamma(Math &m, mlir::Value x);
/// exp(x^2) erfc(x).
mlir::Value scaledErfc(Math &m, mlir::Value x);
/// The non-negative x with erf(x) = y and erfc(x) = complement = 1 - y; both are given since each rounds where the
/// other is small. Infinite at y = 1, NaN outside of [0, 1].
mlir::Value inverseErf(Math &m, mlir::Value y, mlir::Value complement);

} // namespace tenon::aten::special

#endif // TENON_FRONTEND_IMPORT_SPECIALFUNCTIONS_H
