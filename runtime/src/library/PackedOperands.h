//===- PackedOperands.h - right operands as products of bf16 tiles want them -----------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
#ifndef TENON_RUNTIME_LIBRARY_PACKEDOPERANDS_H
#define TENON_RUNTIME_LIBRARY_PACKEDOPERANDS_H

#include "../RunContext.h"
#include "TileGemm.h"

#include <map>
#include <mutex>
#include <shared_mutex>

namespace tenon::library {

/// What a site makes of its constant operands, once of each. Any number of threads may be in here.
class PreparedConstants {
public:
  /// The memory of `bytes` that fill(memory) has written for `constant`.
  template <typename Fill> void *get(RunContext &context, const TensorView &constant, size_t bytes, const Fill &fill) {
    {
      std::shared_lock lock(mutex);
      if (auto found = memories.find(constant.data); found != memories.end())
        return found->second.data();
    }
    std::unique_lock lock(mutex);
    if (auto found = memories.find(constant.data); found != memories.end())
      return found->second.data();
    Memory memory;
    fill(memory.atLeast(bytes));
    context.addConstantBytes(static_cast<int64_t>(bytes));
    context.constantIsPacked(constant.data, spanInElements(constant) * sizeInBytes(constant.dtype));
    return memories.emplace(constant.data, std::move(memory)).first->second.data();
  }

private:
  std::shared_mutex mutex;
  std::map<const void *, Memory> memories;
};

/// Bytes that the matrices of `rhs`, [.., k, n] of BF16, take packed one after the other.
size_t packedBytes(const TensorView &rhs);

/// Packs them; any strides.
void packMatrices(RunContext &context, const TensorView &rhs, BFloat16 *packed);

/// Memory of packMatrices as a view of rhs' leading dimensions, whose strides lead from matrix to matrix.
TensorView packedLike(const TensorView &rhs, const BFloat16 *packed);

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_PACKEDOPERANDS_H
