//===- CompileBatch.h - many compilations by one process -----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_COMPILEBATCH_H
#define TENON_TOOLS_COMPILEBATCH_H

#include "compiler/pipeline/Pipeline.h"

namespace tenon::tools {

/// Compiles what standard input lists, one "MODEL.pt2<tab>MODEL.so" per line, `numJobs` at a time (0: one per core), and
/// writes a line of JSON to standard output as each ends: {"model", "output", "exit_code", "message"}. Lines may come and
/// answers are given while others compile. Returns when standard input has ended and all is done: 0, or 2 after a line that
/// is no pair of paths.
int compileBatch(CompileOptions options, unsigned numJobs);

} // namespace tenon::tools

#endif // TENON_TOOLS_COMPILEBATCH_H
