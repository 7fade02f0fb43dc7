//===- PayloadTest.cpp - stored tensors: what lies inside its record ----------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/CheckedMath.h"
#include "compiler/frontend/archive/Checksum.h"
#include "test/archive/SmallArchive.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <zlib.h>

using namespace tenon::frontend;
using namespace tenon::test;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

struct Change {
  const char *place, *value, *message;
};

const Change kChanges[] = {
    {"/use_pickle", "true",
     "$.config.w: the tensor is pickled, as tensor subclasses are; export again with plain tensors"},
    {"/tensor_meta", "null", "$.config.w: the constant is a pickled object; only tensors are read"},
    {"/path_name", "\"weight_9\"", "$.config.w: the archive has no record 'data/weights/weight_9'"},
    {"/path_name", "\"../../archive_format\"", "the archive has no record 'data/weights/../../archive_format'"},
    {"/path_name", "7", "$.config.w.path_name: expected a string, found number"},
    {"/is_param", "0", "$.config.w.is_param: expected a boolean, found number"},
    {"/tensor_meta/sizes/0", R"({"as_int":3})",
     "$.config.w.tensor_meta: the tensor reaches behind the end of its record of 8 bytes"},
    {"/tensor_meta/strides/0", R"({"as_int":2})", "reaches behind the end of its record"},
    {"/tensor_meta/strides/0", R"({"as_int":9223372036854775807})", "reaches behind the end of its record"},
    {"/tensor_meta/storage_offset", R"({"as_int":1})", "reaches behind the end of its record"},
    {"/tensor_meta/storage_offset", R"({"as_int":9223372036854775807})", "reaches behind the end of its record"},
    {"/tensor_meta/dtype", "8", "reaches behind the end of its record"},
    {"/tensor_meta/sizes/0", R"({"as_int":4611686018427387904})", "$.config.w.tensor_meta: the tensor is too large"},
    {"/tensor_meta/sizes/0", R"({"as_expr":{"expr_str":"s0","hint":null}})", "the stored tensor has symbolic sizes"},
    {"/tensor_meta/sizes/0", R"({"as_int":-2})", "sizes[0]: the size or stride is negative"},
};

} // namespace

TEST_CASE("payloads that are not inside their record are refused") {
  for (const Change &change : kChanges) {
    INFO(change.place << " = " << change.value);
    SmallArchive archive;
    archive.weights["config"]["w"][json::json_pointer(change.place)] = json::parse(change.value);
    std::string error = open(archive).error;
    CHECK_THAT(error, Catch::Matchers::StartsWith("FILE: m/data/weights/model_weights_config.json: $"));
    CHECK_THAT(error, ContainsSubstring(change.message));
  }
}

TEST_CASE("an expanded tensor of zero stride and a view with offset are inside their record") {
  SmallArchive archive;
  json &meta = archive.weights["config"]["w"]["tensor_meta"];
  meta["strides"][0]["as_int"] = 0;
  meta["storage_offset"]["as_int"] = 1;
  auto [opened, error] = open(archive);
  CHECK(error == "");
  REQUIRE(opened);
  CHECK(opened->program().payloads.at("w").meta.storageOffset.staticValue() == 1);
}

TEST_CASE("a weight of many zero strides whose dense size overflows is refused") {
  SmallArchive archive;
  json &meta = archive.weights["config"]["w"]["tensor_meta"];
  for (json *list : {&meta["sizes"], &meta["strides"]})
    *list = json::array();
  for (int i = 0; i < 3; ++i) {
    meta["sizes"].push_back({{"as_int", 1 << 30}});
    meta["strides"].push_back({{"as_int", 0}});
  }
  CHECK_THAT(open(archive).error, ContainsSubstring("the tensor is too large"));
}

TEST_CASE("a record without bytes holds tensors without elements only") {
  SmallArchive archive;
  archive.weight.clear();
  CHECK_THAT(open(archive).error, ContainsSubstring("reaches behind the end of its record of 0 bytes"));
  archive.weights["config"]["w"]["tensor_meta"] = tensorMeta(7, {0});
  archive.program["graph_module"]["graph"]["tensor_values"]["p_w"] = tensorMeta(7, {0});
  CHECK(open(archive).error == "");
}

TEST_CASE("a name that is both weight and constant is refused") {
  SmallArchive archive;
  archive.constants = archive.weights;
  ZipMembers members = archive.members();
  members.push_back({"m/data/constants/weight_0", archive.weight});
  CHECK_THAT(
      openMembers(members).error,
      ContainsSubstring("m/data/constants/model_constants_config.json: $.config: 'w' is a weight and a constant"));
}

TEST_CASE("sizes that overflow stay overflowed") {
  CHECK((CheckedSize(3) + 4).isExactly(7));
  CHECK((CheckedSize(3) * 4).isAtMost(12));
  CHECK_FALSE((CheckedSize(3) * 4).isAtMost(11));
  CheckedSize wrapped = CheckedSize(UINT64_MAX) + 1;
  CHECK_FALSE(wrapped.isAtMost(UINT64_MAX));
  CHECK_FALSE((wrapped * 0).isAtMost(UINT64_MAX));
  CHECK_FALSE((CheckedSize(1ull << 32) * (1ull << 32)).isExactly(0));
}

TEST_CASE("the checksum of parts is the checksum of the whole") {
  std::string bytes(40'000'001, '\0');
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  auto *data = reinterpret_cast<const unsigned char *>(bytes.data());
  for (size_t size : {size_t{0}, size_t{1}, bytes.size()})
    CHECK(crc32Of({reinterpret_cast<const std::byte *>(data), size}) == crc32_z(0, data, size));
}
