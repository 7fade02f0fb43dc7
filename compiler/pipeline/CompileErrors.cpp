//===- CompileErrors.cpp - how a compilation fails ------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/pipeline/CompileErrors.h"

#include "compiler/frontend/archive/BadInput.h"

using namespace llvm;

namespace tenon {

char CompileError::ID = 0;

Error compileError(FailureKind kind, const Twine &sentence) { return make_error<CompileError>(kind, sentence.str()); }

Error asCompileError(Error error, FailureKind kind) {
  return handleErrors(
      std::move(error), [](std::unique_ptr<CompileError> known) { return Error(std::move(known)); },
      [](const frontend::BadInputError &bad) { return compileError(FailureKind::BadInput, bad.message()); },
      [&](const ErrorInfoBase &other) { return compileError(kind, other.message()); });
}

} // namespace tenon
