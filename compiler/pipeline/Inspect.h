//===- Inspect.h - what is in a file ------------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PIPELINE_INSPECT_H
#define TENON_PIPELINE_INSPECT_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <string>

namespace tenon {

/// Describes the archive or compiled model at `path`: a JSON object with kind ("archive" or "model"), name, inputs, outputs,
/// symbols, and what either kind has beside. Nothing of the file is executed. Errors are CompileErrors of kind BadInput.
llvm::Expected<llvm::json::Value> inspectFile(const std::string &path);

/// Prints such a description for people.
void printDescription(const llvm::json::Value &description, llvm::raw_ostream &os);

} // namespace tenon

#endif // TENON_PIPELINE_INSPECT_H
