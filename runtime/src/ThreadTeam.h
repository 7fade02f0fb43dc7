//===- ThreadTeam.h - the one parallel for --------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// All parallelism goes through ThreadTeam::parallelFor. It opens an OpenMP region with libgomp's own entry point, so
// generated kernels, oneDNN and OpenBLAS share one team of threads; a team of our own beside libgomp's means that both spin
// (on 2 cores a 0.7 ms convolution took 8 ms). An application's parallel for replaces the team.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_THREADTEAM_H
#define TENON_RUNTIME_THREADTEAM_H

#include "tenon/tenon.h"

namespace tenon {

/// While one lives, OpenMP regions that libraries open on this thread have `count` threads.
class LibraryThreads {
public:
  explicit LibraryThreads(int count);
  ~LibraryThreads();
  LibraryThreads(const LibraryThreads &) = delete;

private:
  int countBefore;
};

class ThreadTeam {
public:
  /// `numThreads` 0: as many as the process has cores. Null `lentFor`: OpenMP's threads.
  ThreadTeam(int32_t numThreads, tenon_parallel_for_fn lentFor, void *lentPool);

  int numThreads() const { return numThreads_; }

  /// Calls body(context, index) for index in [0, count): thread t gets a contiguous range. Throws what the first failing
  /// body threw, after all threads have returned.
  void parallelFor(int64_t count, void (*body)(const void *, int64_t), const void *context) const;

  /// While one lives, OpenMP regions that libraries open on this thread have the team's size.
  class Scope {
  public:
    /// Throws Error where the thread's team was lost by fork().
    explicit Scope(const ThreadTeam &team);

  private:
    LibraryThreads threads;
  };

private:
  bool isLent() const { return lentFor != nullptr; }
  int numLibraryThreads() const { return isLent() ? 1 : numThreads_; }

  int numThreads_;
  tenon_parallel_for_fn lentFor;
  void *lentPool;
};

} // namespace tenon

#endif // TENON_RUNTIME_THREADTEAM_H
