//===- EmitObjectTest.cpp - LLVM dialect to object code, for both architectures -------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/object/EmitObject.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Object/ELFObjectFile.h"

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdio>
#include <set>

using namespace tenon;

namespace {

// A scalar loop that LLVM's vectoriser takes gladly, and wrongly for neoverse-v1 (llvm-project#204939).
constexpr const char *byteSum = R"(
llvm.func @byte_sum(%bytes: !llvm.ptr {llvm.noalias}, %count: i64) -> i64 {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  llvm.br ^loop(%zero, %zero : i64, i64)
^loop(%i: i64, %sum: i64):
  %address = llvm.getelementptr %bytes[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i8
  %byte = llvm.load %address : !llvm.ptr -> i8
  %wide = llvm.zext %byte : i8 to i64
  %next_sum = llvm.add %sum, %wide : i64
  %next = llvm.add %i, %one : i64
  %more = llvm.icmp "ult" %next, %count : i64
  llvm.cond_br %more, ^loop(%next, %next_sum : i64, i64), ^exit
^exit:
  llvm.return %next_sum : i64
})";

constexpr const char *mulAdd = R"(
llvm.func @separate(%a: f32, %b: f32, %c: f32) -> f32 {
  %product = llvm.fmul %a, %b : f32
  %sum = llvm.fadd %product, %c : f32
  llvm.return %sum : f32
}
llvm.func @fused(%a: f32, %b: f32, %c: f32) -> f32 {
  %sum = llvm.intr.fmuladd(%a, %b, %c) : (f32, f32, f32) -> f32
  llvm.return %sum : f32
})";

class Compilation {
public:
  explicit Compilation(llvm::StringRef source) {
    context.loadDialect<mlir::LLVM::LLVMDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(source, &context);
    REQUIRE(module);
  }

  std::string emit(const char *arch, const char *cpu, EmitKind kind) {
    llvm::Expected<CodeBytes> code = emitObject(*module, target(arch, cpu), kind);
    if (!code)
      FAIL(llvm::toString(code.takeError()));
    return std::string(code->begin(), code->end());
  }

  std::vector<CodeBytes> emitParts(const char *arch, const char *cpu, unsigned numParts) {
    llvm::Expected<std::vector<CodeBytes>> objects = emitObjects(*module, target(arch, cpu), numParts);
    if (!objects)
      FAIL(llvm::toString(objects.takeError()));
    return std::move(*objects);
  }

  static Target target(const char *arch, const char *cpu) { return llvm::cantFail(resolveTarget(arch, cpu)); }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

bool has(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

/// The code of `function` in assembly `text`.
std::string bodyOf(const std::string &text, const std::string &function) {
  size_t begin = text.find("\n" + function + ":");
  REQUIRE(begin != std::string::npos);
  return text.substr(begin, text.find(".Lfunc_end", begin) - begin);
}

struct Symbols {
  llvm::Triple::ArchType arch;
  std::set<std::string> hidden, exported;
};

Symbols symbolsOf(llvm::ArrayRef<char> object) {
  auto file = llvm::cantFail(llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef(llvm::StringRef(object.data(), object.size()), "object")));
  Symbols symbols{file->getArch(), {}, {}};
  for (const llvm::object::SymbolRef &symbol : file->symbols()) {
    uint32_t flags = llvm::cantFail(symbol.getFlags());
    if (!(flags & llvm::object::BasicSymbolRef::SF_Global) || (flags & llvm::object::BasicSymbolRef::SF_Undefined))
      continue;
    auto &names = flags & llvm::object::BasicSymbolRef::SF_Hidden ? symbols.hidden : symbols.exported;
    names.insert(llvm::cantFail(symbol.getName()).str());
  }
  return symbols;
}

/// A module of `count` kernels: vector loops of `width` lanes that evaluate a polynomial, as elementwise kernels do.
std::string manyKernels(int count, int width) {
  std::string vector = "vector<" + std::to_string(width) + "xf32>", source;
  for (int k = 0; k < count; ++k) {
    source += "llvm.func @kernel_" + std::to_string(k) +
              "(%buffers: !llvm.ptr, %sizes: !llvm.ptr, %begin: i64, %end: i64) {\n"
              "  %in = llvm.load %buffers : !llvm.ptr -> !llvm.ptr\n"
              "  %slot = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr\n"
              "  %out = llvm.load %slot : !llvm.ptr -> !llvm.ptr\n"
              "  %step = llvm.mlir.constant(" +
              std::to_string(width) +
              " : i64) : i64\n"
              "  llvm.br ^loop(%begin : i64)\n^loop(%i: i64):\n"
              "  %from = llvm.getelementptr %in[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n"
              "  %to = llvm.getelementptr %out[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n"
              "  %v0 = llvm.load %from {alignment = 4 : i64} : !llvm.ptr -> " +
              vector + "\n";
    for (int i = 0; i < 60; ++i) {
      std::string n = std::to_string(i), next = std::to_string(i + 1);
      source += "  %c" + n + " = llvm.mlir.constant(dense<" + n + "." + std::to_string(k) + "> : " + vector +
                ") : " + vector + "\n  %v" + next + " = llvm.intr.fma(%v" + n + ", %v0, %c" + n + ") : (" + vector +
                ", " + vector + ", " + vector + ") -> " + vector + "\n";
    }
    source += "  llvm.store %v60, %to {alignment = 4 : i64} : " + vector +
              ", !llvm.ptr\n"
              "  %next = llvm.add %i, %step : i64\n"
              "  %more = llvm.icmp \"slt\" %next, %end : i64\n"
              "  llvm.cond_br %more, ^loop(%next : i64), ^exit\n^exit:\n  llvm.return\n}\n";
  }
  return source;
}

} // namespace

TEST_CASE("objects are of the target's architecture, with hidden kernels and nothing exported") {
  Compilation compilation(byteSum);
  std::string x86 = compilation.emit("x86_64", "generic", EmitKind::Object);
  std::string arm = compilation.emit("aarch64", "neoverse-v2", EmitKind::Object);
  CHECK(symbolsOf(llvm::ArrayRef(x86.data(), x86.size())).arch == llvm::Triple::x86_64);
  Symbols symbols = symbolsOf(llvm::ArrayRef(arm.data(), arm.size()));
  CHECK(symbols.arch == llvm::Triple::aarch64);
  CHECK(symbols.hidden == std::set<std::string>{"byte_sum"});
  CHECK(symbols.exported.empty());
}

TEST_CASE("canary: LLVM does not vectorise the byte sum that it miscompiles for neoverse-v1") {
  for (const char *cpu : {"neoverse-v1", "neoverse-v2", "neoverse-n1"}) {
    std::string assembly = Compilation(byteSum).emit("aarch64", cpu, EmitKind::Assembly);
    INFO(assembly);
    CHECK(has(assembly, "ldrb"));
    for (const char *vectorCode :
         {"whilelo", "ld1b", "uaddv", "udot", "uaddw", "cntw", "cntd", "cntb", ".16b", "ldr\tq"})
      CHECK_FALSE(has(assembly, vectorCode));
  }
  std::string x86 = Compilation(byteSum).emit("x86_64", "znver5", EmitKind::Assembly);
  CHECK_FALSE(has(x86, "mm"));
}

TEST_CASE("only what is written as one multiply-add becomes one") {
  std::string x86 = Compilation(mulAdd).emit("x86_64", "generic", EmitKind::Assembly);
  CHECK_FALSE(has(bodyOf(x86, "separate"), "vfmadd"));
  CHECK(has(bodyOf(x86, "fused"), "vfmadd"));
  std::string arm = Compilation(mulAdd).emit("aarch64", "neoverse-v1", EmitKind::Assembly);
  CHECK_FALSE(has(bodyOf(arm, "separate"), "fmadd"));
  CHECK(has(bodyOf(arm, "fused"), "fmadd"));
}

TEST_CASE("functions carry the target's features, not the named CPU's") {
  std::string ir = Compilation(byteSum).emit("x86_64", "znver5", EmitKind::LLVMIR);
  CHECK(has(ir, "\"target-cpu\"=\"x86-64\""));
  CHECK(has(ir, "\"tune-cpu\"=\"znver5\""));
  CHECK(has(ir, "+avx512f"));
  CHECK(has(ir, "\"prefer-vector-width\"=\"512\""));
  CHECK_FALSE(has(ir, "gfni"));
  CHECK(has(Compilation(byteSum).emit("aarch64", "neoverse-v1", EmitKind::LLVMIR), "vscale_range(1,16)"));
}

TEST_CASE("512-bit vectors stay whole on CPUs tuned to 256") {
  std::string assembly = Compilation(manyKernels(1, 16)).emit("x86_64", "skylake-avx512", EmitKind::Assembly);
  CHECK(has(assembly, "%zmm0"));
  CHECK_FALSE(has(assembly, "%ymm0"));
}

TEST_CASE("no unwind tables") {
  CHECK_FALSE(has(Compilation(byteSum).emit("x86_64", "generic", EmitKind::Assembly), ".cfi_startproc"));
}

TEST_CASE("parts together define every kernel once") {
  std::vector<CodeBytes> parts = Compilation(manyKernels(7, 8)).emitParts("aarch64", "generic", 2);
  REQUIRE(parts.size() == 2);
  Symbols first = symbolsOf(parts[0]), second = symbolsOf(parts[1]);
  CHECK(first.hidden.size() + second.hidden.size() == 7);
  first.hidden.merge(second.hidden);
  CHECK(first.hidden.size() == 7);
  CHECK(Compilation(manyKernels(1, 8)).emitParts("aarch64", "generic", 4).size() == 1);
}

TEST_CASE("compile time of 60 kernels", "[.benchmark]") {
  for (const char *cpu : {"x86_64 znver5", "aarch64 neoverse-v1"})
    for (unsigned numParts : {1u, 2u}) {
      auto [arch, name] = llvm::StringRef(cpu).split(' ');
      Compilation compilation(manyKernels(60, 16));
      auto start = std::chrono::steady_clock::now();
      compilation.emitParts(arch.str().c_str(), name.str().c_str(), numParts);
      std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
      std::printf("%-20s %u part(s): %.0f ms\n", cpu, numParts, elapsed.count());
    }
}
