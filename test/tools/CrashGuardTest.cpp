//===- CrashGuardTest.cpp - tests of work whose crash becomes an error ----------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/CrashGuard.h"

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <unistd.h>

using namespace tenon::tools;

namespace {

// As IR nested without end makes a recursive pass. The volatile array keeps the frames.
int recurse(int depth) {
  volatile char frame[1 << 12];
  frame[depth % sizeof(frame)] = 1;
  return recurse(depth + 1) + frame[0];
}

int dereferenceNull() {
  volatile int *null = nullptr;
  return *null;
}

} // namespace

TEST_CASE("work that returns gives its exit code") {
  for (int code : {0, 1, 2, 3, 4, 255}) {
    GuardedEnd end = runGuarded([&] { return code; });
    CHECK(end.crash.empty());
    CHECK(end.exitCode == code);
  }
}

TEST_CASE("a crash is named") {
  std::signal(SIGABRT, SIG_DFL); // Catch2 handles these itself, and a child inherits its handlers
  std::signal(SIGSEGV, SIG_DFL);
  CHECK(runGuarded([]() -> int { std::abort(); }).crash == "aborted");
  CHECK(runGuarded(dereferenceNull).crash == "segmentation fault");
  CHECK(runGuarded([] { return recurse(0); }).crash == "segmentation fault");
}

TEST_CASE("a crash on another thread is caught, its exhausted stack too") {
  std::signal(SIGSEGV, SIG_DFL);
  auto inThread = [](auto body) {
    return runGuarded([=] {
      std::thread([=] { body(); }).join();
      return 0;
    });
  };
  CHECK(inThread([] { dereferenceNull(); }).crash == "segmentation fault");
  CHECK(inThread([] { recurse(0); }).crash == "segmentation fault");
}

TEST_CASE("work cannot touch the parent's memory") {
  int value = 1;
  CHECK(runGuarded([&] { return value = 2; }).exitCode == 2);
  CHECK(value == 1);
}

TEST_CASE("a note outlives the crash of its writer") {
  std::signal(SIGABRT, SIG_DFL);
  SharedNote note;
  CHECK(note.read().empty());
  std::string large(1 << 20, 'x');
  GuardedEnd end = runGuarded([&]() -> int {
    note.write(large);
    note.write("fuse"); // replaces the longer text
    std::abort();
  });
  CHECK(end.crash == "aborted");
  CHECK(note.read() == "fuse");
  note.write(large);
  CHECK(note.read() == large);
}
