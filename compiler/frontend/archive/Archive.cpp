//===- Archive.cpp - a .pt2 file ----------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/Archive.h"

#include "compiler/frontend/archive/Payloads.h"
#include "compiler/frontend/archive/ProgramChecks.h"
#include "compiler/frontend/archive/SchemaReaders.h"
#include "compiler/frontend/archive/ZipDirectory.h"

namespace tenon::frontend {

namespace {

constexpr llvm::StringLiteral kModelsFolder = "models/", kDefaultModel = "model", kModelSuffix = ".json";

/// Small members that must hold exactly this text.
struct Marker {
  llvm::StringLiteral name, text, remedy;
};
constexpr Marker kMarkers[] = {
    {"archive_format", "pt2", "save the model with torch.export.save"},
    {"archive_version", "0", "save the model with torch 2.9 to 2.14"},
    {"byteorder", "little", "save the model on a little-endian machine"},
};

llvm::StringRef textOf(const ZipEntry &entry) {
  return {reinterpret_cast<const char *>(entry.bytes.data()), entry.bytes.size()};
}

/// The first component of the first entry's name, with its slash.
llvm::StringRef rootOf(const ZipDirectory &directory) {
  llvm::StringRef first = directory.entries().empty() ? "" : llvm::StringRef(directory.entries().front().name);
  return first.take_front(first.find('/') + 1);
}

llvm::Error checkMarkers(const ZipDirectory &directory, llvm::StringRef root) {
  if (directory.find("serialized_exported_program.json"))
    return badInput("serialized_exported_program.json", "",
                    "the file has the format of torch before 2.8; save it again with torch >= 2.9 "
                    "(torch.export.load, then torch.export.save)");
  for (const Marker &marker : kMarkers) {
    std::string name = (root + marker.name).str();
    const ZipEntry *entry = directory.find(name);
    if (!entry)
      return badInput(name, "", "the member is missing, so this is no .pt2 archive; " + marker.remedy);
    if (llvm::Error error = verifyChecksum(*entry))
      return error;
    if (textOf(*entry) != marker.text)
      return badInput(
          name, "", "expected '" + marker.text + "', found '" + textOf(*entry).take_front(32) + "'; " + marker.remedy);
  }
  return llvm::Error::success();
}

/// The program to read: the default one, or the only one.
llvm::Expected<const ZipEntry *> findModel(const ZipDirectory &directory, llvm::StringRef root) {
  if (const ZipEntry *model = directory.find((root + kModelsFolder + kDefaultModel + kModelSuffix).str()))
    return model;
  const ZipEntry *only = nullptr;
  for (const ZipEntry &entry : directory.entries()) {
    llvm::StringRef name = entry.name;
    if (!name.consume_front(root) || !name.consume_front(kModelsFolder) || !name.ends_with(kModelSuffix))
      continue;
    if (only)
      return badInput(root + kModelsFolder, "",
                      "the archive holds several programs and none is named 'model'; save one alone");
    only = &entry;
  }
  if (!only)
    return badInput(root + kModelsFolder, "",
                    "the archive holds no exported program; save the model with torch.export.save");
  return only;
}

} // namespace

llvm::Expected<std::unique_ptr<Archive>> Archive::open(const std::string &path) {
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return inFile(file.takeError(), path);
  std::unique_ptr<Archive> archive(new Archive(std::move(*file)));
  if (llvm::Error error = archive->read())
    return inFile(std::move(error), path);
  return archive;
}

llvm::Error Archive::read() {
  llvm::Expected<ZipDirectory> directory = ZipDirectory::read(file.bytes());
  if (!directory)
    return directory.takeError();
  llvm::StringRef root = rootOf(*directory);
  if (llvm::Error error = checkMarkers(*directory, root))
    return error;
  llvm::Expected<const ZipEntry *> model = findModel(*directory, root);
  if (!model)
    return model.takeError();

  const std::string &member = (*model)->name;
  llvm::Expected<Json> json = readJson(**model);
  if (!json)
    return json.takeError();
  JsonDocument document(*json, member);
  exportedProgram = readProgram(JsonReader(*json, document));
  if (document.failed())
    return document.takeError();
  exportedProgram.modelName =
      llvm::StringRef(member).drop_front(root.size() + kModelsFolder.size()).drop_back(kModelSuffix.size()).str();

  llvm::Expected<std::map<std::string, Payload>> payloads = readPayloads(*directory, root, exportedProgram.modelName);
  if (!payloads)
    return payloads.takeError();
  exportedProgram.payloads = std::move(*payloads);
  return checkProgram(exportedProgram, member);
}

} // namespace tenon::frontend
