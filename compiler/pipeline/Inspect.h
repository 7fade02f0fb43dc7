//===- Inspect.h - what is in an archive ------------------------------------------------------------------------------*- C++ -*-===//
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

/// Describes the archive at `path`: a JSON object with kind ("archive"), name, inputs, outputs, symbols, nodes, ops and the
/// bytes of its weights. Errors are CompileErrors of kind BadInput.
llvm::Expected<llvm::json::Value> describeArchive(const std::string &path);

} // namespace tenon

#endif // TENON_PIPELINE_INSPECT_H
