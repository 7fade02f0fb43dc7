//===- DTypes.cpp - element types: sizes, names, DLPack's spelling ------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "DTypes.h"

namespace tenon {

namespace {

struct Entry {
  const char *name;
  uint8_t code, bits;
};

// In the order of DType.
constexpr Entry table[] = {
    {"float32", kDLFloat, 32}, {"float64", kDLFloat, 64}, {"float16", kDLFloat, 16},     {"bfloat16", kDLBfloat, 16},
    {"int8", kDLInt, 8},       {"int16", kDLInt, 16},     {"int32", kDLInt, 32},         {"int64", kDLInt, 64},
    {"uint8", kDLUInt, 8},     {"uint16", kDLUInt, 16},   {"uint32", kDLUInt, 32},       {"uint64", kDLUInt, 64},
    {"bool", kDLBool, 8},      {"complex64", kDLComplex, 64}, {"complex128", kDLComplex, 128},
};

} // namespace

int64_t sizeInBytes(DType dtype) { return table[static_cast<int32_t>(dtype)].bits / 8; }

int64_t sizeInBytes(DLDataType dtype) { return (int64_t(dtype.bits) * dtype.lanes + 7) / 8; }

std::string nameOf(DLDataType dtype) {
  for (const Entry &entry : table)
    if (entry.code == dtype.code && entry.bits == dtype.bits && dtype.lanes == 1)
      return entry.name;
  return "DLPack type " + std::to_string(dtype.code) + ":" + std::to_string(dtype.bits) + "x" +
         std::to_string(dtype.lanes);
}

bool areEqual(DLDataType a, DLDataType b) { return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes; }

} // namespace tenon
