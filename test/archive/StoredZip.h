//===- StoredZip.h - writes small zip files for tests ---------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TEST_ARCHIVE_STOREDZIP_H
#define TENON_TEST_ARCHIVE_STOREDZIP_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tenon::test {

/// How headers are written.
struct ZipStyle {
  bool descriptors = true;  ///< as torch: zeros in the local header, numbers behind the data
  bool zip64End = true;     ///< as torch: zip64 end record and locator
  bool zip64Locals = false; ///< sizes in zip64 extra fields of the local headers
};

/// A zip file and where its parts are, so that tests can damage them.
struct ZipImage {
  struct Member {
    size_t local = 0, data = 0, descriptor = 0, central = 0;
  };
  std::string bytes;
  std::map<std::string, Member> members;
  size_t directory = 0, end64 = 0, locator = 0, end = 0;

  /// Overwrites `width` bytes, little-endian.
  void patch(size_t offset, uint64_t value, size_t width);
};

/// Members in order: name and data.
using ZipMembers = std::vector<std::pair<std::string, std::string>>;
ZipImage writeZip(const ZipMembers &members, ZipStyle style = {});

} // namespace tenon::test

#endif // TENON_TEST_ARCHIVE_STOREDZIP_H
