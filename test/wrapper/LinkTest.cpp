//===- LinkTest.cpp - Clang and LLD in this process -----------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/link/LinkModel.h"
#include "compiler/codegen/link/PrivateDirectory.h"

#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include "catch2/catch_test_macros.hpp"

#include <cstdlib>

using namespace tenon;

static constexpr const char *x86 = "x86_64-unknown-linux-gnu", *arm = "aarch64-unknown-linux-gnu";

static llvm::SmallVector<char, 0> compiled(const std::string &triple, llvm::StringRef text, bool optimize = true) {
  auto compiler = CxxCompiler::create(triple, "/nowhere");
  REQUIRE(static_cast<bool>(compiler));
  auto object = compiler->compile(text, optimize);
  REQUIRE(static_cast<bool>(object));
  return std::move(*object);
}

static std::string failureOf(llvm::StringRef text) {
  auto compiler = CxxCompiler::create(x86, "/nowhere");
  REQUIRE(static_cast<bool>(compiler));
  auto object = compiler->compile(text, /*optimize=*/true);
  REQUIRE_FALSE(static_cast<bool>(object));
  return llvm::toString(object.takeError());
}

static std::string architectureOf(const llvm::SmallVector<char, 0> &object) {
  llvm::MemoryBufferRef buffer(llvm::StringRef(object.data(), object.size()), "object");
  auto file = llvm::object::ObjectFile::createELFObjectFile(buffer);
  REQUIRE(static_cast<bool>(file));
  return llvm::Triple::getArchTypeName((*file)->getArch()).str();
}

TEST_CASE("C++ with the standard library's headers becomes object code of either architecture, the same every time") {
  const char *text = "#include <initializer_list>\n#include <stdint.h>\n"
                     "int64_t last(std::initializer_list<int64_t> list) { return list.begin()[list.size() - 1]; }\n";
  CHECK(architectureOf(compiled(x86, text)) == "x86_64");
  CHECK(architectureOf(compiled(arm, text)) == "aarch64");
  CHECK(compiled(x86, text) == compiled(x86, text));
  CHECK(compiled(x86, text) != compiled(x86, text, /*optimize=*/false));
}

TEST_CASE("what Clang refuses is reported in its words") {
  std::string message = failureOf("int f() { return missing; }\n");
  CHECK(message.find("Clang refuses the wrapper:\nwrapper.cpp:1:18: error: use of undeclared identifier 'missing'") == 0);
  CHECK(failureOf("#include <none.h>\n").find("'none.h' file not found") != std::string::npos);
}

TEST_CASE("paths in the environment do not reach the compiler") {
  for (const char *name : {"CPATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH"})
    REQUIRE(::setenv(name, "/from/the/shell", 1) == 0);
  auto arguments = askClangDriver(x86, {"-shared", "file.o"});
  REQUIRE(static_cast<bool>(arguments));
  for (const std::string &argument : *arguments)
    CHECK(argument.find("/from/the/shell") == std::string::npos);
}

TEST_CASE("the linker runs many times in a process and reports in its words") {
  auto directory = PrivateDirectory::create();
  REQUIRE(static_cast<bool>(directory));
  std::string object = directory->file("object.o"), output = directory->file("out.so");
  auto link = [&](llvm::StringRef text) {
    llvm::SmallVector<char, 0> bytes = compiled(x86, text);
    REQUIRE(!writeFileAtomically(object, llvm::StringRef(bytes.data(), bytes.size())));
    return llvm::toString(runLinker({"-shared", "--no-undefined", "-o", output, object}));
  };
  std::string message = link("int missing(); int f() { return missing(); }\n");
  CHECK(message.find("the linker refuses the model:\n") == 0);
  CHECK(message.find("undefined symbol: missing()") != std::string::npos);
  for (int i = 0; i < 3; ++i)
    CHECK(link("int f() { return 1; }\n") == "");
  llvm::file_magic magic;
  REQUIRE(!llvm::identify_magic(output, magic));
  CHECK(magic == llvm::file_magic::elf_shared_object);
}

TEST_CASE("a private directory goes with all it holds") {
  auto directory = PrivateDirectory::create();
  REQUIRE(static_cast<bool>(directory));
  std::string path = directory->directory();
  REQUIRE(!writeFileAtomically(directory->file("file"), "content"));
  { PrivateDirectory moved(std::move(*directory)); }
  CHECK_FALSE(llvm::sys::fs::exists(path));
}
