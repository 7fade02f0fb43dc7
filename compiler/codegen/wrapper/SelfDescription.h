//===- SelfDescription.h - what a model says about itself ---------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_WRAPPER_SELFDESCRIPTION_H
#define TENON_CODEGEN_WRAPPER_SELFDESCRIPTION_H

#include "compiler/codegen/wrapper/EmitWrapper.h"

namespace tenon {

/// The name of the section of the shared object that holds it.
inline constexpr llvm::StringLiteral selfDescriptionSection = ".tenon.info";

/// Numbers that the emitter knows only.
struct ModelCounts {
  int64_t numKernels = 0, numLibraryCalls = 0, weightsBytes = 0, stateBytes = 0;
};

/// A JSON object: name, versions, target, inputs, outputs, symbols, sizes. Valid UTF-8 whatever the names are.
std::string selfDescription(const ModelDescription &description, const ModelCounts &counts);

} // namespace tenon

#endif // TENON_CODEGEN_WRAPPER_SELFDESCRIPTION_H
