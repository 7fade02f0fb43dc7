//===- Stages.h - the stages that are no pass pipelines -----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PIPELINE_STAGES_H
#define TENON_PIPELINE_STAGES_H

#include "compiler/pipeline/Compilation.h"

namespace tenon {

/// Resolves the target and finds the tools: what can fail early does.
llvm::Error prepare(Compilation &compilation);
/// Reads the archive and makes the module and the function of output shapes.
llvm::Error importModel(Compilation &compilation);
/// Gives every f32 weight its largest finite magnitude: whether a narrower type holds it is a question of its values.
void noteMagnitudes(Compilation &compilation);
/// Copies the kernel functions of the vector level to a module of their own.
void extractKernels(Compilation &compilation);
/// Plans the weights and writes the wrapper's text.
llvm::Error emitWrapperText(Compilation &compilation);
/// Compiles kernels and wrapper to object code and puts the shared object at the output.
llvm::Error linkSharedObject(Compilation &compilation);

/// Writes what the stage made to --save-ir's folder.
llvm::Error saveStage(Compilation &compilation, llvm::StringRef stage);
/// Writes what --emit asks for, other than the shared object, to the output.
llvm::Error writeIntermediate(Compilation &compilation);

} // namespace tenon

#endif // TENON_PIPELINE_STAGES_H
