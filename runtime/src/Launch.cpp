//===- Launch.cpp - runs generated kernels ------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Partition.h"
#include "RunContext.h"

namespace tenon {

void launch(Run &run, KernelFn *kernel, int64_t extent, int64_t unitCost, std::initializer_list<void *> buffers,
            std::initializer_list<int64_t> sizes) {
  RunContext &context = RunContext::of(run);
  if (context.preparing() || extent <= 0)
    return;
  Partition parts(extent, unitCost, context.numThreads());
  if (parts.size() == 1)
    return kernel(buffers.begin(), sizes.begin(), 0, extent);
  context.parallelFor(parts.size(), [&](int64_t part) {
    kernel(buffers.begin(), sizes.begin(), parts.begin(part), parts.begin(part + 1));
  });
}

} // namespace tenon
