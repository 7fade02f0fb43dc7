//===- StridedCopy.h - copies between strides -----------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_STRIDEDCOPY_H
#define TENON_RUNTIME_STRIDEDCOPY_H

#include "RunContext.h"

namespace tenon {

/// Copies a rank-`rank` array of `elementBytes`-sized elements; strides in elements, of any sign, zero in the source where it is
/// broadcast. Source and destination do not overlap. Split over the run's threads where it pays.
void copyStrided(RunContext &context, int64_t elementBytes, int32_t rank, const int64_t *sizes, const void *source,
                 const int64_t *sourceStrides, void *destination, const int64_t *destinationStrides);

} // namespace tenon

#endif // TENON_RUNTIME_STRIDEDCOPY_H
