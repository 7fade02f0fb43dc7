//===- Epilogue.h - epilogue steps outside of a library --------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Epilogues for reference loops and for steps that no library primitive takes over.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_EPILOGUE_H
#define TENON_RUNTIME_LIBRARY_EPILOGUE_H

#include "../RunContext.h"
#include "Elements.h"

namespace tenon::library {

/// The value of a named activation, as in TenonAttrs.td.
double activation(ActivationKind kind, double x, double alpha, double beta);

/// An epilogue with its extras, each broadcast to the output's shape.
class BoundEpilogue {
public:
  BoundEpilogue(const Epilogue &epilogue, TensorViews extras, const TensorView &output);

  /// The epilogue of `value`, which belongs to element `column` of the last dimension in row `row` (row-major index over
  /// the leading dimensions).
  double operator()(double value, int64_t row, int64_t column) const;
  int64_t operator()(int64_t value, int64_t row, int64_t column) const;

  /// True where each step costs about an addition: no transcendental function.
  bool isCheap() const;
  bool isEmpty() const { return epilogue.count == 0; }

private:
  template <typename Value> Value apply(Value value, int64_t row, int64_t column) const;
  const Epilogue &epilogue;
  TensorView operands[8];
  int32_t leadingRank;
};

/// An epilogue on rows of f32 values, step by step. A row runs along dimension `inner` of the output.
class EpilogueRows {
public:
  EpilogueRows(const Epilogue &epilogue, TensorViews extras, const TensorView &output, int32_t inner);

  /// values[i] = epilogue(values[i]), for `count` values from element `first` of the row at `index` (one number for each
  /// dimension of the output; that of `inner` is ignored).
  void apply(float *values, const int64_t *index, int64_t first, int64_t count) const;
  bool isEmpty() const { return epilogue.count == 0; }

  /// Values that all steps are applied to before the next ones: they and an operand's stay in the first-level cache.
  static constexpr int64_t chunk = 256;

private:
  void applyToChunk(float *values, const int64_t *index, int64_t first, int64_t count) const;
  const Epilogue &epilogue;
  TensorView operands[8];
  int32_t inner;
};

/// output = epilogue(output), element by element.
void applyEpilogue(RunContext &context, const Epilogue &epilogue, TensorViews extras, const TensorView &output);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_EPILOGUE_H
