#!/usr/bin/env bash
# SciPy 1.17.0, stats.wasserstein_distance_nd: the distance depends on the unit of the coordinates.
#
# Expected: points a million times closer together have a distance a million times smaller.
# Seen: 20 points of the unit square moved by (3, 4) are 5 apart; in units a million times larger the
#   result is 5.0148e-06, 0.3 % too much, and so it is for any larger unit. No warning.
# Why: the linear program is solved with absolute tolerances of 1e-7 on costs that are not scaled first.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" -q install --disable-pip-version-check numpy==2.4.0 scipy==1.17.0
"$there/venv/bin/python" -W error - <<'PY'
import numpy as np
import scipy
from scipy.stats import wasserstein_distance_nd

x = np.random.default_rng(0).random((20, 2))
y = x + [3, 4]
found = {unit: wasserstein_distance_nd(x * unit, y * unit) / unit for unit in (1e6, 1.0, 1e-6, 1e-12)}
for unit, distance in found.items():
    print(f"SciPy {scipy.__version__}, times {unit:g}: {distance:.10g}")
assert abs(found[1e6] - 5) < 1e-9 and abs(found[1.0] - 5) < 1e-9
assert 5.01 < found[1e-6] < 5.02 and 5.01 < found[1e-12] < 5.02
PY
