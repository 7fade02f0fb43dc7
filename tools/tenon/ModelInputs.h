//===- ModelInputs.h - a loaded model and the tensors of a command line ----------------------------------------*- C++ -*-===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_MODELINPUTS_H
#define TENON_TOOLS_MODELINPUTS_H

#include "tools/tenon/TensorFile.h"

#include <string>
#include <vector>

namespace tenon::tools {

/// The contract's exit codes (DESIGN 5.1).
enum ExitCode { exitDone = 0, exitDiffers = 1, exitBadInput = 2, exitUnsupported = 3, exitInternal = 4 };

/// Prints the failure as "tenon: <sentence>" on stderr and returns the exit code its status stands for.
int report(const Failure &failure);

/// Loads the compiled model at `path` for runs on `threads` threads (0: all cores).
Result<Model> loadModel(const std::string &path, int threads);

/// The model's inputs from the file at `path`, in order. A missing one is a Failure that names it and what the file has.
Result<std::vector<Tensor>> readInputs(const Model &model, const std::string &path);

/// Inputs made from the signature: dynamic sizes take the smallest value of their range that is at least 2, floats are
/// seeded normal-ish noise, integers are zeros (valid indices for any table), booleans are true.
Result<std::vector<Tensor>> makeInputs(const Model &model);

} // namespace tenon::tools

#endif // TENON_TOOLS_MODELINPUTS_H
