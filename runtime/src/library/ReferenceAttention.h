//===- ReferenceAttention.h - attention of dtypes no tile product has ------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_REFERENCEATTENTION_H
#define TENON_RUNTIME_LIBRARY_REFERENCEATTENTION_H

#include "../RunContext.h"
#include "Elements.h"

namespace tenon::library {

/// Any float dtype, any strides; computes in f64. `mask` may be null.
void referenceAttention(RunContext &context, const AttentionSpec &spec, const TensorView &query, const TensorView &key,
                        const TensorView &value, const TensorView *mask, const TensorView &output);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_REFERENCEATTENTION_H
