//===- StreamingHash.h - XXH3-64 over pieces ----------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_LINK_STREAMINGHASH_H
#define TENON_CODEGEN_LINK_STREAMINGHASH_H

#include "llvm/ADT/ArrayRef.h"

#include <array>
#include <cstdint>
#include <vector>

namespace tenon {

/// XXH3-64 (seed 0) of bytes that come in pieces, equal to llvm::xxh3_64bits of their concatenation. LLVM has the function
/// for one contiguous range only, and weights are never that before they are in the file.
/// Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md, XXH3 on long inputs.
class StreamingHash {
public:
  void update(llvm::ArrayRef<uint8_t> bytes);
  uint64_t finish() const;

private:
  static constexpr size_t stripeBytes = 64, blockBytes = 1024;
  void consumeBlock(const uint8_t *block);

  std::array<uint64_t, 8> lanes = {0xC2B2AE3D,         0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                                   0x85EBCA77C2B2AE63, 0x85EBCA77,         0x27D4EB2F165667C5, 0x9E3779B1};
  std::vector<uint8_t> pending;                     ///< not consumed yet, at most a block
  std::array<uint8_t, stripeBytes> lastStripe = {}; ///< the end of what has been consumed
  uint64_t numBytes = 0;
};

} // namespace tenon

#endif // TENON_CODEGEN_LINK_STREAMINGHASH_H
