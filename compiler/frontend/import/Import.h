//===- Import.h - an exported program as an MLIR module -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The module holds
//   tenon.global   one per used weight, buffer or constant;
//   func @main     user inputs to user outputs; argument and result attributes `tenon.name` (name in the exported
//   graph)
//                  and `tenon.dtype` (ATen's: "float32", "uint8", … because integers are signless here);
//   attributes     tenon.model_name, tenon.torch_version; tenon.inputs, tenon.outputs: [{name, dtype, dims = ["2",
//   "s77"]}];
//                  tenon.symbols: [{name, min, max}] (max absent: unbounded); tenon.in_spec, tenon.out_spec: JSON of
//                  the calling convention's pytree, {"type","context","children"} with leaves {"tensor": position} or
//                  {"value": constant}.
// A dynamic integer input or output is a tensor<i64>. Booleans are i1.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_IMPORT_H
#define TENON_FRONTEND_IMPORT_IMPORT_H

#include "compiler/frontend/archive/ExportedProgram.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace tenon {

struct ImportOptions {};

/// Something valid that this compiler cannot express.
struct UnsupportedOp {
  std::string target;     ///< "aten.sort.default", "input 'x'"
  std::string reason;     ///< "no importer row", "dtype complex64"
  std::string pythonLine; ///< "model.py:12 in forward: return x.sort()"; may be empty
  int64_t count = 1;      ///< how many nodes of the program it concerns
};

/// Returns the module. Returns null after adding everything unsupported to `unsupported` (valid program), or after
/// emitting an error on `context` (a program that contradicts itself).
mlir::OwningOpRef<mlir::ModuleOp> importProgram(mlir::MLIRContext &context, const frontend::ExportedProgram &program,
                                                const ImportOptions &options, std::vector<UnsupportedOp> &unsupported);

/// Loads the dialects an imported module uses.
void loadImportDialects(mlir::MLIRContext &context);

} // namespace tenon

#endif // TENON_FRONTEND_IMPORT_IMPORT_H
