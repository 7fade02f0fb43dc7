//===- MappedFile.h - a file in memory, read-only -------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_MAPPEDFILE_H
#define TENON_FRONTEND_ARCHIVE_MAPPEDFILE_H

#include "llvm/Support/Error.h"

#include <cstddef>
#include <span>
#include <string>

namespace tenon::frontend {

/// A private read-only mapping of a whole regular file. Who shortens the file while it is mapped gets SIGBUS here: no
/// portable mapping prevents that, and copying weights of gigabytes is what the mapping avoids.
class MappedFile {
public:
  static llvm::Expected<MappedFile> open(const std::string &path);
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return mapping; }

private:
  explicit MappedFile(std::span<const std::byte> mapping) : mapping(mapping) {}
  std::span<const std::byte> mapping;
};

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_MAPPEDFILE_H
