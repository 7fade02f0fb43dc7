//===- PointwiseRow.h - what a line of a table of element-wise ops says ---------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_POINTWISEROW_H
#define TENON_FRONTEND_IMPORT_POINTWISEROW_H

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

namespace tenon::aten {

/// How a row's operands meet, and what its body computes in. The result is converted to the dtype the program gives it.
enum class Promotion {
  Common,   ///< torch.result_type of all operands
  Floating, ///< as Common, integers become float32
  Boolean,  ///< each operand as a truth value
  Double,   ///< float64
};

/// A body: operands in the compute dtype (float32 for half types).
struct Body : Math {
  Body(mlir::OpBuilder &b, mlir::Location loc, ScalarType dtype, Call &call) : Math(b, loc, dtype), call(call) {}
  Call &call;
  llvm::SmallVector<mlir::Value> x;

  template <typename Op> mlir::Value op() { return Op::create(b, loc, x); }
  template <typename Op> mlir::Value op(mlir::Value v) { return Op::create(b, loc, v); }
  mlir::Value param(llvm::StringRef name) { return call.scalar(name).materialize(b, loc, dtype); }
  mlir::Value activation(ActivationKind kind, double alpha = 0, double beta = 0) {
    return ActivationOp::create(b, loc, x[0].getType(), ActivationKindAttr::get(b.getContext(), kind), x[0],
                                b.getF64FloatAttr(alpha), b.getF64FloatAttr(beta));
  }
};

using BuildBody = mlir::Value (*)(Body &);

struct PointwiseRow {
  llvm::StringLiteral name;
  Promotion promotion;
  std::initializer_list<llvm::StringLiteral> operands; ///< schema names; None leaves an operand out
  bool yieldsBool;                                     ///< the body's result is a truth value, not of the compute dtype
  BuildBody build;
};

/// The row's op on `call`'s operands, broadcast to `sizes`, as `result`.
Tensor applyRow(Call &call, const PointwiseRow &row, SizesRef sizes, ScalarType result);

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_POINTWISEROW_H
