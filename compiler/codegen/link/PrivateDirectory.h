//===- PrivateDirectory.h - a place for the linker's files ---------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_LINK_PRIVATEDIRECTORY_H
#define TENON_CODEGEN_LINK_PRIVATEDIRECTORY_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace tenon {

/// A directory that only this user can enter; removed with all it holds at the end of its life.
class PrivateDirectory {
public:
  static llvm::Expected<PrivateDirectory> create();
  PrivateDirectory(PrivateDirectory &&other) noexcept : path(std::move(other.path)) { other.path.clear(); }
  PrivateDirectory &operator=(PrivateDirectory &&) = delete;
  ~PrivateDirectory();

  std::string file(llvm::StringRef name) const { return path + "/" + name.str(); }
  const std::string &directory() const { return path; }

private:
  explicit PrivateDirectory(std::string path) : path(std::move(path)) {}
  std::string path;
};

} // namespace tenon

#endif // TENON_CODEGEN_LINK_PRIVATEDIRECTORY_H
