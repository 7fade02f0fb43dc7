//===- ZipDirectory.h - the members of an archive, in place ---------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_ZIPDIRECTORY_H
#define TENON_FRONTEND_ARCHIVE_ZIPDIRECTORY_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tenon::frontend {

struct ZipEntry {
  std::string name;
  std::span<const std::byte> bytes; ///< inside the file given to ZipDirectory::read
  uint32_t crc32 = 0;               ///< as the directory says; see verifyChecksum
};

/// The members of a zip file whose members are all stored uncompressed. Strict: headers, data and descriptors fill the
/// file without gap or overlap up to the directory, local headers repeat what the directory says, and the end record
/// ends the file.
class ZipDirectory {
public:
  /// `file` must outlive the result. Data is not read, so checksums are not verified.
  static llvm::Expected<ZipDirectory> read(std::span<const std::byte> file);

  /// Entries in the order of the file.
  const std::vector<ZipEntry> &entries() const { return members; }
  /// Null when there is none; names are compared by bytes.
  const ZipEntry *find(llvm::StringRef name) const;

private:
  std::vector<ZipEntry> members;
  std::map<std::string, size_t, std::less<>> indexByName;
};

/// Compares the entry's bytes with its CRC-32.
llvm::Error verifyChecksum(const ZipEntry &entry);

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_ZIPDIRECTORY_H
