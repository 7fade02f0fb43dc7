//===- PointwiseBodies.h - what element-wise ops compute, where it is longer than a line -----------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_POINTWISEBODIES_H
#define TENON_FRONTEND_IMPORT_POINTWISEBODIES_H

#include "compiler/frontend/import/PointwiseRow.h"

namespace tenon::aten {

mlir::Value withAlpha(Body &k);
mlir::Value floorDiv(Body &k);
mlir::Value roundedDiv(Body &k);
/// Python's modulo: the sign of the divisor.
mlir::Value pythonRemainder(Body &k);
mlir::Value reciprocal(Body &k, mlir::Value v);
/// ATen computes these exponents without pow.
mlir::Value powBody(Body &k);
mlir::Value signBody(Body &k);
mlir::Value absBody(Body &k);
/// min(max(x, low), high), each bound optional. NaN stays.
mlir::Value clampBody(Body &k, llvm::StringRef low, llvm::StringRef high, llvm::ArrayRef<mlir::Value> bounds);
mlir::Value geluBody(Body &k);
mlir::Value bitwiseNot(Body &k);
/// log(sigmoid(x)) = min(x, 0) - log1p(exp(-|x|)), as ATen computes it.
mlir::Value logSigmoid(Body &k);
mlir::Value eluBody(Body &k);
/// scale * (max(0, x) + min(0, alpha * (exp(x) - 1))), the constants of https://arxiv.org/abs/1706.02515.
mlir::Value seluBody(Body &k);
mlir::Value isInfinite(Body &k);
mlir::Value isFinite(Body &k);
/// x * log(y), zero where x is zero, NaN where y is.
mlir::Value xlogy(Body &k);
/// x * log(1 + y), zero where x is zero, NaN where y is.
mlir::Value xlog1py(Body &k);
/// ATen's lerp takes the end whose weight is larger.
mlir::Value lerpBody(Body &k);
mlir::Value softshrink(Body &k);
mlir::Value hardshrink(Body &k);
/// sin(pi x) / (pi x), 1 at zero.
mlir::Value sincBody(Body &k);
mlir::Value signBit(Body &k);
/// log(x / (1 - x)), x limited to [eps, 1 - eps] where eps is given. An eps above 1/2 makes the lower limit win below it.
mlir::Value logitBody(Body &k);
/// sqrt(x^2 + y^2) as larger * sqrt(1 + ratio^2), which no square overflows. Infinite sides win over NaN.
mlir::Value hypotenuse(Body &k);
/// max + log1p(exp(-|a - b|)); equal operands first, for infinities have no difference.
mlir::Value logAddExp(Body &k);
/// max + log2(1 + 2^-|a - b|), likewise.
mlir::Value logAddExp2(Body &k);
/// Of integers; not negative.
mlir::Value greatestDivisor(Body &k);
mlir::Value leastMultiple(Body &k);
/// `nan`, `posinf` and `neginf` in the place of these; by default zero and the finite extremes of the result's dtype.
mlir::Value nanToNumber(Body &k);
/// To so many decimals, or tens where they are negative. Each step rounds to the result's dtype.
mlir::Value roundedToDecimals(Body &k);
/// 0 below zero, 1 above, `values` at zero.
mlir::Value heavisideBody(Body &k);
/// -x log x, 0 at zero, minus infinity below, NaN stays.
mlir::Value entropyBody(Body &k);
/// |x - y| <= atol + |rtol y|, or equal, or both NaN where these count as equal.
mlir::Value isCloseBody(Body &k);
/// Outside of training the slope is the middle of its range.
mlir::Value rreluBody(Body &k);

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_POINTWISEBODIES_H
