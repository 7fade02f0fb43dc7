//===- KernelJit.h - kernels compiled in this process, for tests --------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TEST_KERNEL_KERNELJIT_H
#define TENON_TEST_KERNEL_KERNELJIT_H

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tenon::test {

/// Memory of `count` elements between two guards that must stay as they are.
template <typename T> class Buffer {
public:
  explicit Buffer(size_t count, std::function<T(size_t)> value = [](size_t) { return T(); })
      : count(count), bytes(count * sizeof(T) + 2 * guardBytes, guardByte) {
    for (size_t i = 0; i < count; ++i) {
      T element = value(i);
      std::memcpy(bytes.data() + guardBytes + i * sizeof(T), &element, sizeof(T));
    }
  }
  T *data() { return reinterpret_cast<T *>(bytes.data() + guardBytes); }
  T &operator[](size_t i) { return data()[i]; }
  size_t size() const { return count; }
  bool guardsHold() const {
    for (size_t i = 0; i < guardBytes; ++i)
      if (bytes[i] != guardByte || bytes[bytes.size() - 1 - i] != guardByte)
        return false;
    return true;
  }

private:
  static constexpr size_t guardBytes = 256;
  static constexpr unsigned char guardByte = 0xA5;
  size_t count;
  std::vector<unsigned char> bytes;
};

/// The one kernel of a module, from the buffer level to native code of this CPU.
class JitKernel {
public:
  /// `text`: a module at the buffer level. Throws std::runtime_error with the diagnostics where it does not compile.
  explicit JitKernel(const std::string &text, unsigned vectorBits = 512, bool keepRounding = true);
  ~JitKernel();
  JitKernel(JitKernel &&) noexcept;
  /// Runs all units, `chunks` calls for them.
  void run(std::vector<void *> buffers, std::vector<int64_t> sizes = {}, int64_t chunks = 1) const;
  int64_t extent(const std::vector<int64_t> &sizes) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// `text` with every `$NAME` replaced by its value.
std::string substitute(std::string text, std::vector<std::pair<std::string, std::string>> values);

} // namespace tenon::test

#endif // TENON_TEST_KERNEL_KERNELJIT_H
