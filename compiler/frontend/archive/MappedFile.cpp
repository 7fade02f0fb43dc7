//===- MappedFile.cpp - a file in memory, read-only ---------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/MappedFile.h"

#include "compiler/frontend/archive/BadInput.h"

#include "llvm/ADT/ScopeExit.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tenon::frontend {

static llvm::Error systemError() {
  return badInput("", "", llvm::Twine("cannot read the file: ") + std::strerror(errno));
}

llvm::Expected<MappedFile> MappedFile::open(const std::string &path) {
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return systemError();
  llvm::scope_exit closeFile([&] { ::close(file); });
  struct stat status;
  if (::fstat(file, &status) != 0)
    return systemError();
  if (!S_ISREG(status.st_mode))
    return badInput("", "", "not a regular file; give the path of a .pt2 file");
  if (status.st_size == 0)
    return badInput("", "", "the file is empty; give a file written by torch.export.save");
  size_t size = static_cast<size_t>(status.st_size);
  void *address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (address == MAP_FAILED)
    return systemError();
  return MappedFile({static_cast<const std::byte *>(address), size});
}

MappedFile::MappedFile(MappedFile &&other) noexcept : mapping(std::exchange(other.mapping, {})) {}

MappedFile::~MappedFile() {
  if (!mapping.empty())
    ::munmap(const_cast<std::byte *>(mapping.data()), mapping.size());
}

} // namespace tenon::frontend
