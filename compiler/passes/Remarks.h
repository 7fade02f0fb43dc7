//===- Remarks.h - why a pass did or did not do something ---------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_REMARKS_H
#define TENON_PASSES_REMARKS_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/Twine.h"

namespace tenon {

/// Reports a decision about `op` as an MLIR remark "<pass>: <decision>", which `--explain` prints and all else drops.
/// `decision` is one lowercase clause: what was done, or what was not done and why.
void explain(mlir::Operation *op, llvm::StringRef pass, const llvm::Twine &decision);

} // namespace tenon

#endif // TENON_PASSES_REMARKS_H
