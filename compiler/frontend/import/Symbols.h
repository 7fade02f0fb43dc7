//===- Symbols.h - symbolic sizes as SSA values ---------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_SYMBOLS_H
#define TENON_FRONTEND_IMPORT_SYMBOLS_H

#include "compiler/frontend/import/Emit.h"

#include <map>
#include <set>

namespace tenon::aten {

/// Evaluates symbolic expressions. What depends on the inputs' sizes only is computed once, at the entry of @main; what
/// depends on a value the run computes (an unbacked symbol) where it is used.
class Symbols {
public:
  /// `ranges` are those of the inputs' symbols, which the emitted guards enforce; they outlive this object.
  Symbols(mlir::MLIRContext *context, const std::map<std::string, frontend::Range> &ranges)
      : entryBuilder(context), ranges(ranges) {}

  /// Code of the entry goes before `marker`.
  void setEntry(mlir::Operation *marker) { entryBuilder.setInsertionPoint(marker); }
  mlir::OpBuilder &entry() { return entryBuilder; }

  void define(llvm::StringRef symbol, Scalar value, bool atEntry);
  bool isDefined(llvm::StringRef symbol) const { return values.count(symbol.str()); }
  bool allDefined(const frontend::SymExpr &expr) const;

  Size size(Emitter &e, const frontend::SymInt &value);
  Sizes sizes(Emitter &e, llvm::ArrayRef<frontend::SymInt> values);
  Scalar scalar(Emitter &e, const frontend::SymExpr &expr);

  /// The first symbol without a source, or the first function without a meaning here; empty while there was none.
  const std::string &problem() const { return firstProblem; }

private:
  bool dependsOnEntryOnly(const frontend::SymExpr &expr) const;
  Scalar evaluate(Emitter &e, const frontend::SymExpr &expr);
  Scalar evaluateCall(Emitter &e, const frontend::SymExpr &expr);
  Scalar product(Emitter &e, const frontend::SymExpr &expr);
  Scalar fail(const std::string &problem);

  mlir::OpBuilder entryBuilder;
  const std::map<std::string, frontend::Range> &ranges;
  std::map<std::string, Scalar> values; ///< by symbol
  std::map<std::string, Scalar> cache;  ///< by expression text; entry only
  std::set<std::string> late;           ///< symbols defined within the function's body
  std::string firstProblem;
};

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_SYMBOLS_H
