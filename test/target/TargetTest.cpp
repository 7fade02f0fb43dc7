//===- TargetTest.cpp - the table of CPUs and the host --------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/target/Target.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

using namespace tenon;

namespace {

Target resolved(llvm::StringRef arch, llvm::StringRef cpu) {
  llvm::Expected<Target> target = resolveTarget(arch, cpu);
  if (!target)
    FAIL(llvm::toString(target.takeError()));
  return *target;
}

std::string errorOf(llvm::StringRef arch, llvm::StringRef cpu) {
  llvm::Expected<Target> target = resolveTarget(arch, cpu);
  return target ? "resolved" : llvm::toString(target.takeError());
}

bool runsOnX86() { return errorOf("x86_64", "native") == "resolved"; }

} // namespace

TEST_CASE("generic x86-64 has AVX2 and FMA, 256 bits") {
  Target target = resolved("x86_64", "generic");
  CHECK(target.cpuDescription == "generic (x86-64-v3)");
  CHECK(target.triple == "x86_64-unknown-linux-gnu");
  CHECK(target.features == std::vector<std::string>{"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "popcnt"});
  CHECK(target.featureString() == "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+popcnt");
  CHECK(target.vectorBits == 256);
  CHECK(target.vectorLanes(32) == 8);
  CHECK(target.numVectorRegisters == 16);
  CHECK_FALSE(target.scalableVectors);
  CHECK_FALSE(target.hasNativeBf16Dot);
}

TEST_CASE("AVX-512 CPUs have 512-bit vectors") {
  Target skylake = resolved("x86_64", "skylake-avx512"), zen5 = resolved("x86_64", "znver5");
  CHECK(skylake.vectorBits == 512);
  CHECK(skylake.numVectorRegisters == 32);
  CHECK_FALSE(skylake.hasInt8Dot);
  CHECK(zen5.hasNativeBf16Dot);
  CHECK(zen5.hasInt8Dot);
  CHECK_FALSE(zen5.hasNativeF16);
  CHECK(resolved("x86_64", "sapphirerapids").hasNativeF16);
}

TEST_CASE("what half-width products gain is a fact of each CPU") {
  CHECK(resolved("x86_64", "znver5").bf16Rate == 2);
  CHECK(resolved("x86_64", "sapphirerapids").bf16Rate == 8); // AMX
  CHECK(resolved("x86_64", "skylake-avx512").bf16Rate == 0);
  CHECK(resolved("aarch64", "neoverse-v1").bf16Rate == 4);
  CHECK(resolved("aarch64", "neoverse-n1").bf16Rate == 0);
  CHECK(resolved("x86_64", "znver5").whyNotFaster("bf16").empty());
  CHECK(resolved("x86_64", "haswell").whyNotFaster("bf16") == "cpu 'haswell' has no bf16 products");
  CHECK(resolved("x86_64", "znver5").whyAttentionIsWide("bf16") == "its tiles multiply f32 on x86-64");
  CHECK(resolved("x86_64", "haswell").whyAttentionIsWide("bf16") == "cpu 'haswell' has no bf16 products");
  CHECK(resolved("aarch64", "neoverse-v1").whyAttentionIsWide("bf16").empty());
  CHECK(resolved("aarch64", "neoverse-v2").whyNotFaster("f16") ==
        "no CPU that Tenon knows multiplies f16 with f32 sums faster than f32");
  Target slow = resolved("x86_64", "skylake-avx512");
  slow.bf16Rate = 0.5;
  CHECK(slow.whyNotFaster("bf16") == "cpu 'skylake-avx512' multiplies bf16 at 0.5 times the rate of f32");
}

TEST_CASE("generic aarch64 and Neoverse N1 have NEON of 128 bits") {
  Target generic = resolved("aarch64", "generic"), n1 = resolved("aarch64", "neoverse-n1");
  CHECK(generic.features.empty());
  CHECK(generic.vectorBits == 128);
  CHECK_FALSE(generic.scalableVectors);
  CHECK(n1.features == std::vector<std::string>{"dotprod", "fullfp16"});
  CHECK_FALSE(n1.scalableVectors);
  CHECK(n1.cpuDescription == "neoverse-n1");
}

TEST_CASE("SVE CPUs have scalable vectors") {
  for (const char *cpu : {"neoverse-v1", "neoverse-n2", "neoverse-v2", "a64fx"}) {
    INFO(cpu);
    Target target = resolved("aarch64", cpu);
    CHECK(target.scalableVectors);
    CHECK(target.vectorBits == 128);
    CHECK(target.numVectorRegisters == 32);
  }
  CHECK(resolved("aarch64", "neoverse-v1").features ==
        std::vector<std::string>{"bf16", "dotprod", "fullfp16", "i8mm", "sve"});
  CHECK(resolved("aarch64", "neoverse-v2").hasFeature("sve2"));
  CHECK_FALSE(resolved("aarch64", "neoverse-v1").hasFeature("sve2"));
  CHECK_FALSE(resolved("aarch64", "a64fx").hasNativeBf16Dot);
}

TEST_CASE("every row resolves, with sorted features and caches") {
  for (const char *arch : {"x86_64", "aarch64"})
    for (llvm::StringRef cpu : knownCpus(arch)) {
      INFO(arch << ' ' << cpu.str());
      Target target = resolved(arch, cpu);
      CHECK(std::is_sorted(target.features.begin(), target.features.end()));
      CHECK(target.l1DataBytes >= 32 * 1024);
      CHECK(target.l2Bytes > target.l1DataBytes);
      CHECK((arch == std::string("aarch64") || target.vectorBits >= 256));
    }
}

TEST_CASE("native is the host, and the default there") {
  Target native = resolved("host", "native"), byDefault = resolved("host", "");
  CHECK(native.cpuDescription == "native (" + native.cpu + ")");
  CHECK(native.arch == (runsOnX86() ? "x86_64" : "aarch64"));
  CHECK(native.l1DataBytes > 0);
  CHECK(std::is_sorted(native.features.begin(), native.features.end()));
  CHECK(byDefault.cpuDescription == native.cpuDescription);
#if defined(__x86_64__)
  CHECK(native.hasFeature("avx2") == bool(__builtin_cpu_supports("avx2")));
  CHECK((native.vectorBits == 512) == bool(__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                                           __builtin_cpu_supports("avx512vl")));
#endif
}

TEST_CASE("the default of a foreign architecture is generic") {
  std::string foreign = runsOnX86() ? "aarch64" : "x86_64";
  CHECK(resolved(foreign, "").cpuDescription == resolved(foreign, "generic").cpuDescription);
}

TEST_CASE("unknown names are refused with what exists") {
  CHECK(errorOf("riscv64", "native") == "no target 'riscv64'; targets are host, x86_64, aarch64");
  CHECK(errorOf("aarch64", "cortex-z9") == "no cpu 'cortex-z9' for aarch64; cpus are native, generic, neoverse-n1, "
                                           "neoverse-v1, neoverse-n2, neoverse-v2, a64fx");
  CHECK(errorOf("x86_64", "neoverse-v1") == "cpu 'neoverse-v1' is no x86_64 cpu; compile with --target aarch64");
  if (runsOnX86())
    CHECK(errorOf("aarch64", "native") ==
          "cpu 'native' is x86_64, the target is aarch64; name a cpu of aarch64: generic, neoverse-n1, neoverse-v1, "
          "neoverse-n2, neoverse-v2, a64fx");
}
