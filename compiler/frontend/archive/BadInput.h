//===- BadInput.h - the error of a malformed input file -------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_BADINPUT_H
#define TENON_FRONTEND_ARCHIVE_BADINPUT_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <string>

namespace tenon::frontend {

/// The input file is not what it must be: the user's error, exit code 2 of the tools. The message reads
/// "FILE: MEMBER: LOCATION: sentence", where parts that are not known are left out.
class BadInputError : public llvm::ErrorInfo<BadInputError> {
public:
  static char ID;

  BadInputError(std::string member, std::string location, std::string sentence)
      : member(std::move(member)), location(std::move(location)), sentence(std::move(sentence)) {}

  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;

  std::string path;     ///< the file; filled in by Archive::open
  std::string member;   ///< name of the archive member; may be empty
  std::string location; ///< "byte 17" or a JSON path "$.nodes[3].target"; may be empty
  std::string sentence; ///< the situation, and the remedy where there is one
};

llvm::Error badInput(const llvm::Twine &member, const llvm::Twine &location, const llvm::Twine &sentence);
/// For locations that are byte offsets.
llvm::Error badInputAt(const llvm::Twine &member, uint64_t offsetInBytes, const llvm::Twine &sentence);

/// Gives every BadInputError in `error` the file's path.
llvm::Error inFile(llvm::Error error, const std::string &path);

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_BADINPUT_H
