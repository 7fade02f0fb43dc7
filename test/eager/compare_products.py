"""Products that are matrix products of rearranged operands, and element-wise ops with corner cases, against eager.

`compare_products.py [NAME...]` runs all, or those whose name contains a given text.
"""
from snippets import booleans, constant, floats, integers, main, snippet  # first: skips where PyTorch is absent
import torch
import torch.nn.functional as F

nan, inf = float("nan"), float("inf")


@snippet(floats(3, 4, 8), floats(5, 8), floats(8), floats(8))
def inner_products(x, y, v, w):
    return torch.inner(x, y), torch.inner(v, w), torch.inner(x, torch.tensor(2.0)), torch.vdot(v, w)


@snippet(floats(3, 4, 8), floats(4, 8))
def dot_products_of_rows(x, y):
    return torch.linalg.vecdot(x, y), torch.linalg.vecdot(x, y, dim=-2)


@snippet(floats(3, 4, 5), floats(5, 4, 6))
def tensordots(x, y):
    return torch.tensordot(x, y, ([1, 2], [1, 0])), torch.tensordot(x, y, ([-1], [0])), torch.tensordot(x[0], y[0], 0)


@snippet(floats(1, 3), floats(2, 3, 4))
def tensordots_that_broadcast(x, y):
    return torch.tensordot(x, y, ([0, 1], [0, 1])), torch.tensordot(y, x, ([1, 0], [1, 0]))


@snippet(floats(2, 3), floats(4, 5), integers(3), floats(2, 2, 2))
def krons(x, y, i, z):
    return torch.kron(x, y), torch.kron(x, z), torch.kron(i, i)


@snippet(floats(3, 4), floats(4, 5), floats(5, 2), floats(4))
def chains(a, b, c, v):
    return torch.linalg.multi_dot([a, b, c]), torch.linalg.multi_dot([v, b, c]), torch.linalg.multi_dot([a, v])


@snippet(floats(4, 3), floats(4, 3), floats(1, 3), integers(3, 2))
def crosses(x, y, z, i):
    return torch.cross(x, y, dim=-1), torch.linalg.cross(x, z), torch.linalg.cross(i, i.flip(1), dim=0)


@snippet(floats(3, 4), floats(3), floats(4))
def addr(x, v, w):
    return torch.addr(x, v, w), torch.addr(x, v, w, beta=0.5, alpha=2), torch.addr(x * nan, v, w, beta=0)


@snippet(floats(6, 3), floats(6, 4), floats(5, 3, 4), floats(5))
def bilinear(x, y, w, b):
    return F.bilinear(x, y, w, b), F.bilinear(x.view(2, 3, 3), y.view(2, 3, 4), w)


@snippet(constant([1.0, 1.0, nan, inf, inf, 0.0]), constant([1.00001, 1.1, nan, inf, -inf, 1e-9]))
def closeness(x, y):
    return torch.isclose(x, y), torch.isclose(x, y, equal_nan=True), torch.isclose(x, y, rtol=0.2), torch.isclose(x, y, atol=1.0)


@snippet(integers(6))
def products_with_many_paths(x):
    for _ in range(60):  # walked path by path, this takes for ever
        x = x * x
    return x


@snippet(floats(1))
def integers_between_numbers(x):
    return tuple(torch.linspace(4.3, end, 10, dtype=dtype) for end in (1.9, -7.5) for dtype in (torch.int32, torch.int64))


@snippet(constant([5, -7, 1, 3]), constant([1, 2, 63, 64]))
def shifts(x, n):
    return x << 1, x >> 1, x << n, x >> n, x.int() << 31, x.to(torch.uint8) >> 2


@snippet(floats(4, 5))
def leaky(x):
    return F.rrelu(x), F.rrelu(x, 0.1, 0.5)


# --- products of bf16, with operands beyond a block in every direction, that are constants or not ------------------------------


@snippet(floats(3, 40, 70), floats(3, 70, 33), floats(2, 6, 15, 15), floats(8, 6, 5, 5))
def operands_that_interleave(x, y, image, kernel):
    return (x @ y[:, :, ::2], x[:, :, 1::3] @ y[:, :23, ::2], x @ torch.ones(70, 33, dtype=x.dtype)[:, ::2] + y[:, :40, ::2], F.conv2d(image[:, :, ::2, ::2], kernel[:, :, ::2, ::2]),
            F.conv2d(image, kernel[:, :, ::2, ::2].clone()) + image[:, :1, :13, :13], F.max_pool2d(image[:, ::2, :, ::2], 2), F.avg_pool2d(image[:, :, ::2, ::2], 3),
            F.conv2d(image, kernel, image[0, 0].flatten()[:16:2]), F.linear(x, y[0, :, :].t(), y[0, :66:2, 0]))


def weight(like, *shape):
    """A constant of the type of `like`, with values of bf16: made of numbers that are in the program, and so packed at load where
    products want it packed."""
    count = torch.Size(shape).numel()
    return torch.cos(torch.arange(count, dtype=torch.float32) * 1.7).reshape(shape).bfloat16().to(like.dtype)


@snippet(floats(150, 1030, dtype=torch.bfloat16))
def products_of_bf16(x):
    w, bias = weight(x, 300, 1030), weight(x, 300)
    return F.linear(x, w, bias), x @ w.t().contiguous(), F.linear(x[:5], w).relu(), x[:, ::2] @ w.t()[::2], x[:1] @ weight(x, 1030, 37)


@snippet(floats(3, 40, 70, dtype=torch.bfloat16), floats(3, 70, 33, dtype=torch.bfloat16))
def batches_of_bf16(x, y):
    return x @ y, x @ weight(x, 3, 70, 50), x @ weight(x, 1, 70, 9), x.unsqueeze(1) @ weight(x, 2, 70, 21), x.transpose(1, 2) @ y[:, :40], x @ y[:, :, ::2]


@snippet(floats(1, 48, 13, 14, dtype=torch.bfloat16))
def convolutions_of_bf16(x):
    return (F.conv2d(x, weight(x, 600, 48, 1, 1)), F.conv2d(x, weight(x, 40, 48, 7, 7), weight(x, 40), padding=3), F.conv2d(x, weight(x, 36, 16, 3, 3), groups=3, stride=2),
            F.conv_transpose2d(x, weight(x, 48, 20, 3, 3), stride=2), F.conv2d(x, x[:, :, :3, :3]))


@snippet(floats(1, 4, 140, 40, dtype=torch.bfloat16), floats(1, 2, 1100, 40, dtype=torch.bfloat16), floats(1, 2, 1100, 27, dtype=torch.bfloat16), booleans(140, 1100))
def attention_of_bf16(q, k, v, mask):
    grouped = F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
    lines = F.scaled_dot_product_attention(q.transpose(2, 3)[:, :, :, :40], k[:, :, :140].repeat(1, 2, 1, 1), v[:, :, :140].repeat(1, 2, 1, 1), scale=0.3)
    return grouped, lines, F.scaled_dot_product_attention(q, q, q * 0.5, is_causal=True), F.scaled_dot_product_attention(q[:, :2, :3], k, v)


if __name__ == "__main__":
    main()
