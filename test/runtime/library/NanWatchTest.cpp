//===- NanWatchTest.cpp - when work is done again for the sake of NaNs ---------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "StandaloneRun.h"
#include "TestTensors.h"
#include "runtime/src/library/NanWatch.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

using namespace tenon;
using namespace tenon::library;
using namespace tenon::test;

// inf - inf, which sets the flag that a NaN in a maximum sets.
static void computeInvalid() {
  volatile float infinity = std::numeric_limits<float>::infinity();
  volatile float difference = infinity - infinity;
  REQUIRE(std::isnan(difference));
}

TEST_CASE("nan watch: work before a call makes it compute twice only once") {
  LoadedModel model(2);
  StandaloneRun run(model);
  RunContext &context = RunContext::of(run.run());
  Epilogue epilogue{{{EpilogueKind::Activation, ActivationKind::Relu}}, 1};
  NanWatch watch;
  takeInvalidFlag(context);

  int numFused = 0, numExact = 0;
  auto call = [&](bool before, bool within) {
    if (before)
      computeInvalid();
    numFused = numExact = 0;
    watch.run(context, epilogue, {}, nullptr, {}, [&] { ++numFused, within ? computeInvalid() : void(); }, [&] { ++numExact; });
  };
  call(false, false);
  CHECK((numFused == 1 && numExact == 0));
  if (computeInvalid(); !takeInvalidFlag(context))
    SKIP("this CPU's minimum leaves no trace");
  call(true, false);
  CHECK((numFused == 2 && numExact == 0));
  call(true, false);
  CHECK((numFused == 1 && numExact == 0));
  call(true, true);
  CHECK((numFused == 2 && numExact == 1));
}

TEST_CASE("nan watch: attention with hidden keys is no invalid operation") {
  Tensor query = Tensor::random(DType::F32, {1, 2, 40, 16}, 1), key = Tensor::random(DType::F32, {1, 2, 50, 16}, 2);
  Tensor value = Tensor::random(DType::F32, {1, 2, 50, 16}, 3), output(DType::F32, {1, 2, 40, 16});
  LoadedModel model(2);
  StandaloneRun run(model);
  AttentionSpec spec{0.25, /*isCausal=*/true};
  run.prepareAndRun([&](Run &run) { attention(run, 0, spec, query, key, value, nullptr, output); });
  RunContext &context = RunContext::of(run.run());
  takeInvalidFlag(context);
  run.prepareAndRun([&](Run &run) { attention(run, 0, spec, query, key, value, nullptr, output); });
  CHECK(!takeInvalidFlag(context));
}
