//===- Products.h - ops that multiply, and what they multiply -----------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_PRODUCTS_H
#define TENON_PASSES_PRODUCTS_H

#include "compiler/ir/TenonDialect.h"

namespace tenon {

/// True for matmul, conv, grouped_matmul and attention.
bool isProduct(mlir::Operation *op);

/// Returns the operands that `product` multiplies.
llvm::SmallVector<mlir::OpOperand *> multipliedOperands(mlir::Operation *product);

/// Returns the operand of `product` that may be a weight, null for attention.
mlir::OpOperand *weightOf(mlir::Operation *product);

/// True where so few rows meet the right operand, known when compiling, that reading it decides the time.
bool hasFewRows(mlir::Operation *product);

} // namespace tenon

#endif // TENON_PASSES_PRODUCTS_H
