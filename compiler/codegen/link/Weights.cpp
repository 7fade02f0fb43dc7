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

// Calls visit(bytes) for the whole blob in order, gaps included.
template <typename Visit> static Error forEachRange(const WeightsPlan &plan, Visit visit) {
  int64_t position = 0;
  for (const WeightsPlan::Piece &piece : plan.pieces) {
    if (Error error = visit(ArrayRef(zeros).take_front(piece.offset - position)))
      return error;
    if (Error error = visit(piece.bytes))
      return error;
    position = piece.offset + piece.bytes.size();
  }
  return Error::success();
}

Expected<WeightsPlan> planWeights(mlir::ModuleOp module, const RecordBytes &records) {
  WeightsPlan plan;
  std::map<std::tuple<StringRef, int64_t, int64_t>, int64_t> known; // record, first byte, length -> place in the blob
  int64_t end = 0;
  for (GlobalOp global : module.getOps<GlobalOp>()) {
    if (!global.getRecord() || global.getKind() == GlobalKind::Hoisted)
      continue;
    int64_t bytes = globalSizeInBytes(global), first = global.getOffset();
    auto record = records.find(*global.getRecord());
    if (record == records.end() || first < 0 || bytes < 0 || static_cast<uint64_t>(first) > record->second.size() ||
        static_cast<uint64_t>(bytes) > record->second.size() - first)
      return createStringError("the bytes of global @" + global.getSymName() + " are not in the archive");
    auto [place, isNew] = known.try_emplace({*global.getRecord(), first, bytes}, alignTo(end, pieceAlignment));
    plan.description.offsets[global.getSymName()] = place->second;
    if (!isNew)
      continue;
    plan.pieces.push_back({place->second, record->second.slice(first, bytes)});
    end = place->second + bytes;
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
