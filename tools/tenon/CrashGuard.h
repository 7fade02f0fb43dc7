//===- CrashGuard.h - work whose crash becomes an error --------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A compiler has assertions, fatal errors and recursion. Whatever ends it, the user is owed an exit code, a sentence and a
// reproducer. The work runs in a forked child: that holds on every thread of it and for an exhausted stack, which no signal
// handler inside the process can promise, and nothing of the damaged process is used afterwards.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_CRASHGUARD_H
#define TENON_TOOLS_CRASHGUARD_H

#include <functional>
#include <string>

namespace tenon::tools {

/// A text that a child writes and its parent reads after the child's end, however it ended.
class SharedNote {
public:
  SharedNote();
  ~SharedNote();
  SharedNote(const SharedNote &) = delete;

  /// Replaces the text.
  void write(const std::string &text) const;
  std::string read() const;

private:
  int descriptor; ///< of an anonymous file; -1 where the system gives none: the note stays empty
};

/// How guarded work ended.
struct GuardedEnd {
  int exitCode = 0;  ///< what the work returned; meaningless after a crash
  std::string crash; ///< "segmentation fault", or empty: the work returned
};

/// Work in a forked child. Standard streams are flushed before and after. Start it before the process has threads. The child
/// ends when this process does, and removes the files it has pending.
class GuardedWork {
public:
  /// Starts `work`; where there is no process to spare, does it here and now.
  explicit GuardedWork(const std::function<int()> &work);
  GuardedWork(const GuardedWork &) = delete;

  /// False where the work was done here and now.
  bool isGuarded() const { return child >= 0; }
  /// Waits for the end. To be called once.
  GuardedEnd wait();

private:
  int child = -1; ///< process id; -1: the work was done unguarded
  int unguardedCode = 0;
};

/// Runs `work` in a forked child and waits for it.
GuardedEnd runGuarded(const std::function<int()> &work);

} // namespace tenon::tools

#endif // TENON_TOOLS_CRASHGUARD_H
