//===- Alias.h - tensors that share memory, as values ---------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Functionalisation. Every tensor name of the exported graph is bound to an Alias: a root owns a value, a view knows
// how to read itself from its base and how to write itself back. An in-place op writes its functional result through
// the chain of views to the root; every alias of that root then reads the new value, because reads are cached per
// version of the root.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_FRONTEND_IMPORT_ALIAS_H
#define TENON_FRONTEND_IMPORT_ALIAS_H

#include "compiler/frontend/import/Emit.h"

namespace tenon::aten {

/// A view as a pair of functions on values.
struct View {
  std::function<Tensor(Emitter &, const Tensor &base)> read;
  /// The base with `updated` in the place of the view; null where the view cannot be written (an expanded dimension).
  std::function<Tensor(Emitter &, const Tensor &base, const Tensor &updated)> write;

  static View identity();
  static View reshape(Sizes sizes);
  static View permute(llvm::ArrayRef<int64_t> order);
  static View slice(int64_t dim, Size start, Size length, int64_t step = 1);
  static View broadcast(Sizes sizes);
  /// `second` of `first`.
  static View chain(View first, View second);
};

class Alias;
using AliasRef = std::shared_ptr<Alias>;

class Alias {
public:
  explicit Alias(Tensor value) : cached(std::move(value)) {}
  Alias(AliasRef base, View view) : base(std::move(base)), view(std::move(view)) {}

  /// The tensor as of now.
  const Tensor &read(Emitter &e);
  /// Replaces this tensor's elements by those of `updated` (same sizes and dtype), for every alias. False where the
  /// view cannot be written.
  bool write(Emitter &e, const Tensor &updated);
  Alias &root() { return base ? base->root() : *this; }
  bool isMutated() { return root().version > 0; }
  /// True for a view of memory that has to stay as it is (an aliasing input of the program).
  bool isView() const { return base != nullptr; }

private:
  AliasRef base;
  View view;
  Tensor cached;
  int64_t version = 0;        ///< roots: number of writes
  int64_t cachedVersion = -1; ///< views: the root's version `cached` was read at
};

} // namespace tenon::aten

#endif // TENON_FRONTEND_IMPORT_ALIAS_H
