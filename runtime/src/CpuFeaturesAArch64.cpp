//===- CpuFeaturesAArch64.cpp - what an arm64 CPU can do ----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifdef __aarch64__

#include "CpuFeatures.h"

#include "RunContext.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

namespace tenon {

namespace {

struct Feature {
  const char *name;
  unsigned long word; // AT_HWCAP or AT_HWCAP2
  uint8_t bit;
};

constexpr unsigned long hwcap = AT_HWCAP, hwcap2 = AT_HWCAP2;

// Names as in LLVM, places as in Linux' arch/arm64 hwcap.h, which are part of its stable interface.
constexpr Feature table[] = {
    {"fp-armv8", hwcap, 0},    {"neon", hwcap, 1},         {"aes", hwcap, 3},       {"sha2", hwcap, 6},
    {"crc", hwcap, 7},         {"lse", hwcap, 8},          {"fullfp16", hwcap, 10}, {"rdm", hwcap, 12},
    {"jsconv", hwcap, 13},     {"complxnum", hwcap, 14},   {"rcpc", hwcap, 15},     {"ccpp", hwcap, 16},
    {"sha3", hwcap, 17},       {"sm4", hwcap, 19},         {"dotprod", hwcap, 20},  {"sve", hwcap, 22},
    {"fp16fml", hwcap, 23},    {"dit", hwcap, 24},         {"rcpc-immo", hwcap, 26}, {"flagm", hwcap, 27},
    {"ssbs", hwcap, 28},       {"sb", hwcap, 29},          {"pauth", hwcap, 30},    {"ccdp", hwcap2, 0},
    {"sve2", hwcap2, 1},       {"sve-aes", hwcap2, 2},     {"sve2-aes", hwcap2, 2}, {"sve-bitperm", hwcap2, 4},
    {"sve2-bitperm", hwcap2, 4}, {"sve-sha3", hwcap2, 5},  {"sve2-sha3", hwcap2, 5}, {"sve-sm4", hwcap2, 6},
    {"sve2-sm4", hwcap2, 6},   {"altnzcv", hwcap2, 7},     {"fptoint", hwcap2, 8},  {"f32mm", hwcap2, 10},
    {"f64mm", hwcap2, 11},     {"svebf16", hwcap2, 12},   {"i8mm", hwcap2, 13},       {"bf16", hwcap2, 14},    {"rand", hwcap2, 16},
    {"bti", hwcap2, 17},       {"mte", hwcap2, 18},        {"sme", hwcap2, 23},     {"sme-i16i64", hwcap2, 24},
    {"sme-f64f64", hwcap2, 25}, {"wfxt", hwcap2, 31},      {"cssc", hwcap2, 34},    {"sve2p1", hwcap2, 36},
    {"sme2", hwcap2, 37},      {"sme2p1", hwcap2, 38},     {"mops", hwcap2, 43},    {"hbc", hwcap2, 44},
};

bool namesSve(const char *features) { return features && strstr(features, "sve"); }

} // namespace

bool hasCpuFeature(const std::string &name) {
  for (const Feature &feature : table)
    if (name == feature.name)
      return getauxval(feature.word) >> feature.bit & 1;
  return false;
}

size_t sveVectorBytes() {
  if (!hasCpuFeature("sve"))
    return 0;
  size_t bytes;
  asm(".arch_extension sve\n\tcntb %0" : "=r"(bytes));
  return bytes;
}

// LLVM takes the vector length for a power of two; the architecture's other lengths crash its loops.
void checkVectorLength(const char *features) {
  if (!namesSve(features))
    return;
  size_t bytes = sveVectorBytes();
  if (bytes & (bytes - 1))
    throw Error(TENON_UNSUPPORTED_CPU, "this thread's SVE vectors have " + std::to_string(bytes * 8) +
                                           " bits, which is no power of two; set a length that is with "
                                           "prctl(PR_SVE_SET_VL)");
}

SveLimit::SveLimit(size_t maxBytes) {
  if (sveVectorBytes() <= maxBytes)
    return;
  settingBefore = prctl(PR_SVE_GET_VL);
  if (settingBefore < 0 || prctl(PR_SVE_SET_VL, maxBytes) < 0)
    throw Error(TENON_UNSUPPORTED_CPU, "this thread's SVE vectors cannot be set to " + std::to_string(maxBytes * 8) +
                                           " bits by prctl(PR_SVE_SET_VL), which OpenBLAS needs here");
}

SveLimit::~SveLimit() {
  if (isInForce())
    prctl(PR_SVE_SET_VL, settingBefore);
}

} // namespace tenon

#endif // __aarch64__
