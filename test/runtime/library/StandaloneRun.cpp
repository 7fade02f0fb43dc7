//===- StandaloneRun.cpp - a run without a model ---------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"

#include "runtime/src/library/PlanCache.h"

using namespace tenon;

LoadedModel::~LoadedModel() {
  for (std::atomic<SiteState *> &site : sites)
    delete site.load();
}

std::string LoadedModel::implementation(int32_t site) const {
  auto *state = dynamic_cast<library::LibrarySite *>(sites[site].load());
  return state ? state->implementation() : "";
}

void *RunContext::global(int32_t) const { return nullptr; }

char *RunContext::lateBuffer(int32_t, int64_t) { return nullptr; }

void RunContext::setOutputSize(int32_t, int32_t, int64_t) {}

void *RunContext::lateOutput(int32_t, std::initializer_list<int64_t>) { return nullptr; }

char *RunContext::arena(int64_t bytes) { return arena_.atLeast(static_cast<size_t>(bytes)); }

Generator &RunContext::generator() { return owner.randomNumbers; }
int RunContext::numThreads() const { return owner.team.numThreads(); }

void RunContext::parallelFor(int64_t count, void (*body)(const void *, int64_t), const void *context) {
  owner.team.parallelFor(count, body, context);
}

SiteState &RunContext::siteState(int32_t site, MakeSiteState make, const void *context) {
  std::lock_guard lock(owner.sitesMutex);
  if (!owner.sites[site].load())
    owner.sites[site] = make(context).release();
  return *owner.sites[site].load();
}

void RunContext::addConstantBytes(int64_t bytes) { owner.constantBytes += bytes; }
void RunContext::constantIsPacked(const void *, size_t) {}
