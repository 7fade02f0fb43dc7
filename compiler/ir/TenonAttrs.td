//===- TenonAttrs.td - attributes and enums ------------------------------------------------------------------*- tablegen -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_ATTRS_TD
#define TENON_ATTRS_TD

include "TenonDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

// Named activations: those that ATen has as one op and libraries have as one fused step. `alpha` and `beta` are used as
// the comment says; elsewhere they are zero.
def Tenon_ActivationKind : I32EnumAttr<"ActivationKind", "a named activation", [
    I32EnumAttrCase<"Relu", 0, "relu">,               // max(x, 0), NaN kept
    I32EnumAttrCase<"GeluErf", 1, "gelu_erf">,        // x/2 (1 + erf(x/sqrt 2))
    I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">,      // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
    I32EnumAttrCase<"Sigmoid", 3, "sigmoid">,
    I32EnumAttrCase<"Tanh", 4, "tanh">,
    I32EnumAttrCase<"Silu", 5, "silu">,               // x sigmoid(x)
    I32EnumAttrCase<"HardSigmoid", 6, "hardsigmoid">, // min(max(x + 3, 0), 6) / 6
    I32EnumAttrCase<"HardSwish", 7, "hardswish">,     // x hardsigmoid(x)
    I32EnumAttrCase<"LeakyRelu", 8, "leaky_relu">,    // x > 0 ? x : alpha x
    I32EnumAttrCase<"Elu", 9, "elu">,                 // x > 0 ? x : alpha (exp(x) - 1)
    I32EnumAttrCase<"Clip", 10, "clip">,              // min(max(x, alpha), beta), NaN kept
    I32EnumAttrCase<"Softplus", 11, "softplus">,      // log(1 + exp(alpha x)) / alpha; x where alpha x > beta
    I32EnumAttrCase<"Mish", 12, "mish">,              // x tanh(softplus(x))
  ]> {
  let cppNamespace = "::tenon";
  let genSpecializedAttr = 0;
}

// One step of the epilogue of a matmul or convolution, applied in order to the accumulated result `acc`.
def Tenon_EpilogueKind : I32EnumAttr<"EpilogueKind", "one step of an epilogue", [
    I32EnumAttrCase<"Activation", 0, "activation">, // acc = activation(acc)
    I32EnumAttrCase<"Add", 1, "add">,               // acc = acc + operand
    I32EnumAttrCase<"Mul", 2, "mul">,               // acc = acc * operand
    I32EnumAttrCase<"Scale", 3, "scale">,           // acc = acc * alpha
  ]> {
  let cppNamespace = "::tenon";
  let genSpecializedAttr = 0;
}

def Tenon_PoolKind : I32EnumAttr<"PoolKind", "a pooling function", [
    I32EnumAttrCase<"Max", 0, "max">,
    I32EnumAttrCase<"AvgIncludePad", 1, "avg_include_pad">,
    I32EnumAttrCase<"AvgExcludePad", 2, "avg_exclude_pad">,
  ]> {
  let cppNamespace = "::tenon";
  let genSpecializedAttr = 0;
}

// How tenon.pool_regions makes a bin of a box one number.
def Tenon_RegionPoolKind : I32EnumAttr<"RegionPoolKind", "a pooling function of boxes", [
    I32EnumAttrCase<"Align", 0, "align">,                  // the mean of samples between pixels (https://arxiv.org/abs/1703.06870)
    I32EnumAttrCase<"Max", 1, "max">,                      // https://arxiv.org/abs/1504.08083
    I32EnumAttrCase<"PositionalAlign", 2, "positional_align">, // each bin reads a channel of its own
    I32EnumAttrCase<"PositionalMean", 3, "positional_mean">,   // https://arxiv.org/abs/1605.06409
  ]> {
  let cppNamespace = "::tenon";
  let genSpecializedAttr = 0;
}

// Where the bytes of a global come from.
def Tenon_GlobalKind : I32EnumAttr<"GlobalKind", "where a global's bytes come from", [
    I32EnumAttrCase<"Weight", 0, "weight">,   // read-only: a range of the archive's record `record`
    I32EnumAttrCase<"State", 1, "state">,     // starts as such a range (or zeros) and is written by runs
    I32EnumAttrCase<"Hoisted", 2, "hoisted">, // computed by @init at load, read-only afterwards
  ]> {
  let cppNamespace = "::tenon";
  let genSpecializedAttr = 0;
}

// How tenon.scatter combines an update with the element it meets.
def Tenon_ScatterKind : I32EnumAttr<"ScatterKind", "how an update meets an element", [
    I32EnumAttrCase<"Set", 0, "set">, // the last update in row-major order stays
    I32EnumAttrCase<"Add", 1, "add">, // booleans: or
    I32EnumAttrCase<"Mul", 2, "mul">, // booleans: and
    I32EnumAttrCase<"Max", 3, "max">, // NaN wins
    I32EnumAttrCase<"Min", 4, "min">, // NaN wins
  ]> {
  let cppNamespace = "::tenon";
  let genSpecializedAttr = 0;
}

def Tenon_ScanKind : I32EnumAttr<"ScanKind", "what a scan accumulates", [
    I32EnumAttrCase<"Sum", 0, "sum">,             // in f64 for floats, as ATen does
    I32EnumAttrCase<"Prod", 1, "prod">,           // in f64 for floats
    I32EnumAttrCase<"Max", 2, "max">,             // NaN wins; of equal elements the position of the last
    I32EnumAttrCase<"Min", 3, "min">,             // likewise
    I32EnumAttrCase<"LogSumExp", 4, "logsumexp">, // floats
  ]> {
  let cppNamespace = "::tenon";
  let genSpecializedAttr = 0;
}

def Tenon_RandomKind : I32EnumAttr<"RandomKind", "how random numbers are distributed", [
    I32EnumAttrCase<"Uniform", 0, "uniform">,         // f32 and f64: in [0, 1)
    I32EnumAttrCase<"Normal", 1, "normal">,           // f32 and f64: mean 0, variance 1
    I32EnumAttrCase<"Bits32", 2, "bits32">,           // i64: integers in [0, 2^32)
    I32EnumAttrCase<"Bits64", 3, "bits64">,           // i64: any 64 bits
    I32EnumAttrCase<"Permutation", 4, "permutation">, // i64 [N]: 0 … N - 1 in random order
    I32EnumAttrCase<"SerialNormal", 5, "serial_normal">, // as normal, drawn one by one at any length
  ]> {
  let cppNamespace = "::tenon";
  let genSpecializedAttr = 0;
}

def Tenon_RecurrenceKind : I32EnumAttr<"RecurrenceKind", "how a recurrence's gates make its next state", [
    I32EnumAttrCase<"Tanh", 0, "tanh">, // one gate: h = tanh(gate)
    I32EnumAttrCase<"Relu", 1, "relu">, // one gate: h = max(gate, 0), NaN stays
    I32EnumAttrCase<"Lstm", 2, "lstm">, // input, forget, cell, output
    I32EnumAttrCase<"Gru", 3, "gru">,   // reset, update, new
  ]> {
  let cppNamespace = "::tenon";
  let genSpecializedAttr = 0;
}

// A: a matrix [.., M, N], square unless said otherwise. X, B: [.., M, K]. The operands and results of tenon.decompose, by kind;
// `info` [..] (i32) is zero where it worked, and else what LAPACK reports. Pivots are i32, counted from one.
def Tenon_DecomposeKind : I32EnumAttr<"DecomposeKind", "what is done with the matrices", [
    I32EnumAttrCase<"Cholesky", 0, "cholesky">,                // A -> L (or U, by `upper`), info
    I32EnumAttrCase<"CholeskySolve", 1, "cholesky_solve">,     // L or U, B -> X
    I32EnumAttrCase<"CholeskyInverse", 2, "cholesky_inverse">, // L or U -> the inverse of their product
    I32EnumAttrCase<"Lu", 3, "lu">,                            // A, M != N allowed -> L below U, pivots, info
    I32EnumAttrCase<"LuSolve", 4, "lu_solve">,                 // L below U, pivots, B -> X; `adjoint`, `right`
    I32EnumAttrCase<"TriangularSolve", 5, "triangular_solve">, // A, B -> X; `upper`, `adjoint`, `right`, `unitDiagonal`
    I32EnumAttrCase<"Ldl", 6, "ldl">,                          // A -> L on D, pivots, info; `hermitian`
    I32EnumAttrCase<"LdlSolve", 7, "ldl_solve">,               // L on D, pivots, B -> X; `hermitian`
    I32EnumAttrCase<"Qr", 8, "qr">,                            // A, M != N allowed -> reflectors below R, their factors tau
    I32EnumAttrCase<"HouseholderProduct", 9, "householder_product">,    // reflectors, tau -> Q [.., M, K]
    I32EnumAttrCase<"HouseholderMultiply", 10, "householder_multiply">, // reflectors, tau, B -> Q B; `adjoint`, `right`
    I32EnumAttrCase<"Eigh", 11, "eigh">,                       // A, of which a triangle is read -> values, vectors, info
    I32EnumAttrCase<"EighValues", 12, "eigh_values">,          // likewise -> values, info
    I32EnumAttrCase<"Svd", 13, "svd">,                         // A, M != N allowed -> U, S, V^H, info
    I32EnumAttrCase<"SvdValues", 14, "svd_values">,            // likewise -> S, info
    I32EnumAttrCase<"Eig", 15, "eig">,                         // A -> values, vectors (both complex), info
    I32EnumAttrCase<"EigValues", 16, "eig_values">,            // A -> values (complex), info
    I32EnumAttrCase<"Exponential", 17, "exponential">,         // A -> its exponential
    I32EnumAttrCase<"LuPermutation", 18, "lu_permutation">,    // L below U, pivots -> P, by which A = P L U
  ]> {
  let cppNamespace = "::tenon";
  let genSpecializedAttr = 0;
}

class Tenon_Attr<string name, string attrMnemonic> : AttrDef<Tenon_Dialect, name> { let mnemonic = attrMnemonic; }

def Tenon_ActivationKindAttr : EnumAttr<Tenon_Dialect, Tenon_ActivationKind, "activation_kind">;
def Tenon_PoolKindAttr : EnumAttr<Tenon_Dialect, Tenon_PoolKind, "pool_kind">;
def Tenon_RegionPoolKindAttr : EnumAttr<Tenon_Dialect, Tenon_RegionPoolKind, "region_pool_kind">;
def Tenon_ScatterKindAttr : EnumAttr<Tenon_Dialect, Tenon_ScatterKind, "scatter_kind">;
def Tenon_ScanKindAttr : EnumAttr<Tenon_Dialect, Tenon_ScanKind, "scan_kind">;
def Tenon_RandomKindAttr : EnumAttr<Tenon_Dialect, Tenon_RandomKind, "random_kind">;
def Tenon_RecurrenceKindAttr : EnumAttr<Tenon_Dialect, Tenon_RecurrenceKind, "recurrence_kind">;
def Tenon_DecomposeKindAttr : EnumAttr<Tenon_Dialect, Tenon_DecomposeKind, "decompose_kind">;
def Tenon_GlobalKindAttr : EnumAttr<Tenon_Dialect, Tenon_GlobalKind, "global_kind">;

def Tenon_EpilogueAttr : Tenon_Attr<"Epilogue", "epilogue"> {
  let summary = "one step of an epilogue; `add` and `mul` take the op's next `extras` operand";
  let parameters = (ins EnumParameter<Tenon_EpilogueKind>:$kind,
                        DefaultValuedParameter<"::tenon::ActivationKind", "::tenon::ActivationKind::Relu">:$activation,
                        "::mlir::FloatAttr":$alphaAttr, "::mlir::FloatAttr":$betaAttr);
  let builders = [AttrBuilder<(ins "EpilogueKind":$kind, CArg<"ActivationKind", "ActivationKind::Relu">:$activation,
                                   CArg<"double", "0.0">:$alpha, CArg<"double", "0.0">:$beta), [{
    auto f64 = ::mlir::Float64Type::get($_ctxt);
    return $_get($_ctxt, kind, activation, ::mlir::FloatAttr::get(f64, alpha), ::mlir::FloatAttr::get(f64, beta));
  }]>];
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    double getAlpha() const { return getAlphaAttr().getValueAsDouble(); }
    double getBeta() const { return getBetaAttr().getValueAsDouble(); }
    /// True for the steps that take a tensor operand.
    bool takesOperand() const;
  }];
}

#endif // TENON_ATTRS_TD
