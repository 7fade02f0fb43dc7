//===- RowLoops.cpp - the best level of this CPU -----------------------------------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "RowLoops.h"

#include "../../CpuFeatures.h"

using namespace tenon;
using namespace tenon::library;

static RowLoops chooseLoops() {
  RowLoops loops;
#ifdef __aarch64__
  if (sveVectorBytes() > 0) {
    sve::enterConversions(loops);
    sve::enterSoftmax(loops);
    sve::enterDots(loops);
    sve::enterWindows(loops);
    sve::enterActivations(loops);
    sve::enterGates(loops);
    sve::enterTransposition(loops);
    return loops;
  }
#endif
  baseline::enterConversions(loops);
  baseline::enterSoftmax(loops);
  baseline::enterDots(loops);
  baseline::enterWindows(loops);
  baseline::enterActivations(loops);
  baseline::enterGates(loops);
  baseline::enterTransposition(loops);
  return loops;
}

const RowLoops &library::rowLoops() {
  static const RowLoops loops = chooseLoops();
  return loops;
}
