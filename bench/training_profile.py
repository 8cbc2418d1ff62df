"""Print what share of a training step is matrix products at this machine's speed for them.

    python bench/training_profile.py [--times 3]

Each product of a step, forward and backward, is measured alone with its own shape, with all
cores used at the time, and the times are added; what remains of the measured step is the rest:
look-ups, gates, loss, sums, updates, waiting. A recurrent product is measured as a chain, since
each one needs the one before. One core and all cores are measured in turn, and the medians
printed. Linux only: the cores are chosen by affinity.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from training_step import step_seconds, use_cores

# label, arguments of a ModelConfig, batch size
MODELS = (
    ("256 x 1", {"dim": 256, "num_rnn_layers": 1, "frame_sizes": [4, 32], "seq_len": 512}, 16),
    ("256 x 2", {"dim": 256, "num_rnn_layers": 2, "frame_sizes": [16, 64], "seq_len": 1024}, 16),
    ("384 x 1", {"dim": 384, "num_rnn_layers": 1, "frame_sizes": [4, 32], "seq_len": 256}, 32),
)
_LEAST_S = 0.1  # of measuring a shape


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=3, help="runs of each row (default 3)")
    parser.add_argument("--products", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.products:
        print(products_seconds(*args.products))
        return
    print("| network | batch | cores | ms a step | products alone, ms | the rest | x one core |")
    print("|---|---|---|---|---|---|---|")
    all_cores = len(os.sched_getaffinity(0))
    for label, config, batch_size in MODELS:
        rows = [
            [measured(config, batch_size, cores) for cores in (1, all_cores)]
            for _ in range(args.times)
        ]
        one, several = ([statistics.median(column) for column in zip(*row)] for row in zip(*rows))
        for cores, (step, products) in ((1, one), (all_cores, several)):
            print(
                f"| {label} | {batch_size} | {cores} | {1000 * step:.0f} "
                f"| {1000 * products:.0f} | {100 * (1 - products / step):.0f} % "
                f"| {one[0] / step:.2f} |",
                flush=True,
            )


def measured(config, batch_size, num_cores):
    """Return the seconds of a step, and of its products alone."""
    order = json.dumps([config, batch_size, num_cores])
    command = [sys.executable, __file__, "--products", order]
    products = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return step_seconds(config, batch_size, num_cores=num_cores), float(products.stdout)


def products(config, num_seqs):
    """Return the forward products of a step as (rows, inner, columns, how many, is a chain)."""
    from sopilib.training.network import folding_pays

    d, q, layers = config.dim, config.q_levels, config.num_rnn_layers
    gates = d * (3 if config.rnn_type == "gru" else 4)
    f, b = config.frame_sizes
    samples = num_seqs * config.seq_len
    folds = folding_pays(config, samples)
    found = [
        (q, q, d, f, False),  # the table
        (f * q, d, d, 1, False) if folds else (samples, d, d, 1, False),  # hidden1
        (samples, d, d, 1, False),  # hidden2
        (samples, d, q, 1, False),  # outputs
        (samples // f, d, f * d, 1, False),  # upsamplers
        (samples // b, d, b // f * d, 1, False),
    ]
    if folds:
        found.append((d, d, d, f, False))  # hidden1 in the upsampler
    for size in (f, b):
        found.append((samples // size, size, d, 1, False))  # of the frames
        found.append((samples // size, d, gates, layers, False))
        found.append((num_seqs, d, gates, layers * config.seq_len // size, True))
    return found


def products_seconds(config, num_seqs, num_cores):
    """Return the seconds of a step's products, forward and backward, each measured alone."""
    use_cores(num_cores)
    from sopilib.model.config import ModelConfig

    total = 0.0
    for rows, inner, columns, number, is_chain in products(ModelConfig(**config), num_seqs):
        if is_chain:
            total += number * (chain_seconds(rows, inner, columns) * 2)
            total += product_seconds(inner, rows * number, columns, transpose_a=True)
            continue
        forward = product_seconds(rows, inner, columns)
        to_input = product_seconds(rows, columns, inner, transpose_b=True)
        to_kernel = product_seconds(inner, rows, columns, transpose_a=True)
        total += number * (forward + to_input + to_kernel)
    return total


def product_seconds(rows, inner, columns, **transpose):
    """Return the seconds of a product (rows, inner) x (inner, columns), the faster of two ways."""
    from sopilib.model.quiet_tensorflow import tf

    a = (inner, rows) if transpose.get("transpose_a") else (rows, inner)
    b = (columns, inner) if transpose.get("transpose_b") else (inner, columns)
    factors = [tf.random.stateless_normal(shape, [1, 2]) for shape in (a, b)]
    ways = [
        tf.function(lambda x, y: tf.matmul(x, y, **transpose), jit_compile=by_xla)
        for by_xla in (False, True)
    ]
    return min(seconds(way, *factors) for way in ways)


def chain_seconds(rows, inner, columns, length=64):
    """Return the seconds of one of a chain of products (rows, inner) x (inner, columns)."""
    from sopilib.model.quiet_tensorflow import tf

    @tf.function(jit_compile=True, autograph=False)
    def chain(x, kernel):
        def step(i, x):
            return i + 1, tf.matmul(x, kernel)[:, :inner]

        return tf.while_loop(lambda i, x: i < length, step, (0, x))[1]

    x, kernel = (tf.random.stateless_normal(s, [1, 2]) for s in ((rows, inner), (inner, columns)))
    return seconds(chain, x, 0.01 * kernel) / length


def seconds(function, *arguments):
    """Return the median seconds of a call; two warm-up calls do not count."""
    times = []
    while len(times) < 5 or sum(times[2:]) < _LEAST_S:
        begin = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[2:])


if __name__ == "__main__":
    main()
