//===- ModelInputs.cpp - a loaded model and the tensors of a command line -------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/ModelInputs.h"

#include <algorithm>
#include <cstdio>
#include <elf.h>
#include <fstream>
#include <random>

namespace tenon::tools {

int report(const Failure &failure) {
  std::fprintf(stderr, "tenon: %s\n", failure.sentence.c_str());
  switch (failure.status) {
  case TENON_OK:
    return exitDone;
  case TENON_INVALID_ARGUMENT:
  case TENON_BAD_MODEL:
    return exitBadInput;
  case TENON_UNSUPPORTED_CPU:
    return exitUnsupported;
  case TENON_OUT_OF_MEMORY:
  case TENON_INTERNAL:
    break;
  }
  return exitInternal;
}

// True for an ELF file whose end is missing. dlopen would map what is not there and die of SIGBUS. The section headers are the
// last part that the linker writes; what follows them are weights, which have a footer of their own.
static bool isCutOff(const std::string &path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  auto fileBytes = static_cast<uint64_t>(std::max<std::streamoff>(file ? std::streamoff(file.tellg()) : 0, 0));
  Elf64_Ehdr header = {};
  file.seekg(0);
  file.read(reinterpret_cast<char *>(&header), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, std::min<std::streamsize>(SELFMAG, file.gcount())) != 0)
    return false; // no ELF file at all: dlopen says so
  uint64_t tableBytes = uint64_t(header.e_shnum) * header.e_shentsize;
  return !file || header.e_shoff > fileBytes || tableBytes > fileBytes - header.e_shoff;
}

Result<Model> loadModel(const std::string &path, int threads) {
  if (isCutOff(path))
    return Failure{TENON_BAD_MODEL, "the model '" + path + "' was cut off; copy it again or compile again"};
  LoadOptions options;
  options.numThreads = threads;
  return Model::load(path, options);
}

Result<std::vector<Tensor>> readInputs(const Model &model, const std::string &path) {
  Result<NamedTensors> file = readTensors(path);
  if (!file)
    return file.error();
  std::vector<Tensor> inputs;
  for (const tenon_tensor_info &info : model.inputs()) {
    int index = static_cast<int>(inputs.size());
    const Tensor *found = find(*file, "input", index, info.name);
    if (!found)
      return Failure{TENON_INVALID_ARGUMENT, "'" + path + "' has no tensor '" + std::to_string(index) + "' or '" + info.name +
                                                 "'; the model takes " + std::to_string(model.inputs().size()) + " inputs"};
    Tensor copy(found->dtype(), found->shape());
    std::memcpy(copy.data(), found->data(), found->sizeInBytes());
    inputs.push_back(std::move(copy));
  }
  return inputs;
}

// The value of a dimension that is one symbol; derived dimensions ("2*s0 + 1") cannot be guessed.
static std::optional<int64_t> sizeOf(const Model &model, const char *dim) {
  const tenon_model_info &info = model.info();
  for (int32_t i = 0; i < info.num_symbols; ++i)
    if (std::string(info.symbols[i].symbol) == dim)
      return std::clamp<int64_t>(2, info.symbols[i].min, info.symbols[i].max);
  return std::nullopt;
}

static void fill(Tensor &tensor, std::mt19937 &random) {
  std::memset(tensor.data(), 0, tensor.sizeInBytes());
  DLDataType dtype = tensor.dtype();
  if (dtype.code == kDLBool)
    std::memset(tensor.data(), 1, tensor.sizeInBytes());
  std::normal_distribution<float> normal;
  if (tensor.is<float>())
    for (float &value : tensor.values<float>())
      value = normal(random);
  else if (tensor.is<double>())
    for (double &value : tensor.values<double>())
      value = normal(random);
  else if (dtype.code == kDLBfloat) // the upper half of a float
    for (size_t i = 0; i < tensor.numElements(); ++i) {
      float value = normal(random);
      std::memcpy(static_cast<char *>(tensor.data()) + 2 * i, reinterpret_cast<char *>(&value) + 2, 2);
    }
  else if (dtype.code == kDLFloat && dtype.bits == 16) // in [1, 2): sign 0, exponent 15, random mantissa
    for (size_t i = 0; i < tensor.numElements(); ++i)
      static_cast<uint16_t *>(tensor.data())[i] = static_cast<uint16_t>(15 << 10 | (random() & 1023));
}

Result<std::vector<Tensor>> makeInputs(const Model &model) {
  std::mt19937 random(0);
  std::vector<Tensor> inputs;
  for (const tenon_tensor_info &info : model.inputs()) {
    std::vector<int64_t> shape(info.shape, info.shape + info.ndim);
    for (int32_t dim = 0; dim < info.ndim; ++dim) {
      if (shape[dim] != TENON_DYNAMIC)
        continue;
      std::optional<int64_t> size = sizeOf(model, info.dims[dim]);
      if (!size)
        return Failure{TENON_INVALID_ARGUMENT, std::string("input '") + info.name + "' has a dimension of size " +
                                                   info.dims[dim] + ", for which no inputs can be made; give --inputs"};
      shape[dim] = *size;
    }
    fill(inputs.emplace_back(info.dtype, shape), random);
  }
  return inputs;
}

} // namespace tenon::tools
