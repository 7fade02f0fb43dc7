//===- PlanCache.h - what a call site keeps per shape ----------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// A call site's plans, keyed by dtypes, sizes and strides of its operands. A static model's site has one; a dynamic one
// keeps the latest `maxPlans`. A plan is immutable once made, so any number of runs may use it at once.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_RUNTIME_LIBRARY_PLANCACHE_H
#define TENON_RUNTIME_LIBRARY_PLANCACHE_H

#include "../RunContext.h"

#include <mutex>
#include <shared_mutex>
#include <string>
#include <string.h>

namespace tenon::library {

/// Dtypes, sizes and strides of a call's operands, and whether the plan may use post-ops (see NanWatch.h).
class CallKey {
public:
  CallKey(std::initializer_list<const TensorView *> views, TensorViews extras = {}) {
    for (const TensorView *view : views)
      add(view);
    for (int32_t i = 0; i < extras.count; ++i)
      add(&extras.begin[i]);
  }
  CallKey(const CallKey &other) { *this = other; }

  /// The key of the same call without post-ops.
  CallKey withoutPostOps() const {
    CallKey key = *this;
    key.usesPostOps_ = false;
    return key;
  }
  bool usesPostOps() const { return usesPostOps_; }
  CallKey &operator=(const CallKey &other) {
    count = other.count;
    usesPostOps_ = other.usesPostOps_;
    memcpy(words, other.words, count * sizeof(words[0]));
    return *this;
  }
  bool operator==(const CallKey &other) const {
    return count == other.count && usesPostOps_ == other.usesPostOps_ &&
           memcmp(words, other.words, count * sizeof(words[0])) == 0;
  }

private:
  void add(const TensorView *view) {
    if (count + 1 + 2 * maxRank > maxWords)
      throw Error(TENON_INTERNAL, "a library call has too many operands; use fewer epilogue steps");
    if (!view) {
      words[count++] = -1;
      return;
    }
    words[count++] = static_cast<int64_t>(view->dtype) << 8 | view->rank;
    for (int32_t i = 0; i < view->rank; ++i) {
      words[count++] = view->sizes[i];
      words[count++] = view->strides[i];
    }
  }

  static constexpr int32_t maxWords = 320;
  int32_t count = 0;
  bool usesPostOps_ = true;
  int64_t words[maxWords];
};

/// A site whose implementation can be named, for statistics and benchmarks.
class LibrarySite : public SiteState {
public:
  /// Name of the implementation of the latest plan, as the library gives it.
  virtual std::string implementation() const = 0;
};

/// Plan needs a member `std::string implementation`.
template <typename Plan> class PlanCache : public LibrarySite {
public:
  /// The plan for `key`; `make()` returns a std::shared_ptr<Plan> where there is none. One thread makes at a time.
  template <typename Make> std::shared_ptr<const Plan> get(const CallKey &key, const Make &make) {
    {
      std::shared_lock lock(mutex);
      if (std::shared_ptr<const Plan> plan = find(key))
        return plan;
    }
    std::unique_lock lock(mutex);
    if (std::shared_ptr<const Plan> plan = find(key))
      return plan;
    std::shared_ptr<const Plan> plan = make();
    if (entries.size() == maxPlans)
      entries.erase(entries.begin());
    entries.push_back({key, plan});
    return plan;
  }

  std::string implementation() const override {
    std::shared_lock lock(mutex);
    return entries.empty() ? "" : entries.back().plan->implementation;
  }

private:
  struct Entry {
    CallKey key;
    std::shared_ptr<const Plan> plan;
  };
  std::shared_ptr<const Plan> find(const CallKey &key) const {
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry)
      if (entry->key == key)
        return entry->plan;
    return nullptr;
  }

  /// A primitive with its code takes some 100 KiB; shapes that come back later are made anew in about a millisecond.
  static constexpr size_t maxPlans = 64;
  mutable std::shared_mutex mutex;
  std::vector<Entry> entries;
};

} // namespace tenon::library

#endif // TENON_RUNTIME_LIBRARY_PLANCACHE_H
