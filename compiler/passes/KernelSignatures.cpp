//===- KernelSignatures.cpp - kernels by the memory they are launched with -------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/passes/KernelSignatures.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"

using namespace mlir;
using namespace tenon;

// Reads tensor arguments from memrefs, and ends by writing each result to its init.
static void rewriteKernelBody(func::FuncOp kernel, ArrayRef<Type> types) {
  Block &body = kernel.getBody().front();
  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  auto terminator = cast<func::ReturnOp>(body.getTerminator());
  unsigned numShaped = llvm::count_if(types, llvm::IsaPred<MemRefType>);
  unsigned numResults = terminator.getNumOperands();
  for (auto [argument, type] : llvm::zip(body.getArguments(), types)) {
    if (!isa<MemRefType>(type))
      continue;
    Type tensorType = argument.getType();
    argument.setType(type);
    auto read = bufferization::ToTensorOp::create(builder, kernel.getLoc(), tensorType, argument, /*restrict=*/true,
                                                  /*writable=*/argument.getArgNumber() + numResults >= numShaped);
    argument.replaceAllUsesExcept(read, read);
  }
  builder.setInsertionPoint(terminator);
  for (auto [index, value] : llvm::enumerate(terminator.getOperands())) {
    Value destination = body.getArgument(numShaped - numResults + index);
    bufferization::MaterializeInDestinationOp::create(builder, terminator.getLoc(), /*result=*/Type(), value,
                                                      destination, /*restrict=*/true, /*writable=*/true);
  }
  func::ReturnOp::create(builder, terminator.getLoc());
  terminator.erase();
  kernel.setFunctionType(builder.getFunctionType(types, {}));
  kernel.removeResAttrsAttr();
}

StringAttr KernelSignatures::specialise(StringAttr name, ArrayRef<Type> types) {
  auto signature = TypeAttr::get(FunctionType::get(name.getContext(), types, {}));
  StringAttr &specialised = known[{name, signature}];
  if (specialised)
    return specialised;
  func::FuncOp kernel = original(name).clone();
  rewriteKernelBody(kernel, types);
  specialised = symbols.insert(kernel); // renamed where the name is taken by another signature
  return specialised;
}

func::FuncOp KernelSignatures::original(StringAttr name) {
  OwningOpRef<func::FuncOp> &original = originals[name];
  if (!original) {
    auto function = symbols.lookup<func::FuncOp>(name);
    symbols.remove(function);
    function->remove();
    original = function;
  }
  return *original;
}
