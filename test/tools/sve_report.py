"""Tests of the rules of tools/sve-report: each finds the code that breaks it, and good code breaks none."""
import importlib.machinery
import importlib.util
import os
import unittest

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/sve-report")
loader = importlib.machinery.SourceFileLoader("sve_report", PATH)
sve_report = importlib.util.module_from_spec(importlib.util.spec_from_loader("sve_report", loader))
loader.exec_module(sve_report)

LOOP = """
	ptrue	p0.s
.LBB0_2:
	ld1w	{ z0.s }, p0/z, [x9, x11, lsl #2]
	%s
	st1w	{ z0.s }, p0, [x8, x11, lsl #2]
	b.lt	.LBB0_2
	ret
"""


class Rules(unittest.TestCase):
    def broken(self, instruction):
        return list(sve_report.broken_rules(sve_report.Kernel("kernel", LOOP % instruction, 1, 2)))

    def test_good_code_breaks_no_rule(self):
        self.assertEqual(self.broken("fadd	z0.s, z0.s, z0.s"), [])

    def test_calls(self):
        self.assertIn("calls", self.broken("bl	expf")[0])

    def test_lanes(self):
        self.assertIn("lane by lane", self.broken("fadda	s0, p0, s0, z0.s")[0])
        self.assertIn("lane by lane", self.broken("fadd	s0, s0, s1")[0])
        self.assertIn("lane by lane", self.broken("mov	w9, v0.s[1]")[0])

    def test_spills(self):
        self.assertIn("spills", self.broken("str	z1, [sp, #1, mul vl]           // Folded Spill")[0])

    def test_branches_that_are_put_aside_belong_to_their_loop(self):
        text = """
	b	.LBB0_3
.LBB0_2:
	st1w	{ z0.s }, p0, [x8]
	b.ge	.LBB0_4
.LBB0_3:
	ld1w	{ z0.s }, p0/z, [x9]
	b.eq	.LBB0_2
	ldr	z1, [sp, #1, mul vl]
	b	.LBB0_2
.LBB0_4:
	ret
"""
        kernel = sve_report.Kernel("kernel", text, 1, 2)
        self.assertEqual([len(loop) for loop in kernel.loops()], [6])
        self.assertIn("spills", list(sve_report.broken_rules(kernel))[0])

    def test_loops_until_no_lane_wants_more_belong_to_their_loop(self):
        text = """
.LBB0_1:
	ld1w	{ z0.s }, p0/z, [x9]
	cmp	x3, x4
	b.eq	.LBB0_3
.LBB0_2:
	fadd	z0.s, z0.s, z0.s
	ldr	z1, [sp, #1, mul vl]
	fcmge	p1.s, p0/z, z0.s, #0.0
	%s
	b.ne	.LBB0_2
.LBB0_3:
	st1w	{ z0.s }, p0, [x8]
	cmp	x3, x5
	b.lt	.LBB0_1
	ret
"""
        by_lanes, by_counter = (sve_report.Kernel("kernel", text % condition) for condition in ("ptest	p0, p1.b", "subs	x6, x6, #1"))
        self.assertEqual([len(loop) for loop in by_lanes.loops()], [11])
        self.assertEqual([len(loop) for loop in by_counter.loops()], [5])
        self.assertIn("spills", list(sve_report.broken_rules(by_lanes))[0])

    def test_scalar_code(self):
        kernel = sve_report.Kernel("kernel", ".LBB0_1:\n\tfadd\ts0, s0, s1\n\tb.lt\t.LBB0_1\n", 1, 2)
        self.assertIn("no loop over vectors", list(sve_report.broken_rules(kernel))[0])


if __name__ == "__main__":
    unittest.main()
