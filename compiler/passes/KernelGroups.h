//===- KernelGroups.h - which ops become one kernel ---------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A group is what one kernel computes in one sweep over one domain: a set of outer dimensions, each point of which is an
// independent unit of work, and, where the group reduces, row dimensions inside. Each of its ops runs over all dimensions, or
// (its values are row scalars) over the outer ones only; each of its reductions reduces exactly the row dimensions. So softmax
// and the norms are one group, and two reductions along different dimensions are two.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_KERNELGROUPS_H
#define TENON_PASSES_KERNELGROUPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace tenon {

/// The ops of one kernel, in block order.
using KernelGroup = llvm::SmallVector<mlir::linalg::LinalgOp>;

/// Parts the linalg ops of `block` (not of nested regions) into groups and reorders the block so that the ops of each group
/// are neighbours; ops with effects keep their order. Greedy in block order, deterministic. Every refusal to join two ops that
/// feed each other is explained with its reason.
llvm::SmallVector<KernelGroup> groupKernels(mlir::Block &block);

} // namespace tenon

#endif // TENON_PASSES_KERNELGROUPS_H
