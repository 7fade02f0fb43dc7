//===- RunCommand.cpp - tenon run -----------------------------------------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/Commands.h"
#include "tools/tenon/ModelInputs.h"

namespace tenon::tools {
namespace {

struct RunArguments {
  std::string model, inputs, outputs;
  int threads = 0, repeat = 1;
};

int run(const RunArguments &arguments) {
  Result<Model> model = loadModel(arguments.model, arguments.threads);
  if (!model)
    return report(model.error());
  Result<std::vector<Tensor>> inputs = readInputs(*model, arguments.inputs);
  if (!inputs)
    return report(inputs.error());
  NamedTensors named;
  for (int i = 0; i < arguments.repeat; ++i) {
    Result<std::vector<Tensor>> outputs = model->run(*inputs);
    if (!outputs)
      return report(outputs.error());
    named.clear();
    for (Tensor &output : *outputs)
      named.emplace(std::to_string(named.size()), std::move(output));
  }
  if (Result<void> written = writeTensors(arguments.outputs, named); !written)
    return report(written.error());
  return exitDone;
}

} // namespace

void addRunCommand(CLI::App &app, int &exitCode) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App *command = app.add_subcommand("run", "run a compiled model on inputs of a file");
  command->add_option("model", arguments->model, "the compiled model (.so)")->required();
  command->add_option("--inputs", arguments->inputs, "inputs (.safetensors or .npz)")->required();
  command->add_option("--outputs", arguments->outputs, "file to write the outputs to")->required();
  command->add_option("--threads", arguments->threads, "threads of a run; 0: all cores")->check(CLI::NonNegativeNumber);
  command->add_option("--repeat", arguments->repeat, "how many runs; the last one's outputs are written")
      ->check(CLI::PositiveNumber);
  command->callback([arguments, &exitCode] { exitCode = run(*arguments); });
}

} // namespace tenon::tools
