//===- LinkModel.cpp - from parts to model.so -----------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/codegen/link/LinkModel.h"

#include "compiler/codegen/link/PrivateDirectory.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

namespace tenon {

//===--- tools -------------------------------------------------------------------------------------------------------===//

static std::string joined(StringRef folder, StringRef name) { return (folder + "/" + name).str(); }

// The shared library of OpenMP: the development link, or the versioned file where there is none.
static std::string findGomp(StringRef arch) {
  std::string plain = ("/usr/lib/" + arch + "-linux-gnu/libgomp.so").str();
  return sys::fs::exists(plain) ? plain : plain + ".1";
}

Expected<Toolchain> Toolchain::find(StringRef tenonDir, const std::string &triple, StringRef arch) {
  std::string includeDir = joined(tenonDir, "include"), folder = joined(tenonDir, arch);
  std::string runtime = joined(folder, "libtenon_runtime.a");
  std::vector<std::string> libraries = {joined(folder, "libdnnl.so"), joined(folder, "libopenblas.so")};
  for (const std::string &file : {joined(includeDir, "tenon/generated.h"), runtime, libraries[0], libraries[1]})
    if (!sys::fs::exists(file))
      return createStringError("Tenon's runtime for " + arch + " is not at '" + file + "'; install it beside the compiler");
  auto compiler = CxxCompiler::create(triple, includeDir);
  if (!compiler)
    return compiler.takeError();
  auto linkLine = LinkLine::ask(triple, runtime);
  if (!linkLine)
    return linkLine.takeError();
  libraries.push_back(findGomp(arch));
  return Toolchain{std::move(*compiler), std::move(*linkLine), std::move(libraries)};
}

//===--- files -------------------------------------------------------------------------------------------------------===//

static Error fileError(StringRef path, std::error_code code) {
  return createStringError(code, "'" + path + "' cannot be written (" + code.message() + ")");
}

static Error writeFile(StringRef path, StringRef bytes) {
  std::error_code code;
  raw_fd_ostream stream(path, code);
  if (!code) {
    stream << bytes;
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  return code ? fileError(path, code) : Error::success();
}

namespace {
/// A file that becomes `path` when it is complete, and nothing before.
class PendingFile {
public:
  static Expected<PendingFile> create(StringRef path, unsigned mode) {
    auto file = sys::fs::TempFile::create(path + ".%%%%%%%%", mode);
    if (!file)
      return createStringError("'" + path + "' cannot be written (" + toString(file.takeError()) + ")");
    return PendingFile(std::move(*file), path.str());
  }
  PendingFile(PendingFile &&) = default;
  ~PendingFile() {
    if (isOpen())
      consumeError(file.discard());
  }
  const std::string &name() const { return file.TmpName; }
  int descriptor() const { return file.FD; }
  Error keep() { return file.keep(path); }

private:
  PendingFile(sys::fs::TempFile file, std::string path) : file(std::move(file)), path(std::move(path)) {}
  bool isOpen() const { return file.FD != -1; }
  sys::fs::TempFile file;
  std::string path;
};
} // namespace

static constexpr unsigned dataMode = 0644, programMode = 0755;

Error writeFileAtomically(StringRef path, StringRef bytes) {
  auto file = PendingFile::create(path, dataMode);
  if (!file)
    return file.takeError();
  raw_fd_ostream stream(file->descriptor(), /*shouldClose=*/false);
  stream << bytes;
  stream.flush();
  if (std::error_code code = stream.error()) {
    stream.clear_error();
    return fileError(path, code);
  }
  return file->keep();
}

std::string weightsFileName(StringRef outputPath) { return (sys::path::stem(outputPath) + ".weights").str(); }

//===--- steps -------------------------------------------------------------------------------------------------------===//

/// Longer wrappers are not optimised: Clang's time grows with the square of a block's length (10,000 lines: minutes instead of a
/// second), and what a wrapper does between its calls is little.
static constexpr size_t maxOptimizedBytes = 192 * 1024;

// Exports one symbol. Libraries that the model does not call are not needed at run time, code it does not call is left out.
static std::vector<std::string> linkArguments(const Toolchain &toolchain, const PrivateDirectory &directory,
                                              std::vector<std::string> objects, const std::string &output) {
  llvm::append_range(objects, toolchain.libraries);
  std::string exports = "--version-script=" + directory.file("exports.map");
  return toolchain.linkLine.fill({"--threads=1", "--gc-sections", "-Bsymbolic", "--no-undefined", "-z", "relro", "-z", "now", "-z",
                                  "noexecstack", "--build-id=sha1", "--hash-style=gnu", exports, "--as-needed"},
                                 objects, output);
}

// Links into `output`, a file of the output's own folder.
static Error linkInto(StringRef output, const Toolchain &toolchain, const ModelParts &parts) {
  auto directory = PrivateDirectory::create();
  if (!directory)
    return directory.takeError();
  auto wrapper = toolchain.compiler.compile(parts.wrapperText, parts.wrapperText.size() <= maxOptimizedBytes);
  if (!wrapper)
    return wrapper.takeError();
  std::vector<std::string> objects = {directory->file("wrapper.o")};
  if (Error error = writeFile(objects.front(), StringRef(wrapper->data(), wrapper->size())))
    return error;
  for (auto &bytes : parts.kernelObjects) {
    objects.push_back(directory->file("kernels" + std::to_string(objects.size()) + ".o"));
    if (Error error = writeFile(objects.back(), StringRef(bytes.data(), bytes.size())))
      return error;
  }
  if (Error error = writeFile(directory->file("exports.map"), "{ global: tenon_model_entry; local: *; };\n"))
    return error;
  std::string linked = directory->file("model.so");
  if (Error error = runLinker(linkArguments(toolchain, *directory, objects, linked)))
    return error;
  if (std::error_code code = sys::fs::copy_file(linked, output))
    return fileError(output, code);
  return Error::success();
}

// The length of the file behind `descriptor`, which is then positioned at its end.
static uint64_t seekToEnd(int descriptor) { return static_cast<uint64_t>(::lseek(descriptor, 0, SEEK_END)); }

Error linkModel(const Toolchain &toolchain, const ModelParts &parts, StringRef outputPath) {
  auto output = PendingFile::create(outputPath, programMode);
  if (!output)
    return output.takeError();
  if (Error error = linkInto(output->name(), toolchain, parts))
    return error;
  if (!parts.weights || parts.weights->description.bytes == 0)
    return output->keep();
  if (!parts.weightsInOwnFile) {
    if (Error error = appendWeights(output->descriptor(), seekToEnd(output->descriptor()), *parts.weights))
      return error;
    return output->keep();
  }
  SmallString<256> path(sys::path::parent_path(outputPath));
  sys::path::append(path, weightsFileName(outputPath));
  auto weights = PendingFile::create(path, dataMode);
  if (!weights)
    return weights.takeError();
  if (Error error = appendWeights(weights->descriptor(), 0, *parts.weights))
    return error;
  if (Error error = weights->keep())
    return error;
  return output->keep();
}

} // namespace tenon
