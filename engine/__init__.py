"""The engine: what steps, chooses, sends, learns and reports.

Linear algebra runs in one thread, which must be said before numpy is first loaded. Matrices here are small: threads
that wait for each other cost many times what they save where cores are shared. And sums are added up in the same order
whatever the machine, so the same seed gives the same decisions on every number of cores.
"""

import os

for _library in ("OPENBLAS", "MKL", "OMP"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"
