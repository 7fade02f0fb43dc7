//===- Clang.h - Clang as a library --------------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The C++ compiler that compiles wrappers is part of this process: no program is looked for or started.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_LINK_CLANG_H
#define TENON_CODEGEN_LINK_CLANG_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace clang {
struct PCHBuffer;
} // namespace clang

namespace tenon {

/// The arguments that Clang's driver would give to the one tool that it runs for `arguments` (of clang++) and `triple`. The
/// driver knows where the headers and libraries of C and C++ are; paths in the environment's variables do not count.
llvm::Expected<std::vector<std::string>> askClangDriver(const std::string &triple,
                                                        llvm::ArrayRef<std::string> arguments);

/// Compiles C++ for one target.
class CxxCompiler {
public:
  /// `includeDir` is searched for headers.
  static llvm::Expected<CxxCompiler> create(const std::string &triple, const std::string &includeDir);

  /// Reads `header` once for all compile() calls of texts that include it. What they return stays the same.
  llvm::Error readAhead(llvm::StringRef header);

  /// Object code of `text`, which diagnostics call wrapper.cpp. Fails with Clang's own words.
  llvm::Expected<llvm::SmallVector<char, 0>> compile(llvm::StringRef text, bool optimize) const;

private:
  explicit CxxCompiler(std::vector<std::string> arguments) : arguments(std::move(arguments)) {}
  std::vector<std::string> arguments;                  ///< of clang -cc1
  std::shared_ptr<const clang::PCHBuffer> precompiled; ///< what readAhead() read; null: nothing
};

} // namespace tenon

#endif // TENON_CODEGEN_LINK_CLANG_H
