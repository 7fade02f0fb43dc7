//===- FunctionEmitter.h - the body of one emitted function -----------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_WRAPPER_FUNCTIONEMITTER_H
#define TENON_CODEGEN_WRAPPER_FUNCTIONEMITTER_H

#include "compiler/codegen/wrapper/SourceText.h"
#include "compiler/codegen/wrapper/Values.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"

namespace tenon {

/// Strings of the model, each once: the emitted file's data table `text`.
class TextTable {
public:
  /// The C++ expression of `string`: "text[3]".
  std::string reference(llvm::StringRef string);
  const std::vector<std::string> &strings() const { return entries; }

private:
  llvm::StringMap<size_t> indices;
  std::vector<std::string> entries;
};

/// A kernel that is launched somewhere: what its declaration says.
struct KernelUse {
  std::vector<std::string> nodes; ///< graph nodes it covers, in order of use
};

/// What the functions of one emitted file share.
struct FileContext {
  mlir::SymbolTable symbols;
  IdentifierSet names;                               ///< of file scope
  TextTable text;
  llvm::MapVector<mlir::StringAttr, KernelUse> kernels; ///< in order of first launch
  llvm::StringMap<int64_t> globals;                  ///< symbol -> index in Model::globals
  std::string specs;                                 ///< constants of library calls
  int64_t numSites = 0;
};

/// Emits one function's statements. Every emit function returns failure after it has reported why at the op.
class FunctionEmitter {
public:
  FunctionEmitter(FileContext &file, mlir::func::FuncOp function, size_t numInputs);

  /// Emits the whole body and returns its text. `returned`: takes the expressions of the values it returns (indices).
  mlir::FailureOr<std::string> emit(std::vector<std::string> *returned = nullptr);

private:
  using Result = llvm::LogicalResult;

  // Statements.
  void line(const std::string &statement) { body += layOut(statement, indent); }
  Result define(mlir::Operation *op, const std::string &expression);
  Result emitBlock(mlir::Block &block);
  Result emitOp(mlir::Operation *op);
  void bindArguments();
  std::string prologue(llvm::StringRef uses);

  // Values.
  std::string scalar(mlir::Value value);
  MemoryView memory(mlir::Value value) const { return memories.lookup(value); }
  std::vector<std::string> scalars(mlir::ValueRange values);
  std::vector<std::string> mixed(llvm::ArrayRef<int64_t> statics, mlir::ValueRange dynamics);
  std::string freshName(mlir::Operation *op, llvm::StringRef fallback) {
    return names.unique(nodeName(op->getLoc(), fallback), fallback);
  }
  bool areKnown(mlir::ValueRange values) const;
  std::string argumentSize(mlir::BlockArgument argument, int64_t dim);

  // Memory.
  Result emitArena(ArenaOp op);
  Result emitBuffer(BufferOp op);
  Result emitLateOutput(LateOutputOp op);
  Result emitLoadGlobal(LoadGlobalOp op);
  Result emitView(mlir::Operation *op, mlir::Value source, mlir::Value result, std::string offset,
                  std::vector<std::string> sizes, std::vector<std::string> strides);
  std::string bufferOffset(BufferOp op);
  std::vector<std::string> bufferStrides(BufferOp op, const std::vector<std::string> &sizes);

  // Scalars.
  Result emitArith(mlir::Operation *op);
  Result emitDim(mlir::Operation *op, mlir::Value source, mlir::Value index);
  Result emitLoad(mlir::Operation *op, mlir::Value source, mlir::ValueRange indices);

  // Control flow.
  Result emitIf(mlir::scf::IfOp op);
  Result emitFor(mlir::scf::ForOp op);
  Result emitWhile(mlir::scf::WhileOp op);
  Result emitNested(mlir::Block &block);
  Result declareCarried(mlir::Operation *op, mlir::ValueRange values, mlir::ValueRange inits, llvm::StringRef fallback);
  void assign(mlir::ValueRange targets, mlir::ValueRange sources);

  // Calls (LibraryCalls.cpp).
  Result emitCall(mlir::Operation *op);
  Result emitLaunch(LaunchOp op);
  Result emitMatmul(MatmulOp op);
  Result emitConv(ConvOp op);
  Result emitPool(PoolOp op);
  Result emitPoolRegions(PoolRegionsOp op);
  Result emitAttention(AttentionOp op);
  Result emitConcat(ConcatOp op);
  Result emitSort(SortOp op);
  Result emitScan(ScanOp op);
  Result emitDecompose(DecomposeOp op);
  Result emitScatter(ScatterOp op);
  Result emitRandom(RandomOp op);
  Result emitGroupedMatmul(GroupedMatmulOp op);
  Result emitRecurrence(RecurrenceOp op);
  Result emitCopy(mlir::Operation *op, mlir::Value source, mlir::Value target);
  Result emitGuard(GuardOp op);
  Result emitCheckIndex(CheckIndexOp op);
  Result emitCheckDivisor(CheckDivisorOp op);
  Result emitCheckInfo(CheckInfoOp op);
  std::string optionalView(mlir::Value value, llvm::StringRef name);
  std::string views(mlir::ValueRange values);
  std::string addSpec(llvm::StringRef type, llvm::StringRef name, std::vector<std::string> fields);
  void emitLibraryCall(mlir::Operation *op, llvm::StringRef routine, llvm::StringRef specType,
                       std::vector<std::string> fields, const std::string &name, std::vector<std::string> arguments);

  FileContext &file;
  mlir::func::FuncOp function;
  size_t numInputs;
  IdentifierSet names;
  std::string body;
  unsigned indent = 2;
  bool hasArena = false;
  llvm::DenseMap<mlir::Value, std::string> scalarExpressions;
  llvm::DenseMap<mlir::Value, MemoryView> memories;
  std::vector<std::string> argumentNames;
  std::vector<llvm::MapVector<int64_t, std::string>> usedSizes; ///< per argument: dimension -> its variable
};

} // namespace tenon

#endif // TENON_CODEGEN_WRAPPER_FUNCTIONEMITTER_H
