//===- SchemaReaders.h - JSON to the types of the schema ------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_SCHEMAREADERS_H
#define TENON_FRONTEND_ARCHIVE_SCHEMAREADERS_H

#include "compiler/frontend/archive/ExportedProgram.h"
#include "compiler/frontend/archive/JsonReader.h"

namespace tenon::frontend {

// One reader per schema type. What is malformed is noted in the reader's document; the result is then unspecified.

inline constexpr size_t kMaxRank = 64;
inline constexpr size_t kMaxNodes = 1'000'000;

SymInt readSymInt(JsonReader json);
/// A SymFloat or SymBool; a plain value becomes a Float or Boolean expression.
SymExpr readSymFloat(JsonReader json);
SymExpr readSymBool(JsonReader json);
ScalarType readScalarType(JsonReader json);
Device readDevice(JsonReader json);
TensorMeta readTensorMeta(JsonReader json);
Argument readArgument(JsonReader json);
TensorRef readTensorRef(JsonReader json);
Graph readGraph(JsonReader json);
InputSpec readInputSpec(JsonReader json);
OutputSpec readOutputSpec(JsonReader json);
/// `json` is a string that holds the JSON text of a pytree.
TreeSpec readTreeSpec(JsonReader json);
/// The whole program without payloads.
ExportedProgram readProgram(JsonReader json);

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_SCHEMAREADERS_H
