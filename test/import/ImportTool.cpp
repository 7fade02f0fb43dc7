//===- ImportTool.cpp - prints what the importer makes of a .pt2 --------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// tenon-import-dump MODEL.pt2 [--quiet]: the module, verified; 3 and a list where something is unsupported, 2 for bad
// input, 4 where the module is wrong.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/Archive.h"
#include "compiler/frontend/import/Import.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  llvm::sys::PrintStackTraceOnErrorSignal(argv[0]);
  if (argc < 2) {
    llvm::errs() << "usage: tenon-import-dump MODEL.pt2 [--quiet]\n";
    return 2;
  }
  auto archive = tenon::frontend::Archive::open(argv[1]);
  if (!archive) {
    llvm::errs() << llvm::toString(archive.takeError()) << "\n";
    return 2;
  }
  mlir::MLIRContext context;
  std::vector<tenon::UnsupportedOp> unsupported;
  auto module = tenon::importProgram(context, (*archive)->program(), {}, unsupported);
  for (const tenon::UnsupportedOp &op : unsupported)
    llvm::errs() << op.target << ": " << op.reason << " (" << op.count << "x)" << (op.pythonLine.empty() ? "" : " at ")
                 << op.pythonLine << "\n";
  if (!module)
    return unsupported.empty() ? 2 : 3;
  if (argc < 3)
    module->print(llvm::outs(), mlir::OpPrintingFlags().elideLargeElementsAttrs());
  return mlir::succeeded(mlir::verify(*module)) ? 0 : 4;
}
