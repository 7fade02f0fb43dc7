//===- RecurrenceTest.cpp - tenon.recurrence ---------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Each kind against its equations in f64, by lengths around the vector width, in both directions, on one and two threads.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"
#include "TestTensors.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <cmath>

using namespace tenon;
using namespace tenon::test;
using Catch::Matchers::Message;

namespace {
struct Sequence {
  RecurrenceKind kind;
  int64_t steps, rows, length, gates;
  Tensor projected, weight, bias, hidden, cell, states, last, lastCell, workspace;

  Sequence(RecurrenceKind kind, DType dtype, int64_t steps, int64_t rows, int64_t length)
      : kind(kind), steps(steps), rows(rows), length(length),
        gates(kind == RecurrenceKind::Lstm ? 4 : kind == RecurrenceKind::Gru ? 3 : 1),
        projected(Tensor::random(dtype, {steps, rows, gates * length}, 1)),
        weight(Tensor::random(dtype, {gates * length, length}, 2)), bias(Tensor::random(dtype, {gates * length}, 3)),
        hidden(Tensor::random(dtype, {rows, length}, 4)), cell(Tensor::random(dtype, {rows, length}, 5)),
        states(dtype, {steps, rows, length}), last(dtype, {rows, length}), lastCell(dtype, {rows, length}),
        workspace(dtype, {rows, gates * length}) {}

  void compute(Run &run, bool reverse) {
    std::vector<TensorView> outputs = {states, last, lastCell, workspace};
    bool isLstm = kind == RecurrenceKind::Lstm;
    if (!isLstm)
      outputs.erase(outputs.begin() + 2);
    recurrence(run, 0, {.kind = kind, .reverse = reverse, .weightIsConstant = true}, projected, weight, &bias.view(), hidden,
               isLstm ? &cell.view() : nullptr, nullptr, asExtras(outputs));
  }
};
} // namespace

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// The next state of one row, by the equations.
static std::vector<double> nextState(const Sequence &s, int64_t step, int64_t row, const std::vector<double> &h,
                                     std::vector<double> &c) {
  std::vector<double> next(s.length);
  auto part = [&](int64_t gate, int64_t j) {
    double sum = s.bias.at({gate * s.length + j});
    for (int64_t k = 0; k < s.length; ++k)
      sum += s.weight.at({gate * s.length + j, k}) * h[k];
    return sum;
  };
  for (int64_t j = 0; j < s.length; ++j) {
    auto input = [&](int64_t gate) { return s.projected.at({step, row, gate * s.length + j}); };
    auto total = [&](int64_t gate) { return input(gate) + part(gate, j); };
    switch (s.kind) {
    case RecurrenceKind::Tanh: next[j] = std::tanh(total(0)); break;
    case RecurrenceKind::Relu: next[j] = std::max(total(0), 0.0); break;
    case RecurrenceKind::Lstm:
      c[j] = sigmoid(total(1)) * c[j] + sigmoid(total(0)) * std::tanh(total(2));
      next[j] = sigmoid(total(3)) * std::tanh(c[j]);
      break;
    case RecurrenceKind::Gru: {
      double update = sigmoid(total(1)), candidate = std::tanh(input(2) + sigmoid(total(0)) * part(2, j));
      next[j] = (1 - update) * candidate + update * h[j];
    }
    }
  }
  return next;
}

static double worstError(const Sequence &s, bool reverse) {
  double worst = 0, scale = 1;
  for (int64_t row = 0; row < s.rows; ++row) {
    std::vector<double> h(s.length), c(s.length);
    for (int64_t j = 0; j < s.length; ++j) {
      h[j] = s.hidden.at({row, j});
      c[j] = s.cell.at({row, j});
    }
    for (int64_t i = 0; i < s.steps; ++i) {
      int64_t step = reverse ? s.steps - 1 - i : i;
      h = nextState(s, step, row, h, c);
      for (int64_t j = 0; j < s.length; ++j) {
        scale = std::max(scale, std::abs(h[j]));
        worst = std::max(worst, std::abs(s.states.at({step, row, j}) - h[j]));
      }
    }
    for (int64_t j = 0; j < s.length; ++j) {
      worst = std::max(worst, std::abs(s.last.at({row, j}) - h[j]));
      if (s.kind == RecurrenceKind::Lstm)
        worst = std::max(worst, std::abs(s.lastCell.at({row, j}) - c[j]));
    }
  }
  return worst / scale;
}

TEST_CASE("recurrence: every kind, length, dtype and direction") {
  for (RecurrenceKind kind : {RecurrenceKind::Tanh, RecurrenceKind::Relu, RecurrenceKind::Lstm, RecurrenceKind::Gru})
    for (DType dtype : {DType::F32, DType::F64})
      for (int64_t length : {1, 15, 16, 33})
        for (int64_t rows : {1, 3})
          for (bool reverse : {false, true}) {
            CAPTURE(static_cast<int>(kind), static_cast<int>(dtype), length, rows, reverse);
            constexpr int64_t steps = 4;
            Sequence s(kind, dtype, steps, rows, length);
            LoadedModel model(2);
            StandaloneRun run(model);
            run.prepareAndRun([&](Run &run) { s.compute(run, reverse); });
            // Errors of a step's sum reach the next ones through weights below 1, `length` of them.
            double growth = kind == RecurrenceKind::Relu ? 1 : static_cast<double>(length);
            CHECK(worstError(s, reverse) <= 4 * steps * growth * sumTolerance(dtype, length + 8, 1));
          }
}

TEST_CASE("recurrence: rows shared by threads") {
  Sequence s(RecurrenceKind::Lstm, DType::F32, 3, 70, 256);
  LoadedModel model(2);
  StandaloneRun run(model);
  run.prepareAndRun([&](Run &run) { s.compute(run, false); });
  CHECK(worstError(s, false) <= 1e-4);
}

TEST_CASE("recurrence: other dtypes are refused") {
  Sequence s(RecurrenceKind::Tanh, DType::BF16, 1, 1, 4);
  LoadedModel model(1);
  StandaloneRun run(model);
  CHECK_THROWS_MATCHES(s.compute(run.run(), false), Error,
                       Message("a recurrence needs rows of f32 or f64 without gaps; report the model"));
}
