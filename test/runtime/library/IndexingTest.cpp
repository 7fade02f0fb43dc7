//===- IndexingTest.cpp - tenon.sort, tenon.scan, tenon.scatter, tenon.grouped_matmul ---------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Strides, threads and messages; what the values mean is held against eager in test/eager/compare_indexing.py.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"
#include "TestTensors.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <cmath>
#include <numeric>

using namespace tenon;
using namespace tenon::test;
using Catch::Matchers::Message;

static Tensor ofValues(DType dtype, const Sizes &sizes, const std::vector<double> &values) {
  Tensor tensor(dtype, sizes);
  size_t next = 0;
  forEachIndex(sizes, [&](const Sizes &index) { tensor.set(index, values[next++]); });
  return tensor;
}

static std::vector<double> valuesOf(const Tensor &tensor) {
  std::vector<double> values;
  forEachIndex(tensor.sizes(), [&](const Sizes &index) { values.push_back(tensor.at(index)); });
  return values;
}

TEST_CASE("sort: stable positions along any dimension, any strides, any number of threads") {
  for (DType dtype : {DType::F32, DType::F16, DType::BF16, DType::I8, DType::I64, DType::Bool})
    for (int32_t dim : {0, 1, 2})
      for (const Sizes &order : {Sizes{}, Sizes{2, 0, 1}})
        for (int threads : {1, 2}) {
          CAPTURE(static_cast<int>(dtype), dim, order.size(), threads);
          Sizes sizes = {11, 40, 13};
          Tensor input = Tensor::random(dtype, sizes, 7, order), values(dtype, sizes), positions(DType::I64, sizes, order);
          LoadedModel model(threads);
          StandaloneRun run(model);
          run.prepareAndRun([&](Run &run) { sort(run, {.dim = dim, .descending = true}, input, values, positions); });
          bool agrees = true;
          Sizes lines = sizes;
          lines[dim] = 1;
          forEachIndex(lines, [&](const Sizes &line) {
            auto at = [&](const Tensor &tensor, int64_t i) {
              Sizes index = line;
              index[dim] = i;
              return tensor.at(index);
            };
            std::vector<int64_t> expected(sizes[dim]);
            std::iota(expected.begin(), expected.end(), 0);
            std::stable_sort(expected.begin(), expected.end(),
                             [&](int64_t a, int64_t b) { return at(input, a) > at(input, b); });
            for (int64_t i = 0; i < sizes[dim]; ++i)
              agrees &= at(positions, i) == expected[i] && at(values, i) == at(input, expected[i]);
          });
          CHECK(agrees);
        }
}

TEST_CASE("sort: NaN is the greatest, and a selection may be shorter than its input") {
  Tensor input = ofValues(DType::F32, {5}, {2, NAN, -INFINITY, 7, NAN}), values(DType::F32, {3}), positions(DType::I64, {3});
  LoadedModel model(1);
  StandaloneRun run(model);
  run.prepareAndRun([&](Run &run) { sort(run, {}, input, values, positions); });
  CHECK(valuesOf(positions) == std::vector<double>{2, 0, 3});
  run.prepareAndRun([&](Run &run) { sort(run, {.descending = true}, input, values, positions); });
  CHECK(valuesOf(positions) == std::vector<double>{1, 4, 3});
  run.prepareAndRun([&](Run &run) { sort(run, {.descending = true, .selects = true}, input, values, positions); });
  CHECK(std::isnan(values.at({0})));
  CHECK(std::isnan(values.at({1})));
  CHECK(values.at({2}) == 7);
}

TEST_CASE("sort: more elements than there are") {
  Tensor input(DType::F32, {2}), values(DType::F32, {3}), positions(DType::I64, {3});
  LoadedModel model(1);
  StandaloneRun run(model);
  CHECK_THROWS_MATCHES(sort(run.run(), {}, input, values, positions), Error,
                       Message("a selection of 3 from 2 elements is out of range; select at most as many as there are"));
}

TEST_CASE("scan: kinds") {
  LoadedModel model(2);
  StandaloneRun run(model);
  Tensor input = ofValues(DType::F32, {2, 3}, {1, 3, 2, -1, NAN, 4}), values(DType::F32, {2, 3}, {1, 0}), positions(DType::I64, {2, 3});
  run.prepareAndRun([&](Run &run) { scan(run, {ScanKind::Sum, 0}, input, values, nullptr); });
  CHECK(values.at({1, 0}) == 0);
  CHECK(values.at({1, 2}) == 6);
  run.prepareAndRun([&](Run &run) { scan(run, {ScanKind::Prod, 1}, input, values, nullptr); });
  CHECK(values.at({0, 2}) == 6);
  CHECK(std::isnan(values.at({1, 2})));
  run.prepareAndRun([&](Run &run) { scan(run, {ScanKind::Max, 1}, input, values, &positions.view()); });
  CHECK(valuesOf(positions) == std::vector<double>{0, 1, 1, 0, 1, 1});
  run.prepareAndRun([&](Run &run) { scan(run, {ScanKind::LogSumExp, 1}, input, values, nullptr); });
  CHECK(std::abs(values.at({0, 1}) - std::log(std::exp(1) + std::exp(3))) < 1e-6);
  Tensor bytes = ofValues(DType::I8, {3}, {100, 100, 100}), wrapped(DType::I8, {3});
  run.prepareAndRun([&](Run &run) { scan(run, {ScanKind::Sum, 0}, bytes, wrapped, nullptr); });
  CHECK(valuesOf(wrapped) == std::vector<double>{100, -56, 44});
}

TEST_CASE("scatter: kinds, rows and elements, any number of threads") {
  for (ScatterKind kind : {ScatterKind::Set, ScatterKind::Add, ScatterKind::Mul, ScatterKind::Max, ScatterKind::Min})
    for (DType dtype : {DType::F32, DType::I32, DType::F64})
      for (bool indexesRows : {true, false})
        for (int threads : {1, 2}) {
          CAPTURE(static_cast<int>(kind), static_cast<int>(dtype), indexesRows, threads);
          Sizes targetSizes = {9, 200}, sizes = {31, 200};
          Tensor target = Tensor::random(dtype, targetSizes, 1), expected = Tensor::random(dtype, targetSizes, 1);
          Tensor updates = Tensor::random(dtype, sizes, 2, {1, 0}), indices = Tensor::random(DType::I64, sizes, 3);
          TensorView at = indices;
          if (indexesRows)
            at.strides[1] = 0;
          forEachIndex(sizes, [&](const Sizes &p) {
            int64_t row = static_cast<int64_t>(indices.at(indexesRows ? Sizes{p[0], 0} : p));
            Sizes to = {row < 0 ? row + 9 : row, p[1]};
            double a = expected.at(to), u = updates.at(p);
            double results[] = {u, a + u, a * u, std::max(a, u), std::min(a, u)};
            expected.set(to, results[static_cast<int>(kind)]);
          });
          LoadedModel model(threads);
          StandaloneRun run(model);
          run.prepareAndRun([&](Run &run) { scatter(run, {kind, {-1, 1}}, {at}, updates, target); });
          bool agrees = true; // in f64, rounded after each step, as the routine's f32 is
          forEachIndex(targetSizes, [&](const Sizes &p) { agrees &= target.at(p) == expected.at(p); });
          CHECK(agrees);
        }
}

TEST_CASE("scatter: two index tensors, a number as update") {
  Tensor target(DType::F32, {3, 4}), rows = ofValues(DType::I64, {2}, {0, -1}), columns = ofValues(DType::I32, {2}, {3, 1});
  Tensor update = ofValues(DType::F32, {}, {5});
  TensorView repeated = view(DType::F32, update.view().data, {2}, {0});
  LoadedModel model(2);
  StandaloneRun run(model);
  run.prepareAndRun([&](Run &run) { scatter(run, {ScatterKind::Add, {-1, -2}}, {rows, columns}, repeated, target); });
  CHECK(target.at({0, 3}) == 5);
  CHECK(target.at({2, 1}) == 5);
  auto values = valuesOf(target);
  CHECK(std::accumulate(values.begin(), values.end(), 0.0) == 10);
}

TEST_CASE("grouped matmul: empty groups, rows without a group, wrong offsets") {
  Tensor lhs = Tensor::random(DType::F32, {6, 5}, 1), rhs = Tensor::random(DType::F32, {3, 5, 4}, 2);
  Tensor ends = ofValues(DType::I32, {3}, {2, 2, 5}), output = Tensor::random(DType::F32, {6, 4}, 3);
  LoadedModel model(2);
  StandaloneRun run(model);
  run.prepareAndRun([&](Run &run) { groupedMatmul(run, 0, {}, lhs, rhs, ends, output); });
  forEachIndex(output.sizes(), [&](const Sizes &p) {
    double sum = 0;
    for (int64_t k = 0; k < 5; ++k)
      sum += p[0] == 5 ? 0 : lhs.at({p[0], k}) * rhs.at({p[0] < 2 ? 0 : 2, k, p[1]});
    CHECK(std::abs(output.at(p) - sum) <= sumTolerance(DType::F32, 5, 1));
  });
  ends.set({1}, 1);
  CHECK_THROWS_MATCHES(
      groupedMatmul(run.run(), 0, {}, lhs, rhs, ends, output), Error,
      Message("group 1 of a grouped product ends at row 1, outside [2, 6]; offsets must not decrease"));
}
