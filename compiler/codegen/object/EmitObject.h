//===- EmitObject.h - LLVM dialect to object code -----------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_OBJECT_EMITOBJECT_H
#define TENON_COMPILER_CODEGEN_OBJECT_EMITOBJECT_H

#include "compiler/target/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <vector>

namespace tenon {

enum class EmitKind {
  Object,   ///< position-independent ELF object
  Assembly, ///< the same as text
  LLVMIR,   ///< text, after optimisation
};

using CodeBytes = llvm::SmallVector<char, 0>;

/// Registers LLVM's code generators for the architectures that Tenon compiles for, once. The functions below do so themselves.
void initializeCodeGenerators();

/// Compiles `module`, which holds LLVM dialect only, for `target`; `optLevel` is 0 to 3. Functions with a body get
/// hidden visibility and keep their names. The code uses `target.features` and no other extension; a multiply and an
/// add become one instruction only where the module says so (llvm.intr.fma, llvm.intr.fmuladd, or a `contract` flag).
/// Sets the module's data layout and triple attributes and registers the translations of the dialects it may hold in
/// its context, so no pass may run in that context meanwhile. Fails with a sentence (details are diagnostics of the
/// context).
llvm::Expected<CodeBytes> emitObject(mlir::ModuleOp module, const Target &target, EmitKind kind, unsigned optLevel = 2);

/// As `emitObject` to objects, in at most `numParts` (> 0) of them to be linked together, one thread each. Which
/// function goes where depends on the module alone.
llvm::Expected<std::vector<CodeBytes>> emitObjects(mlir::ModuleOp module, const Target &target, unsigned numParts,
                                                   unsigned optLevel = 2);

} // namespace tenon

#endif // TENON_COMPILER_CODEGEN_OBJECT_EMITOBJECT_H
