//===- TenonOps.td - operations ------------------------------------------------------------------------------*- tablegen -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Three levels share these ops:
//   tensors   values are ranked tensors; structured ops are in destination-passing style (`outs` gives shape and type, the
//             result is the value);
//   kernels   linalg ops are outlined into kernel functions, called by tenon.launch;
//   buffers   operands are memrefs with static or dynamic strides, structured ops have no results.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_OPS_TD
#define TENON_OPS_TD

include "TenonAttrs.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Tenon_Shaped : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef], "a ranked tensor or a strided memref">;

//===--- model state -------------------------------------------------------------------------------------------------===//

def Tenon_GlobalOp : Tenon_Op<"global", [Symbol]> {
  let summary = "a tensor that lives as long as the loaded model";
  let description = [{
    `type` is the logical shape. A weight or a state with initial bytes names its archive record (`record`: the path inside
    the archive), the first byte of that record it uses (`offset`, bytes) and its element `strides`. A state without
    `record` starts as zeros.
    `name_in_model` is the fully qualified name of the parameter or buffer (data only, never source text); `is_parameter`
    tells the two apart. `record_type` is the element type of the record where the bytes are converted to the type of
    `type` when the artefact is written; `magnitude` is the largest finite magnitude among them, where it was looked up.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type, Tenon_GlobalKindAttr:$kind,
                       OptionalAttr<StrAttr>:$record, DefaultValuedAttr<I64Attr, "0">:$offset,
                       OptionalAttr<DenseI64ArrayAttr>:$strides, OptionalAttr<StrAttr>:$name_in_model,
                       UnitAttr:$is_parameter, OptionalAttr<TypeAttr>:$record_type, OptionalAttr<F64Attr>:$magnitude);
  let assemblyFormat = "$sym_name `:` $type $kind attr-dict";
}

def Tenon_LoadGlobalOp : Tenon_Op<"load_global", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "the value of a global";
  let description = [{
    Tensor level: the value; a weight's or hoisted global's load is pure, a state's load reads. Buffer level: a memref on the
    global's memory, with the global's strides.
  }];
  let arguments = (ins FlatSymbolRefAttr:$global);
  let results = (outs Tenon_Shaped:$result);
  let assemblyFormat = "$global attr-dict `:` type($result)";
}

def Tenon_StoreGlobalOp : Tenon_Op<"store_global"> {
  let summary = "gives a state or hoisted global its value";
  let description = [{
    Tensor level only: bufferisation makes `value` live in the global's memory where it can, and copies where it cannot.
  }];
  let arguments = (ins AnyRankedTensor:$value, FlatSymbolRefAttr:$global);
  let assemblyFormat = "$value `,` $global attr-dict `:` type($value)";
}

def Tenon_StoreInputOp : Tenon_Op<"store_input"> {
  let summary = "gives the caller's tensor for argument `index` of @main its value";
  let description = [{
    Tensor level only, for inputs that the model writes to (argument attribute `tenon.mutated`). The argument itself is the
    value before the run.
  }];
  let arguments = (ins AnyRankedTensor:$value, I64Attr:$index);
  let assemblyFormat = "$value `,` $index attr-dict `:` type($value)";
}

//===--- guards ------------------------------------------------------------------------------------------------------===//

def Tenon_GuardOp : Tenon_Op<"guard"> {
  let summary = "stops the run with a message where a condition does not hold";
  let description = [{`message` may refer to `values` as `{0}`, `{1}`, … Rank, dtype and static sizes of inputs are checked from
    the signature and need no guard.}];
  let arguments = (ins I1:$condition, StrAttr:$message, Variadic<Index>:$values);
  let assemblyFormat = "$condition `,` $message (`(` $values^ `)`)? attr-dict";
}

def Tenon_CheckIndexOp : Tenon_Op<"check_index", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "stops the run where an element of an index tensor lies outside [0, size), or [-size, size) if it `wraps`";
  let description = [{The message names the first bad index, `size`, and `what` (the ATen op).}];
  let arguments = (ins Tenon_Shaped:$indices, Index:$size, StrAttr:$what, UnitAttr:$wraps);
  let assemblyFormat = "$indices `,` $size `,` $what attr-dict `:` type($indices)";
}

def Tenon_CheckDivisorOp : Tenon_Op<"check_divisor", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "stops the run where an element of an integer tensor is zero";
  let description = [{Stands before integer division; `what` is the ATen op.}];
  let arguments = (ins Tenon_Shaped:$divisors, StrAttr:$what);
  let assemblyFormat = "$divisors `,` $what attr-dict `:` type($divisors)";
}

def Tenon_CheckInfoOp : Tenon_Op<"check_info", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "stops the run where an element of `info`, a result of tenon.decompose, is not zero";
  let description = [{In `message`, {0} stands for the element and {1} for its position, row by row.}];
  let arguments = (ins Tenon_Shaped:$info, StrAttr:$message);
  let assemblyFormat = "$info `,` $message attr-dict `:` type($info)";
}

//===--- sizes that a run computes ------------------------------------------------------------------------------------===//

def Tenon_LateSizeOp : Tenon_Op<"late_size", [Pure]> {
  let summary = "a size that depends on values, not on sizes, of the inputs";
  let description = [{
    The result is `size`. Memory of such a size has no place in the arena. `bound`, where there is one, depends on the inputs'
    sizes only, and `size` never exceeds it: callers give outputs that much memory. Where there is none, outputs of this size are
    made in the run (tenon.late_output).
  }];
  let arguments = (ins Index:$size, Optional<Index>:$bound);
  let results = (outs Index:$result);
  let assemblyFormat = "$size (`at_most` $bound^)? attr-dict";
}

def Tenon_OutputSizeOp : Tenon_Op<"output_size"> {
  let summary = "tells the caller the size of dimension `dim` of output `output`, which has memory for more";
  let arguments = (ins Index:$size, I64Attr:$output, I64Attr:$dim);
  let assemblyFormat = "$size `,` $output `,` $dim attr-dict";
}

def Tenon_LateOutputOp : Tenon_Op<"late_output", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "row-major memory for output `output`, which the caller gives when its sizes are known";
  let arguments = (ins Variadic<Index>:$sizes, I64Attr:$output);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "$output `(` $sizes `)` attr-dict `:` type($memory)";
}

//===--- views -------------------------------------------------------------------------------------------------------===//
// A view reads its source's memory through other sizes and strides. On tensors it is a pure function; bufferisation turns
// it into a memref.reinterpret_cast, or into a copy where no strides express it (only reshape can need one). Slices are
// tensor.extract_slice.

class Tenon_ViewOp<string mnemonic, list<Trait> traits = []> : Tenon_Op<mnemonic, !listconcat([Pure], traits)> {
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Tenon_ReshapeOp : Tenon_ViewOp<"reshape"> {
  let summary = "the same elements in row-major order, with other sizes";
  let description = [{`sizes` has one value per dynamic dimension of the result, in order.}];
  let arguments = (ins AnyRankedTensor:$source, Variadic<Index>:$sizes);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($source) `to` type($result)";
}

def Tenon_PermuteOp : Tenon_ViewOp<"permute"> {
  let summary = "dimension i of the result is dimension order[i] of the source";
  let arguments = (ins AnyRankedTensor:$source, DenseI64ArrayAttr:$order);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source $order attr-dict `:` type($source) `to` type($result)";
}

def Tenon_BroadcastOp : Tenon_ViewOp<"broadcast"> {
  let summary = "repeats dimensions of size one, and adds leading ones, as NumPy aligns shapes";
  let description = [{`sizes` has one value per dynamic dimension of the result, in order.}];
  let arguments = (ins AnyRankedTensor:$source, Variadic<Index>:$sizes);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($source) `to` type($result)";
}

//===--- scalar ops, used in bodies of linalg.generic ----------------------------------------------------------------===//

def Tenon_ActivationOp
    : Tenon_Op<"activation", !listconcat([Pure, SameOperandsAndResultType], ElementwiseMappable.traits)> {
  let summary = "a named activation of a float scalar or vector; ExpandMath gives it its formula";
  let arguments = (ins Tenon_ActivationKindAttr:$kind, FloatLike:$operand, DefaultValuedAttr<F64Attr, "0.0">:$alpha,
                       DefaultValuedAttr<F64Attr, "0.0">:$beta);
  let results = (outs FloatLike:$result);
  let assemblyFormat = "$kind $operand attr-dict `:` type($result)";
}

//===--- structured ops: a library call or a special schedule stands behind each -------------------------------------===//
// Destination-passing style: `inits` gives shape and element type (tensor.empty) and is not read unless the op says so.
// Tensor level: one result per init. Buffer level: no results, `inits` are written.

class Tenon_StructuredOp<string mnemonic, list<Trait> traits = []>
    : Tenon_Op<mnemonic, !listconcat([DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>],
                                     traits)> {
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
  let extraClassDeclaration = "::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }";
}

def Tenon_MatmulOp : Tenon_StructuredOp<"matmul", [AttrSizedOperandSegments]> {
  let summary = "epilogue(lhs x rhs + bias), batched over leading dimensions";
  let description = [{
    lhs [B…, M, K], rhs [B…, K, N], inits [B…, M, N]; equal ranks >= 2, batch dimensions equal or one in either operand.
    bias: [N]. Sums are taken in f32 or wider. `epilogue` steps run in order on the sum; each `add`/`mul` step takes the
    next of `extras`, whose shape broadcasts to the result's. Transposed operands are tenon.permute views of operands.
  }];
  let arguments = (ins Tenon_Shaped:$lhs, Tenon_Shaped:$rhs, Optional<Tenon_Shaped>:$bias, Variadic<Tenon_Shaped>:$extras,
                       Variadic<Tenon_Shaped>:$inits, TypedArrayAttrBase<Tenon_EpilogueAttr, "epilogue steps">:$epilogue);
  let assemblyFormat = [{
    `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)` (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`extras` `(` $extras^ `:` type($extras) `)`)? `outs` `(` $inits `:` type($inits) `)` `epilogue` $epilogue attr-dict
    (`->` type($results)^)?
  }];
}

def Tenon_ConvOp : Tenon_StructuredOp<"conv", [AttrSizedOperandSegments]> {
  let summary = "epilogue(convolution + bias), 1 to 3 spatial dimensions";
  let description = [{
    input [N, C, D…], weight [O, C/groups, K…] (transposed: [C, O/groups, K…]), bias [O], inits [N, O, D'…]. Layout is the
    buffers' strides. `padding` has low and high of each spatial dimension: [low0, high0, low1, …]. `output_padding` only
    where `transposed`. Epilogue as in tenon.matmul; an extra of shape [O, 1…] or of the result's shape.
  }];
  let arguments = (ins Tenon_Shaped:$input, Tenon_Shaped:$weight, Optional<Tenon_Shaped>:$bias,
                       Variadic<Tenon_Shaped>:$extras, Variadic<Tenon_Shaped>:$inits,
                       DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation,
                       DefaultValuedAttr<I64Attr, "1">:$groups, DefaultValuedAttr<BoolAttr, "false">:$transposed,
                       TypedArrayAttrBase<Tenon_EpilogueAttr, "epilogue steps">:$epilogue);
  let assemblyFormat = [{
    `ins` `(` $input `,` $weight `:` type($input) `,` type($weight) `)` (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`extras` `(` $extras^ `:` type($extras) `)`)? `outs` `(` $inits `:` type($inits) `)` `stride` $stride `padding` $padding
    `dilation` $dilation `epilogue` $epilogue attr-dict (`->` type($results)^)?
  }];
}

def Tenon_PoolOp : Tenon_StructuredOp<"pool"> {
  let summary = "max or average over windows, 1 to 3 spatial dimensions";
  let description = [{input [N, C, D…], inits [N, C, D'…]. `padding` as in tenon.conv; windows that `ceil_mode` adds beyond it are
    part of the high padding already.}];
  let arguments = (ins Tenon_Shaped:$input, Variadic<Tenon_Shaped>:$inits, Tenon_PoolKindAttr:$kind,
                       DenseI64ArrayAttr:$window, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding,
                       DenseI64ArrayAttr:$dilation);
  let assemblyFormat = [{
    $kind `ins` `(` $input `:` type($input) `)` `outs` `(` $inits `:` type($inits) `)` `window` $window `stride` $stride
    `padding` $padding `dilation` $dilation attr-dict (`->` type($results)^)?
  }];
}

def Tenon_PoolRegionsOp : Tenon_StructuredOp<"pool_regions"> {
  let summary = "one number per channel and bin of each box of an image";
  let description = [{
    input [N, C, H, W], boxes [K, 5] (number of the image, x and y of two corners), inits [K, C', H', W']: boxes are divided into
    H' x W' bins. C' = C, or C / (H' W') where the kind is positional: bin (y, x) of channel c reads channel (c H' + y) W' + x.
    Corners are multiplied by `scale`. `sampling` samples per bin and axis are taken by the aligning kinds, or (0) as many as the
    bin has pixels; `centred` (of `align`): pixels have their values at their centres. Source: torchvision.ops.
  }];
  let arguments = (ins Tenon_Shaped:$input, Tenon_Shaped:$boxes, Variadic<Tenon_Shaped>:$inits, Tenon_RegionPoolKindAttr:$kind,
                       F64Attr:$scale, DefaultValuedAttr<I64Attr, "0">:$sampling,
                       DefaultValuedAttr<BoolAttr, "false">:$centred);
  let assemblyFormat = [{
    $kind `ins` `(` $input `,` $boxes `:` type($input) `,` type($boxes) `)` `outs` `(` $inits `:` type($inits) `)` `scale` $scale
    attr-dict (`->` type($results)^)?
  }];
}

def Tenon_AttentionOp : Tenon_StructuredOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "softmax(query x key^T * scale + mask) x value, per batch and head";
  let description = [{
    query [B, H, L, E], key [B, G, S, E], value [B, G, S, F], inits [B, H, L, F]; H is a multiple of G (grouped-query
    attention: head h reads group h / (H / G)). mask broadcasts to [B, H, L, S]: added where float, where i1 false entries
    are left out. `causal`: query i sees keys j <= i (top-left aligned). A row that sees nothing is zero, as in
    aten.scaled_dot_product_attention, or with `emptyRowsAreNan` 0/0, as in the formula. Source:
    https://arxiv.org/abs/1706.03762, section 3.2.1.
  }];
  let arguments = (ins Tenon_Shaped:$query, Tenon_Shaped:$key, Tenon_Shaped:$value, Optional<Tenon_Shaped>:$mask,
                       Variadic<Tenon_Shaped>:$inits, F64Attr:$scale, DefaultValuedAttr<BoolAttr, "false">:$causal,
                       DefaultValuedAttr<BoolAttr, "false">:$emptyRowsAreNan);
  let assemblyFormat = [{
    `ins` `(` $query `,` $key `,` $value `:` type($query) `,` type($key) `,` type($value) `)`
    (`mask` `(` $mask^ `:` type($mask) `)`)? `outs` `(` $inits `:` type($inits) `)` `scale` $scale attr-dict
    (`->` type($results)^)?
  }];
}

def Tenon_ConcatOp : Tenon_StructuredOp<"concat", [AttrSizedOperandSegments]> {
  let summary = "joins tensors along one dimension";
  let arguments = (ins Variadic<Tenon_Shaped>:$sources, Variadic<Tenon_Shaped>:$inits, I64Attr:$dim);
  let assemblyFormat = [{
    `ins` `(` $sources `:` type($sources) `)` `outs` `(` $inits `:` type($inits) `)` `dim` $dim attr-dict
    (`->` type($results)^)?
  }];
}

def Tenon_SortOp : Tenon_StructuredOp<"sort"> {
  let summary = "the first elements of each line along a dimension in sorted order, and their positions";
  let description = [{
    input [.., N, ..], inits: values [.., K, ..] and positions [.., K, ..] (i64), K <= N at `dim`. NaN is the greatest. Equal
    elements keep their order; with `selects` they come in the order in which a selection of K leaves them, as in aten.topk.
    Elements are signed.
  }];
  let arguments = (ins Tenon_Shaped:$input, Variadic<Tenon_Shaped>:$inits, I64Attr:$dim,
                       DefaultValuedAttr<BoolAttr, "false">:$descending, DefaultValuedAttr<BoolAttr, "false">:$selects);
  let assemblyFormat = [{
    `ins` `(` $input `:` type($input) `)` `outs` `(` $inits `:` type($inits) `)` `dim` $dim attr-dict (`->` type($results)^)?
  }];
}

def Tenon_ScanOp : Tenon_StructuredOp<"scan"> {
  let summary = "running sums, products or extremes along a dimension";
  let description = [{inits: values, of the input's shape and type; for `max` and `min` also positions (i64). Elements are signed.}];
  let arguments = (ins Tenon_Shaped:$input, Variadic<Tenon_Shaped>:$inits, Tenon_ScanKindAttr:$kind, I64Attr:$dim);
  let assemblyFormat = [{
    $kind `ins` `(` $input `:` type($input) `)` `outs` `(` $inits `:` type($inits) `)` `dim` $dim attr-dict
    (`->` type($results)^)?
  }];
}

def Tenon_ScatterOp : Tenon_StructuredOp<"scatter", [AttrSizedOperandSegments]> {
  let summary = "updates elements of a value at positions that index tensors name";
  let description = [{
    The init is read: it is the value that is updated. Each element of `updates`, at loop position p, meets one element of the
    init, in row-major order of p. `coordinates` has an entry per dimension of the init: d >= 0 is the loop position's own
    coordinate p[d]; -1 - i is element p of `indices[i]`, a tensor of the updates' shape with elements in [-size, size)
    (tenon.check_index stands before), negative ones from the end. Elements are signed.
  }];
  let arguments = (ins Variadic<Tenon_Shaped>:$indices, Tenon_Shaped:$updates, Variadic<Tenon_Shaped>:$inits,
                       Tenon_ScatterKindAttr:$kind, DenseI64ArrayAttr:$coordinates);
  let assemblyFormat = [{
    $kind `at` $coordinates `of` `(` $indices `:` type($indices) `)` `ins` `(` $updates `:` type($updates) `)`
    `outs` `(` $inits `:` type($inits) `)` attr-dict (`->` type($results)^)?
  }];
}

def Tenon_RandomOp : Tenon_StructuredOp<"random"> {
  let summary = "the next random numbers of the model's generator";
  let description = [{
    The generator is PyTorch's on the CPU (https://doi.org/10.1145/272991.272995), so that the same seed gives the same numbers,
    in row-major order. It moves on with every op: random ops keep their order and none is dropped or merged.
  }];
  let arguments = (ins Variadic<Tenon_Shaped>:$inits, Tenon_RandomKindAttr:$kind);
  let assemblyFormat = "$kind `outs` `(` $inits `:` type($inits) `)` attr-dict (`->` type($results)^)?";
}

def Tenon_GroupedMatmulOp : Tenon_StructuredOp<"grouped_matmul"> {
  let summary = "products of groups of rows, each with a matrix of its own";
  let description = [{
    lhs [M, K], rhs [G, K, N], ends [G] (i32), inits [M, N]: rows [ends[g - 1], ends[g]) of lhs meet rhs[g]; rows from the
    last end on are zero. Sums are taken in f32 or wider.
  }];
  let arguments = (ins Tenon_Shaped:$lhs, Tenon_Shaped:$rhs, Tenon_Shaped:$ends, Variadic<Tenon_Shaped>:$inits);
  let assemblyFormat = [{
    `ins` `(` $lhs `,` $rhs `,` $ends `:` type($lhs) `,` type($rhs) `,` type($ends) `)` `outs` `(` $inits `:` type($inits) `)`
    attr-dict (`->` type($results)^)?
  }];
}

def Tenon_RecurrenceOp : Tenon_StructuredOp<"recurrence", [AttrSizedOperandSegments]> {
  let summary = "one direction of one layer of an RNN, GRU or LSTM over all time steps";
  let description = [{
    projected [T, N, G * H]: what the inputs give the gates, biases included; weight [G * H, P] and bias [G * H]: what the
    state h [N, P] gives them (G gates, as `kind` lists them; for a GRU the new gate takes the state's part times the reset
    gate). `hidden` [N, P] is the first state; an LSTM has a `cell` [N, H] beside it. `projection` [P, H] makes the next
    state of what the gates make; without it P = H. `reverse`: from the last step to the first.
    inits: the states of all steps [T, N, P], the last state [N, P], for an LSTM the last cell [N, H], and one step's gates
    [N, G * H], which are workspace. Sources: https://doi.org/10.1162/neco.1997.9.8.1735, https://arxiv.org/abs/1406.1078,
    with PyTorch's order of gates and its place for the reset gate.
  }];
  let arguments = (ins Tenon_Shaped:$projected, Tenon_Shaped:$weight, Optional<Tenon_Shaped>:$bias,
                       Tenon_Shaped:$hidden, Optional<Tenon_Shaped>:$cell, Optional<Tenon_Shaped>:$projection,
                       Variadic<Tenon_Shaped>:$inits, Tenon_RecurrenceKindAttr:$kind,
                       DefaultValuedAttr<BoolAttr, "false">:$reverse);
  let assemblyFormat = [{
    $kind `ins` `(` $projected `,` $weight `:` type($projected) `,` type($weight) `)` (`bias` `(` $bias^ `:` type($bias) `)`)?
    `from` `(` $hidden `:` type($hidden) `)` (`cell` `(` $cell^ `:` type($cell) `)`)?
    (`projection` `(` $projection^ `:` type($projection) `)`)? `outs` `(` $inits `:` type($inits) `)` attr-dict
    (`->` type($results)^)?
  }];
}

def Tenon_DecomposeOp : Tenon_StructuredOp<"decompose", [AttrSizedOperandSegments]> {
  let summary = "factors of matrices, and what is computed with factors";
  let description = [{
    Tenon_DecomposeKind lists operands and results. Their leading dimensions, which count matrices, are equal. Elements are f32
    or f64; with `isComplex`, what is not real by its meaning has a last dimension of two for the parts. `upper` chooses the
    triangle, `adjoint` the conjugate transpose of the matrix, `right` its side: X A = B.
  }];
  let arguments = (ins Variadic<Tenon_Shaped>:$inputs, Variadic<Tenon_Shaped>:$inits, Tenon_DecomposeKindAttr:$kind,
                       DefaultValuedAttr<BoolAttr, "false">:$isComplex, DefaultValuedAttr<BoolAttr, "false">:$upper,
                       DefaultValuedAttr<BoolAttr, "false">:$right, DefaultValuedAttr<BoolAttr, "false">:$adjoint,
                       DefaultValuedAttr<BoolAttr, "false">:$unitDiagonal, DefaultValuedAttr<BoolAttr, "false">:$hermitian);
  let assemblyFormat = [{
    $kind `ins` `(` $inputs `:` type($inputs) `)` `outs` `(` $inits `:` type($inits) `)` attr-dict (`->` type($results)^)?
  }];
}

//===--- kernels -----------------------------------------------------------------------------------------------------===//

def Tenon_LaunchOp : Tenon_StructuredOp<"launch", [AttrSizedOperandSegments]> {
  let summary = "runs a generated kernel";
  let description = [{
    Calls the function `kernel` (attribute `tenon.kernel`), whose arguments are `inputs`, then `inits`, then `sizes`
    (indices that its body uses). Tensor level: the kernel's body holds linalg ops and returns one value per init.
    Buffer level: its arguments are memrefs of exactly the operands' types.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Tenon_Shaped>:$inputs, Variadic<Tenon_Shaped>:$inits,
                       Variadic<Index>:$sizes);
  let assemblyFormat = [{
    $kernel `ins` `(` ($inputs^ `:` type($inputs))? `)` `outs` `(` $inits `:` type($inits) `)` (`sizes` `(` $sizes^ `)`)?
    attr-dict (`->` type($results)^)?
  }];
}

//===--- buffers -----------------------------------------------------------------------------------------------------===//

def Tenon_BufferOp : Tenon_Op<"buffer", [AttrSizedOperandSegments]> {
  let summary = "memory for one value";
  let description = [{
    `sizes` gives the dynamic dimensions. Before PlanMemory it is an allocation that lives until its last use; PlanMemory
    gives `offset` (bytes from the start of the run's arena, a multiple of 64). Contents are undefined.
  }];
  let arguments = (ins Variadic<Index>:$sizes, Optional<Index>:$offset, OptionalAttr<I64Attr>:$static_offset);
  let results = (outs AnyStridedMemRef:$result);
  let assemblyFormat = [{
    (`(` $sizes^ `)`)? (`at` $offset^)? attr-dict `:` type($result)
  }];
}

def Tenon_ArenaOp : Tenon_Op<"arena"> {
  let summary = "the size of the run's arena, in bytes";
  let description = [{Stands before every tenon.buffer of its function; either a constant or a value.}];
  let arguments = (ins Optional<Index>:$bytes, OptionalAttr<I64Attr>:$static_bytes);
  let assemblyFormat = "($bytes^)? attr-dict";
}

def Tenon_BindBufferOp : Tenon_Op<"bind_buffer", [Pure]> {
  let summary = "argument `index` of a kernel's buffer table as a memref";
  let description = [{Kernel functions at the vector level are `(buffers: !llvm.ptr, sizes: !llvm.ptr, begin: index, end: index)`.
    `dynamics` gives the dynamic sizes, then the dynamic strides, of the memref type. Lowers to a load and a descriptor.}];
  let arguments = (ins AnyType:$buffers, I64Attr:$index, Variadic<Index>:$dynamics);
  let results = (outs AnyStridedMemRef:$result);
  let assemblyFormat = "$buffers `[` $index `]` (`(` $dynamics^ `)`)? attr-dict `:` type($buffers) `->` type($result)";
}

def Tenon_BindSizeOp : Tenon_Op<"bind_size", [Pure]> {
  let summary = "entry `index` of a kernel's size table";
  let arguments = (ins AnyType:$sizes, I64Attr:$index);
  let results = (outs Index:$result);
  let assemblyFormat = "$sizes `[` $index `]` attr-dict `:` type($sizes)";
}

#endif // TENON_OPS_TD
