//===- Multiversion.h - code for several instruction sets in one object ----------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The runtime is compiled for the architecture's baseline. Inner loops of library ops are written on 16-float vectors and
// compiled once per x86 level; the loader picks one. Helpers they call must be TENON_INLINE, to be compiled with them.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_MULTIVERSION_H
#define TENON_RUNTIME_LIBRARY_MULTIVERSION_H

#include <stdint.h>

#define TENON_INLINE __attribute__((always_inline)) inline
#if defined(__x86_64__) && !__has_feature(address_sanitizer)
#define TENON_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TENON_MULTIVERSION
#endif

namespace tenon::library {

/// Sixteen floats: one AVX-512 register, two of AVX2, four of NEON. Loads and stores through it need no alignment.
typedef float Float16x __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t Int16x __attribute__((vector_size(64), aligned(4), may_alias));
inline constexpr int64_t vectorWidth = 16;

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_MULTIVERSION_H
