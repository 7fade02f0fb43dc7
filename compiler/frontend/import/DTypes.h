//===- DTypes.h - ATen's dtypes: element types, promotion, casts ----------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Integers are signless in MLIR types (linalg bodies need that), so the importer carries each value's ATen dtype beside
// its type and chooses signed or unsigned operations by it.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_DTYPES_H
#define TENON_FRONTEND_IMPORT_DTYPES_H

#include "compiler/frontend/archive/ExportedProgram.h"

#include "mlir/IR/Builders.h"

namespace tenon::aten {

using frontend::ScalarType;

bool isFloat(ScalarType type);
/// Integers without bool.
bool isInteger(ScalarType type);
bool isUnsigned(ScalarType type);
/// True for float8_e4m3fn and float8_e5m2, whose elements are bytes that are only converted.
bool isFloat8(ScalarType type);
/// Complex tensors are pairs of real ones (Complex.h); their element type is that of the parts.
bool isComplex(ScalarType type);
/// The dtype of a complex dtype's parts; other dtypes themselves.
ScalarType partType(ScalarType type);
/// The MLIR element type; null for what has none here (complex32).
mlir::Type elementType(mlir::MLIRContext *context, ScalarType type);
/// The type arithmetic of `type` is done in: float32 for float16 and bfloat16 (ATen's opmath_t).
ScalarType computeType(ScalarType type);

/// torch.promote_types.
ScalarType promoteTypes(ScalarType a, ScalarType b);

/// torch.result_type: tensors with dimensions decide within a category, then 0-d tensors, then Python numbers.
class ResultType {
public:
  void addTensor(ScalarType type, int64_t rank) { promote(rank > 0 ? dims : zeroDim, type); }
  /// `type`: Bool, Int64 or Float64, by the number's Python kind.
  void addNumber(ScalarType type) { promote(number, isFloat(type) ? ScalarType::Float32 : type); }
  ScalarType get() const;

private:
  static void promote(ScalarType &into, ScalarType type);
  ScalarType dims = ScalarType::Unknown, zeroDim = ScalarType::Unknown, number = ScalarType::Unknown;
};

/// `value` (a scalar or index of dtype `from`) as `to`, rounded and wrapped as ATen's copy does.
mlir::Value castScalar(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, ScalarType from, ScalarType to);
/// The number (f32) behind a byte of float8 `type`, and the byte of a number.
mlir::Value decodeFloat8(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value code, ScalarType type);
mlir::Value encodeFloat8(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value number, ScalarType type);
/// A constant of dtype `type`.
mlir::Value scalarConstant(mlir::OpBuilder &builder, mlir::Location loc, ScalarType type, double value);
mlir::Value scalarConstant(mlir::OpBuilder &builder, mlir::Location loc, ScalarType type, int64_t value);
/// The least and the greatest value of `type`; infinities for floats.
mlir::Value lowestConstant(mlir::OpBuilder &builder, mlir::Location loc, ScalarType type);
mlir::Value highestConstant(mlir::OpBuilder &builder, mlir::Location loc, ScalarType type);

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_DTYPES_H
