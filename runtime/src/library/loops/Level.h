//===- Level.h - inner loops for several instruction sets --------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The runtime is compiled for the architecture's baseline. The inner loops of library ops, which are the files of this folder,
// are compiled for each level of the architecture, and RowLoops.h picks one at load:
//   x86-64   one object, in which the dynamic linker picks one of three clones of each TENON_MULTIVERSION function
//   arm64    two objects of each file: namespace `baseline`, NEON; namespace `sve` (TENON_SVE defined), vectors of any length
//
// Helpers must be TENON_INLINE, lambdas TENON_INLINE_BODY, so that they are compiled with what calls them. The level is a
// property of the functions between TENON_LOOPS_BEGIN and TENON_LOOPS_END and not of the object: what these instantiate from
// other headers stays at the baseline, whichever copy of it the linker keeps.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_LOOPS_LEVEL_H
#define TENON_RUNTIME_LIBRARY_LOOPS_LEVEL_H

#define TENON_INLINE __attribute__((always_inline)) inline
#define TENON_INLINE_BODY __attribute__((always_inline))

#ifdef TENON_SVE
#define TENON_LEVEL sve
#define TENON_LOOPS_BEGIN                                                                                                        \
  _Pragma("clang attribute push(__attribute__((target(\"sve\"))), apply_to = function)") namespace tenon::library::sve {
#define TENON_LOOPS_END                                                                                                          \
  }                                                                                                                              \
  _Pragma("clang attribute pop")
#else
#define TENON_LEVEL baseline
#define TENON_LOOPS_BEGIN namespace tenon::library::baseline {
#define TENON_LOOPS_END }
#endif

#if defined(__x86_64__) && !__has_feature(address_sanitizer)
#define TENON_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TENON_MULTIVERSION
#endif

#endif // TENON_RUNTIME_LIBRARY_LOOPS_LEVEL_H
