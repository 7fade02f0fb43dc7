//===- TensorFile.h - named tensors in .safetensors and .npz files ---------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Formats: https://huggingface.co/docs/safetensors (all dtypes) and NumPy's .npz of .npy version 1 to 3 (all but bfloat16,
// which NumPy does not have). Keys are decimal positions or names; see `find`.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_TENSORFILE_H
#define TENON_TOOLS_TENSORFILE_H

#include "tenon/model.hpp"

#include <map>
#include <string>

namespace tenon::tools {

using NamedTensors = std::map<std::string, Tensor>;

/// Reads all tensors of the file at `path`, whose ending decides the format. A file that is damaged gives a Failure with
/// status TENON_INVALID_ARGUMENT, whatever its content.
Result<NamedTensors> readTensors(const std::string &path);

/// Writes `tensors`; the file appears whole or not at all.
Result<void> writeTensors(const std::string &path, const NamedTensors &tensors);

/// The tensor of position `index`, under its number ("0"), under "<role>.0" as tenon.export writes it (role "input" or
/// "output"), or under `name`; null where there is none.
const Tensor *find(const NamedTensors &tensors, const char *role, int index, const std::string &name);

/// "float32", "bfloat16", "bool".
std::string dtypeName(DLDataType dtype);

} // namespace tenon::tools

#endif // TENON_TOOLS_TENSORFILE_H
