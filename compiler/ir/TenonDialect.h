//===- TenonDialect.h - the tenon dialect ---------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The dialect, its attributes and ops (TenonOps.td), and the names of the discardable attributes the stages share.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_IR_TENONDIALECT_H
#define TENON_IR_TENONDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "compiler/ir/TenonDialect.h.inc"
#include "compiler/ir/TenonEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "compiler/ir/TenonAttrs.h.inc"

#define GET_OP_CLASSES
#include "compiler/ir/TenonOps.h.inc"

namespace tenon {

/// Unit attribute of kernel functions.
inline constexpr llvm::StringLiteral kernelAttrName = "tenon.kernel";
/// Argument and result attribute of @main: the name in the exported graph (data, never source text).
inline constexpr llvm::StringLiteral nameAttrName = "tenon.name";
/// Attribute of a producer on tensors: per result the dimensions from outermost to innermost in memory, an empty list for
/// row-major (array of DenseI64ArrayAttr).
/// On a tenon.buffer whose size only the run knows: its number among those. It is no part of the arena.
inline constexpr llvm::StringLiteral lateBufferAttrName = "tenon.late_buffer";
/// Marks the results of @main to which @output_shapes gives a size of TENON_DYNAMIC.
inline constexpr llvm::StringLiteral lateOutputAttrName = "tenon.late_output";
inline constexpr llvm::StringLiteral layoutAttrName = "tenon.layout";
/// The function a run executes, and the one that computes hoisted globals at load.
inline constexpr llvm::StringLiteral mainFunctionName = "main";
inline constexpr llvm::StringLiteral initFunctionName = "init";

/// True where `value` is computed, by arith ops, from a size that only the run knows (tenon.late_size).
bool isLateSize(mlir::Value value);

} // namespace tenon

#endif // TENON_IR_TENONDIALECT_H
