//===- Regions.h - what crosses the border of a higher-order op's graph ---------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_REGIONS_H
#define TENON_FRONTEND_IMPORT_REGIONS_H

#include "compiler/frontend/import/Importer.h"

namespace tenon::aten {

/// The names of operands or results, tensors and symbolic numbers alike; an empty name is a constant or None.
llvm::SmallVector<std::string> namesOf(llvm::ArrayRef<frontend::Argument> arguments);
inline llvm::SmallVector<std::string> namesOf(const frontend::Argument &argument) {
  return namesOf(llvm::ArrayRef(argument));
}

/// The graph that operand number `operand` of a higher-order op is; null for any other operand.
const frontend::Graph *graphAt(const frontend::Node &node, size_t operand);

mlir::Value valueOf(const RegionValue &value);
/// `value` with the sizes and the dtype of `shape`, or the number that it is.
RegionValue asRegionValue(mlir::Value value, Tensor shape);
/// `value` as a value of `type`: a tensor whose static sizes are written otherwise is cast. Null where it cannot be one.
mlir::Value regionResult(Emitter &e, const RegionValue &value, mlir::Type type);
/// The one element of a boolean tensor; null for any other tensor.
mlir::Value elementValue(const Tensor &tensor, Emitter &e);

inline constexpr const char *differingOperands = "operands that differ from its graph's";

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_REGIONS_H
