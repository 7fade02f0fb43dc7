//===- Bufferize.cpp - gives every tensor memory --------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Rewrites @main and @init from tensors to memrefs, and kernel functions to the memref types they are launched with.
//
//   %e = tensor.empty() : tensor<2x3xf32>                  %b = tenon.buffer : memref<2x3xf32>
//   %r = tenon.launch @k ins(%x) outs(%e) -> tensor        tenon.launch @k ins(%x) outs(%b)
//   %t = tenon.permute %r [1, 0]                           %t = memref.reinterpret_cast %b … strides [1, 3]
//   return %t : tensor<3x2xf32>                            memref.copy %t, %result
//
// Upstream's one-shot bufferisation is not used: at this level every op views memory, writes fresh memory, is a check, or is
// control flow that carries values. What matters is layout (tenon.layout), views as strides, and writing results
// where they are wanted (outputs, globals, slices of a concatenation), and that is the whole of this pass.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/FunctionBufferizer.h"
#include "compiler/passes/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace tenon {
#define GEN_PASS_DEF_BUFFERIZE
#include "compiler/passes/Passes.h.inc"
} // namespace tenon

using namespace mlir;
using namespace tenon;

namespace {

struct Bufferize : tenon::impl::BufferizeBase<Bufferize> {
  void runOnOperation() override {
    KernelSignatures kernels(getOperation());
    for (StringRef name : {initFunctionName, mainFunctionName}) {
      auto function = getOperation().lookupSymbol<func::FuncOp>(name);
      if (function && failed(FunctionBufferizer(function, kernels).run()))
        return signalPassFailure();
    }
  }
};

} // namespace
