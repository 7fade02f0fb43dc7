//===- Casts.cpp - conversions, copies and what changes nothing ---------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"

using namespace tenon::aten;

// x itself where nothing changes, as ATen returns it; a converted copy elsewhere.
static Results importTo(Call &call) {
  Tensor self = call.tensor("self");
  bool copies = call.has("copy") && call.boolean("copy");
  if (self.dtype == call.resultDtype() && !copies)
    return {View::identity()};
  return {call.e.cast(self, call.resultDtype())};
}

static Results importCopy(Call &call) { return {call.e.cast(call.tensor("self"), call.resultDtype())}; }

void tenon::aten::addCastRows(OpTable &table) {
  for (auto name : {"to", "type_as"})
    table.add(name, importTo);
  // A contiguous() that changed nothing leaves no node: one that is there copies.
  for (auto name : {"_to_copy", "clone", "contiguous", "lift_fresh_copy", "alias_copy"})
    table.add(name, importCopy);
  for (auto name : {"alias", "detach", "lift_fresh", "lift", "resolve_conj", "resolve_neg", "requires_grad"})
    table.add(name, [](Call &) { return Results{View::identity()}; });
}
