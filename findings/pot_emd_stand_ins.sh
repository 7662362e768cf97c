#!/usr/bin/env bash
# POT 0.9.7, ot.emd: a large number in place of forbidden pairs makes plans of the others wrong.
#
# Expected: with 1e17 for pairs that must not be used, and none of them needed, the cheapest plan among
#   the rest, or a warning.
# Seen: of 300 problems of 5 x 5 in two blocks, 166 plans are not the cheapest, up to 16 off where costs
#   are 0 to 9, and the log holds no warning. From 1e15 on there are some, at 1e14 and below none.
# Why: reduced costs below 2e-15 of the largest cost count as 0, and potentials of 1e17 hold no digit of
#   costs below 16.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" -q install --disable-pip-version-check pot==0.9.7 numpy==2.4.0 scipy==1.17.0
"$there/venv/bin/python" - <<'PY'
import itertools

import numpy as np
import ot


def wrong(stand_in):
    rng = np.random.default_rng(0)
    found, worst = 0, 0.0
    for _ in range(300):
        M = rng.integers(0, 10, (5, 5)) * 1.0
        M[:2, 2:] = M[2:, :2] = stand_in
        best = min(sum(M[i, s[i]] for i in range(5)) for s in itertools.permutations(range(5)))
        weights = np.full(5, 0.2)
        plan, log = ot.emd(weights, weights, M, log=True)
        assert log["warning"] is None
        off = 5 * (plan * M).sum() - best
        if off > 1e-6:
            found, worst = found + 1, max(worst, off)
    return found, worst


for stand_in in (1e14, 1e15, 1e17):
    found, worst = wrong(stand_in)
    print(f"POT {ot.__version__}, {stand_in:g}: {found} of 300 wrong, by up to {worst:g}")
assert wrong(1e14) == (0, 0.0)
assert wrong(1e15)[0] > 0
found, worst = wrong(1e17)
assert found > 100 and worst > 10
PY
