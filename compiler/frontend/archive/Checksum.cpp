//===- Checksum.cpp - CRC-32 of large ranges ----------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/Checksum.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <zlib.h>

namespace tenon::frontend {

/// A thread costs about 20 us, this many bytes several milliseconds.
static constexpr size_t kMinBytesPerThread = size_t{8} << 20;

static uint32_t crc32Serial(std::span<const std::byte> bytes) {
  return crc32_z(0, reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size());
}

uint32_t crc32Of(std::span<const std::byte> bytes) {
  size_t numParts = std::min<size_t>(bytes.size() / kMinBytesPerThread, std::thread::hardware_concurrency());
  if (numParts <= 1)
    return crc32Serial(bytes);
  size_t partSize = bytes.size() / numParts;
  auto part = [&](size_t i) {
    return i + 1 < numParts ? bytes.subspan(i * partSize, partSize) : bytes.subspan(i * partSize);
  };
  std::vector<uint32_t> crcs(numParts);
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < numParts; ++i)
    threads.emplace_back([&, i] { crcs[i] = crc32Serial(part(i)); });
  crcs[0] = crc32Serial(part(0));
  threads.clear(); // joins
  uint32_t crc = crcs[0];
  for (size_t i = 1; i < numParts; ++i)
    crc = crc32_combine(crc, crcs[i], static_cast<z_off_t>(part(i).size()));
  return crc;
}

} // namespace tenon::frontend
