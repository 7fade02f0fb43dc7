//===- Sort.cpp - tenon.sort ------------------------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// Each line is copied to scratch memory as pairs of element and position and sorted there. A position as the last criterion
// makes any sort stable without the memory that std::stable_sort takes.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "Lines.h"

#include <algorithm>

using namespace tenon;
using namespace tenon::library;

namespace {
template <typename Key> struct Entry {
  Key key;
  int64_t position;
};
} // namespace

/// The ascending order; NaN is the greatest.
template <typename Key> static bool isBefore(Key a, Key b) { return a < b || (isNan(b) && !isNan(a)); }

/// Puts the first `count` of `length` entries in front, in `order`. Which of equal elements stay, and in which order, is
/// what aten.topk shows: it selects with the same functions of the standard library, by the same rule.
template <typename Key, typename Order>
static void selectFirst(Entry<Key> *entries, int64_t length, int64_t count, const Order &order) {
  constexpr int64_t partialSortRatio = 64;
  if (count * partialSortRatio <= length)
    return std::partial_sort(entries, entries + count, entries + length, order);
  std::nth_element(entries, entries + count - 1, entries + length, order);
  std::sort(entries, entries + count - 1, order);
}

/// Puts the first `count` entries in front, in `order`; equal ones by position.
template <typename Key, typename Order>
static void sortFirst(Entry<Key> *entries, int64_t length, int64_t count, const Order &order) {
  auto stable = [&](const Entry<Key> &a, const Entry<Key> &b) {
    if (order(a, b) || order(b, a))
      return order(a, b);
    return a.position < b.position;
  };
  if (count < length)
    std::partial_sort(entries, entries + count, entries + length, stable);
  else
    std::sort(entries, entries + length, stable);
}

template <typename Key>
static void arrange(const SortSpec &spec, Entry<Key> *entries, int64_t length, int64_t count) {
  auto apply = [&](const auto &order) {
    spec.selects ? selectFirst(entries, length, count, order) : sortFirst(entries, length, count, order);
  };
  if (spec.descending)
    apply([](const Entry<Key> &a, const Entry<Key> &b) { return isBefore(b.key, a.key); });
  else
    apply([](const Entry<Key> &a, const Entry<Key> &b) { return isBefore(a.key, b.key); });
}

template <typename Type>
static void sortLines(RunContext &context, const SortSpec &spec, const TensorView &input, const TensorView &values,
                      const TensorView &positions) {
  using Key = WideType<Type>;
  constexpr int64_t comparisonsPerElement = 16;
  Lines from(input, spec.dim), to(values, spec.dim), places(positions, spec.dim);
  auto *scratch = static_cast<Entry<Key> *>(
      context.scratch(static_cast<size_t>(from.length) * context.numThreads() * sizeof(Entry<Key>)));
  forEachLine(context, from.count(), from.length * comparisonsPerElement, [&](int64_t part, int64_t line) {
    Entry<Key> *entries = scratch + part * from.length;
    const Type *source = from.at<const Type>(line);
    for (int64_t i = 0; i < from.length; ++i)
      entries[i] = {static_cast<Key>(source[i * from.stride]), i};
    arrange(spec, entries, from.length, to.length);
    Type *value = to.at<Type>(line);
    int64_t *place = places.at<int64_t>(line);
    for (int64_t i = 0; i < to.length; ++i) {
      value[i * to.stride] = source[entries[i].position * from.stride];
      place[i * places.stride] = entries[i].position;
    }
  });
}

void tenon::sort(Run &run, const SortSpec &spec, const TensorView &input, const TensorView &values,
                 const TensorView &positions) {
  if (run.preparing() || countElements(values) == 0)
    return;
  if (values.sizes[spec.dim] > input.sizes[spec.dim])
    throw Error(TENON_INVALID_ARGUMENT, "a selection of " + std::to_string(values.sizes[spec.dim]) + " from " +
                                            std::to_string(input.sizes[spec.dim]) +
                                            " elements is out of range; select at most as many as there are");
  withElementType(input.dtype, [&](auto type) {
    sortLines<decltype(type)>(RunContext::of(run), spec, input, values, positions);
  });
}
