//===- DamageTest.cpp - every truncation and every flipped bit ----------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "test/archive/SmallArchive.h"

#include <catch2/catch_test_macros.hpp>

using namespace tenon::frontend;
using namespace tenon::test;

namespace {

/// Text that is equal for programs that are equal in what this archive has.
std::string fingerprint(const ExportedProgram &program) {
  std::string text = program.modelName + program.torchVersion;
  for (const Node &node : program.graph.nodes)
    text += node.target + node.name + node.stackTrace;
  for (const auto &[name, payload] : program.payloads)
    text +=
        name + payload.record + std::string(reinterpret_cast<const char *>(payload.bytes.data()), payload.bytes.size());
  return text;
}

} // namespace

TEST_CASE("every truncation is refused") {
  std::string bytes = writeZip(SmallArchive().members()).bytes;
  for (size_t size = 0; size < bytes.size(); ++size)
    if (openBytes(bytes.substr(0, size)).error.empty())
      FAIL("a file of " << size << " of " << bytes.size() << " bytes opened");
}

TEST_CASE("every flipped bit is refused or changes nothing") {
  for (ZipStyle style : {ZipStyle{}, ZipStyle{.descriptors = false, .zip64End = false}}) {
    std::string bytes = writeZip(SmallArchive().members(), style).bytes;
    std::string expected = fingerprint(openBytes(bytes).archive->program());
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      bytes[bit / 8] ^= 1 << (bit % 8);
      auto [archive, error] = openBytes(bytes);
      refused += !archive;
      if (archive && fingerprint(archive->program()) != expected)
        FAIL("bit " << bit << " changes the program");
      bytes[bit / 8] ^= 1 << (bit % 8);
    }
    // What remains are padding, times and members that nobody reads.
    CHECK(refused > 6 * bytes.size());
  }
}
