#!/usr/bin/env bash
# POT 0.9.7, ot.emd2: weights in lists and whole costs give 0.
#
# Expected: 0.25, the cost of moving a quarter by 1, as it is with the same costs in float.
# Seen: the plan is cast to the integer type of the costs and is all zeros; ot.emd2 returns 0.0. There is a
#   warning, which speaks of an integer histogram where the weights are 0.5, 0.5 and 0.25, 0.75.
# Why: lists become arrays of the type of the cost matrix, and the plan gets that type, too.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" -q install --disable-pip-version-check pot==0.9.7 numpy==2.4.0 scipy==1.17.0
"$there/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import ot

M = np.array([[0, 1], [1, 0]])
a, b = [0.5, 0.5], [0.25, 0.75]
whole, real = float(ot.emd2(a, b, M)), float(ot.emd2(a, b, M * 1.0))
print(f"POT {ot.__version__}: whole costs {whole}, the same in float {real}")
assert (whole, real) == (0.0, 0.25)
assert not ot.emd(a, b, M).any()
PY
