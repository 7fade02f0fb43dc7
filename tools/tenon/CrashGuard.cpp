//===- CrashGuard.cpp - work whose crash becomes an error -----------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/CrashGuard.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tenon::tools {

SharedNote::SharedNote() : descriptor(memfd_create("tenon-note", MFD_CLOEXEC)) {}

SharedNote::~SharedNote() {
  if (descriptor >= 0)
    close(descriptor);
}

void SharedNote::write(const std::string &text) const {
  if (descriptor < 0 || ftruncate(descriptor, 0) != 0)
    return;
  for (size_t done = 0; done < text.size();) {
    ssize_t count = pwrite(descriptor, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (count <= 0 && errno != EINTR)
      return;
    done += static_cast<size_t>(std::max<ssize_t>(count, 0));
  }
}

std::string SharedNote::read() const {
  off_t end = descriptor < 0 ? 0 : lseek(descriptor, 0, SEEK_END);
  std::string text(static_cast<size_t>(std::max<off_t>(end, 0)), '\0');
  ssize_t count = text.empty() ? 0 : pread(descriptor, text.data(), text.size(), 0);
  text.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

static std::string signalName(int signal) {
  const char *text = strsignal(signal);
  std::string name = text ? text : "signal " + std::to_string(signal);
  name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[0])));
  return name;
}

// Ends the child with its parent: by SIGTERM, upon which LLVM removes pending files.
static void endWithParent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent)
    raise(SIGTERM);
}

// The reproducer says more than a core file, which would be as large as the compiler's memory.
static void leaveNoCore() {
  rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

GuardedWork::GuardedWork(const std::function<int()> &work) {
  std::fflush(nullptr);
  pid_t parent = getpid();
  child = fork();
  if (child < 0) {
    unguardedCode = work(); // unguarded is better than not at all
    return;
  }
  if (child == 0) {
    endWithParent(parent);
    leaveNoCore();
    int code = work();
    std::fflush(nullptr);
    _exit(code); // destructors of static objects are the parent's business
  }
}

GuardedEnd GuardedWork::wait() {
  if (child < 0)
    return {unguardedCode, ""};
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  if (WIFEXITED(status))
    return {WEXITSTATUS(status), ""};
  return {0, signalName(WTERMSIG(status))};
}

GuardedEnd runGuarded(const std::function<int()> &work) { return GuardedWork(work).wait(); }

} // namespace tenon::tools
