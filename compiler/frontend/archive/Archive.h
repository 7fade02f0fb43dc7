//===- Archive.h - a .pt2 file --------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_ARCHIVE_H
#define TENON_FRONTEND_ARCHIVE_ARCHIVE_H

#include "compiler/frontend/archive/BadInput.h"
#include "compiler/frontend/archive/ExportedProgram.h"
#include "compiler/frontend/archive/MappedFile.h"

#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace tenon::frontend {

/// An open `.pt2` file (torch.export.save of torch >= 2.9, schema 8) and the program in it, checked (ProgramChecks.h).
/// Weights stay in the mapped file. No pickle is read, no file is written, nothing of the archive is executed.
/// Immutable, so any thread may read it.
class Archive {
public:
  /// Errors are BadInputError.
  static llvm::Expected<std::unique_ptr<Archive>> open(const std::string &path);

  /// Lives as long as the archive.
  const ExportedProgram &program() const { return exportedProgram; }

private:
  explicit Archive(MappedFile file) : file(std::move(file)) {}
  llvm::Error read();

  MappedFile file;
  ExportedProgram exportedProgram;
};

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_ARCHIVE_H
