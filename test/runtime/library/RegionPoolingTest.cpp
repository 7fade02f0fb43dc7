//===- RegionPoolingTest.cpp - tenon.pool_regions on a plane that is known everywhere --------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"
#include "TestTensors.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <cmath>

using namespace tenon;
using namespace tenon::test;

namespace {

constexpr int64_t numImages = 2, height = 9, width = 12;

/// What channel `channel` of image `image` is at a point: linear, so that it is what lies between its pixels as well.
double valueAt(int64_t image, int64_t channel, double y, double x) {
  return 16 * static_cast<double>(image) + static_cast<double>(channel) + y / 2 + x / 4;
}

Tensor makeInput(DType dtype, int64_t channels, const Sizes &order) {
  Tensor input(dtype, {numImages, channels, height, width}, order);
  forEachIndex(input.sizes(), [&](const Sizes &i) {
    input.set(i, valueAt(i[0], i[1], static_cast<double>(i[2]), static_cast<double>(i[3])));
  });
  return input;
}

Tensor makeBoxes(DType dtype, const std::vector<std::vector<double>> &rows) {
  Tensor boxes(dtype, {static_cast<int64_t>(rows.size()), 5});
  forEachIndex(boxes.sizes(),
               [&](const Sizes &i) { boxes.set(i, rows[static_cast<size_t>(i[0])][static_cast<size_t>(i[1])]); });
  return boxes;
}

Tensor pooled(const RegionSpec &spec, const Tensor &input, const Tensor &boxes, Sizes sizes, DType dtype,
              int threads = 2) {
  sizes.insert(sizes.begin(), boxes.sizes()[0]);
  Tensor output(dtype, sizes);
  LoadedModel model(threads);
  StandaloneRun run(model);
  run.prepareAndRun([&](Run &run) { poolRegions(run, spec, input, boxes, output); });
  return output;
}

} // namespace

TEST_CASE("regions: the mean of samples is the value at a bin's middle") {
  for (DType dtype : {DType::F32, DType::F64, DType::F16})
    for (const Sizes &order : {Sizes{}, Sizes{0, 2, 3, 1}})
      for (int64_t sampling : {0, 1, 3})
        for (bool isPositional : {false, true}) {
          CAPTURE(static_cast<int>(dtype), order.size(), sampling, isPositional);
          int64_t channels = isPositional ? 12 : 3, rows = 2, columns = 3;
          RegionSpec spec{isPositional ? RegionPoolKind::PositionalAlign : RegionPoolKind::Align, 0.5, sampling,
                          !isPositional};
          Tensor input = makeInput(dtype, channels, order);
          std::vector<std::vector<double>> corners = {{0, 2, 4, 14, 12}, {1, 3, 3, 21, 15}, {0, 4, 4, 10, 16}};
          Tensor boxes = makeBoxes(dtype, corners),
                 output = pooled(spec, input, boxes, {isPositional ? 2 : 3, rows, columns}, dtype);
          double tolerance = dtype == DType::F16 ? 0.25 : 1e-4;
          forEachIndex(output.sizes(), [&](const Sizes &i) {
            const std::vector<double> &box = corners[static_cast<size_t>(i[0])];
            double y = box[2] / 2 - 0.5 +
                       (box[4] - box[2]) / 2 * (static_cast<double>(i[2]) + 0.5) / static_cast<double>(rows);
            double x = box[1] / 2 - 0.5 +
                       (box[3] - box[1]) / 2 * (static_cast<double>(i[3]) + 0.5) / static_cast<double>(columns);
            int64_t channel = isPositional ? (i[1] * rows + i[2]) * columns + i[3] : i[1];
            REQUIRE(std::abs(output.at(i) - valueAt(static_cast<int64_t>(box[0]), channel, y, x)) <= tolerance);
          });
        }
}

TEST_CASE("regions: the greatest pixel of a bin, and the mean of its pixels") {
  for (const Sizes &order : {Sizes{}, Sizes{0, 2, 3, 1}}) {
    Tensor boxes = makeBoxes(DType::F32, {{1, 2, 1, 7, 6}, {0, 30, 30, 40, 40}});
    // Pixels 2 … 7 and 1 … 6 of image 1, in halves; nothing of image 0.
    Tensor greatest = pooled({RegionPoolKind::Max}, makeInput(DType::F32, 3, order), boxes, {3, 2, 2}, DType::F32);
    CHECK(greatest.at({0, 2, 0, 0}) == valueAt(1, 2, 3, 4));
    CHECK(greatest.at({0, 2, 1, 1}) == valueAt(1, 2, 6, 7));
    CHECK(greatest.at({1, 0, 1, 0}) == 0);
    // Pixels 2 … 6 and 1 … 5: halves share the pixel in the middle.
    Tensor mean =
        pooled({RegionPoolKind::PositionalMean}, makeInput(DType::F32, 8, order), boxes, {2, 2, 2}, DType::F32);
    CHECK(mean.at({0, 1, 0, 1}) == valueAt(1, 5, 2, 5));
    CHECK(mean.at({0, 0, 1, 0}) == valueAt(1, 2, 4, 3));
    CHECK(mean.at({1, 1, 0, 0}) == 0);
  }
}

TEST_CASE("regions: threads share the boxes, and none is no work") {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 300; ++i)
    rows.push_back({double(i % 2), double(i % 7), double(i % 5), double(i % 7 + i % 11), double(i % 5 + i % 13)});
  Tensor input = makeInput(DType::F32, 3, {}), boxes = makeBoxes(DType::F32, rows);
  RegionSpec spec{RegionPoolKind::Align};
  Tensor one = pooled(spec, input, boxes, {3, 4, 4}, DType::F32, 1),
         two = pooled(spec, input, boxes, {3, 4, 4}, DType::F32, 2);
  forEachIndex(one.sizes(), [&](const Sizes &i) { REQUIRE(one.at(i) == two.at(i)); });
  pooled(spec, input, makeBoxes(DType::F32, {}), {3, 4, 4}, DType::F32);
}

TEST_CASE("regions: boxes that cannot be") {
  Tensor input = makeInput(DType::F32, 3, {});
  auto pool = [&](double image, double right, double bottom) {
    pooled({RegionPoolKind::Align}, input, makeBoxes(DType::F32, {{image, 0, 0, right, bottom}}), {3, 2, 2},
           DType::F32);
  };
  for (double image : {-1.0, 2.0, 1e30})
    CHECK_THROWS_AS(pool(image, 1, 1), Error);
  CHECK_THROWS_MATCHES(pool(2, 1, 1), Error,
                       Catch::Matchers::Message("box 0 lies in image 2 of 2; number images from 0"));
  CHECK_THROWS_MATCHES(pool(0, INFINITY, 4e9), Error,
                       Catch::Matchers::Message("box 0 has more pixels than can be counted; check its corners"));
  CHECK_NOTHROW(pool(0, NAN, 3));
}
