//===- TemplateText.h - text templates ---------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_CODEGEN_WRAPPER_TEMPLATETEXT_H
#define TENON_CODEGEN_WRAPPER_TEMPLATETEXT_H

#include "llvm/ADT/StringMap.h"

#include <string>

namespace tenon {

/// `text` with every placeholder `/*{ name }*/` replaced by its value. Placeholders are comments, so that a template is C++
/// for formatters. A placeholder alone on its line stands for the whole line: the value's lines bring their own indentation,
/// and an empty value removes the line. Values are not searched for placeholders. `text` must name known values only.
std::string fillTemplate(llvm::StringRef text, const llvm::StringMap<std::string> &values);

/// codegen_templates/wrapper.cpp.in.
extern const char *const wrapperTemplate;

} // namespace tenon

#endif // TENON_CODEGEN_WRAPPER_TEMPLATETEXT_H
