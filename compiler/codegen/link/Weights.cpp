//===- Weights.cpp - the weights blob -------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/link/Weights.h"

#include "compiler/codegen/link/StreamingHash.h"
#include "compiler/ir/TenonDialect.h"
#include "runtime/src/WeightsFile.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <unistd.h>

using namespace llvm;

namespace tenon {

static constexpr uint64_t pieceAlignment = 64;
static const std::vector<uint8_t> zeros(weightsAlignment);

//===--- conversions -------------------------------------------------------------------------------------------------===//

// Rounds to nearest even; NaN stays NaN.
static uint16_t toBF16(float value) {
  uint32_t word = llvm::bit_cast<uint32_t>(value);
  bool isNaN = (word & 0x7fffffff) > 0x7f800000;
  return static_cast<uint16_t>((isNaN ? word | 0x400000 : word + 0x7fff + (word >> 16 & 1)) >> 16);
}

static uint16_t toF16(float value) { return llvm::bit_cast<uint16_t>(static_cast<_Float16>(value)); }

// Calls visit(bytes) for the elements of a piece in the blob's type, some thousands at a time.
template <typename Visit> static Error forEachConverted(const WeightsPlan::Piece &piece, Visit visit) {
  constexpr size_t chunk = 8192;
  float from[chunk];
  uint16_t to[chunk];
  for (ArrayRef<uint8_t> rest = piece.bytes; !rest.empty();) {
    size_t count = std::min(chunk, rest.size() / sizeof(float));
    memcpy(from, rest.data(), count * sizeof(float)); // the archive aligns nothing
    llvm::transform(ArrayRef(from, count), to, piece.conversion == WeightConversion::F32ToBF16 ? toBF16 : toF16);
    if (Error error = visit(ArrayRef(reinterpret_cast<const uint8_t *>(to), count * sizeof(uint16_t))))
      return error;
    rest = rest.drop_front(count * sizeof(float));
  }
  return Error::success();
}

static std::optional<WeightConversion> conversionOf(GlobalOp global) {
  mlir::Type type = cast<mlir::RankedTensorType>(global.getType()).getElementType();
  if (!global.getRecordType() || *global.getRecordType() == type)
    return WeightConversion::None;
  if (!global.getRecordType()->isF32() || !(type.isBF16() || type.isF16()))
    return std::nullopt;
  return type.isBF16() ? WeightConversion::F32ToBF16 : WeightConversion::F32ToF16;
}

//===--- the blob ----------------------------------------------------------------------------------------------------===//

// Calls visit(bytes) for the whole blob in order, gaps included.
template <typename Visit> static Error forEachRange(const WeightsPlan &plan, Visit visit) {
  int64_t position = 0;
  for (const WeightsPlan::Piece &piece : plan.pieces) {
    if (Error error = visit(ArrayRef(zeros).take_front(piece.offset - position)))
      return error;
    bool isConverted = piece.conversion != WeightConversion::None;
    if (Error error = isConverted ? forEachConverted(piece, visit) : visit(piece.bytes))
      return error;
    position = piece.offset + piece.sizeInBlob();
  }
  return Error::success();
}

Expected<WeightsPlan> planWeights(mlir::ModuleOp module, const RecordBytes &records) {
  WeightsPlan plan;
  // record, first byte, length, conversion -> place in the blob
  std::map<std::tuple<StringRef, int64_t, int64_t, WeightConversion>, int64_t> known;
  int64_t end = 0;
  for (GlobalOp global : module.getOps<GlobalOp>()) {
    if (!global.getRecord() || global.getKind() == GlobalKind::Hoisted)
      continue;
    std::optional<WeightConversion> conversion = conversionOf(global);
    if (!conversion)
      return createStringError("global @" + global.getSymName() + " asks for a conversion of its record that does not exist");
    int64_t bytes = globalSizeInBytes(global) * (*conversion == WeightConversion::None ? 1 : 2), first = global.getOffset();
    auto record = records.find(*global.getRecord());
    if (record == records.end() || first < 0 || bytes < 0 || static_cast<uint64_t>(first) > record->second.size() ||
        static_cast<uint64_t>(bytes) > record->second.size() - first)
      return createStringError("the bytes of global @" + global.getSymName() + " are not in the archive");
    auto [place, isNew] = known.try_emplace({*global.getRecord(), first, bytes, *conversion}, alignTo(end, pieceAlignment));
    plan.description.offsets[global.getSymName()] = place->second;
    if (!isNew)
      continue;
    plan.pieces.push_back({place->second, record->second.slice(first, bytes), *conversion});
    end = place->second + plan.pieces.back().sizeInBlob();
  }
  plan.description.bytes = end;
  StreamingHash hash;
  cantFail(forEachRange(plan, [&](ArrayRef<uint8_t> bytes) {
    hash.update(bytes);
    return Error::success();
  }));
  plan.description.hash = hash.finish();
  return plan;
}

static Error writeAll(int descriptor, ArrayRef<uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(descriptor, bytes.data(), std::min<size_t>(bytes.size(), 1 << 30));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return createStringError(std::error_code(errno, std::generic_category()), "the weights cannot be written");
    bytes = bytes.drop_front(written);
  }
  return Error::success();
}

Error appendWeights(int descriptor, uint64_t fileBytes, const WeightsPlan &plan) {
  if (plan.description.bytes == 0)
    return Error::success();
  static_assert(endianness::native == endianness::little, "the footer is written as it lies in memory");
  WeightsFooter footer;
  footer.blobOffset = alignTo(fileBytes, weightsAlignment);
  footer.blobBytes = plan.description.bytes;
  footer.hash = plan.description.hash;
  if (Error error = writeAll(descriptor, ArrayRef(zeros).take_front(footer.blobOffset - fileBytes)))
    return error;
  if (Error error = forEachRange(plan, [&](ArrayRef<uint8_t> bytes) { return writeAll(descriptor, bytes); }))
    return error;
  uint64_t padding = alignTo(footer.blobBytes, sizeof(footer)) - footer.blobBytes;
  if (Error error = writeAll(descriptor, ArrayRef(zeros).take_front(padding)))
    return error;
  return writeAll(descriptor, ArrayRef(reinterpret_cast<const uint8_t *>(&footer), sizeof(footer)));
}

} // namespace tenon
