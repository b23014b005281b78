"""What a process takes of a machine that a gateway shares."""

from __future__ import annotations

import subprocess
import sys

COUNT = """
import sys, threading, psutil
sys.argv = ["siphonwatch", "prior", "--help"]
from siphonwatch.streams.commands.main import main
try:
    main()
except SystemExit:
    pass
import numpy
numpy.ones((500, 500)) @ numpy.ones((500, 500))
print(psutil.Process().num_threads() - threading.active_count())
"""


def test_linear_algebra_starts_no_threads_of_its_own() -> None:
    said = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True, timeout=120).stdout
    assert said.splitlines()[-1] == "0"
