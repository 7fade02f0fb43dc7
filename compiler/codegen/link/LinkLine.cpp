//===- LinkLine.cpp - how the linker is called ----------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/link/LinkLine.h"

#include "compiler/codegen/link/Subprocess.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/StringSaver.h"

using namespace llvm;

namespace tenon {

// The words of the last line that `clang -###` prints.
static std::vector<std::string> lastCommand(StringRef printed) {
  BumpPtrAllocator allocator;
  StringSaver saver(allocator);
  SmallVector<const char *> words;
  cl::TokenizeGNUCommandLine(printed.rtrim().rsplit('\n').second, saver, words);
  return {words.begin(), words.end()};
}

Expected<LinkLine> LinkLine::ask(const std::string &clang, const std::string &linker, const std::string &triple,
                                 const std::string &runtime) {
  auto directory = PrivateDirectory::create();
  if (!directory)
    return directory.takeError();
  auto printed = outputOfTool({clang,
                               {"--target=" + triple, "--no-default-config", "--ld-path=" + linker, "-shared", "-###",
                                runtime, "-lstdc++", "-lm"},
                               ""},
                              *directory);
  if (!printed)
    return printed.takeError();
  std::vector<std::string> words = lastCommand(*printed);
  auto archive = llvm::find(words, runtime);
  if (words.empty() || words.front() != linker || archive == words.end())
    return createStringError("'" + clang + " -###' does not say how it links; set TENON_CLANG to another clang++");
  return LinkLine{{words.begin() + 1, archive}, {archive, words.end()}};
}

std::vector<std::string> LinkLine::fill(ArrayRef<std::string> options, ArrayRef<std::string> objects,
                                        const std::string &output) const {
  std::vector<std::string> line = beforeObjects;
  llvm::append_range(line, options);
  line.insert(line.end(), {"-o", output}); // of several the linker takes the last
  llvm::append_range(line, objects);
  llvm::append_range(line, afterObjects);
  return line;
}

} // namespace tenon
