//===- Target.cpp - the table of CPUs and the detection of the host -------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A CPU is a row: its name, LLVM's name and its caches. Its ISA extensions come from LLVM's subtarget table (or, for
// "native", from the machine), cut down to those listed in `usedFeatures`; every other fact follows from them.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/target/Target.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <memory>
#include <unistd.h>

using namespace tenon;
using llvm::StringRef;

namespace {

struct Caches {
  uint64_t l1DataBytes, l2Bytes, l3Bytes;
};

struct CpuRow {
  StringRef arch, name, llvmName;
  Caches caches;
};

constexpr uint64_t KiB = 1024, MiB = 1024 * KiB;

// Cache sizes are the vendors'; for "generic" and the x86-64 levels the smallest in common use.
const CpuRow cpuRows[] = {
    {"x86_64", "generic", "x86-64-v3", {32 * KiB, 256 * KiB, 8 * MiB}},
    {"x86_64", "x86-64-v3", "x86-64-v3", {32 * KiB, 256 * KiB, 8 * MiB}},
    {"x86_64", "x86-64-v4", "x86-64-v4", {32 * KiB, 1 * MiB, 16 * MiB}},
    {"x86_64", "haswell", "haswell", {32 * KiB, 256 * KiB, 8 * MiB}},
    {"x86_64", "skylake-avx512", "skylake-avx512", {32 * KiB, 1 * MiB, 16 * MiB}},
    {"x86_64", "cascadelake", "cascadelake", {32 * KiB, 1 * MiB, 16 * MiB}},
    {"x86_64", "icelake-server", "icelake-server", {48 * KiB, 1280 * KiB, 24 * MiB}},
    {"x86_64", "sapphirerapids", "sapphirerapids", {48 * KiB, 2 * MiB, 32 * MiB}},
    {"x86_64", "znver2", "znver2", {32 * KiB, 512 * KiB, 16 * MiB}},
    {"x86_64", "znver3", "znver3", {32 * KiB, 512 * KiB, 32 * MiB}},
    {"x86_64", "znver4", "znver4", {32 * KiB, 1 * MiB, 32 * MiB}},
    {"x86_64", "znver5", "znver5", {48 * KiB, 1 * MiB, 32 * MiB}},
    {"aarch64", "generic", "generic", {32 * KiB, 512 * KiB, 2 * MiB}},
    {"aarch64", "neoverse-n1", "neoverse-n1", {64 * KiB, 1 * MiB, 32 * MiB}},
    {"aarch64", "neoverse-v1", "neoverse-v1", {64 * KiB, 1 * MiB, 32 * MiB}},
    {"aarch64", "neoverse-n2", "neoverse-n2", {64 * KiB, 1 * MiB, 32 * MiB}},
    {"aarch64", "neoverse-v2", "neoverse-v2", {64 * KiB, 2 * MiB, 32 * MiB}},
    {"aarch64", "a64fx", "a64fx", {64 * KiB, 8 * MiB, 0}},
};

struct ArchRow {
  StringRef name, triple, baselineCpu;
  llvm::ArrayRef<StringRef> usedFeatures; ///< extensions generated code may use where a CPU has them, sorted
};

// Left out: what neither kernels nor LLVM's selection of plain vector code gains from (crypto, atomics, AMX, SME, gfni
// …). A shorter list runs on more machines.
const StringRef x86Features[] = {
    "avx",        "avx2",       "avx512bf16", "avx512bitalg", "avx512bw", "avx512cd",   "avx512dq",        "avx512f",
    "avx512fp16", "avx512ifma", "avx512vbmi", "avx512vbmi2",  "avx512vl", "avx512vnni", "avx512vpopcntdq", "avxvnni",
    "bmi",        "bmi2",       "f16c",       "fma",          "lzcnt",    "popcnt"};
const StringRef aarch64Features[] = {"bf16", "dotprod", "fullfp16", "i8mm", "sve", "sve2"};

const ArchRow archRows[] = {
    {"x86_64", "x86_64-unknown-linux-gnu", "x86-64", x86Features},
    {"aarch64", "aarch64-unknown-linux-gnu", "generic", aarch64Features},
};

template <typename... Values> llvm::Error failure(const char *format, Values &&...values) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), format, std::forward<Values>(values)...);
}

StringRef hostArch() { return llvm::Triple(llvm::sys::getProcessTriple()).isAArch64() ? "aarch64" : "x86_64"; }

llvm::Expected<const ArchRow *> findArch(StringRef name) {
  if (name == "host")
    name = hostArch();
  const ArchRow *row = llvm::find_if(archRows, [&](const ArchRow &candidate) { return candidate.name == name; });
  if (row == std::end(archRows))
    return failure("no target '%s'; targets are host, x86_64, aarch64", name.str().c_str());
  return row;
}

llvm::Expected<const CpuRow *> findCpu(StringRef arch, StringRef name) {
  const CpuRow *elsewhere = nullptr;
  for (const CpuRow &row : cpuRows) {
    if (row.name != name)
      continue;
    if (row.arch == arch)
      return &row;
    elsewhere = &row;
  }
  if (elsewhere)
    return failure("cpu '%s' is no %s cpu; compile with --target %s", name.str().c_str(), arch.str().c_str(),
                   elsewhere->arch.str().c_str());
  return failure("no cpu '%s' for %s; cpus are native, %s", name.str().c_str(), arch.str().c_str(),
                 llvm::join(knownCpus(arch), ", ").c_str());
}

/// Returns what LLVM's table says of `llvmName`.
std::unique_ptr<llvm::MCSubtargetInfo> subtargetOf(const ArchRow &arch, StringRef llvmName) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86TargetMC();
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64TargetMC();
  llvm::Triple triple(arch.triple);
  std::string error;
  const llvm::Target *llvmTarget = llvm::TargetRegistry::lookupTarget(triple, error);
  assert(llvmTarget && "LLVM is built with both targets");
  return std::unique_ptr<llvm::MCSubtargetInfo>(llvmTarget->createMCSubtargetInfo(triple, llvmName, ""));
}

bool hasAmx(const ArchRow &arch, StringRef llvmName) {
  return arch.name == "x86_64" && subtargetOf(arch, llvmName)->checkFeatures("+amx-bf16");
}

/// Returns those of `arch`'s used features that LLVM's table gives `llvmName`.
std::vector<std::string> featuresOfCpu(const ArchRow &arch, StringRef llvmName) {
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget = subtargetOf(arch, llvmName);
  std::vector<std::string> features;
  for (StringRef feature : arch.usedFeatures)
    if (subtarget->checkFeatures(("+" + feature).str()))
      features.push_back(feature.str());
  return features;
}

std::vector<std::string> featuresOfHost(const ArchRow &arch) {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  std::vector<std::string> features;
  for (StringRef feature : arch.usedFeatures)
    if (host.lookup(feature))
      features.push_back(feature.str());
  return features;
}

/// Returns what the C library says of this machine's caches, `fallback` where it says nothing.
Caches cachesOfHost(Caches fallback) {
  auto sizeOr = [](int name, uint64_t otherwise) {
    long size = sysconf(name);
    return size > 0 ? static_cast<uint64_t>(size) : otherwise;
  };
  return {sizeOr(_SC_LEVEL1_DCACHE_SIZE, fallback.l1DataBytes), sizeOr(_SC_LEVEL2_CACHE_SIZE, fallback.l2Bytes),
          sizeOr(_SC_LEVEL3_CACHE_SIZE, fallback.l3Bytes)};
}

/// Returns products of bf16 per cycle as a multiple of f32's. AMX is used by oneDNN only, which asks the CPU itself, so it is
/// no feature of `target`. Zen's vdpbf16ps does twice the work of an FMA per cycle (measured on Zen 5: oneDNN 560 GFLOPS
/// against 280); Intel's outside of AMX half of it (measured on Emerald Rapids: 0.45 per cycle against 1.9).
double bf16RateOfX86(const Target &target, bool hasAmx) {
  if (hasAmx)
    return 8;
  if (!target.hasNativeBf16Dot)
    return 0;
  return StringRef(target.cpu).starts_with("znver") ? 2 : 0.5;
}

void deriveX86Facts(Target &target, bool hasAmx) {
  // 512-bit vectors need more than the foundation: byte, quad-word and 128/256-bit forms of the same instructions.
  bool wide = llvm::all_of(llvm::ArrayRef<StringRef>{"avx512f", "avx512bw", "avx512dq", "avx512vl"},
                           [&](StringRef feature) { return target.hasFeature(feature); });
  target.vectorBits = wide ? 512 : target.hasFeature("avx2") && target.hasFeature("fma") ? 256 : 128;
  target.numVectorRegisters = wide ? 32 : 16;
  target.hasNativeBf16Dot = target.hasFeature("avx512bf16");
  target.hasNativeF16 = target.hasFeature("avx512fp16");
  target.bf16Rate = bf16RateOfX86(target, hasAmx);
  target.hasInt8Dot = target.hasFeature("avx512vnni") || target.hasFeature("avxvnni");
}

void deriveAarch64Facts(Target &target) {
  target.vectorBits = 128;
  target.scalableVectors = target.hasFeature("sve");
  target.numVectorRegisters = 32;
  target.hasNativeBf16Dot = target.hasFeature("bf16");
  target.bf16Rate = target.hasNativeBf16Dot ? 4 : 0; // BFMMLA, on every Neoverse that has it
  target.hasNativeF16 = target.hasFeature("fullfp16");
  target.hasInt8Dot = target.hasFeature("dotprod");
  target.hasInt8MatMul = target.hasFeature("i8mm");
}

/// Returns the CPU whose costs LLVM optimises by. Its model of A64FX makes loops keep an address register per access, and spill.
StringRef tuningFor(StringRef llvmName) { return llvmName == "a64fx" ? "neoverse-v1" : llvmName; }

Target makeTarget(const ArchRow &arch, StringRef llvmName, std::string description, std::vector<std::string> features,
                  Caches caches, bool hasAmx) {
  Target target;
  target.arch = arch.name.str();
  target.triple = arch.triple.str();
  target.cpu = llvmName.str();
  target.tuneCpu = tuningFor(llvmName).str();
  target.baselineCpu = arch.baselineCpu.str();
  target.cpuDescription = std::move(description);
  target.features = std::move(features);
  target.l1DataBytes = caches.l1DataBytes;
  target.l2Bytes = caches.l2Bytes;
  target.l3Bytes = caches.l3Bytes;
  arch.name == "x86_64" ? deriveX86Facts(target, hasAmx) : deriveAarch64Facts(target);
  return target;
}

std::string describe(const CpuRow &row) {
  return row.name == row.llvmName ? row.name.str() : (row.name + " (" + row.llvmName + ")").str();
}

llvm::Expected<Target> nativeTarget(const ArchRow &arch) {
  if (arch.name != hostArch())
    return failure("cpu 'native' is %s, the target is %s; name a cpu of %s: %s", hostArch().str().c_str(),
                   arch.name.str().c_str(), arch.name.str().c_str(), llvm::join(knownCpus(arch.name), ", ").c_str());
  StringRef llvmName = llvm::sys::getHostCPUName();
  llvm::Expected<const CpuRow *> generic = findCpu(arch.name, "generic");
  if (!generic)
    return generic.takeError();
  return makeTarget(arch, llvmName, ("native (" + llvmName + ")").str(), featuresOfHost(arch),
                    cachesOfHost((*generic)->caches), llvm::sys::getHostCPUFeatures().lookup("amx-bf16"));
}

} // namespace

bool Target::hasFeature(StringRef feature) const { return llvm::is_contained(features, feature); }

std::string Target::whyNotFaster(StringRef precision) const {
  if (precision == "f16")
    return "no CPU that Tenon knows multiplies f16 with f32 sums faster than f32";
  if (bf16Rate > 1)
    return "";
  if (bf16Rate == 0)
    return "cpu '" + cpuDescription + "' has no bf16 products";
  return llvm::formatv("cpu '{0}' multiplies bf16 at {1:f1} times the rate of f32", cpuDescription, bf16Rate);
}

// On x86-64 attention is made of tiles of oneDNN's that multiply f32, and every task that reads low operands would extend them.
std::string Target::whyAttentionIsWide(StringRef precision) const {
  std::string reason = whyNotFaster(precision);
  return reason.empty() && arch == "x86_64" ? "its tiles multiply f32 on x86-64" : reason;
}

std::string Target::featureString() const {
  return llvm::join(llvm::map_range(features, [](const std::string &feature) { return "+" + feature; }), ",");
}

std::vector<StringRef> tenon::knownCpus(StringRef arch) {
  std::vector<StringRef> names;
  for (const CpuRow &row : cpuRows)
    if (row.arch == arch)
      names.push_back(row.name);
  return names;
}

llvm::Expected<Target> tenon::resolveTarget(StringRef arch, StringRef cpu) {
  llvm::Expected<const ArchRow *> archRow = findArch(arch);
  if (!archRow)
    return archRow.takeError();
  if (cpu.empty())
    cpu = (*archRow)->name == hostArch() ? "native" : "generic";
  if (cpu == "native")
    return nativeTarget(**archRow);
  llvm::Expected<const CpuRow *> row = findCpu((*archRow)->name, cpu);
  if (!row)
    return row.takeError();
  return makeTarget(**archRow, (*row)->llvmName, describe(**row), featuresOfCpu(**archRow, (*row)->llvmName),
                    (*row)->caches, hasAmx(**archRow, (*row)->llvmName));
}
