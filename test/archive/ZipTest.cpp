//===- ZipTest.cpp - what zip files are refused -------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "test/archive/SmallArchive.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <optional>

using namespace tenon::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr const char *kWeight = "m/data/weights/weight_0", *kProgram = "m/models/model.json";

/// Something done to a well-formed file, and what the reader says then.
struct Damage {
  const char *what;
  void (*apply)(ZipImage &);
  const char *message;
};

/// Adds junk and leaves the offsets as they were.
void insertAt(ZipImage &image, size_t offset, std::string junk) { image.bytes.insert(offset, junk); }

const Damage kDamages[] = {
    {"trailing junk", [](ZipImage &z) { z.bytes += "junk"; }, "no zip end record at the end of the file"},
    {"leading junk", [](ZipImage &z) { insertAt(z, 0, "junk"); }, "no zip64 end record where the locator points"},
    {"a comment", [](ZipImage &z) { z.patch(z.end + 20, 4, 2), z.bytes += "note"; }, "no zip end record"},
    {"no zip", [](ZipImage &z) { z.bytes = "plain text"; }, "byte 0: no zip end record"},
    {"several disks", [](ZipImage &z) { z.patch(z.end + 4, 1, 2); }, "spans several disks"},
    {"several disks, zip64", [](ZipImage &z) { z.patch(z.locator + 16, 2, 4); }, "spans several disks"},
    {"locator points elsewhere", [](ZipImage &z) { z.patch(z.locator + 8, ~0ull - 10, 8); },
     "no zip64 end record where"},
    {"zip64 end record of another size", [](ZipImage &z) { z.patch(z.end64 + 4, 45, 8); },
     "does not end at its locator"},
    {"zip64 end record whose size wraps", [](ZipImage &z) { z.patch(z.end64 + 4, ~0ull - 11, 8); },
     "does not end at its locator"},
    {"counts differ", [](ZipImage &z) { z.patch(z.end64 + 32, 7, 8); }, "zip64 end record contradicts the end record"},
    {"directory elsewhere", [](ZipImage &z) { z.patch(z.end64 + 48, 0, 8), z.patch(z.end + 16, 0, 4); },
     "does not end where the end record begins"},
    {"directory offset wraps", [](ZipImage &z) { z.patch(z.end64 + 48, ~0ull, 8), z.patch(z.end + 16, ~0u, 4); },
     "does not end where the end record begins"},
    {"too many entries",
     [](ZipImage &z) { z.patch(z.end64 + 24, 70000, 8), z.patch(z.end64 + 32, 70000, 8), z.patch(z.end + 8, ~0u, 4); },
     "the archive has 70000 entries; at most 65536 are read"},
    {"an entry less",
     [](ZipImage &z) { z.patch(z.end64 + 24, 7, 8), z.patch(z.end64 + 32, 7, 8), z.patch(z.end + 8, 0x00070007, 4); },
     "malformed"},
    {"directory signature", [](ZipImage &z) { z.patch(z.members[kWeight].central, 0, 4); },
     "the zip directory is malformed"},
    {"compressed", [](ZipImage &z) { z.patch(z.members[kWeight].central + 10, 8, 2); },
     "weight_0: the entry is compressed; save"},
    {"encrypted", [](ZipImage &z) { z.patch(z.members[kWeight].central + 8, 0x0809, 2); }, "the entry is encrypted"},
    {"encrypted, local header", [](ZipImage &z) { z.patch(z.members[kWeight].local + 6, 0x0809, 2); },
     "the entry is encrypted"},
    {"sizes differ", [](ZipImage &z) { z.patch(z.members[kWeight].central + 20, 7, 4); }, "stored size and size"},
    {"method differs", [](ZipImage &z) { z.patch(z.members[kWeight].local + 8, 8, 2); },
     "byte 0: the local header contradicts the zip directory (compression method)"},
    {"name differs", [](ZipImage &z) { z.patch(z.members[kProgram].local + 30, 'n', 1); },
     "contradicts the zip directory (name)"},
    {"checksum differs", [](ZipImage &z) { z.patch(z.members[kProgram].local + 14, 1, 4); },
     "contradicts the zip directory (checksum)"},
    {"local size differs", [](ZipImage &z) { z.patch(z.members[kProgram].local + 18, 1, 4); },
     "contradicts the zip directory (size)"},
    {"local size in a zip64 field that is not there",
     [](ZipImage &z) { z.patch(z.members[kProgram].local + 22, ~0u, 4); }, "contradicts the zip directory (size)"},
    {"entry longer than the file",
     [](ZipImage &z) {
       z.patch(z.members[kWeight].central + 20, 1 << 20, 4), z.patch(z.members[kWeight].central + 24, 1 << 20, 4);
     },
     "the data reaches behind the end of the file"},
    {"entry that covers the next",
     [](ZipImage &z) {
       z.patch(z.members[kWeight].central + 20, 100, 4), z.patch(z.members[kWeight].central + 24, 100, 4);
     },
     "no data descriptor behind the data"},
    {"descriptor", [](ZipImage &z) { z.patch(z.members[kWeight].descriptor + 8, 9, 4); },
     "the data descriptor contradicts"},
    {"extra field too long",
     [](ZipImage &z) { z.patch(z.members[kWeight].data - 1, 0, 1), z.patch(z.members[kWeight].local + 28, 3, 2); },
     "byte 0: "},
    {"extra field whose size is wrong", [](ZipImage &z) { z.patch(z.members[kWeight].local + 30 + 23 + 2, 999, 2); },
     "the extra fields of the local header are malformed"},
    {"short zip64 field",
     [](ZipImage &z) {
       z.patch(z.members[kWeight].local + 30 + 23, 1, 2), z.patch(z.members[kWeight].local + 30 + 23 + 2, 3, 2);
     },
     "the extra fields of the local header are malformed"},
    {"data", [](ZipImage &z) { z.bytes[z.members[kWeight].data] ^= 1; },
     "weight_0: the checksum of the entry is wrong"},
    {"program", [](ZipImage &z) { z.bytes[z.members[kProgram].data] ^= 1; },
     "model.json: the checksum of the entry is wrong"},
    {"a gap before the directory",
     [](ZipImage &z) {
       insertAt(z, z.directory, "gap");
       z.patch(z.end64 + 3 + 48, z.directory + 3, 8);
       z.patch(z.locator + 3 + 8, z.end64 + 3, 8);
       z.patch(z.end + 3 + 16, z.directory + 3, 4);
     },
     "the zip directory does not begin where the last entry ends"},
};

std::string errorOf(ZipMembers members) { return openMembers(members).error; }

ZipMembers withMember(std::string name) {
  ZipMembers members = SmallArchive().members();
  members.push_back({std::move(name), "x"});
  return members;
}

} // namespace

TEST_CASE("every style of headers opens") {
  auto style =
      GENERATE(ZipStyle{}, ZipStyle{.descriptors = false}, ZipStyle{.zip64End = false}, ZipStyle{.zip64Locals = true},
               ZipStyle{.descriptors = false, .zip64End = false, .zip64Locals = true});
  auto [archive, error] = openBytes(writeZip(SmallArchive().members(), style).bytes);
  CHECK(error.empty());
  REQUIRE(archive);
  CHECK(archive->program().payloads.at("w").bytes.size() == 8);
}

TEST_CASE("damaged zip structures are refused") {
  for (const Damage &damage : kDamages) {
    INFO(damage.what);
    ZipImage image = writeZip(SmallArchive().members());
    damage.apply(image);
    CHECK_THAT(openBytes(image.bytes).error, ContainsSubstring(damage.message));
  }
}

TEST_CASE("an end record without zip64 must agree with itself") {
  ZipImage image = writeZip(SmallArchive().members(), {.zip64End = false});
  image.patch(image.end + 8, 3, 2);
  CHECK_THAT(openBytes(image.bytes).error, ContainsSubstring("the zip end record contradicts itself"));
}

TEST_CASE("entries that share bytes are refused") {
  // The directory lists the weight twice; both entries point to one local header.
  ZipMembers members = {{"m/a", "same"}, {"m/b", "same"}};
  ZipImage image = writeZip(members);
  image.bytes.erase(image.members["m/b"].local, image.directory - image.members["m/b"].local);
  size_t removed = image.directory - image.members["m/b"].local;
  image.patch(image.members["m/b"].central - removed + 42, 0, 4);
  image.patch(image.end64 - removed + 48, image.directory - removed, 8);
  image.patch(image.locator - removed + 8, image.end64 - removed, 8);
  image.patch(image.end - removed + 16, image.directory - removed, 4);
  CHECK_THAT(openBytes(image.bytes).error,
             ContainsSubstring("m/b: byte 84: no local header where the previous entry ends"));
}

TEST_CASE("names that are no plain relative paths, and names that occur twice, are refused") {
  CHECK_THAT(errorOf(withMember("")), ContainsSubstring("entry 8: the name of the entry is empty or too long"));
  CHECK_THAT(errorOf(withMember(std::string(5000, 'n'))), ContainsSubstring("is empty or too long"));
  CHECK_THAT(errorOf(withMember("/etc/passwd")), ContainsSubstring("is no relative path"));
  CHECK_THAT(errorOf(withMember("m\\x")), ContainsSubstring("is no relative path"));
  CHECK_THAT(errorOf(withMember("m/../x")), ContainsSubstring("leaves its folder"));
  CHECK_THAT(errorOf(withMember(kWeight)), ContainsSubstring("two entries have this name"));
  CHECK_THAT(errorOf(withMember("m/Models/model.json")), ContainsSubstring("two entries have this name"));
  CHECK_THAT(errorOf(withMember(std::string("m/a\0b", 5))), ContainsSubstring("contradicts the zip directory (name)"));
}

TEST_CASE("what is no regular, readable file is refused") {
  auto errorOf = [](const std::string &path) {
    auto archive = tenon::frontend::Archive::open(path);
    return llvm::toString(archive.takeError());
  };
  CHECK(errorOf("/nonexistent.pt2") == "/nonexistent.pt2: cannot read the file: No such file or directory");
  CHECK(errorOf("/tmp") == "/tmp: not a regular file; give the path of a .pt2 file");
  CHECK(errorOf("/dev/zero") == "/dev/zero: not a regular file; give the path of a .pt2 file");
  CHECK(openBytes("").error == "FILE: the file is empty; give a file written by torch.export.save");
}

TEST_CASE("markers of the format are required") {
  auto withText = [](const char *name, std::optional<std::string> text) {
    ZipMembers members = SmallArchive().members();
    std::erase_if(members, [&](auto &member) { return member.first == name && !text; });
    for (auto &member : members)
      if (member.first == name)
        member.second = *text;
    return errorOf(members);
  };
  CHECK(withText("m/archive_format", "zip") ==
        "FILE: m/archive_format: expected 'pt2', found 'zip'; save the model with torch.export.save");
  CHECK_THAT(withText("m/archive_format", std::nullopt),
             ContainsSubstring("the member is missing, so this is no .pt2 archive"));
  CHECK_THAT(withText("m/archive_version", "1"),
             ContainsSubstring("expected '0', found '1'; save the model with torch 2.9 to 2.14"));
  CHECK_THAT(withText("m/byteorder", "big"),
             ContainsSubstring("expected 'little', found 'big'; save the model on a little-endian"));
  CHECK_THAT(withText(kProgram, std::nullopt), ContainsSubstring("the archive holds no exported program"));
  CHECK_THAT(withText("m/data/weights/model_weights_config.json", std::nullopt),
             ContainsSubstring("the archive stores no tensor 'w'"));
}

TEST_CASE("programs under other names: one is read, of several 'model'") {
  ZipMembers members = SmallArchive().members();
  members[1].first = "m/data/weights/other_weights_config.json";
  members[2].first = "m/data/constants/other_constants_config.json";
  members[3].first = "m/models/other.json";
  auto [archive, error] = openMembers(members);
  CHECK(error.empty());
  REQUIRE(archive);
  CHECK(archive->program().modelName == "other");
  members.push_back({"m/models/third.json", "{}"});
  CHECK_THAT(errorOf(members), ContainsSubstring("the archive holds several programs and none is named 'model'"));
}

TEST_CASE("archives of older versions of torch say how to convert them") {
  CHECK_THAT(errorOf({{"version", "8.3"}, {"serialized_exported_program.json", "{}"}}),
             ContainsSubstring("the file has the format of torch before 2.8; save it again with torch >= 2.9"));
  ZipMembers members = SmallArchive().members();
  members[1] = {"m/data/weights/model.pt", "pickle"};
  CHECK_THAT(errorOf(members),
             ContainsSubstring("m/data/weights/model.pt: the weights are pickled, as torch before 2.9 did"));
}
