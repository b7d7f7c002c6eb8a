"""The reference method for one module, timed: the full SVD of B·A, cropped to another size.

Prints one JSON object. Needs NumPy.
"""

import json
import sys
import time

import numpy as np

out, inn, rank, new_out, new_in = map(int, sys.argv[1:6])
rng = np.random.default_rng(7)
a = rng.standard_normal((rank, inn), dtype=np.float32)
b = rng.standard_normal((out, rank), dtype=np.float32)

start = time.perf_counter()
u, s, vt = np.linalg.svd(b @ a, full_matrices=False)
k = min(rank, len(s))
crop_u = np.zeros((new_out, k), dtype=np.float32)
crop_v = np.zeros((k, new_in), dtype=np.float32)
rows, cols = min(out, new_out), min(inn, new_in)
crop_u[:rows] = u[:rows, :k]
crop_v[:, :cols] = vt[:k, :cols]
root = np.sqrt(s[:k] * np.sqrt(np.sqrt(out * inn) / np.sqrt(new_out * new_in)))
new_b, new_a = crop_u * root, root[:, None] * crop_v
seconds = time.perf_counter() - start

print(json.dumps({"seconds": seconds, "numpy": np.__version__, "norm": float(np.linalg.norm(new_b @ new_a))}))
