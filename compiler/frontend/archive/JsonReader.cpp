//===- JsonReader.cpp - typed access to a JSON tree ---------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/JsonReader.h"

#include "compiler/frontend/archive/BadInput.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <limits>

namespace tenon::frontend {

/// Finds `target` by identity below `from` and puts the way to it in front of `path`. Searching when something is wrong
/// costs less than keeping the path of every value.
static bool findPath(const Json &from, const Json &target, std::string &path) {
  if (&from == &target)
    return true;
  if (from.is_array()) {
    for (size_t i = 0; i < from.size(); ++i)
      if (findPath(from[i], target, path)) {
        path = "[" + std::to_string(i) + "]" + path;
        return true;
      }
  } else if (from.is_object()) {
    for (const auto &[key, member] : from.get_ref<const Json::object_t &>())
      if (findPath(member, target, path)) {
        path =
            (llvm::all_of(key, [](char c) { return llvm::isAlnum(c) || c == '_'; }) ? "." + key : "['" + key + "']") +
            path;
        return true;
      }
  }
  return false;
}

std::string JsonDocument::pathOf(const Json &value) const {
  std::string path;
  findPath(root, value, path);
  return "$" + path;
}

void JsonDocument::fail(const Json &where, const llvm::Twine &sentence) {
  if (!failed())
    fault = {pathOf(where), sentence.str()};
}

llvm::Error JsonDocument::takeError() const {
  return failed() ? badInput(member, fault->path, fault->sentence) : llvm::Error::success();
}

/// Stands for members that are missing.
static const Json kNothing;

void JsonReader::failType(const char *expected) const {
  fail(llvm::Twine("expected ") + expected + ", found " + value->type_name());
}

bool JsonReader::isArray() const {
  if (!value->is_array())
    failType("an array");
  return value->is_array();
}

bool JsonReader::isObject() const {
  if (!value->is_object())
    failType("an object");
  return value->is_object();
}

std::optional<JsonReader> JsonReader::find(llvm::StringRef key) const {
  if (!isObject())
    return std::nullopt;
  auto member = value->find(std::string_view(key));
  if (member == value->end() || member->is_null())
    return std::nullopt;
  return JsonReader(*member, *document);
}

JsonReader JsonReader::field(llvm::StringRef key) const {
  if (isObject()) {
    auto member = value->find(std::string_view(key));
    if (member != value->end())
      return JsonReader(*member, *document);
    fail("the field '" + key + "' is missing");
  }
  return JsonReader(kNothing, *document);
}

std::pair<std::string, JsonReader> JsonReader::tagged() const {
  if (isObject() && value->size() == 1) {
    auto member = value->begin();
    return {member.key(), JsonReader(*member, *document)};
  }
  fail("expected an object with exactly one member");
  return {"", JsonReader(kNothing, *document)};
}

bool JsonReader::boolean() const {
  if (value->is_boolean())
    return value->get<bool>();
  failType("a boolean");
  return false;
}

int64_t JsonReader::integer() const {
  if (!value->is_number_integer())
    failType("an integer");
  else if (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()})
    fail("the integer does not fit 64 bits with a sign");
  else
    return value->get<int64_t>();
  return 0;
}

double JsonReader::real() const {
  if (value->is_number())
    return value->get<double>();
  if (value->is_string()) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    std::optional<double> special = llvm::StringSwitch<std::optional<double>>(value->get_ref<const std::string &>())
                                        .Case("Infinity", kInfinity)
                                        .Case("-Infinity", -kInfinity)
                                        .Case("NaN", std::numeric_limits<double>::quiet_NaN())
                                        .Default(std::nullopt);
    if (special)
      return *special;
  }
  failType("a number");
  return 0;
}

std::string JsonReader::string() const {
  if (value->is_string())
    return value->get<std::string>();
  failType("a string");
  return {};
}

} // namespace tenon::frontend
