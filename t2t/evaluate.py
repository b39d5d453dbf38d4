"""Evaluation by many processes: `accelerate launch -m t2t.evaluate CHECKPOINT --tasks ...`.

The arguments are those of `t2t evaluate`, which is the same in one process. On a CPU several
processes are started with `torchrun --nproc-per-node N -m t2t.evaluate ...`.
"""

import sys

from t2t.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "evaluate")
    main()
