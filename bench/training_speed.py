"""Measure training speed: samples per second, the time of each part, and multiplications.

    python bench/training_speed.py --preset live-small --batch_size 16 --mixed_precision
    python bench/training_speed.py --dim 256 --num_rnn_layers 2 --batch_size 16 --plain_keras
    python bench/training_speed.py --preset live-small --against CHECKOUT --times 5

`--plain_keras` also trains the same network written layer by layer in Keras (see
`plain_keras.py`), alternating with our steps, and prints the ratio.

`--against` only compares with another checkout: both train the network in turn, each time in a
process of its own, and it prints the medians of their step times.

It trains on random levels and needs no recordings. A part's share is the time of its
forward and backward pass, measured alone on all sequences at once; a step's row groups overlap
parts, so they may add up to more than a step. `training_profile.py` measures the products.

Multiply-accumulates of a sample, forward, with dim D, q_levels Q, frame sizes f and b,
L layers of G gates (3 for a GRU), S samples in a step. The backward pass takes twice that.

    part                          as written in the paper          here
    embedding convolution         f Q D                            f Q D (Q + D) / S
    hidden1                       D D                              f D D D / S
    hidden2, outputs              D D + D Q                        the same
    frame tier's upsampler        D D                              the same
    RNN of the frame tier         2 G L D D / f                    the same
    RNN of the big frame tier     2 G L D D / b                    the same
    big frame tier's upsampler    D D / f                          the same

Products divided by S run once per step: embedding, convolution and hidden1 become a table
of f Q rows, and hidden1 becomes part of the upsampler. A sample then only adds up f rows
of the table. At D 256, L 2, frames 16/64 and S 16 x 1,024, the counts are 1,376,256 as
written and 311,296 here; at PRiSM's default, D 1024, L 4 and S 64 x 1,024, they are
9,633,792 and 4,734,976.
"""

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path

import numpy as np
from plain_keras import training_step
from training_step import step_seconds

from sopilib.installation.paths import presets_folder
from sopilib.model.config import ModelConfig, load_config
from sopilib.model.network import SampleRNN, named_variables
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.network import COMPILED, Network, folding_pays
from sopilib.training.optimizer import Optimizer
from sopilib.training.step import Trainer


def arguments():
    parser = argparse.ArgumentParser(description="How fast this machine trains a model.")
    add = parser.add_argument
    add("--preset", help="a preset in models/presets (default: the following flags)")
    add("--dim", type=int, default=256)
    add("--num_rnn_layers", type=int, default=2)
    add("--rnn_type", choices=("gru", "lstm"), default="gru")
    add("--frame_sizes", type=int, nargs=2, default=[16, 64])
    add("--seq_len", type=int, default=1024)
    add("--batch_size", type=int, default=16)
    add("--mixed_precision", action="store_true")
    add("--plain_keras", action="store_true", help="also measure plain Keras")
    add("--num_steps", type=int, default=10, help="steps to measure (default 10)")
    add("--against", type=Path, metavar="CHECKOUT", help="compare with another checkout")
    add("--times", type=int, default=5, help="runs in each checkout (default 5)")
    return parser.parse_args()


def compare(config, args):
    """Print the samples per second of both checkouts, and their ratio."""
    step = config.to_dict(), args.batch_size, args.mixed_precision
    runs = [
        [step_seconds(*step, checkout=checkout) for checkout in (args.against, None)]
        for _ in range(args.times)
    ]
    other_s, this_s = (statistics.median(times) for times in zip(*runs))
    num_samples = args.batch_size * config.seq_len
    print(
        f"medians of {args.times} runs in turn: other {num_samples / other_s:,.0f} samples/s, "
        f"this {num_samples / this_s:,.0f} samples/s, {other_s / this_s:.2f} x"
    )


def model_config(args):
    """Return the ModelConfig that the arguments describe."""
    if args.preset:
        return load_config(presets_folder() / f"{args.preset}.config.json")
    names = ("dim", "num_rnn_layers", "rnn_type", "frame_sizes", "seq_len")
    return ModelConfig(**{name: getattr(args, name) for name in names})


def multiply_accumulates(config, num_samples):
    """Return a dict from part to multiply-accumulates per sample, as written and here."""
    d, q, layers = config.dim, config.q_levels, config.num_rnn_layers
    f, b = config.frame_sizes
    gates = 3 if config.rnn_type == "gru" else 4
    frames = 2 * gates * layers * d * d
    counts = {
        "embedding convolution": [f * q * d] * 2,
        "hidden1": [d * d] * 2,
        "hidden2, outputs": [d * d + d * q] * 2,
        "frame upsampler": [d * d] * 2,
        "frame RNN": [frames // f] * 2,
        "big frame RNN": [frames // b] * 2,
        "big frame upsampler": [d * d // f] * 2,
    }
    counts["embedding convolution"][1] = f * q * d * q // num_samples
    if folding_pays(config, num_samples):
        counts["embedding convolution"][1] = f * q * d * (q + d) // num_samples
        counts["hidden1"][1] = f * d**3 // num_samples
    return counts


def seconds(function, num_times):
    """Return the median time of a call; two warm-up calls do not count."""
    return seconds_in_turn([function], num_times)[0]


def seconds_in_turn(functions, num_times):
    """Return the median times of functions called in turn; two warm-up calls do not count."""
    times = [[] for _ in functions]
    for _ in range(num_times + 2):
        for function, own_times in zip(functions, times):
            begin = time.perf_counter()
            tf.nest.map_structure(lambda tensor: tensor.numpy(), function())
            own_times.append(time.perf_counter() - begin)
    return [statistics.median(own_times[2:]) for own_times in times]


def with_gradients(function, inputs, variables):
    """Return a compiled function without arguments: `function(*inputs)` and its gradients."""

    def run():
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = tf.nest.flatten(function(*inputs))
            total = tf.add_n([tf.reduce_sum(output) for output in outputs])
        gradients = tape.gradient(total, [*inputs, *variables], unconnected_gradients="zero")
        # one number for each, so that nothing is optimized away and little is copied
        return [tf.reduce_sum(tf.convert_to_tensor(gradient)) for gradient in gradients]

    return tf.function(run)


def parts(network, samples, num_times):
    """Return a dict from part to the seconds of its forward and backward pass."""
    model, config = network.model, network.model.config
    frame_size, big_frame_size = config.frame_sizes
    num_seqs, before = samples.shape[0], big_frame_size - frame_size
    length = samples.shape[1] - big_frame_size
    folds, state = folding_pays(config, num_seqs * length), model.zero_state(num_seqs)
    conditioning = tf.zeros([length // frame_size, num_seqs, config.dim])
    frames = [length // frame_size, num_seqs, frame_size]
    x = tf.random.stateless_normal([*frames, config.dim], [1, 2])
    logits = tf.random.stateless_normal([*frames, config.q_levels], [1, 2])
    table, targets = network.table(folds), samples[:, big_frame_size:]
    big, frame, mlp = model.big_frame_rnn, model.frame_rnn, model.sample_mlp
    recurrence, tier = COMPILED[0]

    def big_tier():
        inputs = samples[:, :-big_frame_size]
        h, _ = network.frame_tier(big, inputs, state.big_frame, recurrence)
        return network.upsampled(h, big.upsample)

    def frame_tier(conditioning):
        inputs = samples[:, before:-frame_size]
        h, _ = network.frame_tier(frame, inputs, state.frame, recurrence, conditioning)
        return network.upsampled(h, network.upsampler(folds))

    def look_up(table, x):
        return tier.gather_sum(table, samples[:, before:-1], x)

    pieces = {
        "big frame tier": (big_tier, [], big.trainable_variables),
        "frame tier": (frame_tier, [conditioning], frame.trainable_variables),
        "table": (lambda: network.table(folds), [], mlp.trainable_variables),
        "look-up": (look_up, [table, x], []),
        "hidden2, outputs": (lambda x: network.logits(x, folds), [x], mlp.trainable_variables),
        "loss": (lambda y: tier.cross_entropy(y, targets)[0], [logits], []),
    }
    return {name: seconds(with_gradients(*piece), num_times) for name, piece in pieces.items()}


def optimizer_seconds(model, num_times):
    """Return the seconds of an update of all variables."""
    optimizer = Optimizer(named_variables(model))
    gradients = [tf.ones_like(variable) for variable in optimizer.variables]
    return seconds(tf.function(lambda: optimizer.apply(gradients, 0.0)), num_times)


def main():
    args = arguments()
    config = model_config(args)
    print(json.dumps(dataclasses.asdict(config)))
    precision = "bfloat16 products" if args.mixed_precision else "float32"
    print(f"{precision}, batch {args.batch_size}")
    if args.against:
        compare(config, args)
    else:
        measure(config, args)


def measure(config, args):
    """Print the speed of a step, the time of its parts and the multiplications."""
    tf.get_logger().setLevel("ERROR")  # each part is traced on purpose
    model = SampleRNN(config)
    network = Network(model, args.mixed_precision)
    trainer = Trainer(network, Optimizer(named_variables(model)))
    width = config.big_frame_size + config.seq_len
    levels = np.random.default_rng(0).integers(0, config.q_levels, (args.batch_size, width))
    samples, state = tf.constant(levels.astype(np.int32)), model.zero_state(args.batch_size)
    no = tf.constant(False)
    steps = [lambda: trainer.train(samples, state, no, 1e-3, [0, 0])[0]]
    if args.plain_keras:
        plain_step = training_step(config)
        steps.append(lambda: plain_step(samples))
    step, *plain = seconds_in_turn(steps, args.num_steps)
    num_samples = args.batch_size * config.seq_len
    print(f"{num_samples / step:,.0f} samples/s")
    for plain_s in plain:
        print(
            f"plain Keras, float32: {num_samples / plain_s:,.0f} samples/s, {plain_s / step:.1f} x"
        )
    times = parts(network, samples, args.num_steps)
    times["optimizer"] = optimizer_seconds(model, args.num_steps)
    times["the rest"] = max(0.0, step - sum(times.values()))
    for name, part_s in times.items():
        print(f"{name:24}{1000 * part_s:10.1f} ms{100 * part_s / step:6.0f} %")
    counts = multiply_accumulates(config, num_samples)
    for name, (written, here) in counts.items():
        print(f"{name:24}{written:12,} multiply-accumulates a sample, here {here:,}")
    totals = [sum(pair[k] for pair in counts.values()) for k in (0, 1)]
    print(f"{'in all':24}{totals[0]:12,} multiply-accumulates a sample, here {totals[1]:,}")


if __name__ == "__main__":
    main()
