//===- WeightsMapping.h - the weights blob in memory ----------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_WEIGHTSMAPPING_H
#define TENON_RUNTIME_WEIGHTSMAPPING_H

#include "tenon/generated.h"

namespace tenon {

/// The weights blob of a model, mapped read-only from its file.
class WeightsMapping {
public:
  /// Maps the weights `model` names; `path` (may be null) replaces the place it was compiled for. Throws Error(TENON_BAD_MODEL)
  /// where they are missing, cut off, or of another compilation.
  WeightsMapping(const Model &model, const char *path);
  ~WeightsMapping();
  WeightsMapping(const WeightsMapping &) = delete;

  const char *data() const { return blob; }
  int64_t size() const { return blobBytes; }

  /// Gives the whole pages of [begin, begin + bytes) back to the system; they are read from the file again where somebody
  /// needs them. Any thread; ignored outside the blob.
  void releasePages(const void *begin, size_t bytes) const;

private:
  const char *blob = nullptr;
  int64_t blobBytes = 0;
};

} // namespace tenon

#endif // TENON_RUNTIME_WEIGHTSMAPPING_H
