//===- VectorizeKernels.cpp - kernel functions become loops of vector code ------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The steps are files of their own: what the kernel iterates over (KernelDomain), in which order (KernelSchedule), and the
// code for it (KernelEmitter).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/kernel/KernelEmitter.h"
#include "compiler/codegen/kernel/KernelPasses.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/PatternMatch.h"

namespace tenon {
#define GEN_PASS_DEF_VECTORIZEKERNELS
#include "compiler/codegen/kernel/KernelPasses.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

// Returns true for kernels at the buffer level; those at the vector level begin with the buffer table.
static bool isBufferLevelKernel(func::FuncOp function) {
  return function->hasAttr(kernelAttrName) && !function.isExternal() &&
         !llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<LLVM::LLVMPointerType>);
}

static LogicalResult generalizeNamedOps(func::FuncOp function) {
  IRRewriter rewriter(function.getContext());
  SmallVector<linalg::LinalgOp> named;
  function.walk([&](linalg::LinalgOp op) {
    if (!isa<linalg::GenericOp, linalg::FillOp>(op.getOperation()))
      named.push_back(op);
  });
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    if (failed(linalg::generalizeNamedOp(rewriter, op)))
      return op.emitError("has no form as linalg.generic");
  }
  return success();
}

static LogicalResult vectorizeKernel(func::FuncOp function, VectorShape shape, bool keepsRounding) {
  if (failed(generalizeNamedOps(function)))
    return failure();
  FailureOr<KernelDomain> domain = KernelDomain::analyze(function);
  if (failed(domain))
    return failure();
  FailureOr<func::FuncOp> kernel = emitKernel(function, *domain, scheduleKernel(*domain, shape), keepsRounding);
  if (failed(kernel))
    return failure();
  function.erase();
  return success();
}

namespace {
struct VectorizeKernelsPass : tenon::impl::VectorizeKernelsBase<VectorizeKernelsPass> {
  using VectorizeKernelsBase::VectorizeKernelsBase;
  void runOnOperation() override {
    for (func::FuncOp function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (isBufferLevelKernel(function) && failed(vectorizeKernel(function, {vectorBits, scalable, numRegisters}, keepRounding)))
        return signalPassFailure();
  }
};
} // namespace
