//===- SourceText.h - safe pieces of C++ source text ----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Names, strings and numbers of a model as C++ tokens. A model's strings are hostile until they went through here.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_WRAPPER_SOURCETEXT_H
#define TENON_CODEGEN_WRAPPER_SOURCETEXT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tenon {

/// The longest identifier that a name of the model becomes.
inline constexpr size_t maxIdentifierLength = 32;
/// Lines of emitted text are at most this long.
inline constexpr size_t maxLineLength = 120;

/// `name` as letters a-z, digits and single underscores, at most maxIdentifierLength long, starting with a letter and never
/// a C++ keyword. `fallback` (such a name itself) where nothing of `name` is left.
std::string sanitizeIdentifier(llvm::StringRef name, llvm::StringRef fallback = "value");

/// True for a name that can be declared in C++ as it stands: an identifier, no keyword, not reserved, at most 200 long.
bool isPlainIdentifier(llvm::StringRef name);

/// Hands out identifiers that differ from each other.
class IdentifierSet {
public:
  /// A fresh identifier made from `name`; a number at its end keeps it different.
  std::string unique(llvm::StringRef name, llvm::StringRef fallback = "value");
  /// Keeps `identifier` from being handed out.
  void reserve(llvm::StringRef identifier) { taken.insert(identifier); }

private:
  llvm::StringSet<> taken;
};

/// `text` as a quoted C++ literal: only printable ASCII, no `?` (trigraphs), every other byte a three-digit octal escape,
/// which, unlike a hexadecimal one, cannot swallow a digit that follows.
std::string stringLiteral(llvm::StringRef text);

/// stringLiteral, in adjacent pieces of one line each where `text` is long; every line starts with `indent` spaces.
std::string stringLiteralLines(llvm::StringRef text, unsigned indent);

/// The exact value: a hexadecimal float literal, or the compiler's builtin for infinities and NaN.
std::string doubleLiteral(double value);

/// A literal of type int64_t or what converts to it; INT64_MIN included.
std::string integerLiteral(int64_t value);

/// "{a, b, c}".
std::string braced(const std::vector<std::string> &items);

/// One statement or declaration with `indent` spaces before it, broken after commas where it is longer than a line: at the
/// outermost bracket that helps, and continued under what follows that bracket. Ends with a newline.
std::string layOut(llvm::StringRef statement, unsigned indent);

} // namespace tenon

#endif // TENON_CODEGEN_WRAPPER_SOURCETEXT_H
