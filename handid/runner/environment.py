"""The environment variables of a notebook's process, and of whatever else the runner starts.

Not what a notebook is asked: its parameters stand in the notebook.
"""

import os
from pathlib import Path

from handid import fingerprint

MARKER = "HANDID_RUN"  # environment variable that every process of one notebook inherits
POOLS = ("OMP_NUM", "MKL_NUM", "OPENBLAS_NUM", "NUMEXPR_NUM", "VECLIB_MAXIMUM")
# Each layer's output is a block of megabytes. Handed back to the system when it is freed, it comes
# with a page fault per 4 KiB the next time (docs/speed.md). 32 MiB is the most that every glibc
# takes; torch asks for pages of 2 MiB.
MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(4 * 2**30),
    "THP_MEM_ALLOC_ENABLE": "1",
}


def variables(scratch: Path, jobs: int) -> dict[str, str]:
    """A notebook's environment: its share of the cores, this repository, this interpreter.

    Args:
        scratch: the folder of its temporary files.
        jobs: number of notebooks that share the cores.
    """
    is_linux = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if is_linux else os.cpu_count() or 1
    paths = [str(fingerprint.PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    kept = MEMORY | {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    threads = dict.fromkeys((f"{pool}_THREADS" for pool in POOLS), str(max(1, cores // jobs)))
    if not os.path.isdir(os.path.expanduser("~")):  # a user without a home, or without a name
        kept["HOME"] = str(scratch)
    places = (MARKER, "TMPDIR", "JUPYTER_PATH", "JUPYTER_RUNTIME_DIR")
    own = dict.fromkeys(places, str(scratch)) | {
        "PYTHONUTF8": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "IPYTHONDIR": str(scratch / "ipython"),
    }
    return kept | threads | own
