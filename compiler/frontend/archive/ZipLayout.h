//===- ZipLayout.h - where a zip file's parts lie -------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_ZIPLAYOUT_H
#define TENON_FRONTEND_ARCHIVE_ZIPLAYOUT_H

#include "llvm/Support/Error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tenon::frontend {

/// Where the central directory is, from the (zip64) end records.
struct ZipEnd {
  uint64_t directoryOffset = 0, directorySize = 0, numEntries = 0;
};
/// Reads the end records, which must be the last bytes of the file: no comment, one disk.
llvm::Expected<ZipEnd> readZipEnd(std::span<const std::byte> file);

/// What the central directory says of one entry.
struct ZipEntryInfo {
  std::string name;
  uint64_t size = 0;
  uint32_t crc32 = 0;
};
/// Where one entry's data lies.
struct ZipExtent {
  uint64_t dataOffset = 0, endOffset = 0; ///< end: behind the data descriptor, if there is one
};
/// Reads the local header at `offset`, which must agree with `info`, and the data descriptor.
llvm::Expected<ZipExtent> readZipExtent(std::span<const std::byte> file, uint64_t offset, const ZipEntryInfo &info);

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_ZIPLAYOUT_H
