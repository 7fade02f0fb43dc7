//===- FunctionBufferizer.h - one function from tensors to memrefs ------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_FUNCTIONBUFFERIZER_H
#define TENON_PASSES_FUNCTIONBUFFERIZER_H

#include "compiler/ir/TenonDialect.h"
#include "compiler/passes/InPlaceUpdates.h"
#include "compiler/passes/KernelSignatures.h"
#include "compiler/passes/StridedView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace tenon {

/// Bufferises one function: @main or @init.
class FunctionBufferizer {
public:
  FunctionBufferizer(mlir::func::FuncOp function, KernelSignatures &kernels)
      : function(function), kernels(kernels), updates(kernels), builder(function.getContext()) {}

  llvm::LogicalResult run();

private:
  using Value = mlir::Value;
  using Operation = mlir::Operation;
  using Sizes = llvm::ArrayRef<mlir::OpFoldResult>;

  // Where values are wanted.
  void convertArguments();
  void decideStores(mlir::Block &entry);
  void decideStore(Operation *store, const Slot &slot, llvm::function_ref<StridedView()> memory);
  void assignDestinations(mlir::func::ReturnOp terminator);
  void assignDestination(Value value, const StridedView &destination);
  void assignConcatSlices(ConcatOp concat);

  // Ops.
  llvm::LogicalResult convertBlock(mlir::Block &block);
  llvm::LogicalResult convert(Operation *op);
  llvm::LogicalResult convertStructured(mlir::DestinationStyleOpInterface op);
  void convertCast(mlir::tensor::CastOp op);
  void convertView(ReshapeOp op);
  void convertSlice(mlir::tensor::ExtractSliceOp op);
  void convertInsertSlice(mlir::tensor::InsertSliceOp op);
  void convertConcat(ConcatOp op);
  void convertDim(mlir::tensor::DimOp op);
  void convertLoad(LoadGlobalOp op);
  void convertStore(Operation *op, Value stored, llvm::function_ref<StridedView()> memory);
  void convertReturn(mlir::func::ReturnOp op);

  // Control flow (BufferizeRegions.cpp).
  /// Memory that a loop carries, made before it.
  struct Carried {
    Value argument, yielded; ///< of the body
    StridedView memory;
    SlotUpdate update = SlotUpdate::AtStore;
  };
  llvm::LogicalResult convertIf(mlir::scf::IfOp op);
  llvm::LogicalResult convertFor(mlir::scf::ForOp op);
  llvm::LogicalResult convertWhile(mlir::scf::WhileOp op);
  void convertSelect(mlir::arith::SelectOp op);
  /// Memory for a tensor that an scf.if gives: made before it, or, where the branches may differ in the sizes of `ownDims`, by
  /// each branch (then `memory` has no base yet).
  struct Choice {
    StridedView memory;
    llvm::SmallVector<int64_t> ownDims;
  };
  mlir::OpFoldResult sizeBefore(Operation *op, Value value, int64_t dim);
  Choice chooseMemory(mlir::scf::IfOp op, mlir::OpResult result);
  void yieldChoice(mlir::Location loc, mlir::Block *branch, const StridedView &value, const Choice &choice,
                   llvm::SmallVectorImpl<Value> &yielded);
  StridedView chosenMemory(mlir::Location loc, const Choice &choice, mlir::ValueRange yielded);
  llvm::LogicalResult convertBranch(mlir::Block &from, mlir::Block &to, llvm::ArrayRef<Choice> choices);
  mlir::FailureOr<StridedView> makeResult(Operation *op, mlir::RankedTensorType type, llvm::ArrayRef<Value> yielded);
  StridedView startCarried(mlir::Location loc, Value init);
  llvm::LogicalResult convertLoopBody(mlir::Block &body, llvm::MutableArrayRef<Carried> carried);
  void storeCarried(mlir::Location loc, llvm::ArrayRef<Carried> carried);

  /// The memory of `value`, which must have been converted.
  const StridedView &viewOf(Value value) const { return views.at(value); }
  Value memrefOf(Value value, mlir::Location loc) { return viewOf(value).materialize(builder, loc); }
  /// The memory that op's init number `index` gets: its destination, or a fresh buffer in its layout.
  StridedView allocate(Operation *op, unsigned index, Value init);
  StridedView makeBuffer(mlir::Location loc, mlir::Type elementType, Sizes sizes, llvm::ArrayRef<int64_t> order);
  StridedView rowMajorView(Value memref, Sizes sizes);
  StridedView globalView(mlir::Location loc, GlobalOp global, mlir::RankedTensorType type);
  void copyInto(mlir::Location loc, const StridedView &source, const StridedView &destination);
  StridedView copyOf(mlir::Location loc, const StridedView &source);

  mlir::func::FuncOp function;
  KernelSignatures &kernels;
  InPlaceUpdates updates;
  mlir::OpBuilder builder;
  llvm::DenseMap<Value, StridedView> views;
  llvm::DenseMap<Operation *, SlotUpdate> storeUpdates;    // how a store gets its value to its place
  llvm::DenseSet<Value> copiedAtStart;                     // values whose memory is written before their last use
  llvm::DenseMap<Value, StridedView> destinations;         // results that are wanted in given memory
  llvm::DenseMap<Operation *, StridedView> concatBuffers;  // concatenations whose memory exists before them
  llvm::SmallVector<mlir::BlockArgument> inputs;           // the tensor arguments, keys of their views
  llvm::SmallVector<Value> outputs;                        // memref arguments for the function's results
  llvm::SmallVector<Operation *> converted;                // in an order in which users follow
};

llvm::SmallVector<int64_t> rowMajorOrder(int64_t rank);

} // namespace tenon

#endif // TENON_PASSES_FUNCTIONBUFFERIZER_H
