//===- TestTensors.h - tensors of tests, and their plain meaning in f64 ----------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_TEST_TESTTENSORS_H
#define TENON_TEST_TESTTENSORS_H

#include "runtime/src/library/Elements.h"

#include <vector>

namespace tenon::test {

using Sizes = std::vector<int64_t>;

/// A tensor that owns its memory. `order` lists dimensions from outermost to innermost in memory (empty: row-major).
class Tensor {
public:
  Tensor(DType dtype, const Sizes &sizes, const Sizes &order = {});

  /// Values in [-1, 1) (integers in [-8, 8), booleans), the same for the same seed.
  static Tensor random(DType dtype, const Sizes &sizes, uint32_t seed, const Sizes &order = {});

  const TensorView &view() const { return view_; }
  operator const TensorView &() const { return view_; }
  double at(const Sizes &index) const;
  void set(const Sizes &index, double value);
  const Sizes &sizes() const { return sizes_; }

private:
  Sizes sizes_;
  std::vector<char> memory;
  TensorView view_;
  int64_t offset(const Sizes &index) const;
};

/// A view with dimension i being dimension order[i] of `source`.
TensorView permuted(const TensorView &source, const Sizes &order);

/// Value of `view` at `index`, where dimensions of size one repeat and missing leading ones are ignored.
double broadcastAt(const TensorView &view, const Sizes &index);

/// Calls body(index) for every index of `sizes`, row-major.
template <typename Body> void forEachIndex(const Sizes &sizes, const Body &body) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  Sizes index(sizes.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    for (size_t dim = sizes.size(); dim-- > 0; rest /= sizes[dim])
      index[dim] = rest % sizes[dim];
    body(index);
  }
}

/// Half the distance between 1 and the next number.
double unitRoundoff(DType dtype);

/// The epilogue of `value` at `index` of the result, from its definition in TenonAttrs.td.
double expectedEpilogue(const Epilogue &epilogue, double value, const std::vector<TensorView> &extras, const Sizes &index);

/// A step of the given activation, with parameters that matter where it has any.
EpilogueStep activationStep(ActivationKind kind);

/// Bound on the error of a sum of `length` products of magnitudes up to `magnitude`, stored as `dtype`: sums in f32 (f64 for
/// f64) have an error of about sqrt(length) roundings; four of those, and one rounding of the result.
double sumTolerance(DType dtype, int64_t length, double magnitude);

/// `views` as a call's extras; valid while `views` is.
inline TensorViews asExtras(const std::vector<TensorView> &views) {
  TensorViews extras;
  extras.begin = views.data();
  extras.count = static_cast<int32_t>(views.size());
  return extras;
}

} // namespace tenon::test

#endif // TENON_TEST_TESTTENSORS_H
