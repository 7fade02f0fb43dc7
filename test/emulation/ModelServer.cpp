//===- ModelServer.cpp - runs one loaded model as lines of standard input say ---------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
//     model_server MODEL.so THREADS
//
// so that a test on another architecture can load a model under an emulator once and run it many times, with its state.
// Prints one line when it has loaded, and one per line that it reads: "done", or "failed STATUS SENTENCE".
//
//     run INPUTS OUTPUTS   INPUTS has tensors "0", "1", …, as many as the test gives; OUTPUTS gets "0", "1", … and, of inputs
//                          that the model writes to, "input.0", …
//     reset                puts the state back
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "tools/tenon/TensorFile.h"

#include <iostream>
#include <sstream>

namespace tenon::tools {
namespace {

std::vector<Tensor> inOrder(NamedTensors tensors) {
  std::vector<Tensor> list;
  for (auto found = tensors.find("0"); found != tensors.end(); found = tensors.find(std::to_string(list.size())))
    list.push_back(std::move(found->second));
  return list;
}

Result<void> run(const Model &model, const std::string &inputsPath, const std::string &outputsPath) {
  Result<NamedTensors> file = readTensors(inputsPath);
  if (!file)
    return file.error();
  std::vector<Tensor> inputs = inOrder(std::move(*file));
  Result<std::vector<Tensor>> outputs = model.run(inputs);
  if (!outputs)
    return outputs.error();
  NamedTensors results;
  for (size_t i = 0; i < outputs->size(); ++i)
    results.emplace(std::to_string(i), std::move((*outputs)[i]));
  for (int32_t position : std::span(model.info().mutated_inputs, static_cast<size_t>(model.info().num_mutated_inputs)))
    results.emplace("input." + std::to_string(position), std::move(inputs[static_cast<size_t>(position)]));
  return writeTensors(outputsPath, results);
}

Result<void> obey(const Model &model, const std::string &line) {
  std::istringstream words(line);
  std::string verb, inputs, outputs;
  words >> verb >> inputs >> outputs;
  if (verb == "run")
    return run(model, inputs, outputs);
  if (verb == "reset")
    return model.resetState();
  return Failure{TENON_INVALID_ARGUMENT, "the line '" + line + "' is unknown; send 'run' or 'reset'"};
}

void answer(const Result<void> &done) {
  if (done)
    std::cout << "done" << std::endl;
  else
    std::cout << "failed " << done.error().status << ' ' << done.error().sentence << std::endl;
}

int serve(const std::string &path, int threads) {
  LoadOptions options;
  options.numThreads = threads;
  Result<Model> model = Model::load(path, options);
  if (!model) {
    answer(model.error());
    return 1;
  }
  answer({});
  for (std::string line; std::getline(std::cin, line);)
    answer(obey(*model, line));
  return 0;
}

} // namespace
} // namespace tenon::tools

int main(int argc, char **argv) {
  if (argc != 3) {
    std::cerr << "usage: model_server MODEL.so THREADS\n";
    return 2;
  }
  return tenon::tools::serve(argv[1], std::stoi(argv[2]));
}
