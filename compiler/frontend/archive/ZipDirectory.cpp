//===- ZipDirectory.cpp - the members of an archive, in place -----------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

// libzip reads the central directory, zip64 extras included. It does not tell where an entry's data lies and copies
// what it reads, and its consistency check (ZIP_CHECKCONS) refuses the headers that torch writes. Therefore ZipLayout
// walks the local headers: each must begin where the previous entry ended and repeat the directory, which leaves no
// room for overlaps, gaps and hidden data.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/ZipDirectory.h"

#include "compiler/frontend/archive/BadInput.h"
#include "compiler/frontend/archive/Checksum.h"
#include "compiler/frontend/archive/ZipLayout.h"

#include "llvm/ADT/StringExtras.h"

#include <memory>
#include <set>

#include <zip.h>

namespace tenon::frontend {

namespace {

constexpr uint64_t kMaxEntries = 65536, kMaxNameLength = 4096;

struct DiscardArchive {
  void operator()(zip_t *archive) const { zip_discard(archive); }
};
using ArchivePtr = std::unique_ptr<zip_t, DiscardArchive>;

std::string messageOf(zip_error_t &error) {
  std::string text = llvm::StringRef(zip_error_strerror(&error)).lower();
  zip_error_fini(&error);
  return text;
}

llvm::Error malformed(const llvm::Twine &reason) {
  return badInput("", "", "the zip directory is malformed (" + reason + "); the file is damaged");
}

llvm::Expected<ArchivePtr> openArchive(std::span<const std::byte> file) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_buffer_create(file.data(), file.size(), 0, &error);
  zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : nullptr;
  if (!archive) {
    if (source)
      zip_source_free(source);
    return malformed(messageOf(error));
  }
  zip_error_fini(&error);
  return ArchivePtr(archive);
}

/// Returns null for a name that is a plain relative path.
const char *faultOfName(llvm::StringRef name) {
  if (name.empty() || name.size() > kMaxNameLength)
    return "is empty or too long";
  if (name.starts_with("/") || name.contains('\\'))
    return "is no relative path";
  for (llvm::StringRef part : llvm::split(name, '/'))
    if (part == ".." || part == ".")
      return "leaves its folder";
  return nullptr;
}

llvm::Expected<ZipEntryInfo> readInfo(zip_t *archive, uint64_t index) {
  zip_stat_t status;
  constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC |
                                   ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(archive, index, ZIP_FL_UNCHANGED | ZIP_FL_ENC_RAW, &status) != 0 ||
      (status.valid & kNeeded) != kNeeded)
    return malformed("entry " + std::to_string(index) + " is incomplete");
  ZipEntryInfo info{.name = status.name, .size = status.size, .crc32 = status.crc};
  if (const char *fault = faultOfName(info.name))
    return badInput("", "entry " + llvm::Twine(index),
                    "the name of the entry " + llvm::Twine(fault) + "; the file is damaged");
  if (status.encryption_method != ZIP_EM_NONE)
    return badInput(info.name, "", "the entry is encrypted; only plain archives are read");
  if (status.comp_method != ZIP_CM_STORE)
    return badInput(info.name, "",
                    "the entry is compressed; save the file with torch.export.save, which stores entries uncompressed");
  if (status.comp_size != status.size)
    return badInput(info.name, "", "stored size and size of the entry differ; the file is damaged");
  return info;
}

} // namespace

llvm::Expected<ZipDirectory> ZipDirectory::read(std::span<const std::byte> file) {
  llvm::Expected<ZipEnd> end = readZipEnd(file);
  if (!end)
    return end.takeError();
  if (end->numEntries > kMaxEntries)
    return badInput("", "",
                    "the archive has " + llvm::Twine(end->numEntries) + " entries; at most " +
                        llvm::Twine(kMaxEntries) + " are read");
  llvm::Expected<ArchivePtr> archive = openArchive(file);
  if (!archive)
    return archive.takeError();
  if (zip_get_num_entries(archive->get(), ZIP_FL_UNCHANGED) != static_cast<zip_int64_t>(end->numEntries))
    return badInput("", "", "the zip directory contradicts the end record; the file is damaged");

  ZipDirectory directory;
  std::set<std::string> foldedNames;
  uint64_t offset = 0;
  for (uint64_t i = 0; i < end->numEntries; ++i) {
    llvm::Expected<ZipEntryInfo> info = readInfo(archive->get(), i);
    if (!info)
      return info.takeError();
    if (!foldedNames.insert(llvm::StringRef(info->name).lower()).second)
      return badInput(info->name, "", "two entries have this name; the file is damaged");
    llvm::Expected<ZipExtent> extent = readZipExtent(file, offset, *info);
    if (!extent)
      return extent.takeError();
    offset = extent->endOffset;
    directory.indexByName[info->name] = directory.members.size();
    directory.members.push_back({info->name, file.subspan(extent->dataOffset, info->size), info->crc32});
  }
  if (offset != end->directoryOffset)
    return badInputAt("", offset, "the zip directory does not begin where the last entry ends; the file is damaged");
  return directory;
}

const ZipEntry *ZipDirectory::find(llvm::StringRef name) const {
  auto found = indexByName.find(std::string_view(name));
  return found == indexByName.end() ? nullptr : &members[found->second];
}

llvm::Error verifyChecksum(const ZipEntry &entry) {
  if (crc32Of(entry.bytes) != entry.crc32)
    return badInput(entry.name, "", "the checksum of the entry is wrong; the file is damaged");
  return llvm::Error::success();
}

} // namespace tenon::frontend
