//===- CpuFeaturesX86.cpp - what an x86-64 CPU can do -------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifdef __x86_64__

#include "CpuFeatures.h"

#include <cpuid.h>
#include <stdint.h>

namespace tenon {

namespace {

enum Register : uint8_t { EAX, EBX, ECX, EDX };

// What the operating system must save for a feature's registers: bits of XCR0.
enum SavedState : uint32_t { nothing = 0, ymm = 0x06, zmm = 0xe6, tiles = 0x60000 };

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register where;
  uint8_t bit;
  SavedState saved;
};

// Names as in LLVM, places as in Intel's and AMD's manuals (CPUID).
constexpr Feature table[] = {
    {"sse", 1, 0, EDX, 25, nothing},
    {"sse2", 1, 0, EDX, 26, nothing},
    {"sse3", 1, 0, ECX, 0, nothing},
    {"pclmul", 1, 0, ECX, 1, nothing},
    {"ssse3", 1, 0, ECX, 9, nothing},
    {"fma", 1, 0, ECX, 12, ymm},
    {"cx16", 1, 0, ECX, 13, nothing},
    {"sse4.1", 1, 0, ECX, 19, nothing},
    {"sse4.2", 1, 0, ECX, 20, nothing},
    {"crc32", 1, 0, ECX, 20, nothing},
    {"movbe", 1, 0, ECX, 22, nothing},
    {"popcnt", 1, 0, ECX, 23, nothing},
    {"aes", 1, 0, ECX, 25, nothing},
    {"avx", 1, 0, ECX, 28, ymm},
    {"f16c", 1, 0, ECX, 29, ymm},
    {"bmi", 7, 0, EBX, 3, nothing},
    {"avx2", 7, 0, EBX, 5, ymm},
    {"bmi2", 7, 0, EBX, 8, nothing},
    {"avx512f", 7, 0, EBX, 16, zmm},
    {"avx512dq", 7, 0, EBX, 17, zmm},
    {"adx", 7, 0, EBX, 19, nothing},
    {"avx512ifma", 7, 0, EBX, 21, zmm},
    {"avx512cd", 7, 0, EBX, 28, zmm},
    {"sha", 7, 0, EBX, 29, nothing},
    {"avx512bw", 7, 0, EBX, 30, zmm},
    {"avx512vl", 7, 0, EBX, 31, zmm},
    {"avx512vbmi", 7, 0, ECX, 1, zmm},
    {"avx512vbmi2", 7, 0, ECX, 6, zmm},
    {"gfni", 7, 0, ECX, 8, nothing},
    {"vaes", 7, 0, ECX, 9, ymm},
    {"vpclmulqdq", 7, 0, ECX, 10, ymm},
    {"avx512vnni", 7, 0, ECX, 11, zmm},
    {"avx512bitalg", 7, 0, ECX, 12, zmm},
    {"avx512vpopcntdq", 7, 0, ECX, 14, zmm},
    {"avx512vp2intersect", 7, 0, EDX, 8, zmm},
    {"amx-bf16", 7, 0, EDX, 22, tiles},
    {"avx512fp16", 7, 0, EDX, 23, zmm},
    {"amx-tile", 7, 0, EDX, 24, tiles},
    {"amx-int8", 7, 0, EDX, 25, tiles},
    {"avxvnni", 7, 1, EAX, 4, ymm},
    {"avx512bf16", 7, 1, EAX, 5, zmm},
    {"amx-fp16", 7, 1, EAX, 21, tiles},
    {"avxifma", 7, 1, EAX, 23, ymm},
    {"avxvnniint8", 7, 1, EDX, 4, ymm},
    {"avxneconvert", 7, 1, EDX, 5, ymm},
    {"avxvnniint16", 7, 1, EDX, 10, ymm},
    {"lzcnt", 0x80000001, 0, ECX, 5, nothing},
    {"sse4a", 0x80000001, 0, ECX, 6, nothing},
    {"prfchw", 0x80000001, 0, ECX, 8, nothing},
    {"xop", 0x80000001, 0, ECX, 11, ymm},
    {"fma4", 0x80000001, 0, ECX, 16, ymm},
    {"tbm", 0x80000001, 0, ECX, 21, nothing},
};

uint32_t registerOf(uint32_t leaf, uint32_t subleaf, Register where) {
  uint32_t registers[4] = {};
  __get_cpuid_count(leaf, subleaf, &registers[EAX], &registers[EBX], &registers[ECX], &registers[EDX]);
  return registers[where];
}

// The state that the operating system saves at a context switch.
uint32_t savedState() {
  constexpr uint32_t osUsesXsave = 1u << 27;
  if (!(registerOf(1, 0, ECX) & osUsesXsave))
    return 0;
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

} // namespace

bool hasCpuFeature(const std::string &name) {
  for (const Feature &feature : table)
    if (name == feature.name)
      return (registerOf(feature.leaf, feature.subleaf, feature.where) >> feature.bit & 1) &&
             (savedState() & feature.saved) == feature.saved;
  return false;
}

void checkVectorLength(const char *) {}

SveLimit::SveLimit(size_t) {}

SveLimit::~SveLimit() = default;

size_t sveVectorBytes() { return 0; }

} // namespace tenon

#endif // __x86_64__
