//===- TestModels.h - the hand-written models as files and in memory ------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TEST_RUNTIME_TESTMODELS_H
#define TENON_TEST_RUNTIME_TESTMODELS_H

#include "runtime/src/WeightsFile.h"
#include "tenon/tenon.h"

#include <catch2/catch_test_macros.hpp>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <string.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace tenon::test {

/// A folder that is removed with its content.
struct TemporaryFolder {
  std::filesystem::path path;
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tenon-test-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder &) = delete;
};

/// Appends `blob` and a footer to `file`, as the compiler's linker does. `hash` as in the model's source.
inline void appendWeights(const std::filesystem::path &file, const std::vector<char> &blob, uint64_t hash) {
  WeightsFooter footer;
  uint64_t end = std::filesystem::exists(file) ? std::filesystem::file_size(file) : 0;
  footer.blobOffset = (end + weightsAlignment - 1) / weightsAlignment * weightsAlignment;
  footer.blobBytes = blob.size();
  footer.hash = hash;
  std::ofstream stream(file, std::ios::binary | std::ios::app);
  stream << std::string(footer.blobOffset - end, '\0');
  stream.write(blob.data(), static_cast<std::streamsize>(blob.size()));
  stream.write(reinterpret_cast<const char *>(&footer), sizeof(footer));
}

/// The compiled model `name`, copied into `folder`, without weights.
inline std::filesystem::path copyModel(const TemporaryFolder &folder, const std::string &name) {
  std::filesystem::path file = folder.path / (name + ".so");
  std::filesystem::copy_file(std::filesystem::path(TEST_MODELS) / (name + ".so"), file,
                             std::filesystem::copy_options::overwrite_existing);
  return file;
}

inline constexpr int64_t affineRows = 64, affineColumns = 1000;
inline constexpr uint64_t affineHash = 0x5eed, counterHash = 0xc0;

/// Weights of models/Affine.cpp: scale[i] = i / 8, shift[i] = i - 500.
inline std::vector<char> affineWeights() {
  std::vector<char> blob(8192);
  for (int64_t i = 0; i < affineColumns; ++i) {
    float scale = static_cast<float>(i) / 8, shift = static_cast<float>(i - 500);
    memcpy(blob.data() + 4 * i, &scale, 4);
    memcpy(blob.data() + 4096 + 4 * i, &shift, 4);
  }
  return blob;
}

/// Weights of models/Counter.cpp: the total starts as 10, 20, 30, 40.
inline std::vector<char> counterWeights() {
  const float start[] = {10, 20, 30, 40};
  std::vector<char> blob(sizeof(start));
  memcpy(blob.data(), start, sizeof(start));
  return blob;
}

inline std::filesystem::path makeAffine(const TemporaryFolder &folder) {
  std::filesystem::path file = copyModel(folder, "affine");
  appendWeights(file, affineWeights(), affineHash);
  return file;
}

inline std::filesystem::path makeCounter(const TemporaryFolder &folder) {
  std::filesystem::path file = copyModel(folder, "counter");
  appendWeights(file, counterWeights(), counterHash);
  return file;
}

/// A model behind the C interface, or the sentence that says why not.
struct Session {
  void *library = nullptr;
  const tenon_api *api = nullptr;
  tenon_model *model = nullptr;
  tenon_status status = TENON_INTERNAL;
  std::string sentence;

  explicit Session(const std::filesystem::path &file, tenon_load_options options = {}) {
    library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    INFO(file << ": " << (library ? "" : dlerror()));
    REQUIRE(library);
    api = reinterpret_cast<tenon_entry_fn>(dlsym(library, TENON_ENTRY_SYMBOL))(TENON_ABI_VERSION);
    REQUIRE(api);
    options.struct_size = sizeof(options);
    status = api->model_load(&options, &model);
    sentence = status ? api->last_error() : "";
  }
  ~Session() {
    api->model_release(model);
    dlclose(library);
  }
  Session(const Session &) = delete;

  tenon_status run(const std::vector<DLTensor> &inputs, const std::vector<DLTensor> &outputs) {
    status = api->model_run(model, inputs.data(), static_cast<int32_t>(inputs.size()), outputs.data(),
                            static_cast<int32_t>(outputs.size()));
    sentence = status ? api->last_error() : "";
    return status;
  }

  /// The sentence of a run that fails with `expected`.
  std::string failure(const std::vector<DLTensor> &inputs, const std::vector<DLTensor> &outputs,
                      tenon_status expected = TENON_INVALID_ARGUMENT) {
    CHECK(run(inputs, outputs) == expected);
    return sentence;
  }
};

inline tenon_load_options withThreads(int32_t numThreads) {
  tenon_load_options options = {};
  options.num_threads = numThreads;
  return options;
}

inline constexpr DLDataType float32 = {kDLFloat, 32, 1}, int64 = {kDLInt, 64, 1};

/// A row-major tensor and what it points to.
template <typename T> struct Array {
  std::vector<T> values;
  std::vector<int64_t> shape, strides;
  DLDataType dtype;

  Array(DLDataType dtype, std::vector<int64_t> shape, T start = T()) : shape(std::move(shape)), dtype(dtype) {
    size_t count = 1;
    for (int64_t size : this->shape)
      count *= static_cast<size_t>(size);
    values.assign(count, start);
  }
  operator DLTensor() {
    return {values.data(), {kDLCPU, 0}, static_cast<int32_t>(shape.size()), dtype, shape.data(),
            strides.empty() ? nullptr : strides.data(), 0};
  }
};

/// An input of models/Affine.cpp and what it gives.
struct AffineCase {
  Array<float> input{float32, {affineRows, affineColumns}}, output{float32, {affineRows, affineColumns}, -1.0f};
  AffineCase() {
    for (size_t i = 0; i < input.values.size(); ++i)
      input.values[i] = static_cast<float>((i * 37) % 256) / 16;
  }
  static float expected(float x, size_t i) {
    auto column = static_cast<float>(i % affineColumns);
    return x * (2 * (column / 8)) + (column - 500);
  }
  bool isRight() const {
    for (size_t i = 0; i < output.values.size(); ++i)
      if (output.values[i] != expected(input.values[i], i))
        return false;
    return true;
  }
};

} // namespace tenon::test

#endif // TENON_TEST_RUNTIME_TESTMODELS_H
