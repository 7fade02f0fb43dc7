//===- LinkModel.h - from parts to model.so -------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_LINK_LINKMODEL_H
#define TENON_CODEGEN_LINK_LINKMODEL_H

#include "compiler/codegen/link/Clang.h"
#include "compiler/codegen/link/Linker.h"
#include "compiler/codegen/link/Weights.h"

#include "llvm/ADT/SmallVector.h"

namespace tenon {

/// What makes shared objects for one target.
struct Toolchain {
  CxxCompiler compiler;               ///< finds tenon/generated.h
  LinkLine linkLine;                  ///< with the runtime's archive
  std::vector<std::string> libraries; ///< that the runtime calls: oneDNN and OpenBLAS as stubs, OpenMP

  /// With the runtime in `tenonDir` (build/<preset>/lib/tenon).
  static llvm::Expected<Toolchain> find(llvm::StringRef tenonDir, const std::string &triple, llvm::StringRef arch);
};

/// What one shared object is made of.
struct ModelParts {
  std::string wrapperText; ///< C++
  std::vector<llvm::SmallVector<char, 0>> kernelObjects;
  const WeightsPlan *weights = nullptr; ///< null: none
  bool weightsInOwnFile = false;        ///< beside the model, under weightsFileName()
};

/// "MODEL.weights" for "folder/MODEL.so".
std::string weightsFileName(llvm::StringRef outputPath);

/// Compiles the wrapper, links, appends the weights and puts the result at `outputPath` in one step: on failure nothing is
/// left there. The same parts give the same bytes.
llvm::Error linkModel(const Toolchain &toolchain, const ModelParts &parts, llvm::StringRef outputPath);

/// Writes `bytes` to a file that appears whole or not at all.
llvm::Error writeFileAtomically(llvm::StringRef path, llvm::StringRef bytes);

} // namespace tenon

#endif // TENON_CODEGEN_LINK_LINKMODEL_H
