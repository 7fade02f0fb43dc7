//===- PartsTest.cpp - the runtime's parts, linked without a shared object ----------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "runtime/src/Arguments.h"
#include "runtime/src/CpuFeatures.h"
#include "runtime/src/DTypes.h"
#include "runtime/src/LoadedModel.h"
#include "runtime/src/Partition.h"
#include "runtime/src/StridedCopy.h"

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <numeric>
#include <random>
#include <set>
#include <stdexcept>
#include <string.h>
#include <thread>

using namespace tenon;

// A test asks for more memory than there is.
extern "C" const char *__asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char *__tsan_default_options() { return "allocator_may_return_null=1"; }

//===--- a model without anything, whose runs call `body` ------------------------------------------------------------===//

namespace {

thread_local std::function<void(Run &)> body;

void callBody(Run &run) {
  if (!run.preparing() && body)
    body(run);
}

// Loads the model with `threads` and calls `test` with a context of its run.
template <void (*test)(Run &)> void inRun(int32_t threads) {
  tenon_load_options options = {};
  options.num_threads = threads;
  LoadedModel loaded(options);
  body = test;
  loaded.run({}, {});
  body = nullptr;
}

std::string sentenceOf(const std::function<void(Run &)> &test) {
  tenon_load_options options = {};
  options.num_threads = 1;
  LoadedModel loaded(options);
  body = test;
  std::string sentence;
  try {
    loaded.run({}, {});
  } catch (const Error &error) {
    sentence = error.what();
  }
  body = nullptr;
  return sentence;
}

} // namespace

const Model tenon::model = {
    {sizeof(tenon_model_info), "parts", "", "", "", "", "", "", "", 0, 0, 0, nullptr, nullptr, nullptr, "", "", 0, 0,
     0, 0, 0, nullptr},
    nullptr, 0, 4, false, 0, 0, nullptr, nullptr, callBody, nullptr};

//===--- partition ---------------------------------------------------------------------------------------------------===//

TEST_CASE("a partition covers its extent once, in order, in nearly equal parts") {
  for (int threads : {1, 2, 3, 7, 64})
    for (int64_t extent : {1, 2, 5, 63, 64, 1000, 4096, 100003})
      for (int64_t cost : {0, 1, 100, 100000}) {
        CAPTURE(threads, extent, cost);
        Partition parts(extent, cost, threads);
        REQUIRE(parts.size() >= 1);
        REQUIRE(parts.size() <= std::min<int64_t>(threads, extent));
        REQUIRE(parts.begin(0) == 0);
        REQUIRE(parts.begin(parts.size()) == extent);
        for (int64_t i = 0; i < parts.size(); ++i) {
          int64_t size = parts.begin(i + 1) - parts.begin(i);
          REQUIRE(size >= 1);
          REQUIRE(size <= extent / parts.size() + 128);
        }
      }
}

TEST_CASE("small work is not split, huge work does not overflow") {
  CHECK(Partition(2 * Partition::leastWork - 1, 1, 8).size() == 1);
  CHECK(Partition(2 * Partition::leastWork, 1, 8).size() == 2);
  CHECK(Partition(INT64_MAX, INT64_MAX, 8).size() == 8);
  CHECK(Partition(INT64_MAX, INT64_MAX, 8).begin(8) == INT64_MAX);
}

//===--- threads -----------------------------------------------------------------------------------------------------===//

static void coversEachIndexOnce(Run &run) {
  for (int64_t count : {0, 1, 2, 3, 100, 1001}) {
    std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
    RunContext::of(run).parallelFor(count, [&](int64_t index) { ++seen[static_cast<size_t>(index)]; });
    for (auto &times : seen)
      REQUIRE(times == 1);
  }
}

TEST_CASE("parallelFor calls each index once") {
  for (int32_t threads : {1, 2, 5})
    inRun<coversEachIndexOnce>(threads);
}

static void throwsFromWorkers(Run &run) {
  for (int64_t bad : {0, 1, 63}) {
    try {
      RunContext::of(run).parallelFor(64, [&](int64_t index) {
        if (index == bad)
          throw std::runtime_error("index " + std::to_string(index));
      });
      FAIL("nothing was thrown");
    } catch (const std::runtime_error &error) {
      CHECK(error.what() == "index " + std::to_string(bad));
    }
  }
  coversEachIndexOnce(run);
}

TEST_CASE("what a worker throws arrives in the caller, and the team goes on") {
  for (int32_t threads : {1, 2, 5})
    inRun<throwsFromWorkers>(threads);
}

//===--- memory and state --------------------------------------------------------------------------------------------===//

static bool isAligned64(const void *pointer) { return reinterpret_cast<uintptr_t>(pointer) % 64 == 0; }

static void givesAlignedMemory(Run &run) {
  for (int64_t bytes : {0, 1, 63, 4096, 100, 5 << 20}) {
    char *arena = run.arena(bytes);
    REQUIRE(isAligned64(arena));
    memset(arena, 1, static_cast<size_t>(bytes));
    void *scratch = RunContext::of(run).scratch(static_cast<size_t>(bytes));
    REQUIRE(isAligned64(scratch));
    memset(scratch, 2, static_cast<size_t>(bytes));
    REQUIRE((bytes == 0 || arena[bytes - 1] == 1));
  }
  char *arena = run.arena(100);
  CHECK(run.arena(100) == arena); // kept
}

TEST_CASE("arena and scratch are aligned, apart and kept") { inRun<givesAlignedMemory>(1); }

TEST_CASE("memory that cannot be had is a sentence") {
  CHECK(sentenceOf([](Run &run) { run.arena(INT64_MAX); }) ==
        "no memory for 9223372036854775807 bytes; use smaller inputs or fewer runs at once");
  CHECK(sentenceOf([](Run &run) { run.arena(-1); }) ==
        "no memory for 18446744073709551615 bytes; use smaller inputs or fewer runs at once");
}

namespace {

struct Numbered : SiteState {
  static inline std::atomic<int> alive = 0;
  int number;
  explicit Numbered(int number) : number(number) { ++alive; }
  ~Numbered() override { --alive; }
};

} // namespace

static void makesStateOnce(Run &run) {
  RunContext &context = RunContext::of(run);
  auto make = [](int number) { return [number] { return std::make_unique<Numbered>(number); }; };
  CHECK(context.siteState<Numbered>(0, make(10)).number == 10);
  CHECK(context.siteState<Numbered>(0, make(11)).number == 10);
  CHECK(context.siteState<Numbered>(3, make(12)).number == 12);
  CHECK_THROWS_AS(context.siteState<Numbered>(1, []() -> std::unique_ptr<Numbered> { throw std::bad_alloc(); }),
                  std::bad_alloc);
  CHECK(context.siteState<Numbered>(1, make(13)).number == 13);
  CHECK(Numbered::alive == 3);
}

TEST_CASE("state of a call site is made once and lives as long as the model") {
  inRun<makesStateOnce>(1);
  CHECK(Numbered::alive == 0);
}

TEST_CASE("state of a call site is made once by many threads") {
  tenon_load_options options = {};
  options.num_threads = 1;
  LoadedModel loaded(options);
  static std::atomic<int> made;
  made = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      body = [](Run &run) {
        RunContext::of(run).siteState<Numbered>(2, [] { return std::make_unique<Numbered>(++made); });
      };
      loaded.run({}, {});
    });
  for (std::thread &thread : threads)
    thread.join();
  CHECK(made == 1);
}

//===--- guards ------------------------------------------------------------------------------------------------------===//

TEST_CASE("guard sentences take values by number and leave other braces") {
  CHECK(sentenceOf([](Run &) { guardFailed("a {1} b {0} c {1} {2} {x} {", {5, -7}); }) == "a -7 b 5 c -7 {2} {x} {");
}

static const int32_t indices32[] = {0, 9, 1, 8, 2, 7, -3, 6, 100, 5};
static const int64_t indices64[] = {0, 4, 8, 1, 5, -10, 2, 6, 9};

static std::string indexSentence(const TensorView &indices, int64_t size, bool wraps = false) {
  return sentenceOf([&](Run &run) { checkIndex(run, indices, size, "gather", wraps); });
}

TEST_CASE("index checks read any strides and both widths, and name the first bad one") {
  CHECK(indexSentence(view(DType::I32, indices32, {3}, {2}), 10) == "");
  CHECK(indexSentence(view(DType::I32, indices32, {5}, {2}), 10) ==
        "gather: index -3 is out of range for size 10; valid are 0 to 9");
  CHECK(indexSentence(view(DType::I32, indices32, {4}, {2}), 10, true) == "");
  CHECK(indexSentence(view(DType::I32, indices32, {5}, {2}), 10, true) ==
        "gather: index 100 is out of range for size 10; valid are -10 to 9");
  CHECK(indexSentence(view(DType::I32, indices32, {5}, {2}), 2, true) ==
        "gather: index 2 is out of range for size 2; valid are -2 to 1");
  CHECK(indexSentence(view(DType::I64, indices64, {3, 3}, {1, 3}), 10, true) == "");
  CHECK(indexSentence(view(DType::I64, indices64, {3, 3}, {3, 1}), 9, true) ==
        "gather: index -10 is out of range for size 9; valid are -9 to 8");
  CHECK(indexSentence(view(DType::I64, indices64, {2, 0}, {1, 3}), 1) == "");
  CHECK(indexSentence(view(DType::I64, indices64, {}, {}), 0) ==
        "gather: index 0 is out of range for size 0; there is no valid one");
  CHECK(indexSentence(view(DType::F32, indices64, {}, {}), 1) ==
        "gather: indices are neither int32 nor int64; please report this");
}

TEST_CASE("index checks take the widest sizes") {
  static const int64_t wide[] = {INT64_MAX - 1, -1, INT64_MIN};
  CHECK(indexSentence(view(DType::I64, wide, {2}, {1}), INT64_MAX, true) == "");
  CHECK(indexSentence(view(DType::I64, wide, {1}, {1}), INT64_MAX) == "");
  CHECK(indexSentence(view(DType::I64, wide, {3}, {1}), INT64_MAX, true) != "");
  CHECK(indexSentence(view(DType::I32, indices32, {4}, {2}), int64_t{1} << 40, true) == "");
}

TEST_CASE("divisor checks find zeros of every integer type") {
  static const uint8_t bytes[] = {1, 1, 0, 1};
  static const int64_t words[] = {3, 0, -1};
  auto sentence = [](const TensorView &divisors) {
    return sentenceOf([&](Run &run) { checkDivisor(run, divisors, "floor_divide"); });
  };
  const char *zero = "floor_divide: integer division by zero; give divisors other than zero";
  CHECK(sentence(view(DType::U8, bytes, {2}, {1})) == "");
  CHECK(sentence(view(DType::U8, bytes, {3}, {1})) == zero);
  CHECK(sentence(view(DType::I64, words, {2}, {2})) == "");
  CHECK(sentence(view(DType::I64, words, {3}, {1})) == zero);
  CHECK(sentence(view(DType::F32, words, {1}, {1})) == "floor_divide: divisors are no integers; please report this");
}

//===--- copies ------------------------------------------------------------------------------------------------------===//

namespace {

// Copies a random array between random layouts and compares with a loop over all positions.
void checkRandomCopy(Run &run, std::mt19937 &random) {
  auto below = [&](int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint64_t>(limit)); };
  const int64_t widths[] = {1, 2, 4, 8, 16};
  int64_t width = widths[below(5)], numElements = 1;
  auto rank = static_cast<int32_t>(below(5));
  int64_t sizes[maxRank], sourceStrides[maxRank], destinationStrides[maxRank];
  for (int32_t i = 0; i < rank; ++i)
    numElements *= sizes[i] = below(20) ? 1 + below(rank > 2 ? 9 : 70) : 0;

  // Lays the dimensions out in a random order with random gaps; returns how many elements that spans.
  auto layOut = [&](int64_t *strides, bool mayBroadcast) {
    std::vector<int32_t> order(static_cast<size_t>(rank));
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    int64_t span = 1;
    for (int32_t dim : order) {
      bool broadcast = mayBroadcast && below(6) == 0;
      strides[dim] = broadcast ? 0 : span;
      span = broadcast ? span : span * std::max<int64_t>(sizes[dim], 1) + (below(3) ? 0 : below(4));
    }
    return span;
  };
  std::vector<char> source(static_cast<size_t>(layOut(sourceStrides, true) * width));
  std::vector<char> destination(static_cast<size_t>(layOut(destinationStrides, false) * width), 77), expected = destination;
  for (char &byte : source)
    byte = static_cast<char>(random());
  for (int64_t n = 0; n < numElements; ++n) {
    int64_t rest = n, from = 0, to = 0;
    for (int32_t i = rank - 1; i >= 0; rest /= sizes[i--]) {
      from += rest % sizes[i] * sourceStrides[i];
      to += rest % sizes[i] * destinationStrides[i];
    }
    memcpy(&expected[static_cast<size_t>(to * width)], &source[static_cast<size_t>(from * width)], static_cast<size_t>(width));
  }
  copyStrided(RunContext::of(run), width, rank, sizes, source.data(), sourceStrides, destination.data(), destinationStrides);
  REQUIRE(destination == expected);
}

void checkRandomCopies(Run &run) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i)
    checkRandomCopy(run, random);
}

} // namespace

TEST_CASE("strided copies equal a loop over all positions and touch nothing else") {
  inRun<checkRandomCopies>(1);
  inRun<checkRandomCopies>(3);
}

static void copiesViews(Run &run) {
  const double source[] = {1, 2, 3, 4, 5, 6};
  double transposed[6] = {};
  copy(run, view(DType::F64, source, {3, 2}, {1, 3}), view(DType::F64, transposed, {3, 2}, {2, 1}));
  CHECK(std::vector<double>(transposed, transposed + 6) == std::vector<double>{1, 4, 2, 5, 3, 6});
  double scalar = 0;
  copy(run, view(DType::F64, source + 4, {}, {}), view(DType::F64, &scalar, {}, {}));
  CHECK(scalar == 5);
}

TEST_CASE("copy of views") { inRun<copiesViews>(1); }

//===--- element types -----------------------------------------------------------------------------------------------===//

TEST_CASE("element types have DLPack's sizes and torch's names") {
  CHECK(sizeInBytes(DType::F32) == 4);
  CHECK(sizeInBytes(DType::BF16) == 2);
  CHECK(sizeInBytes(DType::Bool) == 1);
  CHECK(sizeInBytes(DType::C128) == 16);
  CHECK(nameOf({kDLBfloat, 16, 1}) == "bfloat16");
  CHECK(nameOf({kDLUInt, 64, 1}) == "uint64");
  CHECK(nameOf({kDLComplex, 64, 1}) == "complex64");
  CHECK(nameOf({kDLFloat, 8, 1}) == "DLPack type 2:8x1");
}

//===--- CPU ---------------------------------------------------------------------------------------------------------===//

TEST_CASE("CPU features: the baseline is there, others as the compiler's own test says") {
  CHECK(!hasCpuFeature("flux-capacitor"));
  CHECK(!hasCpuFeature(""));
  CHECK_NOTHROW(checkCpuFeatures(""));
  CHECK_NOTHROW(checkCpuFeatures(nullptr));
#ifdef __x86_64__
  CHECK(hasCpuFeature("sse2"));
  CHECK(hasCpuFeature("avx") == !!__builtin_cpu_supports("avx"));
  CHECK(hasCpuFeature("avx2") == !!__builtin_cpu_supports("avx2"));
  CHECK(hasCpuFeature("fma") == !!__builtin_cpu_supports("fma"));
  CHECK(hasCpuFeature("bmi") == !!__builtin_cpu_supports("bmi"));
  CHECK(hasCpuFeature("bmi2") == !!__builtin_cpu_supports("bmi2"));
  CHECK(hasCpuFeature("popcnt") == !!__builtin_cpu_supports("popcnt"));
  CHECK(hasCpuFeature("f16c") == !!__builtin_cpu_supports("f16c"));
  CHECK(hasCpuFeature("lzcnt") == !!__builtin_cpu_supports("lzcnt"));
  CHECK(hasCpuFeature("avxvnni") == !!__builtin_cpu_supports("avxvnni"));
  CHECK(hasCpuFeature("avx512f") == !!__builtin_cpu_supports("avx512f"));
  CHECK(hasCpuFeature("avx512cd") == !!__builtin_cpu_supports("avx512cd"));
  CHECK(hasCpuFeature("avx512dq") == !!__builtin_cpu_supports("avx512dq"));
  CHECK(hasCpuFeature("avx512bw") == !!__builtin_cpu_supports("avx512bw"));
  CHECK(hasCpuFeature("avx512vl") == !!__builtin_cpu_supports("avx512vl"));
  CHECK(hasCpuFeature("avx512ifma") == !!__builtin_cpu_supports("avx512ifma"));
  CHECK(hasCpuFeature("avx512vbmi") == !!__builtin_cpu_supports("avx512vbmi"));
  CHECK(hasCpuFeature("avx512vbmi2") == !!__builtin_cpu_supports("avx512vbmi2"));
  CHECK(hasCpuFeature("avx512vnni") == !!__builtin_cpu_supports("avx512vnni"));
  CHECK(hasCpuFeature("avx512bitalg") == !!__builtin_cpu_supports("avx512bitalg"));
  CHECK(hasCpuFeature("avx512vpopcntdq") == !!__builtin_cpu_supports("avx512vpopcntdq"));
  CHECK(hasCpuFeature("avx512bf16") == !!__builtin_cpu_supports("avx512bf16"));
  CHECK(hasCpuFeature("avx512fp16") == !!__builtin_cpu_supports("avx512fp16"));
#else
  CHECK(hasCpuFeature("neon"));
  CHECK(hasCpuFeature("fp-armv8"));
#endif
}
