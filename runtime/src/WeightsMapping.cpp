//===- WeightsMapping.cpp - the weights blob in memory ------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "WeightsMapping.h"

#include "RunContext.h"
#include "WeightsFile.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fstream>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tenon {

namespace {

[[noreturn]] void fail(const std::string &sentence) { throw Error(TENON_BAD_MODEL, sentence); }

std::string quoted(const std::string &path) { return "'" + path + "'"; }

// The file that `address` was loaded from, as the kernel knows it; "" where it cannot be told.
std::string mappedFileOf(const void *address) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long begin = 0, end = 0;
    int pathColumn = 0;
    if (sscanf(line.c_str(), "%lx-%lx %*s %*s %*s %*s %n", &begin, &end, &pathColumn) == 2 && pathColumn > 0 &&
        begin <= reinterpret_cast<uintptr_t>(address) && reinterpret_cast<uintptr_t>(address) < end)
      return line.substr(static_cast<size_t>(pathColumn));
  }
  return {};
}

// The shared object this code is in. dlopen keeps the name it was given, which is of no use once the working directory has
// changed.
std::string ownPath() {
  Dl_info info;
  if (dladdr(&model, &info) && info.dli_fname && info.dli_fname[0] == '/')
    return info.dli_fname;
  std::string path = mappedFileOf(&model);
  if (path.empty())
    fail("the model's own file cannot be found; give it as weights_path in tenon_load_options");
  return path;
}

std::string weightsPath(const Model &model, const char *path) {
  if (path)
    return path;
  std::string own = ownPath();
  return model.weightsFile ? own.substr(0, own.rfind('/') + 1) + model.weightsFile : own;
}

struct File {
  explicit File(const std::string &path) : descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor < 0)
      fail("the weights file " + quoted(path) + " cannot be opened (" + strerror(errno) +
           "); put it beside the model or give its place as weights_path");
  }
  ~File() { close(descriptor); }
  File(const File &) = delete;
  int descriptor;
};

WeightsFooter readFooter(const File &file, const std::string &path, uint64_t fileBytes) {
  WeightsFooter footer, expected;
  if (fileBytes < sizeof(footer) ||
      pread(file.descriptor, &footer, sizeof(footer), static_cast<off_t>(fileBytes - sizeof(footer))) != sizeof(footer) ||
      memcmp(footer.magic, expected.magic, sizeof(footer.magic)) != 0)
    fail(quoted(path) + " does not end with weights; it was cut off or stripped, copy it again or compile again");
  if (footer.version != expected.version)
    fail(quoted(path) + " has weights of format " + std::to_string(footer.version) + ", this model reads format " +
         std::to_string(expected.version) + "; compile again");
  return footer;
}

void checkFooter(const WeightsFooter &footer, const Model &model, const std::string &path, uint64_t fileBytes) {
  uint64_t available = fileBytes - sizeof(footer);
  if (footer.blobOffset % weightsAlignment != 0 || footer.blobOffset > available ||
      footer.blobBytes > available - footer.blobOffset)
    fail("the weights in " + quoted(path) + " reach beyond the file; it is damaged, copy it again or compile again");
  if (footer.blobBytes != static_cast<uint64_t>(model.weightsBytes) || footer.hash != model.weightsHash)
    fail("the weights in " + quoted(path) + " are of another compilation; keep the model and its weights together");
}

} // namespace

WeightsMapping::WeightsMapping(const Model &model, const char *path) {
  if (model.weightsBytes == 0)
    return;
  std::string place = weightsPath(model, path);
  File file(place);
  struct stat status;
  if (fstat(file.descriptor, &status) != 0 || !S_ISREG(status.st_mode))
    fail("the weights file " + quoted(place) + " is not a regular file; give the compiled one as weights_path");
  auto fileBytes = static_cast<uint64_t>(status.st_size);
  WeightsFooter footer = readFooter(file, place, fileBytes);
  checkFooter(footer, model, place, fileBytes);
  void *mapping = mmap(nullptr, footer.blobBytes, PROT_READ, MAP_PRIVATE, file.descriptor,
                       static_cast<off_t>(footer.blobOffset));
  if (mapping == MAP_FAILED)
    throw Error(TENON_OUT_OF_MEMORY, "the weights in " + quoted(place) + " cannot be mapped (" + strerror(errno) +
                                         "); free address space or raise its limit");
  blob = static_cast<const char *>(mapping);
  blobBytes = model.weightsBytes;
}

WeightsMapping::~WeightsMapping() {
  if (blob)
    munmap(const_cast<char *>(blob), static_cast<size_t>(blobBytes));
}

void WeightsMapping::releasePages(const void *begin, size_t bytes) const {
  auto *first = static_cast<const char *>(begin);
  if (!blob || first < blob || first > blob + blobBytes || bytes > static_cast<size_t>(blob + blobBytes - first))
    return;
  auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  uintptr_t firstPage = (reinterpret_cast<uintptr_t>(first) + page - 1) / page * page;
  uintptr_t lastPage = (reinterpret_cast<uintptr_t>(first) + bytes) / page * page;
  if (firstPage < lastPage)
    madvise(reinterpret_cast<void *>(firstPage), lastPage - firstPage, MADV_DONTNEED);
}

} // namespace tenon
