//===- SourceText.cpp - safe pieces of C++ source text --------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/wrapper/SourceText.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <bit>
#include <cmath>

using namespace llvm;

namespace tenon {

//===--- identifiers -------------------------------------------------------------------------------------------------===//

// Keywords and alternative tokens of C++20, then what the template and the runtime's header use in function bodies.
static constexpr StringLiteral reservedWords[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "char8_t", "char16_t", "char32_t", "class", "compl", "concept", "const", "consteval", "constexpr", "constinit",
    "const_cast", "continue", "co_await", "co_return", "co_yield", "decltype", "default", "delete", "do", "double",
    "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "final", "float", "for", "friend", "goto",
    "if", "import", "inline", "int", "long", "module", "mutable", "namespace", "new", "noexcept", "not", "not_eq",
    "nullptr", "operator", "or", "or_eq", "override", "private", "protected", "public", "register", "reinterpret_cast",
    "requires", "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast", "struct", "switch",
    "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "union", "unsigned",
    "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq",
    "arena", "attention", "conv", "copy", "entry", "errno", "global", "groupedMatmul", "init", "input", "launch", "linux",
    "main", "matmul", "model", "offsetof", "output", "pool", "recurrence", "run", "scan", "scatter", "shapes", "sort", "std", "tenon",
    "unix", "view"};

static bool isReservedWord(StringRef name) { return llvm::is_contained(reservedWords, name); }

// The end of a long name ("layer.11.attention.self.query.weight") tells more than its start, and is cut between words.
static std::string shortened(std::string name) {
  if (name.size() <= maxIdentifierLength)
    return name;
  std::string tail = name.substr(name.size() - maxIdentifierLength);
  bool startsWord = name[name.size() - maxIdentifierLength - 1] == '_';
  size_t separator = tail.find('_');
  if (!startsWord && separator != std::string::npos && separator + 1 < tail.size())
    tail.erase(0, separator + 1);
  if (tail.front() == '_')
    tail.erase(0, 1);
  if (isDigit(tail.front()))
    tail = "v" + tail.substr(tail.size() == maxIdentifierLength);
  return tail;
}

std::string sanitizeIdentifier(StringRef name, StringRef fallback) {
  std::string result;
  for (char c : name.take_back(4096)) {
    char lower = toLower(c);
    bool kept = isLower(lower) || isDigit(lower);
    if (!kept && (result.empty() || result.back() == '_'))
      continue; // no leading and no double underscore: those are the implementation's
    if (result.empty() && isDigit(lower))
      result += "v";
    result += kept ? lower : '_';
  }
  while (!result.empty() && result.back() == '_')
    result.pop_back();
  if (result.empty())
    return fallback.str();
  result = shortened(std::move(result));
  if (isReservedWord(result))
    result += "_value";
  return result;
}

bool isPlainIdentifier(StringRef name) {
  return !name.empty() && name.size() <= 200 && isLower(name.front()) && !name.contains("__") &&
         llvm::all_of(name, [](char c) { return isAlnum(c) || c == '_'; }) && !isReservedWord(name);
}

std::string IdentifierSet::unique(StringRef name, StringRef fallback) {
  std::string base = sanitizeIdentifier(name, fallback);
  std::string candidate = base;
  for (unsigned number = 2; !taken.insert(candidate).second; ++number) {
    std::string suffix = "_" + std::to_string(number);
    candidate = base.substr(0, maxIdentifierLength - suffix.size());
    while (candidate.back() == '_')
      candidate.pop_back();
    candidate += suffix;
  }
  return candidate;
}

//===--- literals ----------------------------------------------------------------------------------------------------===//

static std::string escapedByte(char c) {
  if (c == '"' || c == '\\')
    return {'\\', c};
  if (isPrint(c) && c != '?')
    return std::string(1, c);
  unsigned byte = static_cast<unsigned char>(c);
  return {'\\', char('0' + (byte >> 6)), char('0' + (byte >> 3 & 7)), char('0' + (byte & 7))};
}

std::string stringLiteral(StringRef text) {
  std::string result = "\"";
  for (char c : text)
    result += escapedByte(c);
  return result + "\"";
}

std::string stringLiteralLines(StringRef text, unsigned indent) {
  const size_t lineLength = maxLineLength - indent - 3; // two quotes and a comma
  std::string result(indent, ' '), line;
  for (char c : text) {
    std::string next = escapedByte(c);
    if (line.size() + next.size() > lineLength) {
      result += "\"" + line + "\"\n" + std::string(indent, ' ');
      line.clear();
    }
    line += next;
  }
  return result + "\"" + line + "\"";
}

// Written out here because printf's %a and %g ask the locale for the decimal point.
std::string doubleLiteral(double value) {
  if (std::isnan(value))
    return "__builtin_nan(\"\")";
  if (std::isinf(value))
    return value < 0 ? "-__builtin_inf()" : "__builtin_inf()";
  bool isSmallInteger = value == std::trunc(value) && std::abs(value) < 1e6;
  uint64_t bits = std::bit_cast<uint64_t>(value);
  std::string sign = bits >> 63 ? "-" : "";
  if (isSmallInteger)
    return sign + std::to_string(static_cast<int64_t>(std::abs(value))) + ".0";
  int exponent = static_cast<int>(bits >> 52 & 0x7ff);
  uint64_t mantissa = bits & ((uint64_t{1} << 52) - 1);
  std::string digits = utohexstr(mantissa, /*LowerCase=*/true, /*Width=*/13);
  while (digits.size() > 1 && digits.back() == '0')
    digits.pop_back();
  bool isSubnormal = exponent == 0;
  return sign + (isSubnormal ? "0x0." : "0x1.") + digits + "p" + std::to_string(isSubnormal ? -1022 : exponent - 1023);
}

std::string integerLiteral(int64_t value) {
  if (value == INT64_MIN)
    return "INT64_MIN";
  std::string text = std::to_string(value);
  return value > INT32_MAX || value < INT32_MIN ? text + "LL" : text;
}

std::string braced(const std::vector<std::string> &items) { return "{" + llvm::join(items, ", ") + "}"; }

//===--- lines -------------------------------------------------------------------------------------------------------===//

namespace {
/// A place after ", " where a line may end, and the column (of the statement) under which the next line starts.
struct BreakPoint {
  size_t position = 0, depth = 0, continuation = 0;
};
} // namespace

// The best place to break the line that starts at `start` and may hold `room` characters: the outermost bracket, and among
// those the last. `open` has the columns behind the brackets that are open at `start`.
static BreakPoint findBreak(StringRef text, size_t start, size_t room, SmallVector<size_t> open, size_t indent) {
  BreakPoint best;
  bool inString = false;
  for (size_t i = start; i < text.size() && i - start < room; ++i) {
    char c = text[i];
    if (c == '"')
      inString = !inString;
    if (inString)
      continue;
    if (c == '(' || c == '{' || c == '[')
      open.push_back(indent + i - start + 1);
    else if ((c == ')' || c == '}' || c == ']') && !open.empty())
      open.pop_back();
    else if (c == ',' && !open.empty() && text.substr(i).starts_with(", ") &&
             (best.position == 0 || open.size() <= best.depth))
      best = {i + 2, open.size(), open.back()};
  }
  return best;
}

// The columns behind the brackets that are open after `line`, which starts at column `indent`.
static void trackBrackets(StringRef line, size_t indent, SmallVector<size_t> &open) {
  bool inString = false;
  for (auto [i, c] : llvm::enumerate(line)) {
    if (c == '"')
      inString = !inString;
    if (inString)
      continue;
    if (c == '(' || c == '{' || c == '[')
      open.push_back(indent + i + 1);
    else if ((c == ')' || c == '}' || c == ']') && !open.empty())
      open.pop_back();
  }
}

std::string layOut(StringRef statement, unsigned indent) {
  std::string result;
  SmallVector<size_t> open;
  size_t start = 0, column = indent;
  while (statement.size() - start + column > maxLineLength) {
    BreakPoint at = findBreak(statement, start, maxLineLength - std::min(column, maxLineLength - 1), open, column);
    if (at.position == 0)
      break;
    StringRef line = statement.slice(start, at.position).rtrim();
    result += std::string(column, ' ') + line.str() + "\n";
    trackBrackets(line, column, open);
    start = at.position;
    column = at.continuation;
  }
  return result + std::string(column, ' ') + statement.substr(start).str() + "\n";
}

} // namespace tenon
