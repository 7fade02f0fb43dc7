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

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_SCATTERING_H
