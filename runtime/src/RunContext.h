//===- RunContext.h - one run as the runtime's own files see it --------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// What library functions (runtime/src/library/) need beyond tenon/generated.h: threads, scratch memory, state per call site
// and errors. Every Run is a RunContext: `RunContext &context = RunContext::of(run);`.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_RUNCONTEXT_H
#define TENON_RUNTIME_RUNCONTEXT_H

#include "Arguments.h"
#include "Memory.h"
#include "tenon/generated.h"

#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tenon {

class Generator;
class LoadedModel;

/// What a failed call reports: a status and one lowercase sentence, the remedy after a semicolon.
class Error : public std::exception {
public:
  Error(tenon_status status, std::string sentence) : status_(status), sentence(std::move(sentence)) {}
  tenon_status status() const { return status_; }
  const char *what() const noexcept override { return sentence.c_str(); }

private:
  tenon_status status_;
  std::string sentence;
};

/// What a library call keeps between runs: primitives, packed weights. Derive, and hand out through
/// RunContext::siteState.
class SiteState {
public:
  virtual ~SiteState() = default;
};

/// The application's memory for outputs whose sizes the run computes.
struct Allocator {
  tenon_allocate_fn allocate = nullptr;
  void *context = nullptr;
};

class RunContext final : public Run {
public:
  explicit RunContext(LoadedModel &owner) : owner(owner) {}
  static RunContext &of(Run &run) { return static_cast<RunContext &>(run); }

  //===--- the emitted code's view ---===//
  bool preparing() const override { return preparing_; }
  void *input(int32_t index) const override { return inputs[index].data; }
  int64_t inputSize(int32_t index, int32_t dim) const override { return inputs[index].sizes[dim]; }
  void *output(int32_t index) const override { return outputs[index]; }
  void *global(int32_t index) const override;
  char *arena(int64_t bytes) override;
  char *lateBuffer(int32_t number, int64_t bytes) override;
  void setOutputSize(int32_t index, int32_t dim, int64_t size) override;
  void *lateOutput(int32_t index, std::initializer_list<int64_t> sizes) override;

  //===--- the library functions' view ---===//

  /// Threads that parallelFor uses. Libraries with an OpenMP team of their own choice need no call: during a load and a
  /// run omp_get_max_threads() is this number, or 1 where the application lent its parallel for.
  int numThreads() const;

  /// Calls body(index) for index in [0, count), each thread a contiguous range of indices; returns when all are done. Not
  /// to be nested. What a body throws is thrown here, once all threads have returned.
  template <typename Body> void parallelFor(int64_t count, const Body &body) {
    parallelFor(count, [](const void *body, int64_t index) { (*static_cast<const Body *>(body))(index); }, &body);
  }
  void parallelFor(int64_t count, void (*body)(const void *context, int64_t index), const void *context);

  /// The state of call site `site`, made by `make()` (returns std::unique_ptr<State>) where there is none. Makers run
  /// under a lock of the model; a later call takes no lock. Sites of dynamic shapes guard what they add themselves.
  template <typename State, typename Make> State &siteState(int32_t site, const Make &make) {
    auto erased = [](const void *make) -> std::unique_ptr<SiteState> { return (*static_cast<const Make *>(make))(); };
    return static_cast<State &>(siteState(site, erased, &make));
  }

  /// Memory of this run's own, 64-byte aligned, at least `bytes` long, kept between runs; contents undefined. The next
  /// call invalidates it, so a library function calls it once.
  void *scratch(size_t bytes) { return scratch_.atLeast(bytes); }

  /// The model's random numbers.
  Generator &generator();

  /// Counts `bytes` of packed weights in the model's statistics.
  void addConstantBytes(int64_t bytes);

  /// Says that the plain constant [data, data + bytes) was packed and is hardly read again: its pages are given back. The
  /// memory stays readable. Ranges outside the weights blob are ignored.
  void constantIsPacked(const void *data, size_t bytes);

private:
  friend class LoadedModel;
  using MakeSiteState = std::unique_ptr<SiteState> (*)(const void *);
  SiteState &siteState(int32_t site, MakeSiteState make, const void *context);

  // Computes the sizes that outputs have for the inputs: TENON_DYNAMIC where only the run knows them.
  void computeOutputSizes();
  // True for an output whose memory is asked for in the run.
  bool isLate(size_t output) const;
  // Takes sizes and data of checked tensors; copies inputs that are not row-major or share memory with an output.
  void bind(std::span<const DLTensor> inputs, std::span<const DLTensor> outputs);
  // Copies what the run wrote to copies of inputs to the caller's tensors.
  void writeBack(std::span<const DLTensor> inputs);
  // The same for an input that is read where it lies, or not at all.
  void bindInPlace(std::span<const DLTensor> inputs);
  // Sizes of a static signature, no data.
  void bindSignature();

  struct Input {
    void *data = nullptr;
    int64_t sizes[maxRank] = {};
  };

  LoadedModel &owner;
  bool preparing_ = false;
  std::vector<Input> inputs;
  std::vector<void *> outputs;
  std::vector<int64_t *> callersShapes; // of outputs
  std::vector<ByteRange> writtenRanges; // of outputs and mutated inputs
  Allocator allocator; // of late outputs
  std::vector<int64_t> outputSizes; // of the model's own computation, where sizes are dynamic
  std::vector<int64_t *> outputShapes;
  Memory arena_, scratch_, inputCopies;
  std::vector<Memory> lateBuffers;
  int64_t arenaBytes = 0;
};

} // namespace tenon

#endif // TENON_RUNTIME_RUNCONTEXT_H
