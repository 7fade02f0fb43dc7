//===- JsonReader.h - typed access to a JSON tree -------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_JSONREADER_H
#define TENON_FRONTEND_ARCHIVE_JSONREADER_H

#include "compiler/frontend/archive/Json.h"

#include "llvm/ADT/Twine.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tenon::frontend {

/// One document and the first thing found wrong in it.
class JsonDocument {
public:
  JsonDocument(const Json &root, std::string member) : root(root), member(std::move(member)) {}
  JsonDocument(const JsonDocument &) = delete;

  const Json &root;
  const std::string member; ///< of the archive; for messages

  bool failed() const { return fault.has_value(); }
  /// Keeps the first fault only: those after it follow from it.
  void fail(const Json &where, const llvm::Twine &sentence);
  /// The first fault, with the JSON path of its value.
  llvm::Error takeError() const;
  std::string pathOf(const Json &value) const;

private:
  struct Fault {
    std::string path, sentence;
  };
  std::optional<Fault> fault;
};

/// A value of a document. Whatever is wrong is noted in the document, and the reader goes on with an empty value:
/// callers test JsonDocument::failed once, at the end.
class JsonReader {
public:
  /// `value` is part of the document.
  JsonReader(const Json &value, JsonDocument &document) : value(&value), document(&document) {}

  void fail(const llvm::Twine &sentence) const { document->fail(*value, sentence); }
  bool failed() const { return document->failed(); }
  const Json &json() const { return *value; }

  /// A member that must be there.
  JsonReader field(llvm::StringRef key) const;
  /// A member that may be absent or null.
  std::optional<JsonReader> find(llvm::StringRef key) const;
  /// The only member of a union: its tag and payload.
  std::pair<std::string, JsonReader> tagged() const;

  bool boolean() const;
  int64_t integer() const;
  /// A number, or "Infinity", "-Infinity", "NaN".
  double real() const;
  std::string string() const;

  /// Calls `read(JsonReader)` for the elements, in order, until something fails.
  template <typename Read> auto list(Read read) const {
    std::vector<decltype(read(*this))> result;
    if (!isArray())
      return result;
    result.reserve(value->size());
    for (const Json &element : *value) {
      if (failed())
        break;
      result.push_back(read(JsonReader(element, *document)));
    }
    return result;
  }
  /// The same for the members of an object.
  template <typename Read> auto map(Read read) const {
    std::map<std::string, decltype(read(*this))> result;
    if (!isObject())
      return result;
    for (const auto &[key, member] : value->get_ref<const Json::object_t &>()) {
      if (failed())
        break;
      result.emplace_hint(result.end(), key, read(JsonReader(member, *document)));
    }
    return result;
  }

private:
  bool isArray() const;
  bool isObject() const;
  void failType(const char *expected) const;

  const Json *value;
  JsonDocument *document;
};

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_JSONREADER_H
