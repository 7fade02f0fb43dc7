//===- Payloads.h - tensors stored in the archive -------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_PAYLOADS_H
#define TENON_FRONTEND_ARCHIVE_PAYLOADS_H

#include "compiler/frontend/archive/ExportedProgram.h"
#include "compiler/frontend/archive/ZipDirectory.h"

namespace tenon::frontend {

/// Reads the two payload configurations of model `modelName` and finds the tensors' bytes: every view lies inside its
/// record, every record has its checksum. `root` is the archive's root folder, with a slash.
llvm::Expected<std::map<std::string, Payload>> readPayloads(const ZipDirectory &directory, llvm::StringRef root,
                                                            llvm::StringRef modelName);

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_PAYLOADS_H
