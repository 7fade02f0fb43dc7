//===- tenon/model.hpp - the C++ interface of a compiled model ------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A loader of compiled models in one header: C++20, the standard library and dlopen (link with ${CMAKE_DL_LIBS}).
//
//     tenon::Result<tenon::Model> model = tenon::Model::load("resnet50.so");
//     if (!model)
//       return complain(model.error().sentence);
//     std::vector<tenon::Tensor> inputs;
//     inputs.push_back(tenon::Tensor::zeros<float>({1, 3, 224, 224}));
//     tenon::Result<std::vector<tenon::Tensor>> outputs = model->run(inputs);
//     std::span<const float> logits = (*outputs)[0].values<float>();
//
// Objects     Model owns the shared object and the loaded model, Tensor owns row-major memory. Both move, neither copies.
// Threads     Model::run may be called from many threads at once on one Model; everything else from one at a time.
// Errors      Come back in a Result, with a sentence. Nothing here throws but std::bad_alloc, and what a wrong use of a
//             Result asserts.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_MODEL_HPP
#define TENON_MODEL_HPP

#include "tenon/tenon.h"

#include <algorithm>
#include <cassert>
#include <complex>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace tenon {

//===--- results -----------------------------------------------------------------------------------------------------===//

/// Why a call failed: one lowercase sentence, the remedy after a semicolon.
struct Failure {
  tenon_status status = TENON_INTERNAL;
  std::string sentence;
};

/// A value or a Failure, in the manner of std::expected. A reader must look at it before using the value.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state(std::in_place_index<0>, std::move(value)) {}
  Result(Failure failure) : state(std::in_place_index<1>, std::move(failure)) {}

  bool has_value() const { return state.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T &value() & { return *get(*this); }
  const T &value() const & { return *get(*this); }
  T &&value() && { return std::move(*get(*this)); }
  T &operator*() & { return value(); }
  const T &operator*() const & { return value(); }
  T &&operator*() && { return std::move(*this).value(); }
  T *operator->() { return get(*this); }
  const T *operator->() const { return get(*this); }

  const Failure &error() const {
    assert(!has_value() && "there is no error");
    return *std::get_if<1>(&state);
  }

private:
  template <typename Self> static auto *get(Self &self) {
    assert(self.has_value() && "error() says why there is no value");
    return std::get_if<0>(&self.state);
  }
  std::variant<T, Failure> state;
};

/// Success or a Failure.
template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Failure failure) : failure(std::move(failure)) {}
  bool has_value() const { return !failure; }
  explicit operator bool() const { return has_value(); }
  const Failure &error() const {
    assert(failure && "there is no error");
    return *failure;
  }

private:
  std::optional<Failure> failure;
};

//===--- tensors -----------------------------------------------------------------------------------------------------===//

/// DLPack's spelling of a C++ type: arithmetic types, bool and std::complex. The 16-bit floats have no C++ type here; name
/// them as {kDLFloat, 16, 1} and {kDLBfloat, 16, 1}.
template <typename T> constexpr DLDataType dtypeOf() {
  constexpr auto bits = static_cast<uint8_t>(sizeof(T) * 8);
  if constexpr (std::is_same_v<T, bool>)
    return {kDLBool, 8, 1};
  else if constexpr (std::is_floating_point_v<T>)
    return {kDLFloat, bits, 1};
  else if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>)
    return {kDLComplex, bits, 1};
  else {
    static_assert(std::is_integral_v<T>, "no DLPack type; name the DLDataType instead");
    return {static_cast<uint8_t>(std::is_signed_v<T> ? kDLInt : kDLUInt), bits, 1};
  }
}

/// A tensor that owns its memory: row-major, on the CPU, 64-byte aligned.
class Tensor {
public:
  /// Memory for a tensor of `shape`; its elements are undefined. Throws std::bad_alloc.
  Tensor(DLDataType dtype, std::vector<int64_t> shape) : dtype_(dtype), shape_(std::move(shape)) {
    for (int64_t size : shape_)
      numElements_ *= static_cast<size_t>(size);
    size_t bytes = (sizeInBytes() + 63) / 64 * 64;
    memory.reset(std::aligned_alloc(64, bytes ? bytes : 64));
    if (!memory)
      throw std::bad_alloc();
  }

  /// A tensor of zeros.
  template <typename T> static Tensor zeros(std::vector<int64_t> shape) {
    Tensor tensor(dtypeOf<T>(), std::move(shape));
    std::memset(tensor.data(), 0, tensor.sizeInBytes());
    return tensor;
  }

  /// A copy of `values` (row-major), which are as many as `shape` has elements.
  template <typename T> static Tensor of(std::span<const T> values, std::vector<int64_t> shape) {
    Tensor tensor(dtypeOf<T>(), std::move(shape));
    assert(values.size() == tensor.numElements() && "as many values as the shape has elements");
    std::memcpy(tensor.data(), values.data(), tensor.sizeInBytes());
    return tensor;
  }

  DLDataType dtype() const { return dtype_; }
  const std::vector<int64_t> &shape() const { return shape_; }
  size_t numElements() const {
    size_t count = 1;
    for (int64_t size : shape_)
      count *= static_cast<size_t>(size);
    return count;
  }
  size_t sizeInBytes() const { return numElements() * dtype_.bits / 8; }
  void *data() { return memory.get(); }
  const void *data() const { return memory.get(); }

  /// The elements in row-major order. `T` must be the tensor's type.
  template <typename T> std::span<T> values() {
    assert(is<T>() && "the tensor's element type");
    return {static_cast<T *>(data()), numElements()};
  }
  template <typename T> std::span<const T> values() const {
    assert(is<T>() && "the tensor's element type");
    return {static_cast<const T *>(data()), numElements()};
  }
  template <typename T> bool is() const { return dtypeOf<T>().code == dtype_.code && dtypeOf<T>().bits == dtype_.bits; }

  /// The tensor as DLPack. Valid while this tensor lives and is not moved from.
  DLTensor dlpack() const {
    return {memory.get(), {kDLCPU, 0}, static_cast<int32_t>(shape_.size()), dtype_, const_cast<int64_t *>(shape_.data()),
            nullptr, 0};
  }

private:
  struct Free {
    void operator()(void *pointer) const { std::free(pointer); }
  };
  DLDataType dtype_;
  std::vector<int64_t> shape_;
  size_t numElements_ = 1;
  std::unique_ptr<void, Free> memory;
};

//===--- models ------------------------------------------------------------------------------------------------------===//

struct LoadOptions {
  int32_t numThreads = 0;                     ///< of one run; 0: all cores of the process; 1 starts no thread
  tenon_parallel_for_fn parallelFor = nullptr; ///< the application's own; null: the runtime's team
  void *parallelForPool = nullptr;
  std::string weightsPath = {}; ///< empty: inside the .so, or beside it as compiled
};

/// A compiled model, loaded.
class Model {
public:
  /// Opens the shared object at `path` and loads its weights. Fails where the file is no model, its weights are not there,
  /// or this CPU lacks what it was compiled for. A model is code: load those you trust.
  static Result<Model> load(const std::string &path, const LoadOptions &options = {}) {
    // A name without a slash would be searched for in the system's library folders.
    std::string place = path.find('/') == std::string::npos ? "./" + path : path;
    Library library(dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL));
    if (!library)
      return Failure{TENON_BAD_MODEL, "the model '" + path + "' cannot be opened (" + dlerror() +
                                          "); check its path and the libraries it needs"};
    auto entry = reinterpret_cast<tenon_entry_fn>(dlsym(library.get(), TENON_ENTRY_SYMBOL));
    if (!entry)
      return Failure{TENON_BAD_MODEL, "'" + path + "' is a shared object but no compiled model; make one with tenon compile"};
    const tenon_api *api = entry(TENON_ABI_VERSION);
    if (!api)
      return Failure{TENON_BAD_MODEL, "the model '" + path + "' is older than this application's tenon/model.hpp; compile "
                                      "it again"};
    tenon_load_options raw = {sizeof(raw), options.numThreads, options.parallelFor, options.parallelForPool,
                              options.weightsPath.empty() ? nullptr : options.weightsPath.c_str()};
    tenon_model *model = nullptr;
    if (tenon_status status = api->model_load(&raw, &model))
      return Failure{status, api->last_error()};
    return Model(std::move(library), api, model);
  }

  Model(Model &&other) noexcept
      : library(std::move(other.library)), api(other.api), model(std::exchange(other.model, nullptr)) {}
  Model &operator=(Model &&other) noexcept {
    std::swap(library, other.library);
    std::swap(api, other.api);
    std::swap(model, other.model);
    return *this;
  }
  ~Model() {
    if (model)
      api->model_release(model);
  }

  /// What the model says about itself. Valid while the Model lives.
  const tenon_model_info &info() const { return *api->model_info(); }
  std::span<const tenon_tensor_info> inputs() const { return {info().inputs, static_cast<size_t>(info().num_inputs)}; }
  std::span<const tenon_tensor_info> outputs() const { return {info().outputs, static_cast<size_t>(info().num_outputs)}; }

  /// Runs on `inputs` (any strides) into `outputs` (row-major, of the shapes allocateOutputs gives). Fails where only the run
  /// knows how much memory an output takes: there run(inputs) returns it.
  Result<void> run(std::span<const DLTensor> inputs, std::span<const DLTensor> outputs) const {
    return result(api->model_run(model, inputs.data(), static_cast<int32_t>(inputs.size()), outputs.data(),
                                 static_cast<int32_t>(outputs.size())));
  }

  /// Runs on `inputs` and returns new outputs.
  Result<std::vector<Tensor>> run(std::span<const DLTensor> inputs) const {
    Result<std::vector<Tensor>> outputs = allocateOutputs(inputs);
    if (!outputs)
      return outputs;
    if (Result<void> done = runAllocating(inputs, *outputs); !done)
      return done.error();
    return outputs;
  }
  Result<std::vector<Tensor>> run(const std::vector<Tensor> &inputs) const { return run(std::span<const DLTensor>(dlpack(inputs))); }

  /// Tensors of the shapes that outputs have for `inputs`, whose data is read only where an input is a 0-d integer. A size that
  /// depends on values is the largest one possible, or 0 where nothing bounds it.
  Result<std::vector<Tensor>> allocateOutputs(std::span<const DLTensor> inputs) const {
    std::vector<std::vector<int64_t>> shapes;
    std::vector<int64_t *> places;
    for (const tenon_tensor_info &output : outputs())
      shapes.emplace_back(static_cast<size_t>(output.ndim));
    for (std::vector<int64_t> &shape : shapes)
      places.push_back(shape.data());
    if (Result<void> done = result(api->model_output_shapes(model, inputs.data(), static_cast<int32_t>(inputs.size()),
                                                            places.data(), static_cast<int32_t>(places.size())));
        !done)
      return done.error();
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < shapes.size(); ++i) {
      std::ranges::replace(shapes[i], TENON_DYNAMIC, 0);
      tensors.emplace_back(outputs()[i].dtype, std::move(shapes[i]));
    }
    return tensors;
  }

  /// Puts every mutated buffer back to its value in the archive.
  Result<void> resetState() const { return result(api->model_reset_state(model)); }

  /// Seeds the model's random numbers as torch.manual_seed() does PyTorch's; see tenon_api::model_seed.
  Result<void> seed(uint64_t seed) const {
    if (api->struct_size <= offsetof(tenon_api, model_seed))
      return Failure{TENON_BAD_MODEL, "the model was compiled before models had seeds; compile it again"};
    return result(api->model_seed(model, seed));
  }

  Result<tenon_model_stats> stats() const {
    tenon_model_stats stats = {};
    stats.struct_size = sizeof(stats);
    if (Result<void> done = result(api->model_stats(model, &stats)); !done)
      return done.error();
    return stats;
  }

  /// The tensors as a list for run().
  static std::vector<DLTensor> dlpack(std::span<const Tensor> tensors) {
    std::vector<DLTensor> list;
    for (const Tensor &tensor : tensors)
      list.push_back(tensor.dlpack());
    return list;
  }

private:
  struct Close {
    void operator()(void *library) const { dlclose(library); }
  };
  using Library = std::unique_ptr<void, Close>;

  Model(Library library, const tenon_api *api, tenon_model *model) : library(std::move(library)), api(api), model(model) {}

  // The tensors whose sizes a run has told: by position, until it is over.
  struct LateOutputs {
    std::span<const tenon_tensor_info> infos;
    std::vector<std::pair<size_t, Tensor>> made;
  };

  // No exception may cross the C interface.
  static void *allocate(void *context, int32_t output, const int64_t *shape, size_t) {
    auto &late = *static_cast<LateOutputs *>(context);
    auto index = static_cast<size_t>(output);
    const tenon_tensor_info &info = late.infos[index];
    try {
      late.made.emplace_back(index, Tensor(info.dtype, std::vector<int64_t>(shape, shape + info.ndim)));
    } catch (const std::bad_alloc &) {
      return nullptr;
    }
    return late.made.back().second.data();
  }

  // Replaces those of `outputs` that a run makes memory for. Models compiled before there were such have none.
  Result<void> runAllocating(std::span<const DLTensor> inputs, std::vector<Tensor> &outputs) const {
    std::vector<DLTensor> given = dlpack(outputs);
    if (api->struct_size <= offsetof(tenon_api, model_run_allocating))
      return run(inputs, given);
    LateOutputs late{this->outputs(), {}};
    Result<void> done = result(api->model_run_allocating(model, inputs.data(), static_cast<int32_t>(inputs.size()), given.data(),
                                                         static_cast<int32_t>(given.size()), allocate, &late));
    for (auto &[index, tensor] : late.made)
      outputs[index] = std::move(tensor);
    return done;
  }

  Result<void> result(tenon_status status) const {
    return status == TENON_OK ? Result<void>() : Result<void>(Failure{status, api->last_error()});
  }

  Library library;
  const tenon_api *api;
  tenon_model *model;
};

} // namespace tenon

#endif // TENON_MODEL_HPP
