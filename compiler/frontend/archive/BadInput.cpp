//===- BadInput.cpp - the error of a malformed input file ---------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/BadInput.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

namespace tenon::frontend {

char BadInputError::ID = 0;

/// Names and texts of a file may hold anything: no control character reaches a terminal, and no novel.
static void printBounded(llvm::raw_ostream &os, llvm::StringRef text) {
  constexpr size_t kMaxLength = 400;
  for (char c : text.take_front(kMaxLength)) {
    unsigned char code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f)
      os << "\\x" << llvm::hexdigit(code >> 4) << llvm::hexdigit(code & 15);
    else
      os << c;
  }
  if (text.size() > kMaxLength)
    os << "...";
}

void BadInputError::log(llvm::raw_ostream &os) const {
  if (!path.empty())
    os << path << ": ";
  for (const std::string *part : {&member, &location}) {
    printBounded(os, *part);
    if (!part->empty())
      os << ": ";
  }
  printBounded(os, sentence);
}

std::error_code BadInputError::convertToErrorCode() const { return std::make_error_code(std::errc::invalid_argument); }

llvm::Error badInput(const llvm::Twine &member, const llvm::Twine &location, const llvm::Twine &sentence) {
  return llvm::make_error<BadInputError>(member.str(), location.str(), sentence.str());
}

llvm::Error badInputAt(const llvm::Twine &member, uint64_t offsetInBytes, const llvm::Twine &sentence) {
  return badInput(member, "byte " + llvm::Twine(offsetInBytes), sentence);
}

llvm::Error inFile(llvm::Error error, const std::string &path) {
  return llvm::handleErrors(std::move(error), [&](std::unique_ptr<BadInputError> bad) {
    bad->path = path;
    return llvm::Error(std::move(bad));
  });
}

} // namespace tenon::frontend
