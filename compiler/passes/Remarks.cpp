//===- Remarks.cpp - why a pass did or did not do something ---------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/Remarks.h"

#include "mlir/IR/Diagnostics.h"

// mlir::emitRemark, unlike Operation::emitRemark, does not attach a print of the op.
void tenon::explain(mlir::Operation *op, llvm::StringRef pass, const llvm::Twine &decision) {
  mlir::emitRemark(op->getLoc()) << pass << ": " << decision;
}
