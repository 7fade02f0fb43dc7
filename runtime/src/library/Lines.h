//===- Lines.h - lines of a view along one dimension ------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_LINES_H
#define TENON_RUNTIME_LIBRARY_LINES_H

#include "Elements.h"
#include "Partition.h"
#include "RunContext.h"

namespace tenon::library {

/// The lines of a view along dimension `dim`: one for each index of the other dimensions, row-major.
class Lines {
public:
  Lines(const TensorView &view, int32_t dim)
      : dtype(view.dtype), length(view.sizes[dim]), stride(view.strides[dim]), data(view.data), others(view) {
    --others.rank;
    for (int32_t i = dim; i < others.rank; ++i) {
      others.sizes[i] = view.sizes[i + 1];
      others.strides[i] = view.strides[i + 1];
    }
  }

  int64_t count() const { return countElements(others); }
  /// The first element of line `index`.
  template <typename Type> Type *at(int64_t index) const {
    return static_cast<Type *>(data) + offsetOf(others, others.rank, index);
  }

  DType dtype;
  int64_t length, stride;

private:
  void *data;
  TensorView others;
};

/// Calls body(index) for each line, over the run's threads where count * lineCost (scalar operations) pays for them.
template <typename Body> void forEachLine(RunContext &context, int64_t count, int64_t lineCost, const Body &body) {
  Partition parts(count, lineCost, context.numThreads());
  context.parallelFor(parts.size(), [&](int64_t part) {
    for (int64_t line = parts.begin(part); line < parts.begin(part + 1); ++line)
      body(part, line);
  });
}

/// The type that elements of `Type` are compared and combined in.
template <typename Type> struct Wide {
  using type = Type;
};
template <> struct Wide<BFloat16> {
  using type = float;
};
template <> struct Wide<_Float16> {
  using type = float;
};
template <> struct Wide<bool> {
  using type = uint8_t;
};
template <typename Type> using WideType = typename Wide<Type>::type;

template <typename Value> bool isNan(Value value) { return value != value; }

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_LINES_H
