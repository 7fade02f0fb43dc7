//===- Checksum.h - CRC-32 of large ranges --------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_CHECKSUM_H
#define TENON_FRONTEND_ARCHIVE_CHECKSUM_H

#include <cstddef>
#include <cstdint>
#include <span>

namespace tenon::frontend {

/// The zip format's CRC-32. Large ranges are divided between threads.
uint32_t crc32Of(std::span<const std::byte> bytes);

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_CHECKSUM_H
