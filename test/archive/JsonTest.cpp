//===- JsonTest.cpp - what JSON is refused, and where -------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/BadInput.h"
#include "compiler/frontend/archive/JsonReader.h"
#include "test/archive/SmallArchive.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>

using namespace tenon::frontend;

namespace {

struct BadText {
  std::string text, message;
};

std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

} // namespace

TEST_CASE("JSON that is not strict is refused with its offset") {
  auto [text, message] =
      GENERATE(BadText{"", "byte 1: not JSON: "}, BadText{"{", "not JSON"}, BadText{"[1,]", "byte 4: not JSON"},
               BadText{"[1] x", "byte 5: not JSON"}, BadText{"[01]", "not JSON"}, BadText{"[+5]", "not JSON"},
               BadText{"[1.]", "not JSON"}, BadText{"[NaN]", "not JSON"}, BadText{"[Infinity]", "not JSON"},
               BadText{"[\"\xff\"]", "ill-formed UTF-8"}, BadText{"[\"\\ud800\"]", "surrogate"},
               BadText{"[\"\n\"]", "control character"}, BadText{"// no\n1", "not JSON"},
               BadText{R"(["a\u0000b"])", "byte 11: the string contains a null character"},
               BadText{R"({"a": 1, "a": 2})", "byte 12: duplicate key 'a'"},
               BadText{R"({"x": {"b": 1, "b": 2}})", "duplicate key 'b'"},
               BadText{"[1e999]", "the number is out of range"}, BadText{"[-1e999]", "the number is out of range"},
               BadText{"[18446744073709551616]", "the integer is out of range"},
               BadText{"[-9223372036854775809]", "the integer is out of range"},
               BadText{nested(513), "byte 513: nested deeper than 512 levels"},
               BadText{std::string(100000, '['), "nested deeper"}, BadText{std::string(600, '{'), "not JSON"});
  llvm::Expected<Json> json = parseJson(text, "m.json");
  REQUIRE_FALSE(json);
  std::string error = llvm::toString(json.takeError());
  CHECK_THAT(error, Catch::Matchers::StartsWith("m.json: byte "));
  CHECK_THAT(error, Catch::Matchers::ContainsSubstring(message));
}

TEST_CASE("JSON that is strict is read exactly") {
  llvm::Expected<Json> json = parseJson(
      R"( {"i": 9223372036854775807, "n": -9223372036854775808, "f": 1e-300, "s": "\u00e9\"", "l": [true, null]} )",
      "");
  REQUIRE(bool(json));
  CHECK((*json)["i"].get<int64_t>() == INT64_MAX);
  CHECK((*json)["n"].get<int64_t>() == INT64_MIN);
  CHECK((*json)["f"].get<double>() == 1e-300);
  CHECK((*json)["s"] == "\xc3\xa9\"");
  CHECK((*json)["l"] == Json::array({true, nullptr}));
  CHECK(bool(parseJson(nested(512), "")));
  CHECK(bool(parseJson("[1e-999]", ""))); // underflow is a rounding, not an error
}

TEST_CASE("numbers may be words for infinities and nothing else") {
  Json root = {"Infinity", "-Infinity", "NaN", 2, "1.5"};
  JsonDocument document(root, "m");
  std::vector<double> values = JsonReader(root, document).list([](JsonReader element) { return element.real(); });
  CHECK(values.at(0) == INFINITY);
  CHECK(values.at(1) == -INFINITY);
  CHECK(std::isnan(values.at(2)));
  CHECK(values.at(3) == 2);
  CHECK(llvm::toString(document.takeError()) == "m: $[4]: expected a number, found string");
}

TEST_CASE("control characters and long texts of a file do not reach the terminal") {
  CHECK(llvm::toString(badInput("a\x1b[1m", "b\n", std::string(1000, 'x'))) ==
        "a\\x1B[1m: b\\x0A: " + std::string(400, 'x') + "...");
}

TEST_CASE("a program whose JSON is malformed names member and offset") {
  tenon::test::SmallArchive archive;
  std::string text = archive.program.dump();
  text.insert(text.size() / 2, "\x01");
  auto [opened, error] = tenon::test::openMembers(archive.membersWithProgramText(text));
  CHECK_FALSE(opened);
  CHECK_THAT(error, Catch::Matchers::StartsWith("FILE: m/models/model.json: byte "));
}
