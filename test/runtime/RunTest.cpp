//===- RunTest.cpp - running: arguments, strides, overlap, guards, state ------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "TestModels.h"

#include <limits>

using namespace tenon;
using namespace tenon::test;

//===--- arguments ---------------------------------------------------------------------------------------------------===//

TEST_CASE("bad arguments are named, and outputs stay as they were") {
  TemporaryFolder folder;
  Session session(makeAffine(folder));
  AffineCase affine;
  DLTensor input = affine.input, output = affine.output;
  int64_t shape[] = {affineRows, affineColumns, 1};

  SECTION("count") {
    CHECK(session.failure({}, {output}) == "0 inputs were given; the model takes 1");
    CHECK(session.failure({input}, {output, output}) == "2 outputs were given; the model takes 1");
    CHECK(session.failure({input}, {}) == "0 outputs were given; the model takes 1");
  }
  SECTION("null lists") {
    CHECK(session.api->model_run(session.model, nullptr, 1, &output, 1) == TENON_INVALID_ARGUMENT);
    CHECK(std::string(session.api->last_error()) ==
          "the list of inputs is null or of negative length; give one entry for each the model has");
    CHECK(session.api->model_run(session.model, &input, -1, &output, 1) == TENON_INVALID_ARGUMENT);
    CHECK(session.api->model_run(session.model, &input, 1, nullptr, 1) == TENON_INVALID_ARGUMENT);
    CHECK(std::string(session.api->last_error()) ==
          "the list of outputs is null or of negative length; give one entry for each the model has");
  }
  SECTION("null model") {
    CHECK(session.api->model_run(nullptr, &input, 1, &output, 1) == TENON_INVALID_ARGUMENT);
    CHECK(std::string(session.api->last_error()) == "the model is null; give the one model_load returned");
    session.api->model_release(nullptr);
  }
  SECTION("device") {
    const int32_t cuda = 2;
    memcpy(&input.device.device_type, &cuda, sizeof(cuda));
    CHECK(session.failure({input}, {output}) == "input 0 'x' is on DLPack device type 2; the model takes CPU memory");
  }
  SECTION("dtype") {
    input.dtype = {kDLFloat, 64, 1};
    CHECK(session.failure({input}, {output}) == "input 0 'x' is float64; the model takes float32");
    input.dtype = {kDLBfloat, 16, 1};
    CHECK(session.failure({input}, {output}) == "input 0 'x' is bfloat16; the model takes float32");
    input.dtype = {kDLFloat, 32, 4};
    CHECK(session.failure({input}, {output}) == "input 0 'x' is DLPack type 2:32x4; the model takes float32");
    output.dtype = {kDLInt, 32, 1};
    CHECK(session.failure({affine.input}, {output}) == "output 0 'add' is int32; the model takes float32");
  }
  SECTION("rank") {
    input.shape = shape;
    input.ndim = 3;
    CHECK(session.failure({input}, {output}) == "input 0 'x' has 3 dimensions; the model takes 2");
    input.ndim = 1;
    CHECK(session.failure({input}, {output}) == "input 0 'x' has 1 dimension; the model takes 2");
    input.ndim = -1;
    CHECK(session.failure({input}, {output}) == "input 0 'x' has -1 dimensions; the model takes 2");
  }
  SECTION("size") {
    input.shape = shape;
    shape[1] = 999;
    CHECK(session.failure({input}, {output}) == "input 0 'x' has size 999 in dimension 1; the model takes 1000");
    shape[0] = -64;
    CHECK(session.failure({input}, {output}) ==
          "input 0 'x' has the negative size -64 in dimension 0; sizes start at 0");
    output.shape = shape;
    CHECK(session.failure({affine.input}, {output}) ==
          "output 0 'add' has the negative size -64 in dimension 0; sizes start at 0");
  }
  SECTION("no shape") {
    input.shape = nullptr;
    CHECK(session.failure({input}, {output}) == "input 0 'x' has no shape; set the tensor's shape");
  }
  SECTION("no data") {
    input.data = nullptr;
    CHECK(session.failure({input}, {output}) == "input 0 'x' has no data; give it memory of its size");
    output.data = nullptr;
    CHECK(session.failure({affine.input}, {output}) == "output 0 'add' has no data; give it memory of its size");
  }
  SECTION("strides that leave the address space") {
    int64_t strides[] = {std::numeric_limits<int64_t>::max() / 2, 1};
    input.strides = strides;
    CHECK(session.failure({input}, {output}) ==
          "input 0 'x' is larger than an address space; check its sizes and strides");
    strides[0] = std::numeric_limits<int64_t>::min();
    CHECK(session.failure({input}, {output}) ==
          "input 0 'x' is larger than an address space; check its sizes and strides");
  }
  SECTION("output that is not row-major") {
    int64_t strides[] = {1, affineRows};
    output.strides = strides;
    CHECK(session.failure({input}, {output}) == "output 0 'add' is not row-major; give memory without gaps");
  }
  SECTION("misaligned output") {
    output.byte_offset = 2;
    CHECK(session.failure({input}, {output}) ==
          "output 0 'add' is not aligned to its elements; give memory from malloc");
  }

  for (float value : affine.output.values)
    REQUIRE(value == -1.0f);
  CHECK(session.run({affine.input}, {affine.output}) == TENON_OK); // a failed run leaves everything usable
  CHECK(affine.isRight());
}

TEST_CASE("two outputs must not share memory") {
  TemporaryFolder folder;
  Session session(makeCounter(folder));
  Array<float> addend(float32, {4}, 1), total(float32, {4}), count(float32, {});
  DLTensor inside = count;
  inside.data = &total.values[3];
  CHECK(session.failure({addend}, {total, inside}) ==
        "output 1 'count' shares memory with output 0 'total'; give each output memory of its own");
  CHECK(session.run({addend}, {total, count}) == TENON_OK);
}

TEST_CASE("inputs may have any strides") {
  TemporaryFolder folder;
  Session session(makeAffine(folder));
  AffineCase affine;
  const std::vector<float> values = affine.input.values;

  SECTION("transposed") {
    for (int64_t row = 0; row < affineRows; ++row)
      for (int64_t column = 0; column < affineColumns; ++column)
        affine.input.values[static_cast<size_t>(column * affineRows + row)] =
            values[static_cast<size_t>(row * affineColumns + column)];
    affine.input.strides = {1, affineRows};
    REQUIRE(session.run({affine.input}, {affine.output}) == TENON_OK);
  }
  SECTION("with gaps and an offset") {
    std::vector<float> wide(affineRows * affineColumns * 3 + 5, 99.0f);
    for (size_t i = 0; i < values.size(); ++i)
      wide[5 + 3 * i] = values[i];
    DLTensor input = affine.input;
    int64_t strides[] = {affineColumns * 3, 3};
    input.data = wide.data();
    input.byte_offset = 5 * sizeof(float);
    input.strides = strides;
    REQUIRE(session.run({input}, {affine.output}) == TENON_OK);
  }
  SECTION("backwards") {
    std::vector<float> reversed(values.rbegin(), values.rend());
    DLTensor input = affine.input;
    int64_t strides[] = {-affineColumns, -1};
    input.data = &reversed.back();
    input.strides = strides;
    REQUIRE(session.run({input}, {affine.output}) == TENON_OK);
  }
  SECTION("misaligned") {
    std::vector<char> bytes(values.size() * 4 + 1);
    memcpy(bytes.data() + 1, values.data(), values.size() * 4);
    DLTensor input = affine.input;
    input.data = bytes.data();
    input.byte_offset = 1;
    REQUIRE(session.run({input}, {affine.output}) == TENON_OK);
  }
  SECTION("one row for all") {
    DLTensor input = affine.input;
    int64_t strides[] = {0, 1};
    input.strides = strides;
    REQUIRE(session.run({input}, {affine.output}) == TENON_OK);
    for (size_t i = 0; i < values.size(); ++i)
      affine.input.values[i] = values[i % affineColumns];
    CHECK(affine.isRight());
    return;
  }
  affine.input.values = values;
  CHECK(affine.isRight());
}

TEST_CASE("an input may share memory with an output") {
  TemporaryFolder folder;
  Session session(makeAffine(folder));
  AffineCase affine;
  std::vector<float> memory(affine.input.values.size() + 100);
  for (int64_t shift : {0, 1, 100}) {
    std::copy(affine.input.values.begin(), affine.input.values.end(), memory.begin() + shift);
    DLTensor input = affine.input, output = affine.output;
    input.data = memory.data() + shift;
    output.data = memory.data();
    REQUIRE(session.run({input}, {output}) == TENON_OK);
    std::copy_n(memory.begin(), affine.output.values.size(), affine.output.values.begin());
    CHECK(affine.isRight());
  }
}

//===--- dynamic sizes -----------------------------------------------------------------------------------------------===//

namespace {

struct GatherCase {
  Array<int64_t> ids, offset{int64, {}};
  Array<float> mask, output;
  GatherCase(int64_t size, int64_t extra)
      : ids(int64, {size}), mask(float32, {size, 2}, 1), output(float32, {size + extra}, -1) {
    offset.values[0] = extra;
    for (int64_t i = 0; i < size; ++i)
      ids.values[static_cast<size_t>(i)] = i % 20 - 10;
  }
  std::vector<DLTensor> inputs() { return {ids, mask, offset}; }
};

} // namespace

TEST_CASE("dynamic sizes: shapes, then the run") {
  TemporaryFolder folder;
  Session session(copyModel(folder, "gather"));
  for (int64_t size : {2, 3, 64, 511, 512}) {
    GatherCase gather(size, 3);
    int64_t outputSize = 0;
    int64_t *const shapes[] = {&outputSize};
    std::vector<DLTensor> inputs = gather.inputs();
    inputs[0].data = inputs[1].data = nullptr; // only the 0-d integer is read
    REQUIRE(session.api->model_output_shapes(session.model, inputs.data(), 3, shapes, 1) == TENON_OK);
    CHECK(outputSize == size + 3);
    REQUIRE(session.run(gather.inputs(), {gather.output}) == TENON_OK);
    for (int64_t i = 0; i < size; ++i)
      REQUIRE(gather.output.values[static_cast<size_t>(i)] == static_cast<float>(i % 10));
    CHECK(gather.output.values.back() == 0);
  }
}

TEST_CASE("dynamic sizes: what breaks a guard is named with its values") {
  TemporaryFolder folder;
  Session session(copyModel(folder, "gather"));

  GatherCase tooSmall(1, 0), tooLarge(513, 0), good(4, 0), other(5, 0);
  CHECK(session.failure(tooSmall.inputs(), {tooSmall.output}) ==
        "input 0 'ids' has size 1 in dimension 0; the model takes 2 to 512");
  CHECK(session.failure(tooLarge.inputs(), {tooLarge.output}) ==
        "input 0 'ids' has size 513 in dimension 0; the model takes 2 to 512");
  CHECK(session.failure({good.ids, other.mask, good.offset}, {good.output}) ==
        "input 1 'mask' has size 5 in dimension 0; it must be 4, as in input 0 'ids'");
  CHECK(session.failure(good.inputs(), {other.output}) ==
        "output 0 'gathered' has size 5 in dimension 0; for these inputs the model gives 4");

  good.ids.values[2] = 10;
  CHECK(session.failure(good.inputs(), {good.output}) ==
        "aten.index: index 10 is out of range for size 10; valid are -10 to 9");
  good.ids.values[1] = -11;
  CHECK(session.failure(good.inputs(), {good.output}) ==
        "aten.index: index -11 is out of range for size 10; valid are -10 to 9");
  CHECK(good.output.values == std::vector<float>(4, -1));
  good.ids.values[1] = good.ids.values[2] = -10;
  CHECK(session.run(good.inputs(), {good.output}) == TENON_OK);
}

TEST_CASE("output shapes: bad arguments") {
  TemporaryFolder folder;
  Session session(copyModel(folder, "gather"));
  GatherCase gather(4, 0);
  std::vector<DLTensor> inputs = gather.inputs();
  int64_t size = 0;
  int64_t *shapes[] = {&size};
  auto failure = [&](int32_t numInputs, int32_t numOutputs) {
    CHECK(session.api->model_output_shapes(session.model, inputs.data(), numInputs, shapes, numOutputs) ==
          TENON_INVALID_ARGUMENT);
    return std::string(session.api->last_error());
  };
  CHECK(failure(1, 1) == "1 input was given; the model takes 3");
  CHECK(failure(3, 0) == "0 outputs were given; the model takes 1");
  shapes[0] = nullptr;
  CHECK(failure(3, 1) == "the shape of output 0 'gathered' has nowhere to go; give an array of its dimensions");
  shapes[0] = &size;
  inputs[2].data = nullptr;
  CHECK(failure(3, 1) == "input 2 'offset' has no data; give it memory of its size");
}

TEST_CASE("static shapes are given without running anything") {
  TemporaryFolder folder;
  Session session(makeAffine(folder));
  AffineCase affine;
  DLTensor input = affine.input;
  input.data = nullptr;
  int64_t shape[2] = {};
  int64_t *const shapes[] = {shape};
  REQUIRE(session.api->model_output_shapes(session.model, &input, 1, shapes, 1) == TENON_OK);
  CHECK(shape[0] == affineRows);
  CHECK(shape[1] == affineColumns);
}

//===--- sizes that the run computes ---------------------------------------------------------------------------------===//

namespace {

// A run of models/Steps.cpp with memory from `allocate`.
struct StepsCase {
  Array<int64_t> counts{int64, {2}}, sum{int64, {}};
  std::vector<int64_t> shape{-7, -7}, memory; // what the shape holds before counts for nothing
  int numCalls = 0;
  size_t bytes = 0;
  bool hasMemory = true;

  StepsCase(int64_t first, int64_t second) { counts.values = {first, second}; }
  std::vector<DLTensor> outputs() {
    return {{nullptr, {kDLCPU, 0}, 2, int64, shape.data(), nullptr, 0}, sum};
  }
  static void *allocate(void *context, int32_t output, const int64_t *shape, size_t bytes) {
    auto &self = *static_cast<StepsCase *>(context);
    ++self.numCalls;
    self.bytes = bytes;
    CHECK(output == 0);
    self.memory.resize(static_cast<size_t>(shape[0] * shape[1]));
    return self.hasMemory && !self.memory.empty() ? self.memory.data() : nullptr;
  }
  tenon_status run(Session &session) {
    DLTensor input = counts;
    std::vector<DLTensor> list = outputs();
    return session.api->model_run_allocating(session.model, &input, 1, list.data(), 2, allocate, this);
  }
};

} // namespace

TEST_CASE("an output that nothing bounds gets memory when its size is known") {
  TemporaryFolder folder;
  Session session(copyModel(folder, "steps"));
  StepsCase steps(1, 2);
  DLTensor input = steps.counts;
  int64_t shape[2] = {};
  int64_t *const shapes[] = {shape, nullptr};
  REQUIRE(session.api->model_output_shapes(session.model, &input, 1, shapes, 2) == TENON_OK);
  CHECK(shape[0] == TENON_DYNAMIC);
  CHECK(shape[1] == 2);

  REQUIRE(steps.run(session) == TENON_OK);
  CHECK(steps.shape == std::vector<int64_t>{3, 2});
  CHECK(steps.memory == std::vector<int64_t>{0, 1, 2, 3, 4, 5});
  CHECK(steps.bytes == 48);
  CHECK(steps.sum.values[0] == 3);

  StepsCase none(0, 0); // no memory is needed for no elements
  REQUIRE(none.run(session) == TENON_OK);
  CHECK(none.shape == std::vector<int64_t>{0, 2});
  CHECK(none.numCalls == 1);
}

TEST_CASE("an output that nothing bounds: what callers do wrong") {
  TemporaryFolder folder;
  Session session(copyModel(folder, "steps"));
  StepsCase steps(1, 2), none(1, 2), negative(1, -2), huge(INT64_MAX / 2, 0);
  CHECK(session.failure({steps.counts}, steps.outputs()) ==
        "output 0 'steps' has a size that only the run knows; call model_run_allocating with a function that gives memory");
  none.hasMemory = false;
  CHECK(none.run(session) == TENON_OUT_OF_MEMORY);
  CHECK(std::string(session.api->last_error()) ==
        "there is no memory for the 48 bytes of output 0 'steps'; use smaller inputs or fewer runs at once");
  for (StepsCase *impossible : {&negative, &huge}) {
    CHECK(impossible->run(session) == TENON_INVALID_ARGUMENT);
    CHECK(std::string(session.api->last_error()) ==
          "output 0 'steps' gets sizes that no memory has; check the values of the inputs");
    CHECK(impossible->numCalls == 0);
  }
  std::vector<DLTensor> outputs = steps.outputs();
  outputs[0].ndim = 1;
  CHECK(session.failure({steps.counts}, outputs).find("call model_run_allocating") != std::string::npos);
  DLTensor input = steps.counts;
  auto allocating = [&] {
    CHECK(session.api->model_run_allocating(session.model, &input, 1, outputs.data(), 2, StepsCase::allocate, &steps) ==
          TENON_INVALID_ARGUMENT);
    return std::string(session.api->last_error());
  };
  CHECK(allocating() == "output 0 'steps' has 1 dimension; the model takes 2");
  outputs[0].ndim = 2;
  outputs[0].shape = nullptr;
  CHECK(allocating() == "output 0 'steps' has no shape; set the tensor's shape");
}

//===--- state -------------------------------------------------------------------------------------------------------===//

TEST_CASE("state goes from run to run, is reset, and is one model's own") {
  TemporaryFolder folder;
  std::filesystem::path file = makeCounter(folder);
  Session first(file), second(file);
  Array<float> addend(float32, {4}, 1), total(float32, {4}), count(float32, {});
  auto run = [&](Session &session) { REQUIRE(session.run({addend}, {total, count}) == TENON_OK); };

  run(first);
  run(first);
  CHECK(total.values == std::vector<float>{12, 22, 32, 42});
  CHECK(count.values[0] == 2);
  run(second);
  CHECK(total.values == std::vector<float>{11, 21, 31, 41});
  CHECK(count.values[0] == 1);

  REQUIRE(first.api->model_reset_state(first.model) == TENON_OK);
  run(first);
  CHECK(total.values == std::vector<float>{11, 21, 31, 41});
  CHECK(count.values[0] == 1);
}

//===--- statistics --------------------------------------------------------------------------------------------------===//

TEST_CASE("statistics of an older application and bad ones") {
  TemporaryFolder folder;
  Session session(makeAffine(folder));
  tenon_model_stats stats = {};
  CHECK(session.api->model_stats(session.model, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(std::string(session.api->last_error()) ==
        "there is nowhere to put the statistics; give a tenon_model_stats");
  CHECK(session.api->model_stats(session.model, &stats) == TENON_INVALID_ARGUMENT);
  CHECK(std::string(session.api->last_error()) ==
        "the statistics have struct_size 0; set it to sizeof(tenon_model_stats)");
  stats.struct_size = offsetof(tenon_model_stats, constant_bytes);
  stats.constant_bytes = 77;
  CHECK(session.api->model_stats(session.model, &stats) == TENON_OK);
  CHECK(stats.constant_bytes == 77);
}
