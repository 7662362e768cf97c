#!/usr/bin/env bash
# SciPy 1.17.0, sparse: a stored zero survives some formats and not others, and a block brings new ones.
#
# Expected: a pair of cost 0, stored, is a pair whatever the format, as csgraph takes stored zeros for arcs.
# Seen: a dia_array of three stored numbers, two of them 0, says nnz = 3 and has one entry as COO, CSR and
#   CSC; a bsr_array made of a matrix with one number in a block of 2 x 2 has four entries in all of them.
#   So arcs of length 0 vanish from a graph that comes in DIA, and pairs that were never given are free in
#   one that comes in BSR.
# Why: DIA drops zeros when it is converted, since its diagonals are padded; BSR keeps its padding.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" -q install --disable-pip-version-check numpy==2.4.0 scipy==1.17.0
"$there/venv/bin/python" -W error - <<'PY'
import numpy as np
import scipy
from scipy import sparse as sp

dia = sp.dia_array((np.array([[0.0, 2.0, 0.0]]), [0]), shape=(3, 3))
bsr = sp.bsr_array(np.array([[1.0, 0.0], [0.0, 0.0]]), blocksize=(2, 2))
entries = {
    name: [x.nnz, x.tocoo().nnz, x.tocsr().nnz, x.tocsc().nnz]
    for name, x in (("dia", dia), ("bsr", bsr))
}
print(f"SciPy {scipy.__version__}: nnz, as COO, as CSR, as CSC: {entries}")
assert entries == {"dia": [3, 1, 1, 1], "bsr": [4, 4, 4, 4]}
PY
