//===- KernelPasses.td - passes that turn kernel functions into vector code -------------------------------------*- tablegen -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_KERNEL_PASSES_TD
#define TENON_KERNEL_PASSES_TD

include "mlir/Pass/PassBase.td"

def VectorizeKernels : Pass<"tenon-vectorize-kernels", "::mlir::ModuleOp"> {
  let summary = "rewrites kernel functions on buffers to loops of explicit vector code";
  let description = [{
    Input: functions with attribute `tenon.kernel` as bufferisation leaves them. Output: the form that compiler/README.md
    calls a kernel at the vector level. Fails with a diagnostic where a kernel's loops do not map into one domain.
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "unsigned", "512", "bits of one fixed-size vector register">,
    Option<"scalable", "scalable", "bool", "false", "vectors are multiples of 128 bits, the multiple known at run time">,
    Option<"numRegisters", "num-registers", "unsigned", "0",
           "vector registers that constants share with values; 0: arithmetic reads constants from memory">,
    Option<"keepRounding", "keep-rounding", "bool", "true",
           "round values of half-width types in registers wherever the kernel does, not only where it stores them">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::tenon::TenonDialect"];
}

def ExpandMath : Pass<"tenon-expand-math", "::mlir::func::FuncOp"> {
  let summary = "gives transcendental functions and activations their inline formulas";
  let options = [
    Option<"int64ByF64", "int64-by-f64", "bool", "false", "vectors of 64-bit integers are converted from and to f64 only">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def LoadConstants : Pass<"tenon-load-constants", "::mlir::ModuleOp"> {
  let summary = "lets inner loops read constants from memory where the registers do not hold them all";
  let options = [
    Option<"vectorBits", "vector-bits", "unsigned", "128", "bits of one vector register; of one granule where it is scalable">,
    Option<"scalable", "scalable", "bool", "false", "vectors are multiples of vector-bits">,
    Option<"numRegisters", "num-registers", "unsigned", "32", "vector registers">,
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::vector::VectorDialect"];
}

def LowerKernelsToLLVM : Pass<"tenon-lower-kernels-to-llvm", "::mlir::ModuleOp"> {
  let summary = "converts kernel functions of the vector level, after scf became cf, to the LLVM dialect";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // TENON_KERNEL_PASSES_TD
