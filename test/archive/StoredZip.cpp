//===- StoredZip.cpp - writes small zip files for tests -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "test/archive/StoredZip.h"

#include <zlib.h>

namespace tenon::test {

namespace {

class Writer {
public:
  explicit Writer(ZipStyle style) : style(style) {}

  void member(const std::string &name, const std::string &data);
  void directory();

  ZipImage image;

private:
  void put(uint64_t value, size_t width) {
    for (size_t i = 0; i < width; ++i)
      image.bytes.push_back(i < 8 ? static_cast<char>(value >> (8 * i)) : 0);
  }
  void put16(uint64_t value) { put(value, 2); }
  void put32(uint64_t value) { put(value, 4); }
  void put64(uint64_t value) { put(value, 8); }
  /// Version needed, flags, method, time, date.
  void putCommon() {
    put16(20);
    put16(style.descriptors ? 0x0808 : 0x0800);
    put(0, 6);
  }
  void putExtra(size_t size);
  void putDescriptor(uint32_t crc, size_t size);

  struct Entry {
    std::string name;
    uint32_t crc;
    size_t size, offset;
  };
  ZipStyle style;
  std::vector<Entry> entries;
};

/// Zip64 sizes, then torch's padding that aligns the data to 64 bytes.
void Writer::putExtra(size_t size) {
  size_t zip64 = style.zip64Locals ? 20 : 0;
  size_t dataOffset = image.bytes.size() + 2 + zip64 + 4 + entries.back().name.size();
  size_t padding = (64 - dataOffset % 64) % 64;
  put16(zip64 + 4 + padding);
  image.bytes += entries.back().name;
  if (style.zip64Locals) {
    put16(1);
    put16(16);
    put64(style.descriptors ? 0 : size);
    put64(style.descriptors ? 0 : size);
  }
  put16(0x4246);
  put16(padding);
  image.bytes.append(padding, 'Z');
}

void Writer::putDescriptor(uint32_t crc, size_t size) {
  size_t width = style.zip64Locals ? 8 : 4;
  put32(0x08074b50);
  put32(crc);
  put(size, width);
  put(size, width);
}

void Writer::member(const std::string &name, const std::string &data) {
  uint32_t crc = crc32_z(0, reinterpret_cast<const unsigned char *>(data.data()), data.size());
  uint32_t headerSize = style.zip64Locals ? 0xFFFFFFFF : style.descriptors ? 0 : data.size();
  ZipImage::Member &place = image.members[name];
  place.local = image.bytes.size();
  entries.push_back({name, crc, data.size(), place.local});
  put32(0x04034b50);
  putCommon();
  put32(style.descriptors ? 0 : crc);
  put32(headerSize);
  put32(headerSize);
  put16(name.size());
  putExtra(data.size());
  place.data = image.bytes.size();
  image.bytes += data;
  place.descriptor = image.bytes.size();
  if (style.descriptors)
    putDescriptor(crc, data.size());
}

void Writer::directory() {
  image.directory = image.bytes.size();
  for (const Entry &entry : entries) {
    image.members[entry.name].central = image.bytes.size();
    put32(0x02014b50);
    put16(0);
    putCommon();
    put32(entry.crc);
    put32(entry.size);
    put32(entry.size);
    put16(entry.name.size());
    put(0, 12); // extra, comment, disk, attributes
    put32(entry.offset);
    image.bytes += entry.name;
  }
  size_t size = image.bytes.size() - image.directory;
  if (style.zip64End) {
    image.end64 = image.bytes.size();
    put32(0x06064b50);
    put64(44);
    put(0, 12); // versions, disks
    put64(entries.size());
    put64(entries.size());
    put64(size);
    put64(image.directory);
    image.locator = image.bytes.size();
    put32(0x07064b50);
    put32(0);
    put64(image.end64);
    put32(1);
  }
  image.end = image.bytes.size();
  put32(0x06054b50);
  put32(0);
  put16(entries.size());
  put16(entries.size());
  put32(size);
  put32(image.directory);
  put16(0);
}

} // namespace

void ZipImage::patch(size_t offset, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i)
    bytes.at(offset + i) = static_cast<char>(value >> (8 * i));
}

ZipImage writeZip(const ZipMembers &members, ZipStyle style) {
  Writer writer(style);
  for (const auto &[name, data] : members)
    writer.member(name, data);
  writer.directory();
  return std::move(writer.image);
}

} // namespace tenon::test
