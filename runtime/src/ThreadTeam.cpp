//===- ThreadTeam.cpp - the one parallel for ----------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "ThreadTeam.h"

#include "RunContext.h"

#include <algorithm>
#include <atomic>
#include <dlfcn.h>
#include <sched.h>
#include <unistd.h>

// libgomp's C interface, which clang's OpenMP headers do not have. GOMP_parallel runs the function on every thread of a team,
// the calling one included.
extern "C" {
void GOMP_parallel(void (*function)(void *), void *data, unsigned numThreads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_max_threads(void);
void omp_set_num_threads(int);
}

namespace tenon {

namespace {

// The process whose OpenMP team this thread has used; a child of fork() inherits the note but not the team, and waiting
// for it would never end.
thread_local pid_t processOfTeam = 0;

int numCores() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

// libgomp's threads wait for the next region in libgomp's code, and nothing ends them: unloading it with the last model
// would take that code away from under them. It also keeps some bytes per thread that only its own code can free.
void keepOpenMPLoaded() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&GOMP_parallel), &info))
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

// ThreadSanitizer does not see libgomp's barriers: what happens before and after a region is told to it here.
#if __has_feature(thread_sanitizer)
extern "C" void __tsan_acquire(void *);
extern "C" void __tsan_release(void *);
void joinOthers(void *region) { __tsan_acquire(region); }
void letOthersJoin(void *region) { __tsan_release(region); }
#else
void joinOthers(void *) {}
void letOthersJoin(void *) {}
#endif

// One call of parallelFor, shared by its threads.
struct Region {
  int64_t count;
  void (*body)(const void *, int64_t);
  const void *context;
  int numParts;
  std::atomic<bool> failed = false;
  std::exception_ptr failure;

  // Runs part `part` of the indices.
  void runPart(int part, int numParts) noexcept {
    joinOthers(this);
    int64_t begin = partBegin(part, numParts), end = partBegin(part + 1, numParts);
    try {
      for (int64_t index = begin; index < end; ++index)
        body(context, index);
    } catch (...) {
      if (!failed.exchange(true))
        failure = std::current_exception();
    }
    letOthersJoin(this);
  }

  // The remainder is spread over the first parts; no product that could overflow.
  int64_t partBegin(int64_t part, int64_t numParts) const {
    return count / numParts * part + std::min(part, count % numParts);
  }
};

// The team may be smaller than asked for: inside an application's own region, or under OMP_THREAD_LIMIT.
void runTeamPart(void *data) { static_cast<Region *>(data)->runPart(omp_get_thread_num(), omp_get_num_threads()); }

// A lent thread has OpenMP settings of its own: a library call in the body must not open a team there.
void runLentPart(void *data, int32_t part) {
  auto *region = static_cast<Region *>(data);
  LibraryThreads alone(1);
  region->runPart(part, region->numParts);
}

} // namespace

LibraryThreads::LibraryThreads(int count) : countBefore(omp_get_max_threads()) { omp_set_num_threads(count); }

LibraryThreads::~LibraryThreads() { omp_set_num_threads(countBefore); }

ThreadTeam::ThreadTeam(int32_t numThreads, tenon_parallel_for_fn lentFor, void *lentPool)
    : numThreads_(numThreads ? numThreads : numCores()), lentFor(lentFor), lentPool(lentPool) {
  keepOpenMPLoaded();
}

void ThreadTeam::parallelFor(int64_t count, void (*body)(const void *, int64_t), const void *context) const {
  int numParts = static_cast<int>(std::min<int64_t>(count, numThreads_));
  if (numParts <= 1) {
    for (int64_t index = 0; index < count; ++index)
      body(context, index);
    return;
  }
  Region region{count, body, context, numParts, false, nullptr};
  letOthersJoin(&region);
  if (isLent())
    lentFor(lentPool, numParts, runLentPart, &region);
  else
    GOMP_parallel(runTeamPart, &region, static_cast<unsigned>(numParts), 0);
  joinOthers(&region);
  if (region.failed)
    std::rethrow_exception(region.failure);
}

ThreadTeam::Scope::Scope(const ThreadTeam &team) : threads(team.numLibraryThreads()) {
  if (team.numLibraryThreads() > 1) {
    pid_t process = getpid();
    if (processOfTeam && processOfTeam != process)
      throw Error(TENON_INVALID_ARGUMENT, "this thread's team of threads did not survive fork(); run in a new thread of the "
                                          "child, or load the model with num_threads 1");
    processOfTeam = process;
  }
}

} // namespace tenon
