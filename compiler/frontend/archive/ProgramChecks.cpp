//===- ProgramChecks.cpp - whether a program is consistent --------------------------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/archive/ProgramChecks.h"

#include "compiler/frontend/archive/BadInput.h"
#include "compiler/frontend/archive/GraphChecks.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

namespace tenon::frontend {

namespace {

using Input = InputSpec::Kind;
using Output = OutputSpec::Kind;

/// The value's name; empty for constants.
std::string nameOf(const Argument &arg) {
  return std::visit(
      [](const auto &value) -> std::string {
        if constexpr (requires { value.isName(); })
          return value.isName() ? value.name() : std::string();
        else if constexpr (requires { value.classFqn; } || std::is_same_v<decltype(value), const TensorRef &>)
          return value.name;
        else
          return {};
      },
      arg.value);
}

bool sameExtents(const std::vector<SymInt> &a, const std::vector<SymInt> &b) {
  return llvm::equal(a, b, [](const SymInt &x, const SymInt &y) { return x.value == y.value; });
}

class SignatureChecker {
public:
  SignatureChecker(const ExportedProgram &program, const std::string &member) : program(program), member(member) {}

  llvm::Error check() {
    if (program.graph.inputs.size() != program.inputSpecs.size())
      return failure("input_specs", "the graph has " + llvm::Twine(program.graph.inputs.size()) +
                                        " inputs, the signature " + llvm::Twine(program.inputSpecs.size()));
    if (program.graph.outputs.size() != program.outputSpecs.size())
      return failure("output_specs", "the graph has " + llvm::Twine(program.graph.outputs.size()) +
                                         " outputs, the signature " + llvm::Twine(program.outputSpecs.size()));
    for (size_t i = 0; i < program.inputSpecs.size(); ++i)
      if (llvm::Error error = checkInput(i))
        return error;
    for (size_t i = 0; i < program.outputSpecs.size(); ++i)
      if (llvm::Error error = checkOutput(i))
        return error;
    return llvm::Error::success();
  }

private:
  llvm::Error failure(const llvm::Twine &where, const llvm::Twine &sentence) {
    return badInput(member, "$.graph_module.signature." + where, sentence);
  }
  llvm::Error checkInput(size_t i);
  llvm::Error checkPayload(const InputSpec &spec, const llvm::Twine &where);
  llvm::Error checkOutput(size_t i);
  bool isMutationTarget(const OutputSpec &spec) const;

  const ExportedProgram &program;
  const std::string &member;
};

llvm::Error SignatureChecker::checkInput(size_t i) {
  const InputSpec &spec = program.inputSpecs[i];
  std::string where = "input_specs[" + std::to_string(i) + "]", name = nameOf(program.graph.inputs[i]);
  if (name != spec.argName)
    return failure(where, "the spec is of input '" + spec.argName + "', the graph's input is '" + name + "'");
  if (spec.kind == Input::Parameter || spec.kind == Input::Buffer || spec.kind == Input::TensorConstant)
    return checkPayload(spec, where);
  return llvm::Error::success();
}

llvm::Error SignatureChecker::checkPayload(const InputSpec &spec, const llvm::Twine &where) {
  auto value = program.graph.tensorValues.find(spec.argName);
  if (value == program.graph.tensorValues.end())
    return failure(where, "'" + spec.targetName + "' is no tensor");
  auto payload = program.payloads.find(spec.targetName);
  if (payload == program.payloads.end())
    return failure(where, "the archive stores no tensor '" + spec.targetName + "'; export the model with its weights");
  const TensorMeta &stored = payload->second.meta;
  if (stored.dtype != value->second.dtype || !sameExtents(stored.sizes, value->second.sizes))
    return failure(where, "dtype or sizes of '" + spec.targetName + "' in the graph and in the stored tensor differ");
  return llvm::Error::success();
}

/// Returns whether what the output writes back to is an input of that kind.
bool SignatureChecker::isMutationTarget(const OutputSpec &spec) const {
  return llvm::any_of(program.inputSpecs, [&](const InputSpec &input) {
    switch (spec.kind) {
    case Output::BufferMutation:
      return input.kind == Input::Buffer && input.targetName == spec.targetName;
    case Output::ParameterMutation:
      return input.kind == Input::Parameter && input.targetName == spec.targetName;
    case Output::UserInputMutation:
      return input.kind == Input::UserInput && input.argName == spec.targetName;
    default:
      return true;
    }
  });
}

llvm::Error SignatureChecker::checkOutput(size_t i) {
  const OutputSpec &spec = program.outputSpecs[i];
  std::string where = "output_specs[" + std::to_string(i) + "]", name = nameOf(program.graph.outputs[i]);
  if (name != nameOf(spec.arg) || spec.arg.value.index() != program.graph.outputs[i].value.index())
    return failure(where, "the spec is of output '" + nameOf(spec.arg) + "', the graph's output is '" + name + "'");
  bool mutates = spec.kind == Output::BufferMutation || spec.kind == Output::ParameterMutation ||
                 spec.kind == Output::UserInputMutation;
  if (mutates && !isMutationTarget(spec))
    return failure(where, "the output is written to '" + spec.targetName + "', which is no input");
  return llvm::Error::success();
}

} // namespace

llvm::Error checkProgram(const ExportedProgram &program, const std::string &member) {
  if (std::optional<GraphFault> fault = findGraphFault(program.graph, "$.graph_module.graph"))
    return badInput(member, fault->path, fault->sentence);
  return SignatureChecker(program, member).check();
}

} // namespace tenon::frontend
