//===- TensorFile.cpp - named tensors in .safetensors and .npz files ------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/TensorFile.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <unistd.h>
#ifdef TENON_HAVE_LIBZIP
#include <zip.h>
#endif

namespace tenon::tools {
namespace {

Failure bad(const std::string &sentence) { return {TENON_INVALID_ARGUMENT, sentence}; }

/// How the formats spell a dtype; an empty name where a format does not have it.
struct DTypeRow {
  DLDataType dtype;
  const char *name, *safetensors, *numpy;
};
constexpr DTypeRow dtypeTable[] = {
    {{kDLFloat, 32, 1}, "float32", "F32", "<f4"},       {{kDLFloat, 64, 1}, "float64", "F64", "<f8"},
    {{kDLFloat, 16, 1}, "float16", "F16", "<f2"},       {{kDLBfloat, 16, 1}, "bfloat16", "BF16", ""},
    {{kDLInt, 8, 1}, "int8", "I8", "|i1"},              {{kDLInt, 16, 1}, "int16", "I16", "<i2"},
    {{kDLInt, 32, 1}, "int32", "I32", "<i4"},           {{kDLInt, 64, 1}, "int64", "I64", "<i8"},
    {{kDLUInt, 8, 1}, "uint8", "U8", "|u1"},            {{kDLUInt, 16, 1}, "uint16", "U16", "<u2"},
    {{kDLUInt, 32, 1}, "uint32", "U32", "<u4"},         {{kDLUInt, 64, 1}, "uint64", "U64", "<u8"},
    {{kDLBool, 8, 1}, "bool", "BOOL", "|b1"},           {{kDLComplex, 64, 1}, "complex64", "C64", "<c8"},
    {{kDLComplex, 128, 1}, "complex128", "C128", "<c16"},
};

const DTypeRow *rowOf(DLDataType dtype) {
  for (const DTypeRow &row : dtypeTable)
    if (row.dtype.code == dtype.code && row.dtype.bits == dtype.bits)
      return &row;
  return nullptr;
}

template <typename Spelling> const DTypeRow *rowOf(const std::string &text, Spelling spelling) {
  for (const DTypeRow &row : dtypeTable)
    if (text == row.*spelling)
      return &row;
  return nullptr;
}

/// The bytes of a tensor of `shape`, or nothing where a size is negative or the product overflows.
std::optional<size_t> checkedBytes(const std::vector<int64_t> &shape, DLDataType dtype) {
  size_t bytes = dtype.bits / 8;
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes))
      return std::nullopt;
  return bytes;
}

bool endsWith(const std::string &text, const char *end) { return text.ends_with(end); }

//===--- safetensors: u64 header length, JSON header, data --------------------------------------------------------------===//

Result<NamedTensors> readSafetensors(const std::string &path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file)
    return bad("'" + path + "' cannot be opened; check the path");
  uint64_t fileBytes = static_cast<uint64_t>(file.tellg()), headerBytes = 0;
  file.seekg(0);
  if (fileBytes < 8 || !file.read(reinterpret_cast<char *>(&headerBytes), 8) || headerBytes > fileBytes - 8)
    return bad("'" + path + "' is no safetensors file: its header reaches beyond its end");
  std::string text(headerBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(headerBytes));
  nlohmann::json header = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object())
    return bad("'" + path + "' is no safetensors file: its header is no JSON object");
  NamedTensors tensors;
  uint64_t dataBytes = fileBytes - 8 - headerBytes;
  for (const auto &[name, entry] : header.items()) {
    if (name == "__metadata__")
      continue;
    std::vector<int64_t> shape;
    uint64_t begin = 0, end = 0;
    std::string spelled;
    try {
      shape = entry.at("shape").get<std::vector<int64_t>>();
      spelled = entry.at("dtype").get<std::string>();
      begin = entry.at("data_offsets").at(0).get<uint64_t>();
      end = entry.at("data_offsets").at(1).get<uint64_t>();
    } catch (const nlohmann::json::exception &) {
      return bad("'" + path + "' describes tensor '" + name + "' wrongly; write it with a safetensors library");
    }
    const DTypeRow *row = rowOf(spelled, &DTypeRow::safetensors);
    if (!row)
      return bad("tensor '" + name + "' in '" + path + "' has dtype " + spelled + ", which is not supported");
    std::optional<size_t> bytes = checkedBytes(shape, row->dtype);
    if (!bytes || begin > end || end > dataBytes || end - begin != *bytes)
      return bad("tensor '" + name + "' in '" + path + "' does not fit the bytes it names");
    Tensor tensor(row->dtype, shape);
    file.seekg(static_cast<std::streamoff>(8 + headerBytes + begin));
    if (!file.read(static_cast<char *>(tensor.data()), static_cast<std::streamsize>(*bytes)))
      return bad("'" + path + "' cannot be read to its end");
    tensors.emplace(name, std::move(tensor));
  }
  return tensors;
}

Result<void> writeSafetensors(std::FILE *file, const NamedTensors &tensors) {
  nlohmann::json header = nlohmann::json::object();
  uint64_t position = 0;
  for (const auto &[name, tensor] : tensors) {
    const DTypeRow *row = rowOf(tensor.dtype());
    header[name] = {{"dtype", row->safetensors}, {"shape", tensor.shape()},
                    {"data_offsets", {position, position + tensor.sizeInBytes()}}};
    position += tensor.sizeInBytes();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  uint64_t headerBytes = text.size();
  bool ok = std::fwrite(&headerBytes, 8, 1, file) == 1 && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  for (const auto &[name, tensor] : tensors)
    ok = ok && std::fwrite(tensor.data(), 1, tensor.sizeInBytes(), file) == tensor.sizeInBytes();
  if (!ok)
    return Failure{TENON_INTERNAL, "the file cannot be written to its end; is the disk full?"};
  return {};
}

//===--- npz: a zip of .npy files -------------------------------------------------------------------------------------===//

#ifdef TENON_HAVE_LIBZIP

/// The value of `key` in an .npy header, which is a Python dict literal: the text behind "'key': ".
std::optional<std::string> npyField(const std::string &header, const char *key) {
  size_t at = header.find(std::string("'") + key + "':");
  if (at == std::string::npos)
    return std::nullopt;
  at = header.find_first_not_of(' ', at + std::string(key).size() + 3);
  if (at == std::string::npos)
    return std::nullopt;
  char open = header[at];
  size_t end = open == '\'' ? header.find('\'', at + 1) : open == '(' ? header.find(')', at) : header.find(',', at);
  if (end == std::string::npos)
    return std::nullopt;
  return open == '\'' || open == '(' ? header.substr(at + 1, end - at - 1) : header.substr(at, end - at);
}

Result<Tensor> parseNpy(const std::string &where, const std::vector<char> &bytes) {
  auto damaged = [&] { return bad(where + " is no .npy array; write it with numpy.savez"); };
  if (bytes.size() < 12 || std::memcmp(bytes.data(), "\x93NUMPY", 6) != 0)
    return damaged();
  size_t prefix = bytes[6] == 1 ? 10 : 12, headerBytes = 0;
  std::memcpy(&headerBytes, bytes.data() + 8, prefix - 8);
  if (headerBytes > bytes.size() - prefix)
    return damaged();
  std::string header(bytes.data() + prefix, headerBytes);
  auto descr = npyField(header, "descr"), order = npyField(header, "fortran_order"), sizes = npyField(header, "shape");
  if (!descr || !order || !sizes)
    return damaged();
  if (*order != "False")
    return bad(where + " is in column-major order; save numpy.ascontiguousarray of it");
  const DTypeRow *row = rowOf(*descr, &DTypeRow::numpy);
  if (!row)
    return bad(where + " has dtype " + *descr + ", which is not supported");
  std::vector<int64_t> shape;
  for (size_t at = 0; (at = sizes->find_first_of("0123456789", at)) != std::string::npos;) {
    size_t end = std::min(sizes->find_first_not_of("0123456789", at), sizes->size());
    if (end - at > 18)
      return damaged();
    shape.push_back(std::stoll(sizes->substr(at, end - at)));
    at = end;
  }
  std::optional<size_t> expected = checkedBytes(shape, row->dtype);
  if (!expected || *expected != bytes.size() - prefix - headerBytes)
    return bad(where + " has another length than its shape says");
  Tensor tensor(row->dtype, shape);
  std::memcpy(tensor.data(), bytes.data() + prefix + headerBytes, *expected);
  return tensor;
}

Result<NamedTensors> readNpz(const std::string &path) {
  int code = 0;
  std::unique_ptr<zip_t, decltype(&zip_discard)> archive(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code),
                                                         zip_discard);
  if (!archive)
    return bad("'" + path + "' is no .npz file; check the path, and that numpy.savez wrote it");
  NamedTensors tensors;
  for (zip_int64_t index = 0; index < zip_get_num_entries(archive.get(), 0); ++index) {
    zip_stat_t stat;
    std::unique_ptr<zip_file_t, decltype(&zip_fclose)> entry(zip_fopen_index(archive.get(), index, 0), zip_fclose);
    if (!entry || zip_stat_index(archive.get(), index, 0, &stat) != 0)
      return bad("'" + path + "' has an entry that cannot be read; is the file whole?");
    // A declared size is no reason to allocate: reads until the entry ends.
    std::vector<char> bytes;
    char chunk[1 << 16];
    zip_int64_t got = 0;
    while ((got = zip_fread(entry.get(), chunk, sizeof(chunk))) > 0)
      bytes.insert(bytes.end(), chunk, chunk + got);
    if (got < 0)
      return bad("'" + path + "' has an entry that cannot be read; is the file whole?");
    std::string name = stat.name;
    Result<Tensor> tensor = parseNpy("'" + name + "' in '" + path + "'", bytes);
    if (!tensor)
      return tensor.error();
    tensors.emplace(name.ends_with(".npy") ? name.substr(0, name.size() - 4) : name, *std::move(tensor));
  }
  return tensors;
}

std::vector<char> toNpy(const Tensor &tensor) {
  std::string shape;
  for (int64_t size : tensor.shape())
    shape += std::to_string(size) + ",";
  std::string header = std::string("{'descr': '") + rowOf(tensor.dtype())->numpy +
                       "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::vector<char> bytes = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<char>(header.size() & 255),
                             static_cast<char>(header.size() >> 8)};
  bytes.insert(bytes.end(), header.begin(), header.end());
  const char *data = static_cast<const char *>(tensor.data());
  bytes.insert(bytes.end(), data, data + tensor.sizeInBytes());
  return bytes;
}

Result<void> writeNpz(const std::string &path, const NamedTensors &tensors) {
  std::map<std::string, std::vector<char>> files; // alive until the archive is closed
  for (const auto &[name, tensor] : tensors) {
    if (!*rowOf(tensor.dtype())->numpy)
      return bad("an output has dtype bfloat16, which .npz does not have; write .safetensors");
    files.emplace(name + ".npy", toNpy(tensor));
  }
  zip_t *archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  bool ok = archive != nullptr;
  for (const auto &[name, bytes] : files) {
    zip_source_t *source = ok ? zip_source_buffer(archive, bytes.data(), bytes.size(), 0) : nullptr;
    zip_int64_t index = source ? zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
    ok = index >= 0 && zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) == 0;
  }
  if (ok && zip_close(archive) == 0)
    return {};
  if (archive)
    zip_discard(archive);
  return Failure{TENON_INTERNAL, "'" + path + "' cannot be written; check the folder and the disk"};
}

#else
Result<NamedTensors> readNpz(const std::string &path) {
  return bad("'" + path + "' is an .npz file and this build of tenon reads .safetensors only");
}
Result<void> writeNpz(const std::string &path, const NamedTensors &) {
  return bad("'" + path + "' is an .npz file and this build of tenon writes .safetensors only");
}
#endif

} // namespace

Result<NamedTensors> readTensors(const std::string &path) {
  if (endsWith(path, ".safetensors"))
    return readSafetensors(path);
  if (endsWith(path, ".npz"))
    return readNpz(path);
  return bad("'" + path + "' is neither .safetensors nor .npz; rename or convert it");
}

Result<void> writeTensors(const std::string &path, const NamedTensors &tensors) {
  if (!endsWith(path, ".safetensors") && !endsWith(path, ".npz"))
    return bad("'" + path + "' is neither .safetensors nor .npz; choose one of these endings");
  std::string partial = path + ".partial." + std::to_string(getpid());
  std::FILE *file = std::fopen(partial.c_str(), "wb");
  if (!file)
    return bad("'" + path + "' cannot be written (" + std::strerror(errno) + "); check the folder");
  Result<void> written = endsWith(path, ".npz") ? writeNpz(partial, tensors) : writeSafetensors(file, tensors);
  if (std::fclose(file) != 0 && written)
    written = Failure{TENON_INTERNAL, "'" + path + "' cannot be written to its end; is the disk full?"};
  if (written && std::rename(partial.c_str(), path.c_str()) != 0)
    written = bad("'" + path + "' cannot be put in place (" + std::strerror(errno) + "); check the path");
  if (!written)
    std::remove(partial.c_str());
  return written;
}

const Tensor *find(const NamedTensors &tensors, const char *role, int index, const std::string &name) {
  std::string number = std::to_string(index);
  for (const std::string &key : {number, std::string(role) + "." + number, name})
    if (auto found = tensors.find(key); found != tensors.end())
      return &found->second;
  return nullptr;
}

std::string dtypeName(DLDataType dtype) {
  const DTypeRow *row = rowOf(dtype);
  return row ? row->name : "an unknown dtype";
}

} // namespace tenon::tools
