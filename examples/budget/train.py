"""Seeks 0 by steps of one length; the budget says how many."""

import nni

"""@nni.variable(nni.loguniform(0.001, 1), name=rate)"""
rate = 0.25
x = 0.9
for _ in range(nni.get_current_parameter("TRIAL_BUDGET") or 27):
    x -= rate if x > 0 else -rate
"""@nni.report_final_result(abs(x))"""
