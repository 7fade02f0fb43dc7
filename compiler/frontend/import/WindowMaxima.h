//===- WindowMaxima.h - greatest elements of windows, and where they are --------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_WINDOWMAXIMA_H
#define TENON_FRONTEND_IMPORT_WINDOWMAXIMA_H

#include "compiler/frontend/import/Emit.h"

namespace tenon::aten {

/// Windows along one spatial dimension: up to `numTaps` elements each.
struct WindowAxis {
  int64_t numTaps;
  Size size; ///< of the input
  /// Where tap `tap` of window number `window` is (an index), and whether it lies inside the window and the input (i1, or
  /// null: always). Called inside of a generic whose first loops are the result's dimensions.
  std::function<std::pair<mlir::Value, mlir::Value>(mlir::OpBuilder &, mlir::Location, mlir::Value window, mlir::Value tap)>
      place;
};

/// Windows that start every `stride` elements and take each `dilation`-th.
WindowAxis stridedAxis(Size size, int64_t window, int64_t stride, int64_t padding, int64_t dilation);

/// The maxima over windows of the last dimensions of `input`; NaN wins.
Tensor windowMaxima(Emitter &e, const Tensor &input, llvm::ArrayRef<WindowAxis> axes, SizesRef result);
/// Their positions, counted in row-major order over the spatial dimensions: of equal ones the first, of NaNs the last.
Tensor windowMaximaPositions(Emitter &e, const Tensor &input, const Tensor &maxima, llvm::ArrayRef<WindowAxis> axes);

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_WINDOWMAXIMA_H
