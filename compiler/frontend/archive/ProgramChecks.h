//===- ProgramChecks.h - whether a program is consistent ------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_PROGRAMCHECKS_H
#define TENON_FRONTEND_ARCHIVE_PROGRAMCHECKS_H

#include "compiler/frontend/archive/ExportedProgram.h"

#include "llvm/Support/Error.h"

namespace tenon::frontend {

/// Checks what importers rely on: every value of every graph is defined once, before its uses, and has an entry in the
/// value table of its kind; the specs match the graph's inputs and outputs; every weight has a payload of its dtype and
/// sizes. `member` is the archive member for messages.
llvm::Error checkProgram(const ExportedProgram &program, const std::string &member);

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_PROGRAMCHECKS_H
