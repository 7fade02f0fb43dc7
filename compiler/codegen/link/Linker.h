//===- Linker.h - LLD as a library -------------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_LINK_LINKER_H
#define TENON_CODEGEN_LINK_LINKER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace tenon {

/// The linker's arguments for a shared object with the runtime, as Clang's driver writes them; the driver knows where the C
/// library's and GCC's files are.
struct LinkLine {
  std::vector<std::string> beforeObjects, afterObjects;

  /// `runtime`: the archive that every model for `triple` is linked with.
  static llvm::Expected<LinkLine> ask(const std::string &triple, const std::string &runtime);

  /// The whole line: links `objects` to `output`; `options` come first.
  std::vector<std::string> fill(llvm::ArrayRef<std::string> options, llvm::ArrayRef<std::string> objects,
                                const std::string &output) const;
};

/// Runs LLD, in this process, with `arguments` of ld.lld. Fails with its own words.
llvm::Error runLinker(llvm::ArrayRef<std::string> arguments);

} // namespace tenon

#endif // TENON_CODEGEN_LINK_LINKER_H
