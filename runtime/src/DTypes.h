//===- DTypes.h - element types: sizes, names, DLPack's spelling ----------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_DTYPES_H
#define TENON_RUNTIME_DTYPES_H

#include "tenon/generated.h"

#include <string>

namespace tenon {

/// Bytes of one element.
int64_t sizeInBytes(DType dtype);
int64_t sizeInBytes(DLDataType dtype);

/// "float32", "bfloat16", "bool"; for types outside the table "DLPack type 3:64x1" (code, bits, lanes).
std::string nameOf(DLDataType dtype);

bool areEqual(DLDataType a, DLDataType b);

} // namespace tenon

#endif // TENON_RUNTIME_DTYPES_H
