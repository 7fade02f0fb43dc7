//===- PrivateDirectory.cpp - a place for the linker's files --------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/link/PrivateDirectory.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <cstdlib>

using namespace llvm;

namespace tenon {

Expected<PrivateDirectory> PrivateDirectory::create() {
  SmallString<128> temporary;
  sys::path::system_temp_directory(/*ErasedOnReboot=*/true, temporary);
  std::string pattern = (temporary + "/tenon-XXXXXX").str();
  if (!::mkdtemp(pattern.data())) // mode 0700
    return createStringError(std::error_code(errno, std::generic_category()),
                             "no temporary directory can be made in '" + temporary +
                                 "'; set TMPDIR to a folder with room");
  return PrivateDirectory(std::move(pattern));
}

PrivateDirectory::~PrivateDirectory() {
  if (!path.empty())
    (void)sys::fs::remove_directories(path);
}

} // namespace tenon
