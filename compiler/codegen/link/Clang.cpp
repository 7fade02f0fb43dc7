//===- Clang.cpp - Clang as a library -------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/link/Clang.h"

#include "compiler/codegen/object/EmitObject.h"

#include "clang/CodeGen/CodeGenAction.h"
#include "clang/Driver/Compilation.h"
#include "clang/Driver/Driver.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/FrontendActions.h"
#include "clang/Frontend/TextDiagnosticPrinter.h"
#include "clang/Lex/PreprocessorOptions.h"
#include "clang/Serialization/ASTWriter.h"
#include "clang/Serialization/PCHContainerOperations.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/VirtualFileSystem.h"

#include <cstdlib>

using namespace llvm;

namespace tenon {

namespace {
/// What Clang has to say, as text.
struct Diagnostics {
  std::string text;
  raw_string_ostream stream{text};
  clang::DiagnosticOptions options;
  clang::TextDiagnosticPrinter printer{stream, options};
  clang::DiagnosticsEngine engine{clang::DiagnosticIDs::create(), options, &printer, /*ShouldOwnClient=*/false};
};
} // namespace

/// Clang's resources lie beside the program that it takes itself for.
static constexpr const char *clangPath = TENON_LLVM_TOOLS_DIR "/clang++";
static constexpr const char *sourceName = "wrapper.cpp";

// The driver reads search paths there, and a model must not depend on the shell it is compiled from.
static void forgetSearchPaths() {
  for (const char *name : {"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH"})
    ::unsetenv(name);
}

static std::vector<const char *> pointersTo(ArrayRef<std::string> words) {
  std::vector<const char *> pointers;
  for (const std::string &word : words)
    pointers.push_back(word.c_str());
  return pointers;
}

Expected<std::vector<std::string>> askClangDriver(const std::string &triple, ArrayRef<std::string> arguments) {
  forgetSearchPaths();
  Diagnostics diagnostics;
  clang::driver::Driver driver(clangPath, triple, diagnostics.engine);
  driver.setCheckInputsExist(false); // the text has no file
  std::vector<std::string> words = {clangPath, "--driver-mode=g++", "--no-default-config"};
  llvm::append_range(words, arguments);
  std::unique_ptr<clang::driver::Compilation> compilation(driver.BuildCompilation(pointersTo(words)));
  if (!compilation || diagnostics.engine.hasErrorOccurred() || compilation->getJobs().size() != 1)
    return createStringError("Clang's driver does not know how to make code for '" + triple + "'" +
                             (diagnostics.text.empty() ? "" : ":\n" + diagnostics.text));
  const auto &job = compilation->getJobs().begin()->getArguments();
  return std::vector<std::string>(job.begin(), job.end());
}

Expected<CxxCompiler> CxxCompiler::create(const std::string &triple, const std::string &includeDir) {
  initializeCodeGenerators();
  auto arguments =
      askClangDriver(triple, {"-std=c++20", "-O1", "-fPIC", "-fvisibility=hidden", "-fwrapv", "-ffunction-sections",
                              "-fdata-sections", "-ffp-contract=off", "-w", "-I", includeDir, "-c", sourceName});
  if (!arguments)
    return arguments.takeError();
  return CxxCompiler(std::move(*arguments));
}

// An invocation that compiles `text`.
static Expected<std::shared_ptr<clang::CompilerInvocation>> invocationFor(ArrayRef<std::string> arguments, StringRef text) {
  Diagnostics diagnostics;
  auto invocation = std::make_shared<clang::CompilerInvocation>();
  if (!clang::CompilerInvocation::CreateFromArgs(*invocation, pointersTo(arguments.drop_front()), diagnostics.engine))
    return createStringError("Clang does not take its own driver's arguments:\n" + diagnostics.text);
  invocation->getPreprocessorOpts().addRemappedFile(sourceName, MemoryBuffer::getMemBufferCopy(text).release());
  invocation->getFrontendOpts().DisableFree = false; // one process compiles many
  invocation->getCodeGenOpts().DisableFree = false;
  return invocation;
}

// Runs `action` on `invocation`; fails with what Clang says, after `what`.
static Error runFrontend(std::shared_ptr<clang::CompilerInvocation> invocation, IntrusiveRefCntPtr<vfs::FileSystem> files,
                         std::unique_ptr<raw_pwrite_stream> output, clang::FrontendAction &action, StringRef what) {
  Diagnostics diagnostics;
  clang::CompilerInstance compiler(std::move(invocation));
  compiler.createVirtualFileSystem(std::move(files));
  compiler.createDiagnostics(&diagnostics.printer, /*ShouldOwnClient=*/false);
  compiler.setVerboseOutputStream(diagnostics.stream);
  compiler.setOutputStream(std::move(output));
  if (!compiler.ExecuteAction(action))
    return createStringError(what + ":\n" + StringRef(diagnostics.text).take_front(4096).rtrim());
  return Error::success();
}

namespace {
/// Precompiles a header into memory.
class Precompile : public clang::ASTFrontendAction {
public:
  std::shared_ptr<clang::PCHBuffer> result = std::make_shared<clang::PCHBuffer>();

private:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance &compiler, StringRef) override {
    return std::make_unique<clang::PCHGenerator>(compiler.getPreprocessor(), compiler.getModuleCache(), /*OutputFile=*/"",
                                                 /*isysroot=*/"", result, compiler.getCodeGenOpts(),
                                                 compiler.getFrontendOpts().ModuleFileExtensions);
  }
  clang::TranslationUnitKind getTranslationUnitKind() override { return clang::TU_Prefix; }
  bool hasASTFileSupport() const override { return false; }
};
} // namespace

Error CxxCompiler::readAhead(StringRef header) {
  auto invocation = invocationFor(arguments, ("#include \"" + header + "\"\n").str());
  if (!invocation)
    return invocation.takeError();
  Precompile action;
  if (Error error = runFrontend(std::move(*invocation), vfs::getRealFileSystem(), nullptr, action,
                                ("Clang refuses '" + header + "'").str()))
    return error;
  precompiled = action.result;
  return Error::success();
}

// The machine's files, and `bytes` under `path`.
static IntrusiveRefCntPtr<vfs::FileSystem> withFile(StringRef path, StringRef bytes) {
  auto memory = makeIntrusiveRefCnt<vfs::InMemoryFileSystem>();
  memory->addFileNoOwn(path, /*ModificationTime=*/0, MemoryBufferRef(bytes, path));
  auto files = makeIntrusiveRefCnt<vfs::OverlayFileSystem>(vfs::getRealFileSystem());
  files->pushOverlay(std::move(memory));
  return files;
}

Expected<SmallVector<char, 0>> CxxCompiler::compile(StringRef text, bool optimize) const {
  static constexpr const char *precompiledPath = "/tenon.pch"; // of no file
  auto invocation = invocationFor(arguments, text);
  if (!invocation)
    return invocation.takeError();
  if (!optimize)
    (*invocation)->getCodeGenOpts().OptimizationLevel = 0;
  IntrusiveRefCntPtr<vfs::FileSystem> files = vfs::getRealFileSystem();
  if (precompiled) {
    (*invocation)->getPreprocessorOpts().ImplicitPCHInclude = precompiledPath;
    files = withFile(precompiledPath, StringRef(precompiled->Data.data(), precompiled->Data.size()));
  }
  SmallVector<char, 0> object;
  clang::EmitObjAction action;
  if (Error error = runFrontend(std::move(*invocation), std::move(files), std::make_unique<raw_svector_ostream>(object), action,
                                "Clang refuses the wrapper"))
    return error;
  return object;
}

} // namespace tenon
