//===- LinkLine.h - how the linker is called -----------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_LINK_LINKLINE_H
#define TENON_CODEGEN_LINK_LINKLINE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace tenon {

/// The linker's arguments for a shared object with the runtime, as the compiler's driver writes them; the driver knows where
/// the C library's and GCC's files are. It is asked once and not run for every link: its start takes as long as the link.
struct LinkLine {
  std::vector<std::string> beforeObjects, afterObjects;

  /// Asks `clang` how it would link for `triple` with `linker`. `runtime`: the archive that every model is linked with.
  static llvm::Expected<LinkLine> ask(const std::string &clang, const std::string &linker, const std::string &triple,
                                      const std::string &runtime);

  /// The whole line: links `objects` to `output`; `options` come first.
  std::vector<std::string> fill(llvm::ArrayRef<std::string> options, llvm::ArrayRef<std::string> objects,
                                const std::string &output) const;
};

} // namespace tenon

#endif // TENON_CODEGEN_LINK_LINKLINE_H
