//===- SizeBounds.h - what a symbolic size is at least and at most -------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_SIZEBOUNDS_H
#define TENON_FRONTEND_IMPORT_SIZEBOUNDS_H

#include "compiler/frontend/archive/ExportedProgram.h"

namespace tenon::aten {

/// The interval that an integer expression lies in where each symbol lies in its range (interval arithmetic: never too
/// narrow, often wider than need be). Unbounded where the expression has no meaning here.
frontend::Range boundsOf(const frontend::SymExpr &expr, const std::map<std::string, frontend::Range> &symbolRanges);

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_SIZEBOUNDS_H
