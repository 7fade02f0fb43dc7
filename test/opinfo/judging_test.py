"""Tests that the comparison of op samples finds what is wrong, and nothing else."""
import sys
import unittest

try:
    import torch
except ImportError:
    print("PyTorch is not installed: skipped")
    sys.exit(77)

from judging import Reference, disagreement
from samples import ENTRIES, Sample

NAN, INF = float("nan"), float("inf")


def judge(op, args, ours):
    return disagreement([ours], Reference(op, Sample(0, args, {})))


class Floats(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.x = torch.randn(100)

    def test_equal_results_agree(self):
        self.assertIsNone(judge(torch.exp, (self.x,), self.x.exp()))

    def test_small_errors_agree_and_larger_ones_do_not(self):
        exact = self.x.exp()
        self.assertIsNone(judge(torch.exp, (self.x,), exact + 8e-6 * exact.max()))
        self.assertRegex(judge(torch.exp, (self.x,), exact + 3e-5 * exact.max()), r"error 3.\de-05 against f64, .* allowed 1.0e-05")

    def test_the_floor_follows_the_dtype(self):
        for dtype, good, bad in ((torch.float64, 5e-14, 1e-12), (torch.float16, 5e-4, 3e-3), (torch.bfloat16, 4e-3, 3e-2)):
            x = torch.ones(4, dtype=dtype)
            self.assertIsNone(judge(torch.neg, (x,), -x * (1 + good)))
            self.assertIsNotNone(judge(torch.neg, (x,), -x * (1 + bad)), dtype)

    def test_eager_s_error_is_that_of_either_order_of_sums(self):
        def call(x):  # 1e-4 where columns are contiguous, exact elsewhere
            return x.double().add(0.0 if x.stride(-1) == 1 else 1e-4).to(x.dtype)

        ones = torch.ones(4, 4)
        self.assertIsNone(judge(call, (ones,), ones + 2.9e-4))
        self.assertRegex(judge(call, (ones,), ones + 3.2e-4), "eager's own 1.0e-04")

    def test_one_wrong_element_is_found(self):
        wrong = self.x.exp()
        wrong[37] = wrong[36]
        self.assertIsNotNone(judge(torch.exp, (self.x,), wrong))

    def test_special_values_must_be_where_eager_has_them(self):
        x = torch.tensor([NAN, 1.0, INF])
        self.assertIsNone(judge(torch.abs, (x,), x))
        self.assertEqual(judge(torch.abs, (x,), torch.tensor([1.0, NAN, INF])), "result 0: NaNs are elsewhere")
        self.assertEqual(judge(torch.abs, (x,), torch.tensor([NAN, 1.0, -INF])), "result 0: infinities are elsewhere")
        self.assertEqual(judge(torch.abs, (x,), torch.tensor([NAN, INF, INF])), "result 0: infinities are elsewhere")


class Others(unittest.TestCase):
    def test_integers_and_booleans_are_exact(self):
        x = torch.arange(10)
        self.assertIsNone(judge(torch.neg, (x,), -x))
        self.assertEqual(judge(torch.neg, (x,), -x + (x == 4)), "result 0: 1 of 10 elements differ")
        self.assertIsNotNone(judge(torch.logical_not, (x,), x != 0))

    def test_types_and_shapes(self):
        x = torch.ones(2, 3)
        self.assertRegex(judge(torch.neg, (x,), -x.double()), "torch.float64.* instead of torch.float32")
        self.assertRegex(judge(torch.neg, (x,), -x.t()), r"\[3, 2\] instead of .*\[2, 3\]")

    def test_complex_parts(self):
        z = torch.tensor([1 + 2j, 3 - 1j])
        self.assertIsNone(judge(torch.conj_physical, (z,), z.conj()))
        self.assertIsNotNone(judge(torch.conj_physical, (z,), z))

    def test_any_of_equal_elements_may_be_named(self):
        x = torch.tensor([[3, 1, 3, 2], [5, 5, 5, 5]])
        reference = Reference(ENTRIES["kthvalue"], Sample(0, (x, 3, 1), {}))
        values = torch.tensor([3, 5])
        self.assertIsNone(disagreement([values, torch.tensor([0, 3])], reference))
        self.assertIsNone(disagreement([values, torch.tensor([2, 1])], reference))
        self.assertIsNotNone(disagreement([values, torch.tensor([3, 1])], reference))
        self.assertIsNotNone(disagreement([values - 1, torch.tensor([2, 1])], reference))

    def test_a_sort_may_order_equal_elements_as_it_likes(self):
        x = torch.tensor([2, 1, 2, 0])
        reference = Reference(ENTRIES["sort"], Sample(0, (x,), {}))
        values = torch.tensor([0, 1, 2, 2])
        self.assertIsNone(disagreement([values, torch.tensor([3, 1, 0, 2])], reference))
        self.assertIsNone(disagreement([values, torch.tensor([3, 1, 2, 0])], reference))
        self.assertIsNotNone(disagreement([values, torch.tensor([3, 1, 2, 2])], reference))
        self.assertIsNotNone(disagreement([values, torch.tensor([1, 3, 2, 0])], reference))
        stable = Reference(ENTRIES["sort"], Sample(0, (x,), {"stable": True}))
        self.assertIsNone(disagreement([values, torch.tensor([3, 1, 0, 2])], stable))
        self.assertIsNotNone(disagreement([values, torch.tensor([3, 1, 2, 0])], stable))

    def test_an_infinity_on_the_way_need_not_be_repeated(self):
        halve = lambda x: x * x / x  # overflows in f32 where the result does not
        x = torch.tensor([1e30, 1.0])
        self.assertIsNone(judge(halve, (x,), torch.tensor([float("inf"), 1.0])))
        self.assertIsNone(judge(halve, (x,), x))
        self.assertIsNotNone(judge(halve, (x,), x * torch.tensor([1.1, 1.0])))
        huge = torch.tensor([1e30, 1e20])
        self.assertIsNotNone(judge(lambda x: x * x, (huge,), torch.tensor([3e38, 3e38])))

    def test_random_results_count_by_type_only(self):
        x = torch.zeros(50)
        self.assertIsNone(judge(torch.bernoulli, (x + 0.5,), x))
        self.assertIsNotNone(judge(torch.bernoulli, (x + 0.5,), x.double()))


if __name__ == "__main__":
    unittest.main()
