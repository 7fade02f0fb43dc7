//===- SymExprParser.h - text of symbolic expressions ---------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_SYMEXPRPARSER_H
#define TENON_FRONTEND_ARCHIVE_SYMEXPRPARSER_H

#include "compiler/frontend/archive/ExportedProgram.h"

#include "llvm/ADT/StringRef.h"

namespace tenon::frontend {

/// Parses sympy's srepr ("Add(Symbol('s0', integer=True), Integer(1))") and its plain text ("s0 + 1"): one grammar
/// holds both. Differences, quotients and negations become Add, Mul and Pow; infinity is a Float. Empty, with a
/// sentence in `fault`, when the text is malformed, names an unknown function or gives one the wrong number of
/// operands.
std::optional<SymExpr> parseSymExpr(llvm::StringRef text, std::string &fault);

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_SYMEXPRPARSER_H
