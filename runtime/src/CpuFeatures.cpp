//===- CpuFeatures.cpp - what this CPU can do ---------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "CpuFeatures.h"

#include "RunContext.h"

namespace tenon {

void checkCpuFeatures(const char *features) {
  std::string missing, rest = features ? features : "";
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    std::string name = rest.substr(0, comma);
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    if (!name.empty() && !hasCpuFeature(name))
      missing += (missing.empty() ? "" : ", ") + name;
  }
  if (!missing.empty())
    throw Error(TENON_UNSUPPORTED_CPU, "this CPU lacks what the model was compiled for (" + missing +
                                           "); compile the model for this CPU");
}

} // namespace tenon
