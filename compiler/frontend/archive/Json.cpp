//===- Json.cpp - strict JSON -------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/Json.h"

#include "compiler/frontend/archive/BadInput.h"

#include <iterator>
#include <optional>

namespace tenon::frontend {

namespace {

/// Reads characters and tells others how far it came: the parser's events carry no offset.
class CountingIterator {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char *;
  using reference = const char &;

  CountingIterator(const char *at, const char **farthest) : at(at), farthest(farthest) {}
  reference operator*() const { return *at; }
  CountingIterator &operator++() {
    *farthest = ++at;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const CountingIterator &other) const { return at == other.at; }

private:
  const char *at;
  const char **farthest;
};

/// Builds the tree from the parser's events; an event that returns false ends the parse.
class TreeBuilder : public nlohmann::json_sax<Json> {
public:
  TreeBuilder(const char *begin, const char *const *position) : begin(begin), position(position) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string &text) override {
    if (text.find_first_of(".eE") == std::string::npos)
      return fail("the integer is out of range");
    return add(value);
  }
  bool string(std::string &value) override {
    if (value.find('\0') != std::string::npos)
      return fail("the string contains a null character");
    return add(std::move(value));
  }
  bool binary(binary_t &) override { return fail("not JSON"); }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string &name) override {
    auto [member, isNew] = open_.back()->get_ref<Json::object_t &>().emplace(std::move(name), nullptr);
    nextMember = &member->second;
    return isNew || fail("duplicate key '" + member->first + "'");
  }
  bool parse_error(size_t offset, const std::string &, const nlohmann::json::exception &error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 3: syntax error while …"
    llvm::StringRef text = error.what();
    return failAt(offset,
                  error.id == 406
                      ? "the number is out of range"
                      : "not JSON: " +
                            text.substr(text.find(": ") == llvm::StringRef::npos ? 0 : text.find(": ") + 2).str());
  }

  Json root;
  std::optional<std::string> sentence;
  size_t errorOffset = 0;

private:
  bool fail(std::string what) { return failAt(*position - begin, std::move(what)); }
  bool failAt(size_t offset, std::string what) {
    sentence = std::move(what);
    errorOffset = offset;
    return false;
  }
  /// Puts a value where the next one belongs.
  Json *place(Json value) {
    if (open_.empty())
      return &(root = std::move(value));
    if (open_.back()->is_array())
      return &open_.back()->get_ref<Json::array_t &>().emplace_back(std::move(value));
    return &(*nextMember = std::move(value));
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (open_.size() == kMaxJsonDepth)
      return fail("nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const char *begin;
  const char *const *position;
  std::vector<Json *> open_; ///< a parent does not grow while its child is open, so these stay valid
  Json *nextMember = nullptr;
};

} // namespace

llvm::Expected<Json> parseJson(llvm::StringRef text, llvm::StringRef member) {
  const char *position = text.begin();
  TreeBuilder builder(text.begin(), &position);
  bool parsed =
      Json::sax_parse(CountingIterator(text.begin(), &position), CountingIterator(text.end(), &position), &builder);
  if (!parsed)
    return badInputAt(member, builder.errorOffset, builder.sentence.value_or("not JSON"));
  return std::move(builder.root);
}

llvm::Expected<Json> readJson(const ZipEntry &entry) {
  if (llvm::Error error = verifyChecksum(entry))
    return std::move(error);
  return parseJson({reinterpret_cast<const char *>(entry.bytes.data()), entry.bytes.size()}, entry.name);
}

} // namespace tenon::frontend
