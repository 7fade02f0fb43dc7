//===- Passes.td - the passes on tensors and buffers -----------------------------------------------------------*- tablegen -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// In the order in which compiler/pipeline runs them. A pass that decides something says so with a remark (Remarks.h).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_PASSES_TD
#define TENON_PASSES_TD

include "mlir/Pass/PassBase.td"

class Tenon_Pass<string flag, string op> : Pass<flag, op> {
  let dependentDialects = ["::tenon::TenonDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

//===--- normalize ---------------------------------------------------------------------------------------------------===//

def FoldBatchNorm : Tenon_Pass<"fold-batch-norm", "::mlir::func::FuncOp"> {
  let summary = "multiplies constant per-channel scales and shifts into the weights of the product before them";
  let options = [
    Option<"keepRounding", "keep-rounding", "bool", "true",
           "leave products of half-width types alone, whose weights would be rounded once more">,
  ];
}

def RecognizeAttention : Tenon_Pass<"recognize-attention", "::mlir::func::FuncOp"> {
  let summary = "makes one tenon.attention of two f32 products and the softmax between";
  let description = [{
    softmax(lhs x rhs * scale + masks) x value, where nothing else reads the scores and the weights, and each mask broadcasts to
    the scores aligned right.
  }];
}

def FoldViewsIntoGenerics : Tenon_Pass<"fold-views-into-generics", "::mlir::func::FuncOp"> {
  let summary = "reads permuted, broadcast and unit-dimension views through indexing maps";
  let description = [{
    A linalg.generic reads the source of a tenon.permute, a tenon.broadcast or a tenon.reshape that only adds or drops
    dimensions of size one; generics that only pass an operand on disappear.
  }];
}

def RecognizeActivations : Tenon_Pass<"recognize-activations", "::mlir::func::FuncOp"> {
  let summary = "makes one tenon.activation of the formulas that models spell activations with";
  let options = [
    Option<"keepRounding", "keep-rounding", "bool", "true",
           "leave formulas alone that round to a half-width type between their ops">,
  ];
}

def GroupAttentionHeads : Tenon_Pass<"group-attention-heads", "::mlir::func::FuncOp"> {
  let summary = "reads heads of keys and values that queries share, instead of repeating them";
}

//===--- fuse --------------------------------------------------------------------------------------------------------===//

def FuseEpilogues : Tenon_Pass<"fuse-epilogues", "::mlir::func::FuncOp"> {
  let summary = "moves pointwise ops into the tenon.matmul or tenon.conv before them";
  let description = [{
    Bias, activation, scale, residual addition and multiplication, through single-use chains and across a reshape of the rows of
    a matmul's result.
  }];
  let options = [
    Option<"keepRounding", "keep-rounding", "bool", "true",
           "fuse into products of half-width types only what commutes with rounding their sums">,
  ];
}

def HoistConstants : Tenon_Pass<"hoist-constants", "::mlir::ModuleOp"> {
  let summary = "moves what depends on constants only to @init";
  let description = [{
    Results that @main uses are hoisted globals; views of constants stay in @main. What would grow the constants beyond a
    budget stays and says so.
  }];
}

def LowerPrecision : Tenon_Pass<"lower-precision", "::mlir::ModuleOp"> {
  let summary = "chooses which f32 values are stored and multiplied in a half-width type";
  let description = [{
    Weights are converted when the artefact is written (`record_type`), values by their producers. Every product says how it
    is computed and every weight that stays says why. Run before FormKernels, so that conversions join kernels.
  }];
  let options = [
    Option<"precision", "precision", "std::string", "\"bf16\"",
           "bf16 or f16; f32 changes nothing and warns, as they do, of products in other types">,
    Option<"computesLow", "computes-low", "bool", "false",
           "multiply in the half-width type, with f32 sums; else only weights are stored in it">,
    Option<"fallback", "fallback", "std::string", "\"\"", "why not, to be warned about">,
    Option<"attentionFallback", "attention-fallback", "std::string", "\"\"",
           "why attention multiplies f32 all the same; empty: it multiplies the half-width type">,
  ];
}

def FormKernels : Tenon_Pass<"form-kernels", "::mlir::ModuleOp"> {
  let summary = "outlines every linalg op into a kernel function";
  let description = [{
    Afterwards functions hold no linalg ops: groups of them that make one sweep over one domain (see KernelGroups.h) are
    kernel functions, called by tenon.launch; equal groups share one function.
  }];
}

//===--- buffers -----------------------------------------------------------------------------------------------------===//

def AssignLayouts : Pass<"assign-layouts", "::mlir::func::FuncOp"> {
  let summary = "chooses the order in which values lie in memory (attribute tenon.layout)";
}

def Bufferize : Pass<"bufferize", "::mlir::ModuleOp"> {
  let summary = "gives every tensor memory; views become strides";
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::bufferization::BufferizationDialect",
                           "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::tenon::TenonDialect"];
}

def PlanMemory : Pass<"plan-memory", "::mlir::func::FuncOp"> {
  let summary = "gives every tenon.buffer its offset in one arena";
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // TENON_PASSES_TD
