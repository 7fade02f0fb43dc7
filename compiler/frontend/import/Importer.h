//===- Importer.h - the walk over an exported program ---------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_IMPORTER_H
#define TENON_FRONTEND_IMPORT_IMPORTER_H

#include "compiler/frontend/import/Call.h"
#include "compiler/frontend/import/Import.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>
#include <set>

namespace tenon::aten {

/// Where a node comes from in Python.
struct PythonFrame {
  std::string file, function, source;
  unsigned line = 0;
  /// "model.py:12 in forward: return self.lin(x)"; empty for no frame.
  std::string text() const;
};
/// The innermost frame of `stackTrace` outside PyTorch itself.
PythonFrame innermostUserFrame(llvm::StringRef stackTrace);

class Importer {
public:
  Importer(mlir::MLIRContext &context, const frontend::ExportedProgram &program,
           std::vector<UnsupportedOp> &unsupported);
  mlir::OwningOpRef<mlir::ModuleOp> run();

private:
  // The frame of the program (Importer.cpp).
  mlir::LogicalResult createMain();
  void bindConstants();
  AliasRef loadConstant(const frontend::InputSpec &spec);
  mlir::LogicalResult createReturn();
  void storeMutations();
  void storeGlobal(llvm::StringRef name, const Tensor &value);
  mlir::Location nodeLocation(const frontend::Node &node);
  mlir::Location nameLocation(llvm::StringRef name);
  Emitter emitterAt(mlir::Location loc) { return Emitter(builder, loc); }

  // Sizes of the inputs (InputGuards.cpp).
  void defineSymbols();
  void defineDimSymbol(const frontend::SymExpr &expr, Size dim, Emitter &e);
  void guardInputSizes();
  void guardRanges();
  void guardCode();
  void guard(Emitter &e, mlir::Value condition, const std::string &message, llvm::ArrayRef<mlir::Value> values);

  // Nodes (ImportNodes.cpp).
  void importGraph(Scope &scope);
  void importNode(const frontend::Node &node, Scope &scope);
  bool importBookkeeping(const frontend::Node &node, Scope &scope);
  void importItem(const frontend::Node &node, Scope &scope);
  void inlineRegion(const frontend::Node &node, Scope &scope, size_t graphOperand);
  void importAten(const frontend::Node &node, Scope &scope);
  void bindResults(Call &call, Results results);
  void bindInPlace(Call &call, Results results);
  AliasRef aliasOf(Call &call, size_t result, const Result &value);
  void reportUnsupported(const std::string &target, const std::string &reason, const frontend::Node *node);
  void bindStandIns(const frontend::Node &node, Scope &scope, Emitter &e);
  Tensor conform(Call &call, size_t result, Tensor tensor);

  // What the artefact says about itself (Signature.cpp).
  void describeModule();

  mlir::MLIRContext &context;
  const frontend::ExportedProgram &program;
  std::vector<UnsupportedOp> &unsupported;

  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp main;
  mlir::OpBuilder builder;
  mlir::Operation *entryMarker = nullptr;
  Symbols symbols;
  Scope mainScope;
  /// User inputs that are tensors of @main: placeholder name to argument number.
  std::map<std::string, unsigned> argumentNumbers;
  std::vector<std::string> inputNames, outputNames;
  std::vector<Tensor> inputs;                     ///< @main's arguments
  std::map<std::string, std::string> globalNames; ///< fully qualified name to symbol
  std::set<std::string> usedSymbols;
  std::set<std::string> usedNames; ///< values some node or output of the main graph reads
};

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_IMPORTER_H
