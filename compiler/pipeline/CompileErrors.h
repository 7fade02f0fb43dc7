//===- CompileErrors.h - how a compilation fails ------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PIPELINE_COMPILEERRORS_H
#define TENON_PIPELINE_COMPILEERRORS_H

#include "llvm/Support/Error.h"

#include <string>

namespace tenon {

/// Whose fault it is; the values are the tools' exit codes (DESIGN.md, 5.1).
enum class FailureKind { BadInput = 2, Unsupported = 3, Internal = 4 };

class CompileError : public llvm::ErrorInfo<CompileError> {
public:
  static char ID;

  CompileError(FailureKind kind, std::string sentence) : kind(kind), sentence(std::move(sentence)) {}

  void log(llvm::raw_ostream &os) const override { os << sentence; }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }

  FailureKind kind;
  std::string sentence; ///< one sentence; unsupported ops follow on lines of their own
};

llvm::Error compileError(FailureKind kind, const llvm::Twine &sentence);

/// `error` as a CompileError of `kind`; one that is a CompileError or a BadInputError already keeps its kind.
llvm::Error asCompileError(llvm::Error error, FailureKind kind);

} // namespace tenon

#endif // TENON_PIPELINE_COMPILEERRORS_H
