//===- EmitWrapper.h - a model's C++ wrapper --------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Turns a module of the `buffers` stage into C++ text against tenon/generated.h: the model's tables, buffers, library calls
// and kernel launches. The text is made to be read from top to bottom and is the same for the same input.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_WRAPPER_EMITWRAPPER_H
#define TENON_CODEGEN_WRAPPER_EMITWRAPPER_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tenon {

/// One user input or output, as a caller sees it.
struct TensorDescription {
  std::string name;          ///< in the exported graph (data, never source text)
  std::string dtype;          ///< as PyTorch spells it: "float32", "bool"
  std::vector<int64_t> sizes; ///< mlir::ShapedType::kDynamic where a dimension varies
  std::vector<std::string> dims; ///< per dimension: "224", "s77", "2*s77 + 1"
  bool isMutated = false;        ///< an input that the model writes to
};

/// A symbolic dimension and its inclusive range; INT64_MAX: unbounded.
struct SymbolDescription {
  std::string name;
  int64_t min = 0, max = INT64_MAX;
};

/// What the artefact says about itself, beyond its code.
struct ModelDescription {
  std::string name, torchVersion;
  std::string target, cpu, features; ///< "x86_64", "native (znver5)", "avx512f,…"
  std::string precision = "model", numerics = "strict";
  std::string options; ///< the command line's options, for the header comment
  std::vector<TensorDescription> inputs, outputs;
  std::vector<SymbolDescription> symbols;
  std::string inSpec, outSpec; ///< pytrees as JSON; may be empty
};

/// What the importer wrote into the attributes of `module` (compiler/frontend/import/Import.h); the rest keeps its defaults.
/// Fails with a diagnostic where they are missing.
mlir::FailureOr<ModelDescription> describeModel(mlir::ModuleOp module);

/// Where the initial bytes of the globals lie in the weights blob.
struct WeightsDescription {
  llvm::StringMap<int64_t> offsets; ///< by the symbol name of the global; absent: no initial bytes
  int64_t bytes = 0;
  uint64_t hash = 0;
  std::string file; ///< base name of the separate weights file; empty: appended to the shared object
};

/// The emitted file and what it says about itself.
struct WrapperSource {
  std::string text;
  int64_t numKernels = 0, numLibraryCalls = 0;
};

/// Bytes from the first to the last element of a global's initial or own memory, and its strides in elements.
int64_t globalSizeInBytes(mlir::Operation *global);

/// The function of shapes that the pipeline adds: from @main's inputs to the dynamic sizes of the outputs, in order.
inline constexpr llvm::StringLiteral outputShapesFunctionName = "output_shapes";

/// Emits the wrapper of `module`. @main takes `description.inputs`, then `description.outputs`, all row-major memrefs; @init
/// may be absent; @output_shapes (memref inputs -> indices) is needed where an output has a dynamic size. Fails with a
/// diagnostic at the op that has no C++ form.
mlir::FailureOr<WrapperSource> emitWrapper(mlir::ModuleOp module, const ModelDescription &description,
                                           const WeightsDescription &weights);

/// The version of the compiler: "0.1.0".
llvm::StringRef tenonVersion();

} // namespace tenon

#endif // TENON_CODEGEN_WRAPPER_EMITWRAPPER_H
