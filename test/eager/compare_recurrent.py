"""RNN, GRU and LSTM against eager: layers, directions, projections, states, long sequences, half precision, cells.

`compare_recurrent.py [NAME...]` runs all, or those whose name contains a given text.
"""
from snippets import constant, floats, main, register_module  # first: skips where PyTorch is absent
import torch
from torch import nn


def layers(name, make, *inputs):
    class Layers(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = make()

        def forward(self, *args):
            return self.inner(*args)

    register_module(name, Layers, *inputs)


class States(nn.Module):
    """Passes an LSTM's two states as one pair."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, h, c):
        return self.inner(x, (h, c))


for kind in (nn.RNN, nn.GRU, nn.LSTM):
    name = kind.__name__.lower()
    layers(name, lambda kind=kind: kind(12, 21), floats(9, 3, 12))
    layers(name + "_one_row", lambda kind=kind: kind(12, 40, batch_first=True), floats(1, 33, 12))
    layers(name + "_stacked", lambda kind=kind: kind(6, 10, 3, bidirectional=True, batch_first=True, dropout=0.3).eval(),
           floats(2, 7, 6))
    layers(name + "_without_biases", lambda kind=kind: kind(6, 10, bias=False), floats(4, 2, 6))
    layers(name + "_unbatched", lambda kind=kind: kind(6, 10), floats(4, 6))
    layers(name + "_double", lambda kind=kind: kind(6, 10).double(), floats(4, 2, 6, dtype=torch.float64))
    layers(name + "_bfloat16", lambda kind=kind: kind(6, 10).bfloat16(), floats(4, 2, 6, dtype=torch.bfloat16))
    layers(name + "_wide", lambda kind=kind: kind(64, 300), floats(5, 40, 64))
layers("rnn_relu", lambda: nn.RNN(6, 10, nonlinearity="relu"), floats(4, 2, 6))
layers("rnn_with_state", lambda: nn.RNN(6, 10), floats(4, 2, 6), floats(1, 2, 10))
layers("gru_with_state", lambda: nn.GRU(6, 10, 2), floats(4, 2, 6), floats(2, 2, 10))
layers("lstm_with_states", lambda: States(nn.LSTM(6, 10, 2, bidirectional=True)), floats(4, 2, 6), floats(4, 2, 10), floats(4, 2, 10))
layers("lstm_projected", lambda: nn.LSTM(6, 20, 2, proj_size=7, bidirectional=True), floats(5, 2, 6))
layers("lstm_long", lambda: nn.LSTM(8, 16), floats(400, 2, 8))
layers("rnn_cell", lambda: nn.RNNCell(6, 10), floats(3, 6), floats(3, 10))
layers("rnn_cell_relu", lambda: nn.RNNCell(6, 10, nonlinearity="relu"), floats(3, 6))
layers("gru_cell", lambda: nn.GRUCell(6, 10), floats(3, 6), floats(3, 10))
layers("gru_cell_without_biases", lambda: nn.GRUCell(6, 10, bias=False), floats(6))
layers("lstm_cell", lambda: States(nn.LSTMCell(6, 10)), floats(3, 6), floats(3, 10), floats(3, 10))


class Decoder(nn.Module):
    """A state that goes round through a cell and a layer."""

    def __init__(self):
        super().__init__()
        self.cell, self.rnn = nn.GRUCell(6, 10), nn.GRU(10, 6, batch_first=True)

    def forward(self, x):
        h = self.cell(x[:, 0])
        y, last = self.rnn(h[:, None].expand(-1, 4, -1))
        return y * 2, self.cell(last[0], h)


register_module("decoder", Decoder, floats(3, 5, 6))


nan = float("nan")
layers("not_a_number", lambda: nn.RNN(3, 5, nonlinearity="relu"), constant([[[nan, 1.0, 1.0], [1.0, 2.0, 3.0]]]))
layers("infinities", lambda: nn.LSTM(2, 3), constant([[[1e30, -1e30], [3e38, 1.0]]]))


if __name__ == "__main__":
    main()
