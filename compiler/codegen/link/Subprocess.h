//===- Subprocess.h - tools that are run ---------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_LINK_SUBPROCESS_H
#define TENON_CODEGEN_LINK_SUBPROCESS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

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

/// One run of a program: no shell, an environment of three fixed variables, output captured.
struct ToolRun {
  std::string program;                ///< absolute path
  std::vector<std::string> arguments; ///< without the program's name
  std::string standardInput;          ///< a file; empty: nothing
  unsigned timeoutInSeconds = 600;
};

/// Runs it. Fails with the program's name, how it ended and the first kilobytes of what it printed.
llvm::Error runTool(const ToolRun &run, const PrivateDirectory &directory);

/// Runs it and returns what it printed.
llvm::Expected<std::string> outputOfTool(const ToolRun &run, const PrivateDirectory &directory);

} // namespace tenon

#endif // TENON_CODEGEN_LINK_SUBPROCESS_H
