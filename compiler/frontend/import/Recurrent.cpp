//===- Recurrent.cpp - RNN, GRU and LSTM: layers over time, and single cells --------------------------------------===//
//
// Part of Tenon, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for license information.
//
//===-----------------------------------------------------------------------------------------------------------------===//
//
// What the inputs give the gates is one matrix product over all steps; what the state gives them is tenon.recurrence. Half
// types run in float32.
//
//===-----------------------------------------------------------------------------------------------------------------===//

#include "compiler/frontend/import/Call.h"
#include "compiler/ir/TenonDialect.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::aten;

namespace {
/// Parameters of one direction of one layer, or of a cell; biases and projection may be null.
struct Weights {
  Tensor ofInput, ofState, inputBias, stateBias, projection;
};

/// The state of one direction of one layer; the cell is an LSTM's.
struct State {
  Tensor hidden, cell;
};

struct Direction {
  Tensor states;
  State last;
};
} // namespace

static int64_t numGates(RecurrenceKind kind) {
  return kind == RecurrenceKind::Lstm ? 4 : kind == RecurrenceKind::Gru ? 3 : 1;
}

//===--- layers ------------------------------------------------------------------------------------------------------===//

// input [T, N, I].
static Direction importDirection(Call &call, RecurrenceKind kind, const Tensor &input, const Weights &w, const State &first,
                                 bool reverse) {
  Emitter &e = call.e;
  Size steps = input.sizes[0], rows = input.sizes[1], gateSize = w.ofInput.sizes[0];
  Tensor flat = e.reshape(input, Sizes{e.mul(steps, rows), input.sizes[2]});
  Tensor projected = e.reshape(e.matmul(flat, e.transpose(w.ofInput, 0, 1), w.inputBias), Sizes{steps, rows, gateSize});
  Sizes states{steps, rows, first.hidden.sizes[1]};
  SmallVector<Tensor> inits{e.empty(states, input.dtype), e.empty(first.hidden.sizes, input.dtype)};
  if (first.cell)
    inits.push_back(e.empty(first.cell.sizes, input.dtype));
  inits.push_back(e.empty(Sizes{rows, gateSize}, input.dtype));
  SmallVector<Value> values;
  SmallVector<Type> types;
  for (const Tensor &init : inits) {
    values.push_back(init.value);
    types.push_back(init.value.getType());
  }
  auto op = RecurrenceOp::create(e.b, e.loc, types, projected.value, w.ofState.value, w.stateBias.value,
                                 first.hidden.value, first.cell.value, w.projection.value, values, kind, reverse);
  for (auto [init, result] : llvm::zip(inits, op.getResults()))
    init.value = result;
  return {inits[0], {inits[1], first.cell ? inits[2] : Tensor()}};
}

namespace {
/// Reads the arguments of lstm.input, gru.input and rnn_….input in float32 or float64.
struct Layers {
  Call &call;
  RecurrenceKind kind;
  ScalarType dtype;
  SmallVector<Tensor> params;
  bool hasBiases, hasProjection = false;
  int64_t numLayers, numDirections;

  Layers(Call &call, RecurrenceKind kind);
  Weights weights(int64_t index);
  /// Element `index` of the states' first dimension.
  Tensor part(const Tensor &states, int64_t index);
};
} // namespace

Layers::Layers(Call &call, RecurrenceKind kind)
    : call(call), kind(kind), dtype(computeType(call.resultDtype())), hasBiases(call.boolean("has_biases")),
      numLayers(call.integer("num_layers")), numDirections(call.boolean("bidirectional") ? 2 : 1) {
  for (const Tensor &param : call.tensors("params"))
    params.push_back(call.e.cast(param, dtype));
  size_t perDirection = hasBiases ? 4 : 2, numCells = static_cast<size_t>(numLayers * numDirections);
  hasProjection = params.size() == (perDirection + 1) * numCells;
  if (numCells == 0 || (!hasProjection && params.size() != perDirection * numCells))
    call.unsupported("parameters of this number");
  else if (call.boolean("train") && call.real("dropout") != 0 && numLayers > 1)
    call.unsupported("dropout in training mode; call model.eval() before export");
}

Weights Layers::weights(int64_t index) {
  size_t stride = (hasBiases ? 4 : 2) + hasProjection, start = stride * static_cast<size_t>(index);
  Weights w{params[start], params[start + 1], {}, {}, {}};
  if (hasBiases) {
    w.inputBias = params[start + 2];
    w.stateBias = params[start + 3];
  }
  if (hasProjection)
    w.projection = params[start + stride - 1];
  return w;
}

Tensor Layers::part(const Tensor &states, int64_t index) {
  return call.e.squeeze(call.e.slice(states, 0, call.e.size(index), call.e.size(1)), 0);
}

static Tensor stack(Emitter &e, ArrayRef<Tensor> tensors) {
  SmallVector<Tensor> single;
  for (const Tensor &tensor : tensors)
    single.push_back(e.unsqueeze(tensor, 0));
  return e.concat(single, 0);
}

static Results importLayers(Call &call, RecurrenceKind kind) {
  Emitter &e = call.e;
  Layers layers(call, kind);
  SmallVector<Tensor> first = kind == RecurrenceKind::Lstm ? call.tensors("hx") : SmallVector<Tensor>{call.tensor("hx")};
  Tensor input = e.cast(call.tensor("input"), layers.dtype);
  if (!call.problem().empty() || input.rank() != 3 || first[0].rank() != 3)
    return {call.unsupported("states or input of this rank")};
  for (Tensor &tensor : first)
    tensor = e.cast(tensor, layers.dtype);
  bool batchFirst = call.boolean("batch_first");
  if (batchFirst)
    input = e.transpose(input, 0, 1);
  SmallVector<Tensor> lastHidden, lastCells;
  for (int64_t layer = 0; layer < layers.numLayers; ++layer) {
    SmallVector<Tensor> states;
    for (int64_t direction = 0; direction < layers.numDirections; ++direction) {
      int64_t index = layer * layers.numDirections + direction;
      State start{layers.part(first[0], index), first.size() > 1 ? layers.part(first[1], index) : Tensor()};
      Direction done = importDirection(call, kind, input, layers.weights(index), start, direction == 1);
      states.push_back(done.states);
      lastHidden.push_back(done.last.hidden);
      lastCells.push_back(done.last.cell);
    }
    input = e.concat(states, 2);
  }
  ScalarType result = call.resultDtype();
  Results results{e.cast(batchFirst ? e.transpose(input, 0, 1) : input, result), e.cast(stack(e, lastHidden), result)};
  if (kind == RecurrenceKind::Lstm)
    results.push_back(e.cast(stack(e, lastCells), result));
  return results;
}

//===--- cells -------------------------------------------------------------------------------------------------------===//

static Value sigmoid(Math &m, Value x) {
  auto kind = ActivationKindAttr::get(m.b.getContext(), ActivationKind::Sigmoid);
  return ActivationOp::create(m.b, m.loc, x.getType(), kind, x, m.b.getF64FloatAttr(0), m.b.getF64FloatAttr(0));
}

static Value tanh(Math &m, Value x) { return math::TanhOp::create(m.b, m.loc, x); }

// Gate number `index` of [N, G * H].
static Tensor gate(Emitter &e, const Tensor &gates, int64_t index, Size length) {
  return e.slice(gates, 1, e.mul(e.size(index), length), length);
}

static Results importCell(Call &call, RecurrenceKind kind) {
  Emitter &e = call.e;
  ScalarType result = call.resultDtype(), dtype = computeType(result);
  SmallVector<Tensor> state = kind == RecurrenceKind::Lstm ? call.tensors("hx") : SmallVector<Tensor>{call.tensor("hx")};
  auto product = [&](const Tensor &x, StringRef weight, StringRef bias) {
    Tensor w = e.cast(call.tensor(weight), dtype), b = call.optionalTensor(bias);
    return e.matmul(e.cast(x, dtype), e.transpose(w, 0, 1), b ? e.cast(b, dtype) : b);
  };
  Tensor input = call.tensor("input");
  if (input.rank() != 2 || state[0].rank() != 2)
    return {call.unsupported("a state or input of this rank")};
  Tensor ofInput = product(input, "w_ih", "b_ih"), ofState = product(state[0], "w_hh", "b_hh");
  Size length = e.floorDiv(ofInput.sizes[1], e.size(numGates(kind)));
  SmallVector<Tensor> operands;
  for (int64_t i = 0; i < numGates(kind); ++i)
    operands.append({gate(e, ofInput, i, length), gate(e, ofState, i, length)});
  auto sumOf = [](Math &m, ValueRange args, size_t i) { return m.add(args[2 * i], args[2 * i + 1]); };
  if (kind == RecurrenceKind::Lstm) {
    operands.push_back(state[1]);
    Tensor cell = e.compute(operands, dtype, [&](Math &m, ValueRange args) {
      Value kept = m.mul(sigmoid(m, sumOf(m, args, 1)), args.back());
      return m.add(kept, m.mul(sigmoid(m, sumOf(m, args, 0)), tanh(m, sumOf(m, args, 2))));
    });
    Tensor hidden = e.compute({operands[6], operands[7], cell}, result, [&](Math &m, ValueRange args) {
      return m.mul(sigmoid(m, m.add(args[0], args[1])), tanh(m, args[2]));
    });
    return {hidden, e.cast(cell, result)};
  }
  operands.push_back(state[0]);
  return {e.compute(operands, result, [&](Math &m, ValueRange args) -> Value {
    if (kind == RecurrenceKind::Tanh)
      return tanh(m, sumOf(m, args, 0));
    if (kind == RecurrenceKind::Relu)
      return m.max(sumOf(m, args, 0), m.constant(0));
    Value candidate = tanh(m, m.add(args[4], m.mul(sigmoid(m, sumOf(m, args, 0)), args[5])));
    return m.add(m.mul(m.sub(args.back(), candidate), sigmoid(m, sumOf(m, args, 1))), candidate);
  })};
}

void tenon::aten::addRecurrentRows(OpTable &table) {
  for (auto [name, kind] : {std::pair{"rnn_tanh", RecurrenceKind::Tanh}, std::pair{"rnn_relu", RecurrenceKind::Relu},
                            std::pair{"lstm", RecurrenceKind::Lstm}, std::pair{"gru", RecurrenceKind::Gru}}) {
    table.add((StringRef(name) + ".input").str(), [kind](Call &call) { return importLayers(call, kind); });
    table.add((StringRef(name) + "_cell").str(), [kind](Call &call) { return importCell(call, kind); });
  }
}
