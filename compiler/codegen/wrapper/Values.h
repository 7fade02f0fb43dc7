//===- Values.h - C++ spellings of SSA values -------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_WRAPPER_VALUES_H
#define TENON_CODEGEN_WRAPPER_VALUES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Location.h"

#include <string>
#include <vector>

namespace tenon {

/// A memref in C++: memory that starts at a `char *` expression, and how to walk it. All strings are C++ expressions.
struct MemoryView {
  std::string base;           ///< the memory's first byte
  std::string offset = "0";   ///< elements from there to the view's first element
  std::vector<std::string> sizes, strides;
  mlir::Type elementType;
  bool isConstant = false;    ///< a weight or hoisted global: the same bytes in every run

  /// The address of the first element.
  std::string pointer() const;
  /// A TensorView expression.
  std::string view() const;
};

/// Bytes of one element in memory; booleans take one.
int64_t elementSizeInBytes(mlir::Type type);
/// The enumerator of tenon::DType ("F32"); empty for a type that has none.
std::string dtypeName(mlir::Type type);
/// The C++ type of a scalar ("int64_t"); empty for a type that has none.
std::string scalarTypeName(mlir::Type type);

/// The graph nodes a location names, in order, each once (sanitised).
std::vector<std::string> nodeNames(mlir::Location location);
/// The first of them; `fallback` where there is none.
std::string nodeName(mlir::Location location, llvm::StringRef fallback);

/// C++ expressions; literals fold.
std::string product(const std::string &lhs, const std::string &rhs);
std::string sum(const std::string &lhs, const std::string &rhs);
/// Row-major strides of `sizes`.
std::vector<std::string> rowMajorStrides(const std::vector<std::string> &sizes);

} // namespace tenon

#endif // TENON_CODEGEN_WRAPPER_VALUES_H
