//===- TransposeRows.h - from rows to columns --------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_TRANSPOSEROWS_H
#define TENON_RUNTIME_LIBRARY_TRANSPOSEROWS_H

#include <stdint.h>

namespace tenon::library {

/// columns[c * numRows + r] = rows[r * stride + c] for r < count; zero for r in [count, numRows); numRows is a multiple of 16.
void transposeRows(const float *rows, int64_t stride, int64_t count, int64_t length, int64_t numRows, float *columns);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_TRANSPOSEROWS_H
