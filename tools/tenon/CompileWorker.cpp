//===- CompileWorker.cpp - a process that compiles one model after another -----------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A request is a packet MODEL<tab>OUTPUT, its answer a packet of one byte, the exit code; what there is to say lies in
// the notes.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/CompileWorker.h"

#include <cerrno>
#include <climits>
#include <sys/socket.h>
#include <unistd.h>

namespace tenon::tools {

// Empty at the end of the connection.
static std::string receive(int socket) {
  std::string packet(2 * PATH_MAX + 1, '\0');
  ssize_t count;
  while ((count = recv(socket, packet.data(), packet.size(), 0)) < 0 && errno == EINTR)
    ;
  packet.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  return packet;
}

// Where nobody listens any more, the next receive() finds the end.
static void sendPacket(int socket, llvm::StringRef packet) {
  (void)send(socket, packet.data(), packet.size(), MSG_NOSIGNAL);
}

CompileWorker::CompileWorker(const CompileOptions &options) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return;
  socket = ends[0];
  pid_t parent = getpid();
  work.emplace([&] { return getpid() == parent ? 0 : serve(options, ends[1]); });
  close(ends[1]); // the child's is the only one, so that its end shows
}

CompileWorker::~CompileWorker() {
  if (socket >= 0)
    close(socket);
}

int CompileWorker::serve(const CompileOptions &options, int itsSocket) const {
  close(socket);
  for (std::string request; !(request = receive(itsSocket)).empty();) {
    auto [model, output] = llvm::StringRef(request).split('\t');
    sendPacket(itsSocket, std::string(1, static_cast<char>(notes.compile(model.str(), output.str(), options))));
  }
  return 0;
}

void CompileWorker::start(std::string model, std::string output) {
  sendPacket(socket, model + "\t" + output);
  currentModel = std::move(model);
  currentOutput = std::move(output);
}

CompileOutcome CompileWorker::wait() {
  std::string model = std::exchange(currentModel, ""), answer = receive(socket);
  if (!answer.empty())
    return notes.outcome({answer.front(), ""}, model);
  isOver = true;
  if (!work || !work->isGuarded())
    return {static_cast<int>(FailureKind::Internal),
            "no process can be started to compile in; end others, or raise their limit"};
  return notes.outcome(work->wait(), model);
}

} // namespace tenon::tools
