"""Send random messages to a live instrument in a real Pd for a long time (Linux).

    make soak TIME=3600
    PYTHONPATH=.:tests/support python -m bench.soak [--time 3600] [--rng_seed N] [--models A B]

A real Pd without a window or sound card plays `[samplernn~]`, and a seeded random performer
sends it temperatures, ramps, freezes, states, seeds, loads, takes, latencies, unloads and
nonsense. Once a second the memory of Pd and of the worker, the least sound ahead, underruns
and errors are recorded. It ends early, with status 1, at a crash, a hang, a traceback or a
worker that is left over, and fails at the end if memory has grown too much.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from places import GRU, LSTM

from bench.soak.report import plot, summary, write_json
from bench.soak.run import soak

_MODELS = ("preludes", "voce", str(GRU), str(LSTM))


def main() -> int:
    """Run and return the exit status."""
    args = _arguments()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        run = soak(args.time, args.models, Path(folder), args.rng_seed)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    settings = {"time_s": args.time, "rng_seed": args.rng_seed, "models": args.models}
    write_json(run, settings, args.output_dir / "soak.json")
    plot(run, args.output_dir / "soak.png")
    print(json.dumps(summary(run), indent=1))
    print("\n".join(f"FAILED: {fault}" for fault in run.faults) or "passed")
    return 1 if run.faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--time", type=float, default=60.0, metavar="S", help="seconds (default 60)")
    add("--rng_seed", type=int, default=0, metavar="N", help="of the messages (default 0)")
    add("--models", nargs="+", default=_MODELS, metavar="MODEL", help="the first is used most")
    add("--output_dir", type=Path, default=Path(), metavar="DIR", help="for soak.json and soak.png")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
