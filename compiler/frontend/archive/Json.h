//===- Json.h - strict JSON -----------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_ARCHIVE_JSON_H
#define TENON_FRONTEND_ARCHIVE_JSON_H

#include "compiler/frontend/archive/ZipDirectory.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <nlohmann/json.hpp>

namespace tenon::frontend {

using Json = nlohmann::json;

/// How deep arrays and objects may nest. The readers of the tree recurse, the parser does not.
inline constexpr size_t kMaxJsonDepth = 512;

/// Parses `text` (RFC 8259, UTF-8) of archive member `member`. Also refused: duplicate keys, NUL in strings, numbers
/// that are no 64-bit integer and no finite double, nesting beyond kMaxJsonDepth. Errors tell the byte offset.
llvm::Expected<Json> parseJson(llvm::StringRef text, llvm::StringRef member);

/// The same for a whole archive member, after verifying its checksum.
llvm::Expected<Json> readJson(const ZipEntry &entry);

} // namespace tenon::frontend

#endif // TENON_FRONTEND_ARCHIVE_JSON_H
