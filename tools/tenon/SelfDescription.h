//===- SelfDescription.h - what a compiled model says about itself --------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Needs no compiler: the tool of a foreign architecture inspects models, too.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_SELFDESCRIPTION_H
#define TENON_TOOLS_SELFDESCRIPTION_H

#include <nlohmann/json.hpp>

#include <ostream>
#include <stdexcept>
#include <string>

namespace tenon::tools {

/// A file that is not what it should be; what() is a sentence for the user.
class BadFile : public std::runtime_error {
public:
  BadFile(const std::string &path, const std::string &sentence) : std::runtime_error("'" + path + "' " + sentence) {}
};

/// True for ELF files, whatever is in them. Throws BadFile where the file cannot be read.
bool isElfFile(const std::string &path);

/// The JSON object in section .tenon.info of the shared object at `path`, for any 64-bit little-endian architecture. Nothing
/// of the file is executed or trusted. Throws BadFile.
nlohmann::json readSelfDescription(const std::string &path);

/// Prints the description of a model or an archive for people.
void printDescription(const nlohmann::json &description, std::ostream &os);

} // namespace tenon::tools

#endif // TENON_TOOLS_SELFDESCRIPTION_H
