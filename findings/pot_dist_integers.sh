#!/usr/bin/env bash
# POT 0.9.7, ot.dist: integer coordinates stay integers, and their squares wrap around.
#
# Expected: coordinates in whole meters or pixels are converted to float, as metric="cityblock" does.
# Seen: between int32 points 59,995 apart the squared distance is 0 and the Euclidean distance is 0;
#   between int16 points 29,995 apart they are 21817 and 147.7. No error, no warning; cityblock is right.
# Why: squared norms and the product of the points are computed in the type of the points.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" -q install --disable-pip-version-check pot==0.9.7 numpy==2.4.0 scipy==1.17.0
"$there/venv/bin/python" - <<'PY'
import warnings

import numpy as np
import ot

warnings.simplefilter("error")
for dtype, far in ((np.int32, 60000), (np.int16, 30000)):
    x, y = np.array([[0], [far]], dtype), np.array([[5], [10]], dtype)
    squared, plain = ot.dist(x, y), ot.dist(x, y, metric="euclidean")
    city = ot.dist(x, y, metric="cityblock")
    print(f"POT {ot.__version__}, {dtype.__name__}: {far - 5} apart, squared {squared[1, 0]}, "
          f"euclidean {plain[1, 0]:.6g}, cityblock {city[1, 0]:g}")
    assert squared.dtype == dtype and city[1, 0] == far - 5
    assert squared[1, 0] == {np.int32: 0, np.int16: 21817}[dtype]
    assert plain[1, 0] < 150
PY
