//===- Recurrence.cpp - tenon.recurrence -----------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A step is one matrix product, whose weight the matmul packs once, and one pass over the gates, vectorised in f32. The
// product with the inputs is not here: it is one tenon.matmul over all steps.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Elements.h"
#include "RunContext.h"
#include "loops/RowLoops.h"

#include <algorithm>

using namespace tenon;
using namespace tenon::library;

//===--- steps -------------------------------------------------------------------------------------------------------===//

namespace {
struct Recurrence {
  RunContext &context;
  int32_t site;
  const RecurrenceSpec &spec;
  const TensorView &projected, &weight;
  const TensorView *bias, *projection;
  const TensorView *states, *last, *cell, *gates; ///< cell: null but for an LSTM

  int64_t numRows() const { return last->sizes[0]; }
  /// Elements of one gate.
  int64_t length() const { return projection ? projection->sizes[1] : last->sizes[1]; }
};
} // namespace

static TensorView transposed(TensorView matrix) {
  std::swap(matrix.sizes[0], matrix.sizes[1]);
  std::swap(matrix.strides[0], matrix.strides[1]);
  return matrix;
}

/// Step `index` of [T, N, …].
static TensorView stepOf(TensorView view, int64_t index) {
  if (view.data)
    view.data = static_cast<char *>(view.data) + index * view.strides[0] * static_cast<int64_t>(sizeInBytes(view.dtype));
  view.rank = 2;
  for (int32_t dim = 0; dim < 2; ++dim) {
    view.sizes[dim] = view.sizes[dim + 1];
    view.strides[dim] = view.strides[dim + 1];
  }
  return view;
}

/// What the gates make of a step before it is projected: the head of each row of gates, which its own lanes have read.
static TensorView unprojected(const Recurrence &r) {
  TensorView view = *r.gates;
  view.sizes[1] = r.length();
  return view;
}

static void multiplyState(const Recurrence &r) {
  MatmulSpec product;
  product.rhsIsConstant = r.spec.weightIsConstant;
  matmul(r.context, r.site, product, *r.last, transposed(r.weight), r.bias, {}, *r.gates);
}

static void projectState(const Recurrence &r) {
  MatmulSpec product;
  product.rhsIsConstant = r.spec.projectionIsConstant;
  matmul(r.context, r.spec.projectionSite, product, unprojected(r), transposed(*r.projection), nullptr, {}, *r.last);
}

template <typename Real> static Real *rowOf(const TensorView &matrix, int64_t row) {
  return static_cast<Real *>(matrix.data) + row * matrix.strides[0];
}

static void advanceRow(const GateRow<float> &row) { rowLoops().advanceGates32(row); }
static void advanceRow(const GateRow<double> &row) { rowLoops().advanceGates64(row); }

template <typename Real> static void advanceGates(const Recurrence &r, int64_t step) {
  // Some ten microseconds of work: less does not pay for starting threads.
  constexpr int64_t elementsPerTask = 1 << 13;
  TensorView projected = stepOf(r.projected, step), next = r.projection ? unprojected(r) : *r.last;
  int64_t rowsPerTask = std::max<int64_t>(1, elementsPerTask / std::max<int64_t>(1, r.length()));
  r.context.parallelFor((r.numRows() + rowsPerTask - 1) / rowsPerTask, [&](int64_t task) {
    for (int64_t row = task * rowsPerTask, end = std::min(r.numRows(), row + rowsPerTask); row < end; ++row)
      advanceRow(GateRow<Real>{r.spec.kind, rowOf<Real>(projected, row), rowOf<Real>(*r.gates, row),
                               r.cell ? rowOf<Real>(*r.cell, row) : nullptr, rowOf<Real>(*r.last, row),
                               rowOf<Real>(next, row), r.length()});
  });
}

static void runStep(const Recurrence &r, int64_t step) {
  multiplyState(r);
  r.projected.dtype == DType::F64 ? advanceGates<double>(r, step) : advanceGates<float>(r, step);
  if (r.projection)
    projectState(r);
  copy(r.context, *r.last, stepOf(*r.states, step));
}

static void check(const Recurrence &r) {
  bool isKnown = r.projected.dtype == DType::F32 || r.projected.dtype == DType::F64;
  bool areRowsContiguous = r.projected.strides[2] == 1 || r.projected.sizes[2] == 1;
  for (const TensorView *view : {r.last, r.gates, r.cell})
    areRowsContiguous &= !view || view->strides[1] == 1 || view->sizes[1] == 1;
  if (!isKnown || !areRowsContiguous)
    throw Error(TENON_INTERNAL, "a recurrence needs rows of f32 or f64 without gaps; report the model");
}

void tenon::recurrence(Run &run, int32_t site, const RecurrenceSpec &spec, const TensorView &projected,
                       const TensorView &weight, const TensorView *bias, const TensorView &hidden, const TensorView *cell,
                       const TensorView *projection, TensorViews outputs) {
  bool isLstm = spec.kind == RecurrenceKind::Lstm;
  const TensorView *gates = outputs.begin + (isLstm ? 3 : 2);
  Recurrence r{RunContext::of(run), site, spec, projected, weight, bias, projection, outputs.begin, outputs.begin + 1,
               isLstm ? outputs.begin + 2 : nullptr, gates};
  check(r);
  if (run.preparing()) { // the products plan themselves
    multiplyState(r);
    if (projection)
      projectState(r);
    return;
  }
  copy(run, hidden, *r.last);
  if (isLstm)
    copy(run, *cell, *r.cell);
  int64_t steps = projected.sizes[0];
  for (int64_t i = 0; i < steps; ++i)
    runStep(r, spec.reverse ? steps - 1 - i : i);
}
