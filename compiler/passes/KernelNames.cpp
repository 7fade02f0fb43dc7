//===- KernelNames.cpp - what kernels are called --------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/KernelNames.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringExtras.h"

#include <set>

using namespace mlir;
using namespace tenon;

static constexpr size_t maxNameLength = 40;

// "Layer.0/add_12" is "layer_0_add": numbers at the end tell nodes of one kind apart, which a shared kernel does not.
static std::string sanitised(StringRef name) {
  std::string result;
  for (char c : name.rtrim("0123456789").trim("_.")) {
    bool isRepeated = !llvm::isAlnum(c) && StringRef(result).ends_with("_"); // C++ reserves double underscores
    if (!isRepeated)
      result += llvm::isAlnum(c) ? llvm::toLower(c) : '_';
  }
  return result;
}

static void collectNodeNames(Location loc, llvm::SetVector<StringRef> &names) {
  loc->walk([&](Location nested) {
    auto name = dyn_cast<NameLoc>(nested);
    if (!name)
      return WalkResult::advance();
    names.insert(name.getName());
    return WalkResult::skip();
  });
}

static void collectScalarOps(linalg::LinalgOp op, llvm::SetVector<StringRef> &names) {
  for (Operation &scalar : op.getBlock()->without_terminator())
    if (!isa<arith::ConstantOp, arith::IndexCastOp, linalg::IndexOp>(scalar))
      names.insert(scalar.getName().stripDialect());
}

std::string tenon::kernelName(const KernelGroup &group) {
  llvm::SetVector<StringRef> nodes;
  for (linalg::LinalgOp op : group)
    collectNodeNames(op->getLoc(), nodes);
  if (nodes.empty())
    for (linalg::LinalgOp op : group)
      collectScalarOps(op, nodes);
  std::string name = "kernel";
  std::set<std::string> seen;
  for (StringRef node : nodes) {
    std::string part = sanitised(node);
    if (part.empty() || !seen.insert(part).second || name.size() + 1 + part.size() > maxNameLength)
      continue;
    name += "_" + part;
  }
  return name;
}
