//===- Scattering.h - writing by index tensors --------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_SCATTERING_H
#define TENON_FRONTEND_IMPORT_SCATTERING_H

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

namespace tenon::aten {

/// A vector of `size` zeros to which each of `updates` is added (or which takes it) at its `index`, in [0, size).
Tensor scatterInto(Emitter &e, Size size, const Tensor &index, const Tensor &updates, ScatterKind kind);
/// `self` with updates applied; see tenon.scatter for `coordinates`. Negative indices are errors unless they `wrap`.
Tensor createScatter(Call &call, const Tensor &self, llvm::ArrayRef<Tensor> indices, const Tensor &updates, ScatterKind kind,
                     llvm::ArrayRef<int64_t> coordinates, bool wraps = false);
/// Coordinates that are the loop's own but for `dim`, which is the first index tensor.
llvm::SmallVector<int64_t> coordinatesAlong(int64_t rank, int64_t dim);
/// x[i, :, j] = values, or += values: see putByIndices' rule for the order of dimensions.
Tensor putByIndices(Call &call, const Tensor &self, llvm::ArrayRef<Tensor> indices, const Tensor &values, ScatterKind kind);

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_SCATTERING_H
