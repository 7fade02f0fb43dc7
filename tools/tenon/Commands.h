//===- Commands.h - the sub-commands of tenon -----------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Each function adds one sub-command to the command line; parsing it runs the command and sets `exitCode` (DESIGN 5.1).
// All but compile need the runtime's headers only; compile, and inspect for archives, are there where the compiler is.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_COMMANDS_H
#define TENON_TOOLS_COMMANDS_H

#include <CLI/CLI.hpp>

namespace tenon::tools {

void addCompileCommand(CLI::App &app, int &exitCode);
void addInspectCommand(CLI::App &app, int &exitCode);
void addRunCommand(CLI::App &app, int &exitCode);
void addCompareCommand(CLI::App &app, int &exitCode);
void addBenchCommand(CLI::App &app, int &exitCode);

} // namespace tenon::tools

#endif // TENON_TOOLS_COMMANDS_H
