//===- TemplateText.cpp - text templates ----------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Forty lines instead of a template engine: placeholders have no logic, and engines (inja, Mustache) cost exceptions or escape
// for HTML.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/TemplateText.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cassert>

using namespace llvm;

namespace tenon {

static constexpr StringLiteral opening = "/*{ ", closing = " }*/";

static std::string fillLine(StringRef line, const StringMap<std::string> &values) {
  std::string result;
  for (size_t at; (at = line.find(opening)) != StringRef::npos;) {
    size_t end = line.find(closing, at);
    assert(end != StringRef::npos && "a placeholder ends on its line");
    auto value = values.find(line.slice(at + opening.size(), end));
    assert(value != values.end() && "the template names a value that the emitter gives");
    result += line.take_front(at).str() + value->second;
    line = line.substr(end + closing.size());
  }
  return result + line.str();
}

// True for a line that is one placeholder, possibly followed by a semicolon.
static bool isPlaceholderAlone(StringRef line) {
  StringRef rest = line.trim();
  rest.consume_back(";");
  return rest.starts_with(opening) && rest.find(closing) + closing.size() == rest.size();
}

std::string fillTemplate(StringRef text, const StringMap<std::string> &values) {
  std::string result;
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    text = rest;
    bool isAlone = isPlaceholderAlone(line);
    std::string filled = fillLine(isAlone ? line.trim() : line, values);
    while (isAlone && StringRef(filled).ends_with("\n"))
      filled.pop_back();
    if (!isAlone || !filled.empty())
      result += filled + "\n";
  }
  return result;
}

} // namespace tenon
