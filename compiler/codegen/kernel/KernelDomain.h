//===- KernelDomain.h - the iteration domain of a kernel function -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// All generics of a kernel iterate over parts of one domain. At one point of it every value of the function is one scalar,
// so that after this analysis the function reads as one expression DAG, whose leaves are loads with a stride per dimension.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_KERNEL_KERNELDOMAIN_H
#define TENON_CODEGEN_KERNEL_KERNELDOMAIN_H

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace tenon {

/// A constant times entries of the kernel's size table (their indices, sorted). `constant` zero: the product is zero.
struct SizeProduct {
  int64_t constant = 1;
  llvm::SmallVector<unsigned, 2> entries;

  static SizeProduct zero() { return {0, {}}; }
  bool isZero() const { return constant == 0; }
  bool isStatic() const { return entries.empty(); }
  bool isOne() const { return isStatic() && constant == 1; }
  bool operator==(const SizeProduct &other) const { return constant == other.constant && entries == other.entries; }
  SizeProduct operator*(const SizeProduct &other) const;
};

/// Argument number `index` of the kernel's buffer table. Sizes and strides are in elements, per dimension of `type`.
struct KernelBuffer {
  mlir::MemRefType type;
  llvm::SmallVector<SizeProduct> sizes, strides;
};

/// One dimension of the domain: a unit's position (parallel) or a loop inside of it (row).
struct DomainDim {
  SizeProduct size;
  bool isRow = false;
};

/// How one operand or output moves through its buffer: elements per step of each domain dimension, zero where invariant.
struct Access {
  unsigned buffer = 0;
  llvm::SmallVector<SizeProduct> strides;
  bool operator==(const Access &other) const { return buffer == other.buffer && strides == other.strides; }
};

/// A result of the kernel: `tensor` is written to `access`; it varies over the dimensions `dims`.
struct KernelOutput {
  mlir::bufferization::MaterializeInDestinationOp op;
  mlir::Value tensor;
  unsigned access = 0;
  uint64_t dims = 0;
};

class KernelDomain {
public:
  /// Analyses `function`, whose linalg ops are generics and fills. Emits a diagnostic where there is no one domain.
  static mlir::FailureOr<KernelDomain> analyze(mlir::func::FuncOp function);

  llvm::SmallVector<DomainDim> dims; ///< parallel ones first, each kind from outermost to innermost
  llvm::SmallVector<KernelBuffer> buffers;
  llvm::SmallVector<Access> accesses;
  llvm::SmallVector<KernelOutput> outputs;
  llvm::SmallVector<mlir::linalg::GenericOp> generics; ///< those that outputs depend on, in program order
  unsigned numSizeArguments = 0;

  uint64_t rowDims() const;
  /// The domain dimension of a loop; -1 for a loop of one iteration.
  int dimOf(mlir::linalg::GenericOp op, unsigned loop) const { return loopDims.lookup(op)[loop]; }
  /// The dimensions `value` varies over: a generic's loops without its reductions; for other tensors none.
  uint64_t dimsOf(mlir::Value tensor) const;
  uint64_t reductionDimsOf(mlir::linalg::GenericOp op) const;
  /// The access of an operand that is read from memory, or -1.
  int accessOf(mlir::OpOperand &operand) const;
  /// The size-table entry of an index argument of a kernel: those come first.
  static unsigned sizeEntryOf(mlir::BlockArgument argument);
  /// The buffer behind a tensor that `bufferization.to_tensor` reads, or -1.
  int bufferOf(mlir::Value tensor) const;

private:
  friend class DomainBuilder;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<int>> loopDims;
  llvm::DenseMap<mlir::OpOperand *, unsigned> operandAccess;
  llvm::DenseMap<mlir::Value, unsigned> bufferIndex; ///< of memref arguments
};

} // namespace tenon

#endif // TENON_CODEGEN_KERNEL_KERNELDOMAIN_H
