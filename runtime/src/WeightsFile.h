//===- WeightsFile.h - how weights lie in a file ---------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The weights blob follows the shared object in the same file, or is a file of its own:
//
//     [shared object, padding] [blob, starts at a multiple of weightsAlignment] [padding] [WeightsFooter, the last 64 bytes]
//
// The compiler's linker writes it, the runtime maps it. Integers are little-endian.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_WEIGHTSFILE_H
#define TENON_RUNTIME_WEIGHTSFILE_H

#include <stdint.h>

namespace tenon {

/// The largest page size of the targets (arm64 kernels with 64 KiB pages), so that the blob can be mapped everywhere.
inline constexpr uint64_t weightsAlignment = 65536;

struct WeightsFooter {
  char magic[8] = {'T', 'E', 'N', 'O', 'N', 'W', 'T', 'S'};
  uint32_t version = 1;
  uint32_t reserved = 0;
  uint64_t blobOffset = 0; ///< in the file, a multiple of weightsAlignment
  uint64_t blobBytes = 0;
  uint64_t hash = 0; ///< XXH3-64 of the blob's content, equal to Model::weightsHash
  uint64_t unused[3] = {};
};
static_assert(sizeof(WeightsFooter) == 64);

} // namespace tenon

#endif // TENON_RUNTIME_WEIGHTSFILE_H
