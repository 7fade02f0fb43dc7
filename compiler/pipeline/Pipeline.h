//===- Pipeline.h - from model.pt2 to model.so --------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PIPELINE_PIPELINE_H
#define TENON_PIPELINE_PIPELINE_H

#include "compiler/pipeline/CompileErrors.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace tenon {

struct Toolchain;

/// What is written to the output: the artefact, or what lies on the way to it.
enum class EmitStage { Mlir, Llvm, Assembly, Cpp, SharedObject };

struct CompileOptions {
  std::string target = "host"; ///< "host", "x86_64", "aarch64"
  std::string cpu;             ///< "native", or a name Target knows; empty: its default
  int threadsHint = 0;         ///< threads the model will mostly run with; 0: not known
  std::string precision = "model"; ///< "model", "f32": the model's types (f32 warns of others); "bf16", "f16": f32 is lowered
  std::string numerics = "strict";
  bool weightsInOwnFile = false; ///< MODEL.weights beside MODEL.so
  std::string saveIrDir;         ///< empty: nowhere
  EmitStage emit = EmitStage::SharedObject;
  bool explain = false; ///< passes say what they decided, through ProgressSink::explained
  bool verbose = false; ///< passes are timed, through ProgressSink::timed
  std::string tenonDir; ///< folder of the runtime: <prefix>/lib/tenon
  int compilerThreads = 0; ///< threads that the compilation itself may use; 0: all cores
  std::shared_ptr<const Toolchain> toolchain; ///< found beforehand; null: looked for
};

/// Is told what happens during a compilation. Called from the compiling thread.
class ProgressSink {
public:
  virtual ~ProgressSink() = default;
  /// Stage number `index` (from 0) of `count` begins.
  virtual void stageBegins(llvm::StringRef stage, unsigned index, unsigned count) {}
  /// Passes begin on `ir`, printed with locations: what reproduces a crash in them.
  virtual void passesBegin(llvm::StringRef ir) {}
  /// Of the model's `total` kernels `done` are compiled.
  virtual void kernelsDone(int64_t done, int64_t total) {}
  /// One line of a timing report.
  virtual void timed(llvm::StringRef line) {}
  /// Something that was asked for is not done, or not in the way that was meant; one sentence.
  virtual void warned(llvm::StringRef line) {}
  /// A pass's decision, with the node it concerns.
  virtual void explained(llvm::StringRef line) {}
};

/// Does beforehand what every compilation with `options` needs, so that forks of this process share it. Starts no thread.
llvm::Error prepareForMany(CompileOptions &options);

/// Compiles the archive at `path` to `output`. All errors are CompileErrors. On failure nothing is left at `output`.
llvm::Error compileModel(llvm::StringRef path, llvm::StringRef output, const CompileOptions &options, ProgressSink &progress);

} // namespace tenon

#endif // TENON_PIPELINE_PIPELINE_H
