//===- SelfDescription.cpp - what a compiled model says about itself --------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/SelfDescription.h"

#include <cerrno>
#include <cstring>
#include <elf.h>
#include <fstream>

using namespace tenon::tools;
using nlohmann::json;

//===--- the section -------------------------------------------------------------------------------------------------===//

static constexpr const char *sectionName = ".tenon.info";
/// Names and sizes of inputs and outputs; more than this is no description.
static constexpr uint64_t maxDescriptionBytes = 16 << 20;
static constexpr int maxDepth = 16;

namespace {
/// Reads ranges of a file that a stranger may have written.
class ElfFile {
public:
  explicit ElfFile(const std::string &path) : path(path), file(path, std::ios::binary) {
    if (!file)
      throw BadFile(path, std::string("cannot be read (") + std::strerror(errno) + ")");
  }

  bool hasMagic() {
    char magic[SELFMAG] = {};
    file.read(magic, SELFMAG);
    bool result = file.gcount() == SELFMAG && memcmp(magic, ELFMAG, SELFMAG) == 0;
    file.clear();
    return result;
  }

  std::string section(const std::string &name) {
    auto header = at<Elf64_Ehdr>(0);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shstrndx >= header.e_shnum)
      throw damaged();
    auto sectionAt = [&](uint64_t index) { return at<Elf64_Shdr>(header.e_shoff + index * sizeof(Elf64_Shdr)); };
    auto names = sectionAt(header.e_shstrndx);
    for (uint64_t index = 0; index < header.e_shnum; ++index) {
      auto section = sectionAt(index);
      if (section.sh_name < names.sh_size &&
          startsWith(names.sh_offset + section.sh_name, names.sh_size - section.sh_name, name))
        return text(section.sh_offset, section.sh_size);
    }
    throw BadFile(path, "is no model that Tenon compiled; give a file of 'tenon compile'");
  }

private:
  BadFile damaged() const { return BadFile(path, "is a damaged ELF file; copy it again or compile again"); }

  std::string bytes(uint64_t offset, uint64_t size) {
    std::string result(size, 0);
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(result.data(), static_cast<std::streamsize>(size));
    if (offset > INT64_MAX || static_cast<uint64_t>(file.gcount()) != size)
      throw damaged();
    return result;
  }
  template <typename Header> Header at(uint64_t offset) {
    Header header;
    memcpy(&header, bytes(offset, sizeof(Header)).data(), sizeof(Header));
    return header;
  }
  bool startsWith(uint64_t offset, uint64_t size, const std::string &name) {
    return size > name.size() && bytes(offset, name.size() + 1) == name + '\0';
  }
  std::string text(uint64_t offset, uint64_t size) {
    if (size > maxDescriptionBytes)
      throw damaged();
    return std::string(bytes(offset, size).c_str());
  }

  std::string path;
  std::ifstream file;
};
} // namespace

bool tenon::tools::isElfFile(const std::string &path) { return ElfFile(path).hasMagic(); }

json tenon::tools::readSelfDescription(const std::string &path) {
  std::string text = ElfFile(path).section(sectionName);
  auto tooDeep = [](int depth, json::parse_event_t, json &) {
    if (depth > maxDepth)
      throw std::length_error("nested too deeply");
    return true;
  };
  try {
    json description = json::parse(text, tooDeep);
    if (description.is_object())
      return description;
  } catch (const std::exception &) {
  }
  throw BadFile(path, "has a damaged description; compile again");
}

//===--- for people --------------------------------------------------------------------------------------------------===//

static std::string plain(const json &value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "unbounded" : value.dump();
}

/// The member `key`; null where there is none.
static json member(const json &object, const char *key) { return object.is_object() ? object.value(key, json()) : json(); }

static void printTensors(const json &description, const char *key, std::ostream &os) {
  if (!description.contains(key))
    return;
  os << key << ":\n";
  for (const json &tensor : description[key]) {
    os << "  " << plain(member(tensor, "name")) << ": " << plain(member(tensor, "dtype")) << " [";
    const char *separator = "";
    for (const json &dim : member(tensor, "shape")) {
      os << separator << plain(dim);
      separator = ", ";
    }
    os << "]\n";
  }
}

void tenon::tools::printDescription(const json &description, std::ostream &os) {
  for (const char *key : {"kind", "name", "tenon_version", "torch_version", "target", "cpu", "features", "precision",
                          "numerics", "nodes", "kernels", "library_calls", "weights_bytes", "state_bytes"})
    if (description.contains(key))
      os << key << ": " << plain(description[key]) << "\n";
  printTensors(description, "inputs", os);
  printTensors(description, "outputs", os);
  json symbols = member(description, "symbols");
  if (!symbols.empty())
    os << "symbols:\n";
  for (const json &symbol : symbols)
    os << "  " << plain(member(symbol, "name")) << ": " << plain(member(symbol, "min")) << " to "
       << plain(member(symbol, "max")) << "\n";
  json ops = member(description, "ops");
  if (!ops.empty())
    os << "ops:\n";
  for (const auto &[target, count] : ops.items())
    os << "  " << target << ": " << plain(count) << "\n";
}
