//===- ZipLayout.cpp - where a zip file's parts lie ---------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/ZipLayout.h"

#include "compiler/frontend/archive/BadInput.h"
#include "compiler/frontend/archive/CheckedMath.h"

#include "llvm/Support/Endian.h"

#include <cstring>

namespace tenon::frontend {

namespace {

constexpr uint32_t kLocalHeaderSignature = 0x04034b50, kDescriptorSignature = 0x08074b50, kEndSignature = 0x06054b50,
                   kEnd64LocatorSignature = 0x07064b50, kEnd64Signature = 0x06064b50;
constexpr uint64_t kLocalHeaderSize = 30, kEndSize = 22, kEnd64LocatorSize = 20, kEnd64Size = 56;
constexpr uint16_t kEncryptedFlags = 0x0001 | 0x0040 | 0x2000, kDescriptorFlag = 0x0008, kZip64ExtraId = 0x0001;
constexpr uint32_t kInZip64 = 0xFFFFFFFF;

/// Little-endian fields of a range of the file, the range checked when it is made.
struct Fields {
  const std::byte *data = nullptr;
  uint16_t u16(size_t at) const { return llvm::support::endian::read16le(data + at); }
  uint32_t u32(size_t at) const { return llvm::support::endian::read32le(data + at); }
  uint64_t u64(size_t at) const { return llvm::support::endian::read64le(data + at); }
};

/// Returns false when the range is not inside the file.
bool locate(std::span<const std::byte> file, CheckedSize offset, CheckedSize size, Fields &fields) {
  if (!(offset + size).isAtMost(file.size()))
    return false;
  fields.data = file.data() + offset.get();
  return true;
}

/// True if a 32-bit (16-bit) field says `value` or defers to zip64.
bool agrees32(uint32_t field, uint64_t value) { return field == value || field == kInZip64; }
bool agrees16(uint16_t field, uint64_t value) { return field == value || field == 0xFFFF; }

llvm::Error checkDirectoryMeets(const ZipEnd &end, uint64_t endRecordOffset) {
  if (!(CheckedSize(end.directoryOffset) + end.directorySize).isExactly(endRecordOffset))
    return badInputAt("", endRecordOffset,
                      "the zip directory does not end where the end record begins; the file is damaged");
  return llvm::Error::success();
}

/// Reads the zip64 end record that the locator at `locatorOffset` points to; `end32` is the record after it.
llvm::Expected<ZipEnd> readZip64End(std::span<const std::byte> file, uint64_t locatorOffset, Fields locator,
                                    Fields end32) {
  if (locator.u32(4) != 0 || locator.u32(16) != 1)
    return badInputAt("", locatorOffset, "the zip file spans several disks; join it first");
  uint64_t offset = locator.u64(8);
  Fields record;
  if (!locate(file, offset, kEnd64Size, record) || record.u32(0) != kEnd64Signature)
    return badInputAt("", locatorOffset, "no zip64 end record where the locator points; the file is damaged");
  if (!(CheckedSize(offset) + 12 + record.u64(4)).isExactly(locatorOffset))
    return badInputAt("", offset, "the zip64 end record does not end at its locator; the file is damaged");
  ZipEnd end{.directoryOffset = record.u64(48), .directorySize = record.u64(40), .numEntries = record.u64(32)};
  bool agrees = record.u32(16) == 0 && record.u32(20) == 0 && record.u64(24) == end.numEntries &&
                agrees16(end32.u16(8), end.numEntries) && agrees16(end32.u16(10), end.numEntries) &&
                agrees32(end32.u32(12), end.directorySize) && agrees32(end32.u32(16), end.directoryOffset);
  if (!agrees)
    return badInputAt("", offset, "the zip64 end record contradicts the end record; the file is damaged");
  if (llvm::Error error = checkDirectoryMeets(end, offset))
    return std::move(error);
  return end;
}

} // namespace

llvm::Expected<ZipEnd> readZipEnd(std::span<const std::byte> file) {
  Fields record;
  uint64_t offset = file.size() - std::min<uint64_t>(file.size(), kEndSize);
  if (!locate(file, offset, kEndSize, record) || record.u32(0) != kEndSignature || record.u16(20) != 0)
    return badInputAt("", offset,
                      "no zip end record at the end of the file; the file is truncated or not a .pt2 archive");
  if (record.u16(4) != 0 || record.u16(6) != 0)
    return badInputAt("", offset, "the zip file spans several disks; join it first");
  Fields locator;
  if (offset >= kEnd64LocatorSize && locate(file, offset - kEnd64LocatorSize, kEnd64LocatorSize, locator) &&
      locator.u32(0) == kEnd64LocatorSignature)
    return readZip64End(file, offset - kEnd64LocatorSize, locator, record);
  ZipEnd end{.directoryOffset = record.u32(16), .directorySize = record.u32(12), .numEntries = record.u16(10)};
  if (record.u16(8) != end.numEntries)
    return badInputAt("", offset, "the zip end record contradicts itself; the file is damaged");
  if (llvm::Error error = checkDirectoryMeets(end, offset))
    return std::move(error);
  return end;
}

namespace {

/// The sizes of a zip64 extra field.
struct LocalZip64 {
  bool present = false;
  uint64_t size = 0, compressedSize = 0;
};

/// Returns false when the extra fields do not fill their range exactly.
bool readZip64Extra(Fields extra, uint64_t length, LocalZip64 &zip64) {
  uint64_t at = 0;
  while (at + 4 <= length) {
    uint64_t size = extra.u16(at + 2);
    if (at + 4 + size > length)
      return false;
    if (extra.u16(at) == kZip64ExtraId) {
      if (zip64.present || size < 16)
        return false;
      zip64 = {true, extra.u64(at + 4), extra.u64(at + 12)};
    }
    at += 4 + size;
  }
  return at == length;
}

/// True if a header with sizes `field` agrees with the directory. Writers that stream leave zeros and put the numbers
/// behind the data.
bool sizeAgrees(uint32_t field, bool zip64, uint64_t inZip64, uint64_t size, bool streamed) {
  if (field == kInZip64 && zip64)
    return inZip64 == size || (streamed && inZip64 == 0);
  return field == size || (streamed && field == 0);
}

llvm::Expected<uint64_t> readDescriptor(std::span<const std::byte> file, uint64_t offset, bool zip64,
                                        const ZipEntryInfo &info) {
  uint64_t size = zip64 ? 24 : 16;
  Fields descriptor;
  if (!locate(file, offset, size, descriptor) || descriptor.u32(0) != kDescriptorSignature)
    return badInputAt(info.name, offset, "no data descriptor behind the data; the file is damaged");
  uint64_t compressedSize = zip64 ? descriptor.u64(8) : descriptor.u32(8);
  uint64_t uncompressedSize = zip64 ? descriptor.u64(16) : descriptor.u32(12);
  if (descriptor.u32(4) != info.crc32 || compressedSize != info.size || uncompressedSize != info.size)
    return badInputAt(info.name, offset, "the data descriptor contradicts the zip directory; the file is damaged");
  return offset + size;
}

} // namespace

llvm::Expected<ZipExtent> readZipExtent(std::span<const std::byte> file, uint64_t offset, const ZipEntryInfo &info) {
  auto contradiction = [&](const char *what) {
    return badInputAt(info.name, offset,
                      llvm::Twine("the local header contradicts the zip directory (") + what +
                          "); the file is damaged");
  };
  Fields header;
  if (!locate(file, offset, kLocalHeaderSize, header) || header.u32(0) != kLocalHeaderSignature)
    return badInputAt(info.name, offset,
                      "no local header where the previous entry ends; entries overlap, leave gaps or are out of order");
  uint16_t flags = header.u16(6);
  if (flags & kEncryptedFlags)
    return badInputAt(info.name, offset, "the entry is encrypted; only plain archives are read");
  if (header.u16(8) != 0)
    return contradiction("compression method");
  uint64_t nameLength = header.u16(26), extraLength = header.u16(28);
  CheckedSize dataOffset = CheckedSize(offset) + kLocalHeaderSize + nameLength + extraLength;
  CheckedSize dataEnd = dataOffset + info.size;
  if (!dataEnd.isAtMost(file.size()))
    return badInputAt(info.name, offset, "the data reaches behind the end of the file; the file is truncated");
  Fields name{header.data + kLocalHeaderSize}, extra{name.data + nameLength};
  if (nameLength != info.name.size() || std::memcmp(name.data, info.name.data(), nameLength) != 0)
    return contradiction("name");
  LocalZip64 zip64;
  if (!readZip64Extra(extra, extraLength, zip64))
    return badInputAt(info.name, offset, "the extra fields of the local header are malformed; the file is damaged");
  bool streamed = flags & kDescriptorFlag;
  if (header.u32(14) != info.crc32 && !(streamed && header.u32(14) == 0))
    return contradiction("checksum");
  if (!sizeAgrees(header.u32(18), zip64.present, zip64.compressedSize, info.size, streamed) ||
      !sizeAgrees(header.u32(22), zip64.present, zip64.size, info.size, streamed))
    return contradiction("size");
  ZipExtent extent{.dataOffset = dataOffset.get(), .endOffset = dataEnd.get()};
  if (!streamed)
    return extent;
  llvm::Expected<uint64_t> end = readDescriptor(file, extent.endOffset, zip64.present, info);
  if (!end)
    return end.takeError();
  extent.endOffset = *end;
  return extent;
}

} // namespace tenon::frontend
