"""Print how fast the engine plays SampleRNN models on this machine, as a Markdown table.

    python bench/engine_speed.py [--quick]
    python bench/engine_speed.py --against CHECKOUT [--times 5]

Each row and its read floor are measured in a process of their own with random weights. If
TensorFlow is installed, the script also measures the reference in the same run:
`sopilib.model.network` through `sopilib.generation.tensorflow_generator`. The speed of PRiSM
SampleRNN's own generation, measured on two cores of a server with AVX-512, is a constant below.

`--against` compares with another checkout, whose `sh install.sh` has run: each row is measured in
both in turn, so that both meet the same moods of the machine, and the medians are printed.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

# dim, layers, cell, voices, precisions, total samples per second of PRiSM SampleRNN
ROWS = (
    (1024, 4, "gru", 1, ("float32", "int8", "int4"), 253),
    (1024, 4, "lstm", 1, ("int4",), 152),
    (1024, 4, "gru", 16, ("int8",), 640),
    (512, 2, "gru", 1, ("int8",), 899),
    (256, 2, "gru", 1, ("int8",), 2789),
)
# dim, layers, cell, voices, precision, frame sizes of the rows of a comparison
COMPARED = (
    (1024, 4, "gru", 1, "float32", (16, 64)),
    (1024, 4, "gru", 1, "int8", (16, 64)),
    (1024, 4, "gru", 1, "int4", (16, 64)),
    (1024, 4, "lstm", 1, "int4", (16, 64)),
    (1024, 4, "gru", 16, "int8", (16, 64)),
    (512, 2, "gru", 1, "int8", (16, 64)),
    (256, 2, "gru", 1, "int8", (16, 64)),
    (384, 1, "gru", 1, "int8", (4, 32)),
    (256, 1, "gru", 1, "int8", (4, 32)),
)
REFERENCE_SAMPLES = 256
SAMPLERNN = "import sys; from sopilib.commands.main import main; sys.exit(main())"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave the reference out")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--times", type=int, default=5, help="of each row of a comparison")
    parser.add_argument("--reference", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.reference:
        print(reference_speed(*args.reference))
        return
    if args.against:
        compare(args.against, args.times)
        return
    with_reference = not args.quick and importlib.util.find_spec("tensorflow") is not None
    print(processor_name())
    print(
        "\n| model | voices | precision | samples/s | real time | x PRiSM | x reference "
        "| of read floor | first chunk ms | load s | resident MB (packed) |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        print_row(*row, with_reference)


def print_row(dim, layers, rnn_type, voices, precisions, prism, with_reference):
    model = [dim, layers, rnn_type, voices]
    reference = float(run([__file__, "--reference", json.dumps(model)])) if with_reference else None
    for precision in precisions:
        found = json.loads(run([*bench_arguments(*model), "--precision", precision]))
        floor = found["times_real_time"] / found["read_floor_times_real_time"]
        speed = found["samples_per_second"]
        cells = (
            f"{dim} x {layers} {rnn_type.upper()}",
            voices,
            precision,
            f"{speed:.0f}",
            f"{found['times_real_time']:.2f}",
            f"{speed / prism:.1f}",
            f"{speed / reference:.1f}" if reference else "",
            f"{100 * floor:.0f} %",
            f"{found['first_chunk_ms']:.1f}",
            f"{found['load_s']:.2f}",
            f"{found['resident_mb']:.0f} ({found['packed_mb']:.0f})",
        )
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def compare(other, times):
    """Print the medians of both checkouts, their ratio and this one's share of its read floor."""
    print(processor_name())
    print(f"\nmedians of {times} runs in turn, times real time of each voice\n")
    print("| model | voices | precision | other | this | this / other | of read floor |")
    print("|---|---|---|---|---|---|---|")
    pythons = other / ".venv/bin/python", Path(sys.executable)
    for dim, layers, rnn_type, voices, precision, frame_sizes in COMPARED:
        arguments = [*bench_arguments(dim, layers, rnn_type, voices), "--precision", precision]
        arguments += ["--frame_sizes", *map(str, frame_sizes)]
        runs = [[json.loads(run(arguments, python)) for python in pythons] for _ in range(times)]
        before, now = (statistics.median(r["times_real_time"] for r in of) for of in zip(*runs))
        floor = statistics.median(r[1]["read_floor_times_real_time"] for r in runs)
        print(
            f"| {dim} x {layers} {rnn_type.upper()}, {frame_sizes[0]}/{frame_sizes[1]} | {voices} "
            f"| {precision} | {before:.2f} | {now:.2f} | {now / before:.2f} "
            f"| {100 * now / floor:.0f} % |",
            flush=True,
        )


def bench_arguments(dim, layers, rnn_type, voices):
    command = ["-c", SAMPLERNN, "bench", "--json", "--dim", str(dim)]
    command += ["--num_rnn_layers", str(layers), "--rnn_type", rnn_type]
    return [*command, "--num_seqs", str(voices)]


def run(arguments, python=sys.executable):
    """Return the standard output of a Python with these arguments."""
    command = [str(python), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def reference_speed(dim, layers, rnn_type, voices):
    """Return the samples per second of the TensorFlow generator, all voices together."""
    import numpy as np

    from sopilib.generation.tensorflow_generator import Generator
    from sopilib.model.config import ModelConfig
    from sopilib.model.network import SampleRNN

    config = ModelConfig(dim=dim, num_rnn_layers=layers, rnn_type=rnn_type)
    generator = Generator(SampleRNN(config), voices)
    temperature = np.ones((voices, REFERENCE_SAMPLES), np.float32)
    generator.generate(temperature)
    began = time.perf_counter()
    generator.generate(temperature)
    return voices * REFERENCE_SAMPLES / (time.perf_counter() - began)


def processor_name():
    try:
        with open("/proc/cpuinfo") as file:
            lines = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
        return f"{lines[0]}, {len(lines)} cores"
    except (OSError, IndexError):  # no Linux, or a processor without a name there
        import platform

        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
