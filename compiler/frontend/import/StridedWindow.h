//===- StridedWindow.h - elements by sizes, strides and an offset ------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_STRIDEDWINDOW_H
#define TENON_FRONTEND_IMPORT_STRIDEDWINDOW_H

#include "compiler/frontend/import/Call.h"

namespace tenon::aten {

/// The elements that as_strided takes out of a tensor's memory.
struct StridedWindow {
  llvm::SmallVector<int64_t> sizes, strides;
  int64_t offset = 0;

  /// Of the arguments `size`, `stride` and `storage_offset`. Nothing where they mean other elements than those of `self`'s in
  /// row-major order; the call is then to be refused with `refusal`.
  static std::optional<StridedWindow> of(Call &call);
  static constexpr const char *refusal = "strides over memory that is not laid out row by row, or outside of its tensor";

  /// In the body of a linalg op over `sizes`: the element's position (index) in `self`, laid out flat.
  mlir::Value place(mlir::OpBuilder &b, mlir::Location loc) const;
};

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_STRIDEDWINDOW_H
