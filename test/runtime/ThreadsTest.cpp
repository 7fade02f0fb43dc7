//===- ThreadsTest.cpp - threads of a run, runs in threads, what both leave alone ---------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "TestModels.h"

#include <atomic>
#include <catch2/generators/catch_generators.hpp>
#include <cfenv>
#include <set>
#include <signal.h>
#include <sys/wait.h>
#include <thread>

#ifdef __x86_64__
#include <xmmintrin.h>
#endif

using namespace tenon;
using namespace tenon::test;

static int64_t numTasks() {
  int64_t count = 0;
  for ([[maybe_unused]] auto &task : std::filesystem::directory_iterator("/proc/self/task"))
    ++count;
  return count;
}

// Runs `body` in a child process; returns its exit code, -1 where it had to be killed after ten seconds.
template <typename Body> static int inChild(const Body &body) {
  pid_t child = fork();
  if (child == 0)
    _exit(body());
  int status = 0;
  for (int i = 0; i < 1000; ++i) {
    if (waitpid(child, &status, WNOHANG) == child)
      return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
    usleep(10000);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return -1;
}

// First in this file: later tests leave a team of threads behind.
TEST_CASE("one thread starts no thread") {
  TemporaryFolder folder;
  std::filesystem::path file = makeAffine(folder);
  CHECK(inChild([&] {
          int64_t before = numTasks();
          Session session(file, withThreads(1));
          AffineCase affine;
          for (int i = 0; i < 10; ++i)
            session.run({affine.input}, {affine.output});
          return session.status == TENON_OK && affine.isRight() && numTasks() == before ? 0 : 1;
        }) == 0);
}

TEST_CASE("two threads start one thread") {
  TemporaryFolder folder;
  std::filesystem::path file = makeAffine(folder);
  CHECK(inChild([&] {
          int64_t before = numTasks();
          Session session(file, withThreads(2));
          AffineCase affine;
          session.run({affine.input}, {affine.output});
          return session.status == TENON_OK && affine.isRight() && numTasks() == before + 1 ? 0 : 1;
        }) == 0);
}

TEST_CASE("any number of threads gives the same bits") {
  TemporaryFolder folder;
  std::filesystem::path file = makeAffine(folder);
  for (int32_t threads : {0, 1, 2, 3, 4, 7, 64, 100}) {
    CAPTURE(threads);
    Session session(file, withThreads(threads));
    REQUIRE(session.status == TENON_OK);
    AffineCase affine;
    for (int i = 0; i < 5; ++i) {
      affine.output.values.assign(affine.output.values.size(), -1);
      REQUIRE(session.run({affine.input}, {affine.output}) == TENON_OK);
      REQUIRE(affine.isRight());
    }
  }
}

TEST_CASE("8 threads x 200 runs of one model, bit-identical") {
  TemporaryFolder folder;
  Session session(makeAffine(folder), withThreads(GENERATE(1, 2)));
  REQUIRE(session.status == TENON_OK);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      AffineCase affine;
      for (float &value : affine.input.values)
        value += static_cast<float>(t);
      DLTensor input = affine.input, output = affine.output;
      for (int i = 0; i < 200; ++i) {
        affine.output.values.assign(affine.output.values.size(), -1);
        tenon_status status = session.api->model_run(session.model, &input, 1, &output, 1);
        wrong += status != TENON_OK || !affine.isRight();
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("runs of a model with state wait for each other") {
  TemporaryFolder folder;
  Session session(makeCounter(folder), withThreads(1));
  std::vector<std::vector<float>> counts(8);
  std::vector<std::thread> threads;
  for (auto &mine : counts)
    threads.emplace_back([&] {
      Array<float> addend(float32, {4}, 1), total(float32, {4}), count(float32, {});
      DLTensor input = addend, outputs[] = {total, count};
      for (int i = 0; i < 200; ++i) {
        session.api->model_run(session.model, &input, 1, outputs, 2);
        mine.push_back(total.values[0] - 10 == count.values[0] ? count.values[0] : -1);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  std::set<float> all;
  for (auto &mine : counts)
    all.insert(mine.begin(), mine.end());
  CHECK(all.size() == 1600); // every count from 1 to 1600 was seen by exactly one run
  CHECK(*all.begin() == 1);
}

TEST_CASE("many models loaded at once") {
  TemporaryFolder folder;
  std::filesystem::path file = makeAffine(folder);
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  Session keep(file);
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      tenon_model *model = nullptr;
      tenon_load_options options = withThreads(1);
      options.struct_size = sizeof(options);
      AffineCase affine;
      DLTensor input = affine.input, output = affine.output;
      for (int i = 0; i < 20; ++i) {
        if (keep.api->model_load(&options, &model) == TENON_OK)
          right += keep.api->model_run(model, &input, 1, &output, 1) == TENON_OK && affine.isRight();
        keep.api->model_release(model);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  CHECK(right == 160);
}

//===--- the application's parallel for ------------------------------------------------------------------------------===//

namespace {

struct Pool {
  int calls = 0, largestCount = 0;
};

// Every index on a thread of its own, in reverse order.
void parallelFor(void *pool, int32_t count, void (*body)(void *, int32_t), void *context) {
  auto *counted = static_cast<Pool *>(pool);
  ++counted->calls;
  counted->largestCount = std::max(counted->largestCount, static_cast<int>(count));
  std::vector<std::thread> threads;
  for (int32_t i = count - 1; i >= 0; --i)
    threads.emplace_back(body, context, i);
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace

TEST_CASE("the application's parallel for replaces the team") {
  TemporaryFolder folder;
  Pool pool;
  tenon_load_options options = withThreads(3);
  options.parallel_for = parallelFor;
  options.parallel_for_pool = &pool;
  std::filesystem::path file = makeAffine(folder);
  CHECK(inChild([&] {
          int64_t before = numTasks();
          Session session(file, options);
          AffineCase affine;
          session.run({affine.input}, {affine.output});
          bool split = pool.calls == 2 && pool.largestCount == 3; // both kernels
          return session.status == TENON_OK && affine.isRight() && split && numTasks() == before ? 0 : 1;
        }) == 0);
}

//===--- what is left alone ------------------------------------------------------------------------------------------===//

static uint64_t floatingPointControl() {
#ifdef __x86_64__
  return _mm_getcsr() & ~0x3fu; // without the sticky flags
#else
  uint64_t control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  return control;
#endif
}

TEST_CASE("loading, running and unloading leave the floating-point control word alone") {
  TemporaryFolder folder;
  std::filesystem::path file = makeAffine(folder);
  for (int mode : {FE_TONEAREST, FE_UPWARD}) {
    std::fesetround(mode);
    uint64_t before = floatingPointControl();
    {
      Session session(file, withThreads(2));
      CHECK(floatingPointControl() == before);
      AffineCase affine;
      session.run({affine.input}, {affine.output});
      CHECK(floatingPointControl() == before);
    }
    CHECK(floatingPointControl() == before);
    CHECK(std::fegetround() == mode);
  }
  std::fesetround(FE_TONEAREST);
}

TEST_CASE("the application's OpenMP settings are as before") {
  TemporaryFolder folder;
  std::filesystem::path file = makeAffine(folder);
  void *gomp = dlopen("libgomp.so.1", RTLD_NOW);
  REQUIRE(gomp);
  auto maxThreads = reinterpret_cast<int (*)()>(dlsym(gomp, "omp_get_max_threads"));
  auto setThreads = reinterpret_cast<void (*)(int)>(dlsym(gomp, "omp_set_num_threads"));
  int original = maxThreads();
  setThreads(5);
  {
    Session session(file, withThreads(2));
    CHECK(maxThreads() == 5);
    AffineCase affine;
    session.run({affine.input}, {affine.output});
    CHECK(maxThreads() == 5);
    session.failure({}, {affine.output});
    CHECK(maxThreads() == 5);
  }
  setThreads(original);
}

TEST_CASE("after fork: one thread works, a lost team is refused, a new thread works") {
  TemporaryFolder folder;
  std::filesystem::path file = makeAffine(folder);
  Session one(file, withThreads(1)), two(file, withThreads(2));
  AffineCase affine;
  REQUIRE(two.run({affine.input}, {affine.output}) == TENON_OK);

  CHECK(inChild([&] { return one.run({affine.input}, {affine.output}) == TENON_OK && affine.isRight() ? 0 : 1; }) == 0);
  CHECK(inChild([&] {
          return two.run({affine.input}, {affine.output}) == TENON_INVALID_ARGUMENT &&
                         two.sentence == "this thread's team of threads did not survive fork(); run in a new thread of "
                                         "the child, or load the model with num_threads 1"
                     ? 0
                     : 1;
        }) == 0);
  CHECK(inChild([&] {
          std::thread([&] { two.run({affine.input}, {affine.output}); }).join();
          return two.status == TENON_OK && affine.isRight() ? 0 : 1;
        }) == 0);
}
