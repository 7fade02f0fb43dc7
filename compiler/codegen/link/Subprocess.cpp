//===- Subprocess.cpp - tools that are run --------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/link/Subprocess.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

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

// What the program printed, at most four kilobytes of valid UTF-8.
static std::string captured(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return buffer ? json::fixUTF8((*buffer)->getBuffer().take_front(4096).rtrim()) : "";
}

static std::string outputPath(const PrivateDirectory &directory) { return directory.file("tool-output.txt"); }

Error runTool(const ToolRun &run, const PrivateDirectory &directory) {
  std::string temporary = "TMPDIR=" + directory.directory(), output = outputPath(directory);
  const StringRef environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", temporary};
  SmallVector<StringRef> arguments = {run.program};
  llvm::append_range(arguments, run.arguments);
  const std::optional<StringRef> redirects[] = {StringRef(run.standardInput), StringRef(output), StringRef(output)};
  std::string message;
  bool failedToStart = false;
  int status = sys::ExecuteAndWait(run.program, arguments, ArrayRef<StringRef>(environment), redirects,
                                   run.timeoutInSeconds, /*MemoryLimit=*/0, &message, &failedToStart);
  if (status == 0 && !failedToStart)
    return Error::success();
  std::string how = failedToStart ? "cannot be started"
                    : status > 0  ? "ended with exit code " + std::to_string(status)
                                  : "was stopped";
  std::string printed = captured(output);
  return createStringError("'" + run.program + "' " + how + (message.empty() ? "" : " (" + message + ")") +
                           (printed.empty() ? "" : ":\n" + printed));
}

Expected<std::string> outputOfTool(const ToolRun &run, const PrivateDirectory &directory) {
  if (Error error = runTool(run, directory))
    return error;
  auto buffer = MemoryBuffer::getFile(outputPath(directory), /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(buffer.getError(), "'" + run.program + "' left no output");
  return (*buffer)->getBuffer().str();
}

} // namespace tenon
