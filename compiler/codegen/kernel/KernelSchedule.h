//===- KernelSchedule.h - how a kernel walks its domain -----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_KERNEL_KERNELSCHEDULE_H
#define TENON_CODEGEN_KERNEL_KERNELSCHEDULE_H

#include "compiler/codegen/kernel/KernelDomain.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace tenon {

/// What a target's vectors look like.
struct VectorShape {
  unsigned bits = 512;
  bool scalable = false; ///< then `bits` counts once per vscale
  /// Registers that constants share with values; 0: enough, as arithmetic reads constants from memory (x86).
  unsigned numRegisters = 0;
};

/// How one result of a reducing generic grows: accumulator = op(accumulator, contribution).
struct Combiner {
  mlir::Operation *op = nullptr;
  mlir::Value contribution;
  mlir::vector::CombiningKind kind;
  mlir::arith::AtomicRMWKind identity;
};

/// A full value that later phases read from memory instead of computing it again: a row of `numElements`, of register type.
struct RowScratch {
  mlir::Value tensor;
  int64_t numElements = 0;
  Access access; ///< `buffer` counts on after the kernel's buffers
};

/// Work that shares one loop nest over `rowDims` (none: it runs between the nests).
struct RowGroup {
  unsigned phase = 0;
  uint64_t rowDims = 0;
  bool isSerial = false; ///< a reduction here has no combiner to merge accumulators with, so the row is walked by scalars
  llvm::SmallVector<mlir::linalg::GenericOp> reductions;
  llvm::SmallVector<unsigned> outputs;
  llvm::SmallVector<unsigned> scratchStores; ///< indices into KernelSchedule::scratch
  unsigned cost = 0;                         ///< scalar operations per element, roughly
  llvm::SmallVector<mlir::linalg::GenericOp, 0> bodies; ///< whose values the nest computes, producers first
};

struct KernelSchedule {
  int vectorDim = -1; ///< -1: scalar code
  unsigned lanes = 1; ///< per vector, times vscale where scalable
  bool scalable = false;
  unsigned unroll = 1;
  bool vectorDimIsRow = false;
  llvm::SmallVector<RowGroup> groups; ///< in the order they run
  llvm::SmallVector<RowScratch> scratch;

  /// A unit is one point of the parallel dimensions other than the vector dimension and, where `block` is not zero, one
  /// block of that many elements of the vector dimension. `unitsAreBlocks`: there are no other parallel dimensions.
  int64_t block = 0;
  bool unitsAreBlocks = false;
  SizeProduct extent;
  int64_t unitCost = 1;
};

KernelSchedule scheduleKernel(const KernelDomain &domain, VectorShape shape);

/// The combiners of `op`'s results; empty where one of them is no plain reduction (argmax).
llvm::SmallVector<Combiner> matchCombiners(mlir::linalg::GenericOp op);

/// The type of a value in registers: f16 and bf16 compute as f32.
mlir::Type registerType(mlir::Type type);
/// The type of a value in memory as kernels load it: i1 is a byte, bf16 the upper half of an f32.
mlir::Type storageType(mlir::Type type);

} // namespace tenon

#endif // TENON_CODEGEN_KERNEL_KERNELSCHEDULE_H
