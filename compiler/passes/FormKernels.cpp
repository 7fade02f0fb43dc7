//===- FormKernels.cpp - linalg ops become kernels ------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// 1. Prepare: cheap producers are inlined into generics that read them through a broadcast, loops over dimensions of size one
//    disappear, fills are repeated so that each has one reader, operands that only start a value are told from data.
// 2. Decide: groupKernels.
// 3. Act: KernelOutliner.
//
//   %f = linalg.fill …                                     %e = tensor.empty
//   %m = linalg.generic (max over row) ins(%x) outs(%f)    %r = tenon.launch @kernel_softmax ins(%x) outs(%e)
//   %r = linalg.generic (x - m) ins(%x, %m) …         =>
//                                                          func.func private @kernel_softmax(%x, %e) attributes {tenon.kernel}
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/OutlineKernels.h"
#include "compiler/passes/Passes.h"
#include "compiler/passes/PrepareKernels.h"

namespace tenon {
#define GEN_PASS_DEF_FORMKERNELS
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

namespace {

struct FormKernels : tenon::impl::FormKernelsBase<FormKernels> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && !function->hasAttr(kernelAttrName))
        functions.push_back(function);
    KernelOutliner outliner(getOperation());
    for (func::FuncOp function : functions)
      if (failed(prepareKernels(function)) || failed(formKernels(function, outliner)))
        return signalPassFailure();
  }

private:
  static LogicalResult formKernels(func::FuncOp function, KernelOutliner &outliner) {
    SmallVector<Block *> blocks;
    function.walk([&](Block *block) {
      if (!isa<linalg::LinalgOp>(block->getParentOp()))
        blocks.push_back(block);
    });
    for (Block *block : blocks)
      for (const KernelGroup &group : groupKernels(*block))
        if (failed(outliner.outline(group)))
          return failure();
    return success();
  }
};

} // namespace
