//===- Weights.h - the weights blob -------------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Every weight, and every state with initial bytes, has its bytes in the blob at a multiple of 64; globals on the same bytes
// of the archive (tied weights) share them. The bytes go from the archive's mapping to the file and are never copied in
// memory; those of a narrower global (`record_type`) are converted on the way. runtime/src/WeightsFile.h says how the blob lies in the file.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_LINK_WEIGHTS_H
#define TENON_CODEGEN_LINK_WEIGHTS_H

#include "compiler/codegen/wrapper/EmitWrapper.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

namespace tenon {

/// The bytes of the archive's records, by path inside the archive. The archive must outlive what refers to them.
using RecordBytes = llvm::StringMap<llvm::ArrayRef<uint8_t>>;

/// What becomes of the bytes of a record on their way to the blob.
enum class WeightConversion { None, F32ToBF16, F32ToF16 };

/// What is in the blob. `pieces` are in the order of their offsets; the gaps are zeros.
struct WeightsPlan {
  struct Piece {
    int64_t offset;
    llvm::ArrayRef<uint8_t> bytes; ///< of the record
    WeightConversion conversion = WeightConversion::None;
    int64_t sizeInBlob() const { return static_cast<int64_t>(bytes.size()) / (conversion == WeightConversion::None ? 1 : 2); }
  };
  std::vector<Piece> pieces;
  WeightsDescription description; ///< `file` is left empty
};

/// Plans the blob of the globals of `module` and hashes it. Fails where a global reaches outside its record or
/// asks for a conversion that does not exist.
llvm::Expected<WeightsPlan> planWeights(mlir::ModuleOp module, const RecordBytes &records);

/// Appends the blob and its footer to the file behind `descriptor`, which holds `fileBytes` bytes and is positioned at their
/// end. Writes nothing for an empty blob.
llvm::Error appendWeights(int descriptor, uint64_t fileBytes, const WeightsPlan &plan);

} // namespace tenon

#endif // TENON_CODEGEN_LINK_WEIGHTS_H
