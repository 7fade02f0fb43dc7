//===- SmallArchive.h - a small .pt2 archive to damage --------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TEST_ARCHIVE_SMALLARCHIVE_H
#define TENON_TEST_ARCHIVE_SMALLARCHIVE_H

#include "compiler/frontend/archive/Archive.h"
#include "test/archive/StoredZip.h"

#include <nlohmann/json.hpp>

namespace tenon::test {

/// An archive of the program "relu(x + w)", x and w of two floats, as JSON and bytes that a test may change.
struct SmallArchive {
  SmallArchive();

  nlohmann::json program, weights, constants;
  std::string weight; ///< the record's bytes: 1.0f, 2.0f

  /// The members with everything that torch writes; `programText` replaces the program's JSON.
  ZipMembers members() const;
  ZipMembers membersWithProgramText(std::string programText) const;
};

/// A TensorMeta of static sizes, row-major.
nlohmann::json tensorMeta(int dtype, std::vector<int64_t> sizes);

/// An opened archive, or the message why it is none.
struct Opened {
  std::unique_ptr<frontend::Archive> archive;
  std::string error;
};
/// Opens a file of these bytes. The path in errors is replaced by "FILE".
Opened openBytes(const std::string &bytes);
Opened openMembers(const ZipMembers &members);
Opened open(const SmallArchive &archive);

/// Opens a file of test/fixtures; fails the test when that does not work.
std::unique_ptr<frontend::Archive> openFixture(const std::string &name);

} // namespace tenon::test

#endif // TENON_TEST_ARCHIVE_SMALLARCHIVE_H
