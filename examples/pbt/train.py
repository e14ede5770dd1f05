"""Seeks 0 by steps whose length has to fall; a trial makes five, from checkpoint to checkpoint."""

import json
from pathlib import Path

import nni

"""@nni.variable(nni.loguniform(0.001, 1), name=rate)"""
rate = 0.1
load = nni.get_current_parameter("load_checkpoint_dir")
save = nni.get_current_parameter("save_checkpoint_dir")

x = 0.9
if load and Path(load).exists():
    x = json.loads(Path(load, "model.json").read_text())
for _ in range(5):
    x -= rate if x > 0 else -rate
if save:
    Path(save, "model.json").write_text(json.dumps(x))
"""@nni.report_final_result(abs(x))"""
