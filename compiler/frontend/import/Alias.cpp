//===- Alias.cpp - tensors that share memory, as values -----------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Alias.h"

using namespace mlir;
using namespace tenon::aten;

View View::identity() {
  return {[](Emitter &, const Tensor &base) { return base; },
          [](Emitter &, const Tensor &, const Tensor &updated) { return updated; }};
}

View View::reshape(Sizes sizes) {
  return {[=](Emitter &e, const Tensor &base) { return e.reshape(base, sizes); },
          [](Emitter &e, const Tensor &base, const Tensor &updated) { return e.reshape(updated, base.sizes); }};
}

View View::permute(ArrayRef<int64_t> order) {
  SmallVector<int64_t> forward(order), inverse(order.size());
  for (auto [to, from] : llvm::enumerate(order))
    inverse[from] = to;
  return {[=](Emitter &e, const Tensor &base) { return e.permute(base, forward); },
          [=](Emitter &e, const Tensor &, const Tensor &updated) { return e.permute(updated, inverse); }};
}

View View::slice(int64_t dim, Size start, Size length, int64_t step) {
  return {[=](Emitter &e, const Tensor &base) { return e.slice(base, dim, start, length, step); },
          [=](Emitter &e, const Tensor &base, const Tensor &updated) {
            return e.insertSlice(base, updated, dim, start, step);
          }};
}

View View::broadcast(Sizes sizes) {
  return {[=](Emitter &e, const Tensor &base) { return e.broadcast(base, sizes); }, nullptr};
}

View View::chain(View first, View second) {
  View result;
  result.read = [=](Emitter &e, const Tensor &base) { return second.read(e, first.read(e, base)); };
  if (first.write && second.write)
    result.write = [=](Emitter &e, const Tensor &base, const Tensor &updated) {
      return first.write(e, base, second.write(e, first.read(e, base), updated));
    };
  return result;
}

const Tensor &Alias::read(Emitter &e) {
  if (!base)
    return cached;
  int64_t current = root().version;
  if (cachedVersion != current) {
    cached = view.read(e, base->read(e));
    cachedVersion = current;
  }
  return cached;
}

bool Alias::write(Emitter &e, const Tensor &updated) {
  if (!base) {
    cached = updated;
    ++version;
    return true;
  }
  if (!view.write || !base->write(e, view.write(e, base->read(e), updated)))
    return false;
  cached = updated;
  cachedVersion = root().version;
  return true;
}
