//===- RowLoops.h - the inner loops of library ops ---------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Loops over elements that lie next to each other, in vector code of the best level this CPU has (see Level.h). None of them
// starts threads or allocates.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_LOOPS_ROWLOOPS_H
#define TENON_RUNTIME_LIBRARY_LOOPS_ROWLOOPS_H

#include "../Elements.h"
#include "tenon/generated.h"

namespace tenon::library {

/// A tap of a depthwise convolution: offsets of its first channel in the input and in the weights.
struct Tap {
  int64_t input, weight;
};

/// One row of a recurrence's step: `length` elements per gate, gates one after the other. `gates` is the state's part and may be
/// written.
template <typename Real> struct GateRow {
  RecurrenceKind kind;
  const Real *projected;
  Real *gates, *cell, *state, *next; ///< cell: LSTM only; state: what the next one replaces; next: where it goes
  int64_t length;
};

struct RowLoops {
  //===--- elements ----------------------------------------------------------------------------------------------------===//

  /// to[i] = from[i] * factor, as f32; `to` may be `from`.
  void (*readF32)(const float *from, int64_t count, float factor, float *to);
  void (*readF16)(const _Float16 *from, int64_t count, float factor, float *to);
  void (*readBF16)(const BFloat16 *from, int64_t count, float factor, float *to);
  /// to[i] = 0 where seen[i], else minus infinity.
  void (*readMask)(const uint8_t *seen, int64_t count, float *to);
  /// to[i] = from[i] * factor, rounded to nearest even.
  void (*writeF16)(const float *from, int64_t count, float factor, _Float16 *to);
  void (*writeBF16)(const float *from, int64_t count, float factor, BFloat16 *to);
  /// True where a word has all bits of `exponent`: infinities and NaN.
  bool (*hasSpecial32)(const uint32_t *words, int64_t count);
  bool (*hasSpecial16)(const uint16_t *words, int64_t count, uint16_t exponent);

  //===--- attention ---------------------------------------------------------------------------------------------------===//

  /// One row of an online softmax: https://arxiv.org/abs/1805.02867. Replaces scores[0, count) by exp(scores + mask - max),
  /// scores[count, padded) by zero (`padded` is a multiple of 16), raises `max` to the row's maximum and brings `sum` up to
  /// date. `mask` may be null. Returns the factor by which what was summed with the earlier maximum shrinks. A row that sees
  /// nothing keeps max = -inf and sum = 0. exp is within 2 ULP; results below 2^-126 are zero.
  float (*softmaxRow)(float *scores, const float *mask, int64_t count, int64_t padded, float &max, float &sum);

  /// columns[c * numRows + r] = rows[r * stride + c] for r < count; zero for r in [count, numRows); numRows is a multiple of 16.
  void (*transposeRows)(const float *rows, int64_t stride, int64_t count, int64_t length, int64_t numRows, float *columns);

  //===--- one row times a matrix --------------------------------------------------------------------------------------===//

  /// result[n] = sum over k of x[k] * rows[n * stride + k], for n in [0, numRows).
  void (*dotRows)(const float *x, const float *rows, int64_t stride, int64_t length, int64_t numRows, float *result);
  void (*dotRowsF16)(const float *x, const _Float16 *rows, int64_t stride, int64_t length, int64_t numRows, float *result);
  void (*dotRowsBF16)(const float *x, const BFloat16 *rows, int64_t stride, int64_t length, int64_t numRows, float *result);
  /// result[f] += sum over s of weights[s] * rows[s * stride + f], for f in [0, length).
  void (*addWeightedRows)(const float *weights, const float *rows, int64_t stride, int64_t length, int64_t numRows,
                          float *result);

  //===--- channels side by side ---------------------------------------------------------------------------------------===//

  /// result[c] = bias[c] + sum over taps of input[tap.input + c] * weight[tap.weight + c], for c in [0, count).
  void (*sumTaps)(const Tap *taps, int64_t numTaps, const float *bias, const float *input, const float *weight, int64_t count,
                  float *result);
  /// output[c] = the greatest of input[offset + c] over `offsets` (NaN is), for c in [0, count); minus infinity of none.
  void (*maxF32)(const int64_t *offsets, int64_t numOffsets, const float *input, int64_t count, float *output);
  void (*maxF16)(const int64_t *offsets, int64_t numOffsets, const _Float16 *input, int64_t count, _Float16 *output);
  void (*maxBF16)(const int64_t *offsets, int64_t numOffsets, const BFloat16 *input, int64_t count, BFloat16 *output);
  /// output[c] = the sum of input[offset + c] over `offsets`, divided by `divisor`.
  void (*meanF32)(const int64_t *offsets, int64_t numOffsets, float divisor, const float *input, int64_t count, float *output);
  void (*meanF16)(const int64_t *offsets, int64_t numOffsets, float divisor, const _Float16 *input, int64_t count,
                  _Float16 *output);
  void (*meanBF16)(const int64_t *offsets, int64_t numOffsets, float divisor, const BFloat16 *input, int64_t count,
                   BFloat16 *output);

  //===--- epilogues ---------------------------------------------------------------------------------------------------===//

  /// values[i] = the activation of values[i], as in TenonAttrs.td.
  void (*activate)(ActivationKind kind, float alpha, float beta, float *values, int64_t count);
  void (*add)(float *values, const float *others, int64_t count);
  void (*multiply)(float *values, const float *others, int64_t count);
  //===--- recurrences -------------------------------------------------------------------------------------------------===//

  void (*advanceGates32)(const GateRow<float> &row);
  void (*advanceGates64)(const GateRow<double> &row);
};

/// The loops for this CPU.
const RowLoops &rowLoops();

// One function for each file of loops and level, which enters what the file has.
#define TENON_DECLARE_LOOPS(level)                                                                                              \
  namespace level {                                                                                                              \
  void enterConversions(RowLoops &loops);                                                                                        \
  void enterSoftmax(RowLoops &loops);                                                                                            \
  void enterDots(RowLoops &loops);                                                                                               \
  void enterWindows(RowLoops &loops);                                                                                            \
  void enterActivations(RowLoops &loops);                                                                                        \
  void enterGates(RowLoops &loops);                                                                                              \
  void enterTransposition(RowLoops &loops);                                                                                      \
  }
TENON_DECLARE_LOOPS(baseline)
TENON_DECLARE_LOOPS(sve)
#undef TENON_DECLARE_LOOPS

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_LOOPS_ROWLOOPS_H
