//===- ModelTest.cpp - the C++ loader, tenon/model.hpp ------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "TestModels.h"

#include "tenon/model.hpp"

using namespace tenon::test;
using tenon::Model;
using tenon::Result;
using tenon::Tensor;

TEST_CASE("load, look, run") {
  TemporaryFolder folder;
  Result<Model> model = Model::load(makeAffine(folder), {.numThreads = 1});
  REQUIRE(model);
  CHECK(std::string(model->info().name) == "affine");
  REQUIRE(model->inputs().size() == 1);
  CHECK(model->inputs()[0].shape[1] == affineColumns);
  CHECK(std::string(model->outputs()[0].name) == "add");

  AffineCase affine;
  std::vector<Tensor> inputs;
  inputs.push_back(Tensor::of<float>(affine.input.values, {affineRows, affineColumns}));
  Result<std::vector<Tensor>> outputs = model->run(inputs);
  REQUIRE(outputs);
  CHECK((*outputs)[0].shape() == std::vector<int64_t>{affineRows, affineColumns});
  std::span<const float> values = (*outputs)[0].values<float>();
  affine.output.values.assign(values.begin(), values.end());
  CHECK(affine.isRight());
  CHECK(model->stats()->arena_bytes == affineRows * affineColumns * 4);
}

TEST_CASE("outputs of dynamic sizes are allocated as large as they are") {
  TemporaryFolder folder;
  Result<Model> model = Model::load(copyModel(folder, "gather"));
  REQUIRE(model);
  std::vector<Tensor> inputs;
  inputs.push_back(Tensor::zeros<int64_t>({5}));
  inputs.push_back(Tensor::zeros<float>({5, 2}));
  inputs.push_back(Tensor::of<int64_t>(std::vector<int64_t>{3}, {}));
  Result<std::vector<Tensor>> outputs = model->run(inputs);
  REQUIRE(outputs);
  CHECK((*outputs)[0].shape() == std::vector<int64_t>{8});

  inputs[1] = Tensor::zeros<float>({6, 2});
  outputs = model->run(inputs);
  REQUIRE(!outputs);
  CHECK(outputs.error().status == TENON_INVALID_ARGUMENT);
  CHECK(outputs.error().sentence == "input 1 'mask' has size 6 in dimension 0; it must be 5, as in input 0 'ids'");
}

TEST_CASE("outputs whose sizes only the run knows are returned as large as they are") {
  TemporaryFolder folder;
  Result<Model> model = Model::load(copyModel(folder, "steps"));
  REQUIRE(model);
  for (int64_t rows : {3, 0, 100}) {
    std::vector<Tensor> inputs;
    inputs.push_back(Tensor::of<int64_t>(std::vector<int64_t>{rows, 0}, {2}));
    Result<std::vector<Tensor>> outputs = model->run(inputs);
    REQUIRE(outputs);
    REQUIRE((*outputs)[0].shape() == std::vector<int64_t>{rows, 2});
    for (int64_t i = 0; i < 2 * rows; ++i)
      REQUIRE((*outputs)[0].values<int64_t>()[static_cast<size_t>(i)] == i);
    CHECK((*outputs)[1].values<int64_t>()[0] == rows);
  }
}

TEST_CASE("state is kept by a moved model and reset") {
  TemporaryFolder folder;
  std::string file = makeCounter(folder);
  Result<Model> loaded = Model::load(file), alsoLoaded = Model::load(file);
  REQUIRE(loaded);
  REQUIRE(alsoLoaded);
  Model model = *std::move(loaded), other = *std::move(alsoLoaded);
  std::vector<Tensor> inputs;
  inputs.push_back(Tensor::zeros<float>({4}));
  auto count = [&] { return (*model.run(inputs))[1].values<float>()[0]; };
  CHECK(count() == 1);
  CHECK(count() == 2);
  std::swap(model, other);
  CHECK(count() == 1);
  std::swap(model, other);
  CHECK(count() == 3);
  REQUIRE(model.resetState());
  CHECK(count() == 1);
}

TEST_CASE("what is no model is refused with a sentence") {
  TemporaryFolder folder;
  auto failure = [](const std::string &path) {
    Result<Model> model = Model::load(path);
    REQUIRE(!model);
    CHECK(model.error().status == TENON_BAD_MODEL);
    return model.error().sentence;
  };
  CHECK(failure("nowhere.so").starts_with("the model 'nowhere.so' cannot be opened (./nowhere.so: cannot open shared"));
  CHECK(failure(copyModel(folder, "stranger")) == "'" + (folder.path / "stranger.so").string() +
                                                     "' is a shared object but no compiled model; make one with tenon compile");
  CHECK(failure(copyModel(folder, "older")) == "the model '" + (folder.path / "older.so").string() +
                                                   "' is older than this application's tenon/model.hpp; compile it again");
  CHECK(failure(copyModel(folder, "affine")).ends_with("copy it again or compile again"));
}

TEST_CASE("element types") {
  CHECK(Tensor::zeros<bool>({2}).dtype().code == kDLBool);
  CHECK(Tensor::zeros<uint16_t>({2}).dtype().bits == 16);
  CHECK(Tensor::zeros<std::complex<float>>({2}).sizeInBytes() == 16);
  Tensor bfloat16({kDLBfloat, 16, 1}, {3, 5});
  CHECK(bfloat16.sizeInBytes() == 30);
  CHECK(!bfloat16.is<uint16_t>());
  CHECK(Tensor({kDLFloat, 32, 1}, {0, 5}).numElements() == 0);
  CHECK(reinterpret_cast<uintptr_t>(bfloat16.data()) % 64 == 0);
}
