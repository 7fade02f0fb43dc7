//===- onednn/Primitive.h - oneDNN primitives that many runs share ---------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The part of oneDNN that Tenon uses: descriptors of views, post-ops of epilogues, primitives with their argument lists,
// constant weights in the layout a primitive wants.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_ONEDNN_PRIMITIVE_H
#define TENON_RUNTIME_LIBRARY_ONEDNN_PRIMITIVE_H

#include "../Elements.h"
#include "../PlanCache.h"

#include <atomic>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string_view>

namespace tenon::onednn {

using dnnl::memory;

dnnl::engine &engine();

/// False on CPUs whose SVE vectors are longer than the 512 bits that oneDNN 3.12 has code for: it takes its 512-bit kernels
/// there, which write whole vectors and so over the ends of rows.
bool isUsable();

/// Nothing where oneDNN has no such type or no arithmetic on it.
std::optional<memory::data_type> dataType(DType dtype);

/// `view` as it lies in memory; false where oneDNN does not take its strides: dimensions that interleave, as those of a[:, ::2] with
/// an odd number of columns, count as overlapping there. The dtype must have a dataType().
memory::desc describe(const TensorView &view);

/// Sizes of `view` with dense channels-last strides ([N, C, D…] with C innermost).
memory::desc describeChannelsLast(const TensorView &view);

/// The epilogue as post-ops on a result of `output`'s shape, and the argument ids of its extras in order. Nothing where a
/// step has no post-op of the same meaning.
struct PostOps {
  dnnl::post_ops steps;
  std::vector<std::pair<int, memory::desc>> extras;
};
std::optional<PostOps> postOps(const Epilogue &epilogue, TensorViews extras, const TensorView &output);

/// Attributes every primitive has: scratchpad from the caller, since the library's own is shared by threads.
dnnl::primitive_attr attributes(const dnnl::post_ops &steps = {});

/// True for implementations that are plain loops: correct, but a performance bug.
inline bool isReference(std::string_view implementation) { return implementation.find("ref") != std::string_view::npos; }

/// Says on stderr, once for each kind of `op`, that a call runs on plain loops; the environment's TENON_QUIET prevents it.
void warnIfReference(std::string_view implementation, const char *op);

/// A created primitive. Executions may run at once: each takes argument objects of its own.
class Primitive {
public:
  /// `arguments`: ids and descriptors, in the order in which execute() gets their data; the scratchpad is the last.
  Primitive(const dnnl::primitive &primitive, std::vector<std::pair<int, memory::desc>> arguments);
  ~Primitive();

  /// Runs on the calling thread's OpenMP team. `data` has one pointer per argument.
  void execute(const std::vector<void *> &data) const { execute(data.data()); }
  void execute(void *const *data) const;

  size_t numArguments() const { return arguments.size(); }

private:
  struct Invocation;
  std::unique_ptr<Invocation> makeInvocation() const;
  dnnl::primitive primitive;
  std::vector<std::pair<int, memory::desc>> arguments;
  mutable std::atomic<Invocation *> idle = nullptr;
};

/// Constant operands of a site, packed once per layout.
class PackedConstants {
public:
  /// The memory of `view`, which is `from`, in layout `to`: its own where that is its layout. Half-width elements may become
  /// f32.
  void *get(RunContext &context, const memory::desc &from, const TensorView &view, const memory::desc &to);

private:
  struct Packed {
    const void *source;
    memory::desc layout;
    Memory memory;
  };
  std::vector<Packed> packed;
};

/// Copies between layouts of one shape.
std::unique_ptr<Primitive> makeReorder(const memory::desc &from, const memory::desc &to);

} // namespace tenon::onednn

#endif // TENON_RUNTIME_LIBRARY_ONEDNN_PRIMITIVE_H
