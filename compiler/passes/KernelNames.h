//===- KernelNames.h - what kernels are called --------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_KERNELNAMES_H
#define TENON_PASSES_KERNELNAMES_H

#include "compiler/passes/KernelGroups.h"

namespace tenon {

/// Returns "kernel_" and the names of the graph nodes that the group covers (from its locations) or of its scalar operations
/// where it has none: [a-z0-9_], at most 40 characters. Not yet unique: the symbol table adds a suffix.
std::string kernelName(const KernelGroup &group);

} // namespace tenon

#endif // TENON_PASSES_KERNELNAMES_H
