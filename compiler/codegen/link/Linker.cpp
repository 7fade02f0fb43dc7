//===- Linker.cpp - LLD as a library --------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/link/Linker.h"

#include "compiler/codegen/link/Clang.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/STLExtras.h"

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace tenon {

Expected<LinkLine> LinkLine::ask(const std::string &triple, const std::string &runtime) {
  auto words = askClangDriver(triple, {"-shared", runtime, "-lstdc++", "-lm"});
  if (!words)
    return words.takeError();
  auto archive = llvm::find(*words, runtime);
  if (archive == words->end())
    return createStringError("Clang's driver does not link '" + runtime + "' for '" + triple + "'");
  return LinkLine{{words->begin(), archive}, {archive, words->end()}};
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

Error runLinker(ArrayRef<std::string> arguments) {
  std::vector<const char *> words = {"ld.lld"};
  for (const std::string &argument : arguments)
    words.push_back(argument.c_str());
  std::string printed;
  raw_string_ostream stream(printed);
  lld::Result result = lld::lldMain(words, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode == 0)
    return Error::success();
  return createStringError("the linker refuses the model:\n" + StringRef(printed).take_front(4096).rtrim());
}

} // namespace tenon
