"""Small modules, each about one mechanism (promotion, views, mutation, broadcasting, reductions …), against eager.

`compare_snippets.py [NAME...]` runs all, or those whose name contains a given text.
"""
from snippets import booleans, floats, integers, main, register_module, snippet  # first: skips where PyTorch is absent
import torch
import torch.nn.functional as F
from torch import nn


@snippet(floats(3, 5), floats(5))
def broadcast_add(x, y):
    return x + y, x * y - 2, x / y


@snippet(floats(4, 1, 6), floats(5, 1), integers(6))
def promotion(x, y, i):
    return x + i, i / 2, i * 2.5, (i > 0) + i, x.to(torch.float64) * y


@snippet(integers(4, 7), integers(4, 7, low=1, high=4))
def integer_division(a, b):
    return a // b, a % b, torch.div(a, b, rounding_mode="trunc"), torch.div(a, b, rounding_mode="floor"), a / b


@snippet(booleans(3, 4), booleans(3, 4), integers(3, 4))
def logic(a, b, i):
    return a & b, a | ~b, a ^ b, i == 2, torch.where(a, i, -i), i.masked_fill(b, 7), torch.logical_and(a, i)


@snippet(floats(2, 33))
def unary(x):
    return x.exp(), x.sin(), x.cos(), x.tanh(), x.sigmoid(), x.abs().sqrt(), x.abs().log(), x.erf(), torch.rsqrt(x.abs()), x**3, x.neg()


@snippet(floats(2, 33))
def activations(x):
    return F.gelu(x), F.gelu(x, approximate="tanh"), F.silu(x), F.relu(x), F.hardswish(x), F.hardsigmoid(x), F.leaky_relu(x), F.elu(x), F.softplus(x), F.relu6(x)


@snippet(floats(3, 4, 17))
def softmaxes(x):
    return x.softmax(-1), x.softmax(1), x.log_softmax(-1)


@snippet(floats(3, 4, 17))
def reductions(x):
    return x.sum(-1), x.mean((0, 2)), x.amax(1, keepdim=True), x.sum(), x.argmax(-1), x.max(2).values, x.min(2).indices, x.var(-1)


@snippet(integers(5, 6))
def integer_reductions(i):
    return i.sum(), i.sum(0), (i > 0).any(1), (i > -6).all(), i.amin(0), i.prod(1)


@snippet(floats(2, 6, 4, 4))
def views(x):
    y = x.view(2, 3, 2, 16).permute(0, 2, 1, 3)
    return y.reshape(4, 48), x[:, 1:5:2], x.transpose(1, 3).flatten(1), x.unsqueeze(1).expand(2, 3, 6, 4, 4), x.chunk(3, 1)[1], x[..., -1]


@snippet(floats(4, 6))
def in_place_on_views(x):
    y = x.clone()
    y[1:3] += 1
    y[:, 2].mul_(3)
    z = y.t()
    z[0, 0] = 5
    return y, z.relu_(), y


@snippet(floats(5, 8), integers(3, 2, low=-5, high=5), integers(4, low=0, high=8))
def gathers(x, i, j):
    return x[i], x[:, j], F.embedding(i.abs(), x), x.index_select(1, j), x.gather(0, i.abs().repeat(1, 4))


@snippet(floats(3, 4), floats(3, 2), floats(3, 4))
def joins(a, b, c):
    return torch.cat([a, b], 1), torch.stack([a, c], 1), torch.cat([a, c, a]) * 2


@snippet(floats(2, 3, 8), floats(8, 5), floats(2, 8, 4), floats(5))
def matmuls(x, w, y, b):
    return x @ w, F.linear(x, w.t(), b), torch.bmm(x, y), torch.addmm(b, x[0], w), x[0, 0] @ w


@snippet(floats(2, 6, 9, 9), floats(8, 6, 3, 3), floats(8), floats(6, 1, 3, 3))
def convolutions(x, w, b, d):
    return F.conv2d(x, w, b, padding=1), F.conv2d(x, w, b, stride=2), F.conv2d(x, d, groups=6, padding=2, dilation=2), F.relu(F.conv2d(x, w, b))


@snippet(floats(2, 17, 16), floats(16, 3, 8, 8), floats(8, 16, 1, 1), floats(8, 16, 3, 3), floats(8, 8, 1, 1))
def convolutions_of_slices(x, transposed, single, window, half):
    """Images in channels-last layout with gaps between them, or between their pixels."""
    tokens = F.layer_norm(x, (16,))
    image = tokens[:, 1:].permute(0, 2, 1).reshape(2, 16, 4, 4)
    results = [F.conv_transpose2d(image, transposed, stride=8), F.conv2d(image, single), F.conv2d(image, window, padding=1),
               F.conv2d(image, window, stride=2), F.conv2d(image[:, 8:], half), F.conv_transpose2d(image[:, :8], half)]
    return [result.permute(0, 2, 3, 1) for result in results]


@snippet(floats(2, 4, 9, 9))
def pools(x):
    return F.max_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 2), F.adaptive_avg_pool2d(x, 1), F.max_pool2d(x, 2, ceil_mode=True), F.avg_pool2d(x, 3, 2, 1)


@snippet(floats(2, 3, 10, 8), floats(2, 3, 10, 8), floats(2, 3, 10, 8), booleans(10, 10))
def attentions(q, k, v, m):
    m = m | torch.eye(10, dtype=torch.bool)
    return F.scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, k, v, is_causal=True), F.scaled_dot_product_attention(q, k, v, attn_mask=m)


@snippet(floats(3, 4))
def empty_slices(x):
    y = x.clone()
    y[3:, 1] = 7
    return x[:, 4:], x[5:], torch.cat([x, x[3:3]]), y


@snippet(integers(4, 9, low=-9, high=9), integers(4, 9, low=-4, high=8), integers(20, low=0, high=9, dtype=torch.uint8))
def integer_powers(x, n, u):
    return x**n, x**5, 3 ** n, u ** u, x.to(torch.int8) ** n.to(torch.int8), x**0


@snippet(floats(1, 3, 4, 4), floats(5), floats(5), integers(2, 4, dtype=torch.uint8), integers(2, 4, dtype=torch.uint8))
def rare_arguments(x, y, z, u, v):
    far, inf, nan = y * 1e30, torch.full((5,), float("inf")), torch.full((5,), float("nan"))
    return (torch.flip(x, ()), F.pad(x, (-1, 1, -2, 1), mode="circular"), torch.linspace(-2, 0, 1), torch.logit(y, 0.6),
            torch.hypot(far, z), torch.hypot(inf, nan), torch.hypot(y * 0, z * 0), F.pairwise_distance(u, v), x[:, :0].exp(),
            F.interpolate(x.double(), scale_factor=1.7, mode="bilinear"))


@snippet(floats(3, 5, 16), floats(16), floats(16))
def norms(x, w, b):
    rms = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
    return F.layer_norm(x, (16,), w, b), rms * w, F.group_norm(x, 5), F.normalize(x, dim=-1)


@snippet(floats(4, 4))
def creations(x):
    return torch.arange(5) * 2, torch.full((2, 2), 3.5) + x[:2, :2], torch.zeros_like(x), x.tril(), x.triu(1), torch.ones(3, dtype=torch.int32), torch.eye(4, dtype=x.dtype) @ x


@snippet(floats(3, 8, dtype=torch.bfloat16), floats(8, dtype=torch.bfloat16))
def bfloat16_pointwise(x, y):
    return x * y + x, x.softmax(-1), x.float() * 2


@snippet(floats(0, 4), floats(4))
def empty_tensors(x, y):
    return x + y, x.sum(0), torch.cat([x, y[None]])


@snippet(floats(), integers())
def zero_dim(x, i):
    return x + i, x * 2, i + 1, x > 0


@snippet(floats(2, 3, 9, 16), floats(2, 3, 7, 16), floats(2, 3, 7, 5), floats(9, 7), floats(2, 1, 1, 7))
def attention_written_out(q, k, v, bias, padding):
    k = k.mT
    biased = (q @ k / 4 + bias + padding).softmax(-1) @ v
    flat = torch.bmm((q[0].sin() @ k[0]).softmax(-1), v[0])
    hidden = (q.cos() @ k).masked_fill(padding > 0, float("-inf")) + torch.full((9, 1), float("-inf")).triu(-4)
    scaled_late = ((q.exp() @ k + bias) * 0.3).softmax(-1) @ v
    weights = (q.tanh() @ k).softmax(-1)
    return biased, flat, hidden.softmax(-1) @ v, scaled_late, weights @ v, weights


class NansInWeights(nn.Module):
    """They show behind activations that are a minimum or maximum."""

    def __init__(self):
        super().__init__()
        self.linear, self.biased, self.conv = nn.Linear(33, 40), nn.Linear(33, 40), nn.Conv2d(3, 16, 3)
        with torch.no_grad():
            self.linear.weight[7, 3] = self.biased.bias[5] = self.conv.weight[2, 1, 0, 0] = float("nan")

    def forward(self, x, image):
        return self.linear(x).relu(), F.relu6(self.biased(x)), self.conv(image).relu()


register_module("nans_in_weights", NansInWeights, floats(20, 33), floats(2, 3, 9, 8))


if __name__ == "__main__":
    main()
