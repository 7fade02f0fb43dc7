//===- RandomTest.cpp - tenon.random ----------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// The expected numbers are those of PyTorch 2.14 on the CPU after torch.manual_seed(3).
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"
#include "TestTensors.h"

#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace tenon;
using namespace tenon::test;

static std::vector<double> valuesOf(const Tensor &tensor) {
  std::vector<double> values;
  forEachIndex(tensor.sizes(), [&](const Sizes &index) { values.push_back(tensor.at(index)); });
  return values;
}

static std::vector<double> drawn(RandomKind kind, DType dtype, int64_t count) {
  LoadedModel model(2);
  StandaloneRun run(model);
  model.randomNumbers.seed(3);
  Tensor numbers(dtype, {count});
  run.prepareAndRun([&](Run &run) { random(run, kind, numbers); }); // preparing draws nothing
  return valuesOf(numbers);
}

static void checkClose(const std::vector<double> &numbers, const std::vector<double> &expected) {
  REQUIRE(numbers.size() >= expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK(std::abs(numbers[i] - expected[i]) < 1e-6);
}

TEST_CASE("random: uniform numbers are PyTorch's") {
  checkClose(drawn(RandomKind::Uniform, DType::F32, 3), {0.004263520240783691, 0.10556936264038086, 0.2858424782752991});
  checkClose(drawn(RandomKind::Uniform, DType::F64, 2), {0.03410819565052048, 0.28674022672130695});
}

TEST_CASE("random: normal numbers are PyTorch's, a few and in blocks") {
  checkClose(drawn(RandomKind::Normal, DType::F32, 3), {0.8032760620117188, 0.17483338713645935, 0.08897809684276581});
  std::vector<double> numbers = drawn(RandomKind::Normal, DType::F32, 18);
  checkClose({numbers[0], numbers[1], numbers[2], numbers[8], numbers[17]},
             {-0.07664429396390915, 0.35988152027130127, -0.5144619941711426, 0.4046071469783783, 0.2052343785762787});
}

TEST_CASE("random: normal numbers are drawn one by one where that is asked for") {
  std::vector<double> numbers = drawn(RandomKind::SerialNormal, DType::F32, 18);
  checkClose(numbers, {0.8032760620117188, 0.17483338713645935, 0.08897809684276581, -0.6137180328369141, 0.04618244990706444});
  CHECK(std::abs(numbers[8] - -1.435179352760315) < 1e-6);
}

TEST_CASE("random: bits and permutations are PyTorch's") {
  CHECK(drawn(RandomKind::Bits32, DType::I64, 2) == std::vector<double>{2365658986, 303761048});
  CHECK(drawn(RandomKind::Permutation, DType::I64, 8) == std::vector<double>{2, 4, 3, 5, 1, 0, 6, 7});
}

TEST_CASE("random: a restart returns to the seed, views get what dense memory gets") {
  LoadedModel model(1);
  StandaloneRun run(model);
  Tensor numbers(DType::F32, {2, 3}), again(DType::F32, {2, 3}), padded(DType::F32, {2, 5});
  random(run.run(), RandomKind::Uniform, numbers);
  model.randomNumbers.restart();
  random(run.run(), RandomKind::Uniform, again);
  CHECK(valuesOf(numbers) == valuesOf(again));
  model.randomNumbers.restart();
  TensorView part = padded.view();
  part.sizes[1] = 3;
  random(run.run(), RandomKind::Uniform, part);
  CHECK(padded.at({1, 2}) == numbers.at({1, 2}));
}
