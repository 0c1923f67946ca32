"""Linear algebra runs in one thread: sums come out the same whatever the machine."""

import subprocess
import sys
from pathlib import Path

import pytest

TASKS = Path("/proc/self/task")
COUNTED = """
import os
import engine.learner.thompson
import numpy as np
np.ones((900, 900)) @ np.ones((900, 900))
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not TASKS.exists(), reason="threads are counted where the system lists them")
def test_a_process_that_has_a_model_has_one_thread() -> None:
    counted = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True)
    assert counted.stdout.strip() == "1"
