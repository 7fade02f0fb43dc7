//===- Payloads.cpp - tensors stored in the archive ---------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/Payloads.h"

#include "compiler/frontend/archive/BadInput.h"
#include "compiler/frontend/archive/CheckedMath.h"
#include "compiler/frontend/archive/SchemaReaders.h"

#include "llvm/ADT/StringExtras.h"

#include <set>

namespace tenon::frontend {

namespace {

/// What one configuration file holds, and where.
struct PayloadFolder {
  llvm::StringLiteral folder, configSuffix, legacySuffix;
};
constexpr PayloadFolder kFolders[] = {
    {"data/weights/", "_weights_config.json", ".pt"},
    {"data/constants/", "_constants_config.json", ".pt"},
};

/// Bytes from the start of the record to the end of the view; 0 for a view without elements.
CheckedSize extentInBytes(const TensorMeta &meta) {
  CheckedSize lastElement = static_cast<uint64_t>(meta.storageOffset.staticValue());
  for (size_t i = 0; i < meta.sizes.size(); ++i) {
    uint64_t size = meta.sizes[i].staticValue();
    if (size == 0)
      return 0;
    lastElement = lastElement + CheckedSize(size - 1) * meta.strides[i].staticValue();
  }
  return (lastElement + 1) * elementSizeInBytes(meta.dtype);
}

/// Whether the dense tensor's size fits 64 bits with a sign, whatever its strides are.
bool hasRepresentableSize(const TensorMeta &meta) {
  CheckedSize size = elementSizeInBytes(meta.dtype);
  for (const SymInt &extent : meta.sizes)
    size = size * static_cast<uint64_t>(std::max<int64_t>(extent.staticValue(), 1));
  return size.isAtMost(INT64_MAX);
}

bool isStatic(const TensorMeta &meta) {
  auto staticExtent = [](const SymInt &extent) { return extent.isStatic(); };
  return llvm::all_of(meta.sizes, staticExtent) && llvm::all_of(meta.strides, staticExtent) &&
         meta.storageOffset.isStatic();
}

class PayloadReader {
public:
  PayloadReader(const ZipDirectory &directory, llvm::StringRef root, const PayloadFolder &folder)
      : directory(directory), root(root), folder(folder) {}

  Payload read(JsonReader json);
  /// The entries that the payloads lie in.
  std::set<const ZipEntry *> records;

private:
  const ZipDirectory &directory;
  llvm::StringRef root;
  const PayloadFolder &folder;
};

Payload PayloadReader::read(JsonReader json) {
  Payload payload;
  std::string name = json.field("path_name").string();
  payload.record = (folder.folder + name).str();
  payload.isParameter = json.field("is_param").boolean();
  auto meta = json.find("tensor_meta");
  if (!meta) {
    json.fail("the constant is a pickled object; only tensors are read");
    return payload;
  }
  if (json.field("use_pickle").boolean()) {
    json.fail("the tensor is pickled, as tensor subclasses are; export again with plain tensors");
    return payload;
  }
  payload.meta = readTensorMeta(*meta);
  const ZipEntry *record = directory.find((root + payload.record).str());
  if (!record)
    json.fail("the archive has no record '" + payload.record + "'");
  if (json.failed())
    return payload;
  payload.bytes = record->bytes;
  records.insert(record);
  if (!isStatic(payload.meta))
    meta->fail("the stored tensor has symbolic sizes");
  else if (!hasRepresentableSize(payload.meta))
    meta->fail("the tensor is too large");
  else if (!extentInBytes(payload.meta).isAtMost(record->bytes.size()))
    meta->fail("the tensor reaches behind the end of its record of " + llvm::Twine(record->bytes.size()) + " bytes");
  return payload;
}

llvm::Error readFolder(const ZipDirectory &directory, llvm::StringRef root, const PayloadFolder &folder,
                       llvm::StringRef modelName, std::map<std::string, Payload> &payloads) {
  std::string configName = (root + folder.folder + modelName + folder.configSuffix).str();
  const ZipEntry *config = directory.find(configName);
  if (!config) {
    std::string pickle = (root + folder.folder + modelName + folder.legacySuffix).str();
    if (directory.find(pickle))
      return badInput(pickle, "",
                      "the weights are pickled, as torch before 2.9 did; save the file again with torch >= 2.9 "
                      "(torch.export.load, then torch.export.save)");
    return llvm::Error::success();
  }
  llvm::Expected<Json> json = readJson(*config);
  if (!json)
    return json.takeError();
  JsonDocument document(*json, configName);
  PayloadReader reader(directory, root, folder);
  JsonReader configs = JsonReader(*json, document).field("config");
  for (auto &[name, payload] : configs.map([&](JsonReader member) { return reader.read(member); }))
    if (!payloads.emplace(name, payload).second)
      configs.fail("'" + name + "' is a weight and a constant");
  if (document.failed())
    return document.takeError();
  for (const ZipEntry *record : reader.records)
    if (llvm::Error error = verifyChecksum(*record))
      return error;
  return llvm::Error::success();
}

} // namespace

llvm::Expected<std::map<std::string, Payload>> readPayloads(const ZipDirectory &directory, llvm::StringRef root,
                                                            llvm::StringRef modelName) {
  std::map<std::string, Payload> payloads;
  for (const PayloadFolder &folder : kFolders)
    if (llvm::Error error = readFolder(directory, root, folder, modelName, payloads))
      return std::move(error);
  return payloads;
}

} // namespace tenon::frontend
