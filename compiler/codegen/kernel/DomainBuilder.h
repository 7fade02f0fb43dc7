//===- DomainBuilder.h - the analysis behind KernelDomain ---------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// 1. Nodes are the outputs and the generics they depend on; each has loops (an output: one per dimension of its memref).
// 2. Loops become one class where a node reads another's result through them.
// 3. Classes nobody connected merge where they walk the same dimension of an input, then where their sizes are equal: the
//    maximum and the sum of a softmax run over one row although no value links their loops. Two loops of one node never merge.
// 4. Classes of more than one iteration are the domain's dimensions, rows where something is reduced over them or an output
//    lacks them; they are ordered by stride and merged where every access walks both as one.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_KERNEL_DOMAINBUILDER_H
#define TENON_CODEGEN_KERNEL_DOMAINBUILDER_H

#include "compiler/codegen/kernel/KernelDomain.h"

namespace tenon {

/// Builds a KernelDomain; its methods are the steps of the analysis.
class DomainBuilder {
public:
  explicit DomainBuilder(mlir::func::FuncOp function) : function(function) {}
  mlir::FailureOr<KernelDomain> build();

private:
  // A node is an output (op: its materialize_in_destination) or a generic; its loops are elements [first, first + count).
  struct Node {
    mlir::Operation *op;
    unsigned first, count;
  };

  mlir::LogicalResult collectBuffers();
  mlir::LogicalResult collectNodes();
  void addNode(mlir::Operation *op, llvm::ArrayRef<int64_t> staticSizes);
  mlir::LogicalResult readGeneric(mlir::linalg::GenericOp op);
  mlir::LogicalResult connectProducers();
  mlir::LogicalResult connect(mlir::Operation *consumer, mlir::Value tensor, mlir::AffineMap map);
  void connectSharedFills();
  void connectSharedInputs();
  void connectEqualSizes();
  void noteSizesOfGenerated();
  void canonicalizeEntries();
  mlir::LogicalResult checkNodes();
  mlir::LogicalResult numberClasses();
  mlir::LogicalResult addAccesses();
  mlir::FailureOr<unsigned> addAccess(mlir::Operation *op, int buffer, mlir::AffineMap map);
  void orderDims();
  void collapseDims();
  mlir::LogicalResult checkReductions();

  unsigned element(mlir::Operation *op, unsigned loop) const { return nodes[nodeOf.lookup(op)].first + loop; }
  unsigned find(unsigned e) const;
  void unite(unsigned a, unsigned b);
  bool mayUnite(unsigned a, unsigned b) const;
  void noteSize(unsigned e, const SizeProduct &size);
  mlir::AffineMap identityMap(unsigned rank) {
    return mlir::AffineMap::getMultiDimIdentityMap(rank, function.getContext());
  }
  template <typename Callback> void forEachMemoryOperand(Callback callback);

  mlir::func::FuncOp function;
  KernelDomain domain;
  llvm::SmallVector<Node> nodes;
  llvm::DenseMap<mlir::Operation *, unsigned> nodeOf;
  llvm::SmallVector<unsigned> parent;
  llvm::SmallVector<std::optional<SizeProduct>> sizeOf; // by element; a class's is its representative's
  llvm::SmallVector<unsigned> canonicalEntry;           // size-table entries that are known to be equal share the smallest
  llvm::SmallVector<bool> isIndexed;                    // by domain dimension: linalg.index reads its position
};

} // namespace tenon

#endif // TENON_CODEGEN_KERNEL_DOMAINBUILDER_H
