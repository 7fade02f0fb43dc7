//===- Pieces.h - scratch memory in pieces ---------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_PIECES_H
#define TENON_RUNTIME_LIBRARY_PIECES_H

#include <stddef.h>
#include <stdint.h>

namespace tenon::library {

/// Cuts a run's scratch memory into pieces that begin at multiples of 64 bytes; without memory it only measures.
class Pieces {
public:
  explicit Pieces(char *memory) : memory(memory) {}
  template <typename Type> Type *take(int64_t count) {
    char *start = memory + used;
    used += (static_cast<size_t>(count) * sizeof(Type) + 63) / 64 * 64;
    return reinterpret_cast<Type *>(start);
  }
  size_t size() const { return used; }

private:
  char *memory;
  size_t used = 0;
};

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_PIECES_H
