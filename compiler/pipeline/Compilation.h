//===- Compilation.h - the state of one compilation ---------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PIPELINE_COMPILATION_H
#define TENON_PIPELINE_COMPILATION_H

#include "compiler/codegen/link/LinkModel.h"
#include "compiler/frontend/archive/Archive.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/target/Target.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace tenon {

/// What the stages of Pipeline.cpp hand on to each other, and the services they share.
class Compilation {
public:
  Compilation(llvm::StringRef path, llvm::StringRef output, const CompileOptions &options, ProgressSink &progress);

  /// Runs the passes that `addPasses` adds on `module`, with verification after each. Fails with an internal error that names
  /// the first diagnostic and a reproducer.
  llvm::Error runPasses(llvm::StringRef stage, mlir::ModuleOp module,
                        llvm::function_ref<void(mlir::OpPassManager &)> addPasses);

  /// Writes `text` as NN-name to --save-ir's folder, if there is one.
  llvm::Error save(llvm::StringRef name, llvm::StringRef text);
  llvm::Error saveModule(llvm::StringRef stage);

  /// Takes the errors that were emitted on the context; one sentence.
  std::string takeDiagnostics();

  std::string path, output;
  const CompileOptions &options;
  ProgressSink &progress;
  Target target;
  std::unique_ptr<frontend::Archive> archive;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OwningOpRef<mlir::func::FuncOp> outputShapes; ///< null: all sizes are constants
  mlir::OwningOpRef<mlir::ModuleOp> kernels;          ///< LLVM dialect
  int64_t numKernels = 0;
  WeightsPlan weights;
  ModelParts parts;
  unsigned stageNumber = 0; ///< from 1

private:
  void handleDiagnostic(mlir::Diagnostic &diagnostic);
  std::string diagnostics; ///< errors since takeDiagnostics
};

} // namespace tenon

#endif // TENON_PIPELINE_COMPILATION_H
