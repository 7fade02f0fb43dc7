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

/// Marks the arguments of @main that the model writes to (tenon.store_input).
inline constexpr llvm::StringLiteral mutatedAttrName = "tenon.mutated";

/// The target of a node as users know it: without "torch.ops.".
std::string displayName(llvm::StringRef target);

/// Adds the names of the tensors that `arg` refers to.
void collectNames(const frontend::Argument &arg, std::set<std::string> &names);
/// True for the mark at which a torch.vmap begins.
bool beginsVmap(const frontend::Node &node);

/// What crosses the border of a higher-order op's region: a tensor, or a number (an index value).
struct RegionValue {
  Tensor tensor;
  mlir::Value number;
};

/// Why a write to a view is refused.
inline constexpr const char *writesToOverlap =
    "writes to a view that may show an element more than once, as expand() and unfold() make them";

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
  void storeInput(const std::string &name, const Tensor &value);
  mlir::Location nodeLocation(const frontend::Node &node);
  mlir::Location nameLocation(llvm::StringRef name);
  Emitter emitterAt(mlir::Location loc) { return Emitter(builder, loc); }

  // Sizes of the inputs (InputGuards.cpp).
  void defineSymbols();
  void defineDimSymbol(const frontend::SymExpr &expr, Size dim, Emitter &e);
  void guardInputSizes();
  void guardRanges();
  void guardCode();
  /// `subject` says what `value` ({0}) is.
  void guardRange(Emitter &e, mlir::Value value, const frontend::Range &range, const std::string &subject);
  void guard(Emitter &e, mlir::Value condition, const std::string &message, llvm::ArrayRef<mlir::Value> values);

  // Nodes (ImportNodes.cpp).
  void importGraph(Scope &scope);
  void importNode(const frontend::Node &node, Scope &scope);
  void importCall(const frontend::Node &node, Scope &scope);
  /// Imports node number `i` of the scope's graph, or the vmap that it begins; returns the number of the last node imported.
  size_t importNodeOrVmap(Scope &scope, size_t i);
  bool importBookkeeping(const frontend::Node &node, Scope &scope);
  bool definesSize(const frontend::Node &node, const Scope &scope) const;
  void constrainRange(const frontend::Node &node, Scope &scope);
  void importAssert(const frontend::Node &node, Scope &scope);
  void importItem(const frontend::Node &node, Scope &scope);
  /// Gives a symbol the size that the run computes, at most what the program says of its range.
  void defineLate(Emitter &e, const std::string &symbol, mlir::Value size);
  void importAten(const frontend::Node &node, Scope &scope);
  void bindResults(Call &call, Results results);
  void bindResized(Call &call, AliasRef self, Tensor resized);
  void bindInPlace(Call &call, Results results);
  AliasRef aliasOf(Call &call, size_t result, const Result &value);
  void reportUnsupported(const std::string &target, const std::string &reason, const frontend::Node *node);
  void bindStandIns(const frontend::Node &node, Scope &scope, Emitter &e);
  Tensor conform(Call &call, size_t result, Tensor tensor);

  // Higher-order ops (ControlFlow.cpp, Branches.cpp, Regions.cpp). An import function returns why it cannot, or nothing.
  using RowBody = llvm::function_ref<mlir::FailureOr<llvm::SmallVector<RegionValue>>(llvm::ArrayRef<Tensor> carried,
                                                                                     llvm::ArrayRef<Tensor> row)>;
  bool importHigherOrder(const frontend::Node &node, Scope &scope);
  std::string importNoGrad(const frontend::Node &node, Scope &scope, Emitter &e);
  std::string importAutocast(const frontend::Node &node, Scope &scope, Emitter &e);
  std::string importCond(const frontend::Node &node, Scope &scope, Emitter &e);
  mlir::Value conditionValue(const frontend::Argument &arg, Scope &scope, Emitter &e);
  mlir::Type conditionalType(Emitter &e, Scope &scope, const std::string &name);
  void bindConditional(Emitter &e, Scope &scope, const std::string &name, mlir::Value result);
  std::string importWhileLoop(const frontend::Node &node, Scope &scope, Emitter &e);
  std::string importScan(const frontend::Node &node, Scope &scope, Emitter &e);
  std::string importMap(const frontend::Node &node, Scope &scope, Emitter &e);
  std::string inlineRegion(const frontend::Node &node, Scope &scope, size_t graphOperand,
                           std::optional<ScalarType> autocast);
  std::string importRowLoop(const frontend::Node &node, Scope &scope, Emitter &e, llvm::ArrayRef<std::string> initNames,
                            size_t rowsOperand);
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> loopOverRows(Emitter &e, llvm::ArrayRef<Tensor> rows,
                                                               llvm::ArrayRef<Tensor> carried,
                                                               llvm::ArrayRef<Tensor> stacked, RowBody body);
  mlir::FailureOr<llvm::SmallVector<RegionValue>> importRegion(const frontend::Graph &graph, const Scope &outer,
                                                               llvm::ArrayRef<RegionValue> operands,
                                                               llvm::SmallVectorImpl<unsigned> *written);
  mlir::FailureOr<RegionValue> regionValue(const std::string &name, Scope &scope, Emitter &e);
  mlir::FailureOr<llvm::SmallVector<RegionValue>> regionValues(llvm::ArrayRef<std::string> names, Scope &scope, Emitter &e);
  void bindRegionValue(const frontend::Graph &graph, Scope &scope, const std::string &name, const RegionValue &value);
  void defineNumber(const frontend::Graph &graph, const std::string &name, mlir::Value number);
  Tensor resultTensor(Emitter &e, Scope &scope, const std::string &name);

  // Regions of torch.vmap (VmapRegions.cpp).
  size_t importVmap(Scope &scope, size_t begin);
  std::string importVmapLoop(Scope &scope, size_t begin, size_t end, Emitter &e);
  mlir::FailureOr<llvm::SmallVector<Tensor>> vmapRows(llvm::ArrayRef<const frontend::Node *> takes, Scope &scope, Emitter &e);

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
  std::map<std::string, AliasRef> constantAliases; ///< by fully qualified name
  std::set<std::string> usedSymbols;
  std::set<std::string> memoryOffsets; ///< symbols that stand for where a view began in the exporting program's memory
  std::set<std::string> usedNames; ///< values some node or output of the main graph reads
};

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_IMPORTER_H
