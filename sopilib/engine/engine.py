"""EngineGenerator: the interface of `sopilib.generation.tensorflow_generator.Generator`, much faster.

The sample loop runs in C++ without the GIL on a fixed team of threads. The random
numbers come from numpy, so that a take has the same ones in every engine.
"""

import os

import numpy as np

from sopilib.engine import is_built
from sopilib.engine.crew import Crew
from sopilib.errors import RequestError
from sopilib.model.quantize import dequantize, quantize

if is_built():  # this module can be imported without the kernels, an EngineGenerator not made
    from sopilib.engine import native

# a team may be so large on any machine
_FEW_THREADS = 16


class EngineGenerator:
    """Generates `num_seqs` voices with a packed model; holds their state.

    Not thread-safe. Its threads sleep between takes and end with it.

    Args:
      config: ModelConfig.
      packed: PackedModel of the same model.
      num_seqs: number of voices, 1 or more.
      threads: size of the team, 1 to `most_threads()`; default `default_threads()`.
      isa: name of the kernels, one of `native.instruction_sets()`; default the fastest.

    Raises:
      RequestError: num_seqs or threads is out of range, or this processor lacks `isa`.
    """

    def __init__(self, config, packed, num_seqs, threads=None, isa=""):
        if num_seqs < 1:
            raise RequestError(f"{num_seqs} voices (give 1 or more)")
        self.threads = default_threads() if threads is None else threads
        if not 1 <= self.threads <= most_threads():
            raise RequestError(f"{threads} threads (give 1 to {most_threads()})")
        if isa and isa not in native.instruction_sets():
            known = ", ".join(native.instruction_sets())
            raise RequestError(f"no kernels {isa} for this processor (choose of {known})")
        self.config, self.num_seqs = config, num_seqs
        self.precision = packed.precision
        self._engine = native.Engine(packed.settings, packed.arrays, num_seqs, self.threads, isa)
        self.isa = self._engine.isa
        self._crew = Crew(self._engine.use_threads, self.threads, config.frame_sizes[-1])
        self._audio_of_level = dequantize(
            np.arange(config.q_levels), config.q_type, config.q_levels
        )
        self.reset(rng_seed=0)
        self._crew.measure(self._rehearse)

    @property
    def engine(self):
        """What makes the samples, in a word: native code for which instruction set."""
        return f"native-{self.isa}"

    def reset(self, rng_seed):
        """Start anew: one big frame of silence, zero RNN state, fresh random generators.

        Args:
          rng_seed: int >= 0. Voice v draws one float32 uniform a sample from
            `np.random.default_rng([rng_seed, v])`.
        """
        self.reseed(rng_seed)
        self._engine.reset()
        # what a take that goes on from here needs to know, see sopilib.generation.take.Take
        self.played = np.zeros((self.num_seqs, 0), np.float32)
        self.unplayed = np.zeros((self.num_seqs, 0), np.float32)

    def reseed(self, rng_seed):
        """Go on with the random numbers that `reset` would start with; int >= 0."""
        self.rng_seed = rng_seed
        self._rngs = [np.random.default_rng([rng_seed, v]) for v in range(self.num_seqs)]

    def prime(self, audio):
        """Go on as if `audio` had been generated.

        Args:
          audio: float32 (n,) for all voices or (num_seqs, n), any n, at the model's rate.
        """
        levels = quantize(audio, self.config.q_type, self.config.q_levels)
        shape = (self.num_seqs, levels.shape[-1])
        self._engine.prime(np.broadcast_to(levels, shape))

    def generate(self, temperature):
        """The next samples, as audio.

        Args:
          temperature: float32 (num_seqs, n), finite, >= 0, one for each sample; 0 gives
            the most likely level.

        Returns:
          float32 (num_seqs, n), -1 <= x <= 1, at the model's rate.
        """
        num_samples = temperature.shape[1]
        uniform = np.stack([rng.random(num_samples, dtype=np.float32) for rng in self._rngs])
        pieces = []

        def make(begin, end):
            pieces.append(self._engine.generate(temperature[:, begin:end], uniform[:, begin:end]))

        self._crew.work(num_samples, make)
        return self._audio_of_level[np.concatenate(pieces, axis=1)]

    def limit_threads(self, threads):
        """Let no more than so many threads work from now on, 1 to `self.threads`.

        The samples are the same.
        """
        self._crew.limit(threads)

    def _rehearse(self, begin, end):
        """Make so many samples that nobody will hear."""
        silence = np.zeros((self.num_seqs, end - begin), np.float32)
        self._engine.generate(silence, silence)
        self._engine.reset()

    def next_logits(self):
        """Logits float32 (num_seqs, q_levels) of the next sample; nothing advances."""
        return self._engine.next_logits()

    def layer_outputs(self):
        """The newest outputs of the recurrent layers.

        Returns:
          For each tier, the lowest first, float32 (num_seqs, num_rnn_layers, dim).
        """
        dim = self.config.dim
        return [outputs[..., :dim] for outputs in self._engine.layer_outputs()]

    def read_weights(self, num_samples):
        """Read all weights that so many samples read, and compute nothing."""
        self._engine.read_weights(num_samples)

    def bits(self, levels):
        """Go on as if `levels` had been generated, and tell how unlikely they were.

        Args:
          levels: int32 (num_seqs, n), 0 <= level < q_levels.

        Returns:
          float32 (num_seqs, n), -log2 of the probability of each.
        """
        return self._engine.score(levels)

    def save_state(self):
        """All that generation carries on, for `restore_state` of a like generator."""
        bit_states = [rng.bit_generator.state for rng in self._rngs]
        return self.rng_seed, bit_states, self._engine.save_state(), self.played, self.unplayed

    def restore_state(self, state, random=True):
        """Go on from where `save_state` was called.

        Args:
          state: what it returned.
          random: whether the random numbers shall be those of then, too.

        Raises:
          RequestError: the state is of another model or number of voices.
        """
        rng_seed, bit_states, native_state, played, unplayed = state
        try:
            self._engine.restore_state(*native_state)
        except ValueError as error:
            raise RequestError(f"{error} (restore it where it was saved)") from error
        self.played, self.unplayed = played, unplayed
        if random:
            self.rng_seed = rng_seed
            for rng, saved in zip(self._rngs, bit_states):
                rng.bit_generator.state = saved


def default_threads():
    """Threads of the team: the processor's cores, but one where there are more than two.

    A core is left to Pd, whose audio must not wait.
    """
    cores = physical_cores()
    return cores - 1 if cores > 2 else cores


def most_threads():
    """Threads that a team may have: far more than there are processors would wait for ever."""
    return max(_FEW_THREADS, os.cpu_count() or 1)


def physical_cores():
    """Cores that this process may run on, hardware threads of one core counted once."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return len({_siblings(cpu) for cpu in os.sched_getaffinity(0)})


def _siblings(cpu):
    """A name for the core that holds a logical processor."""
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
            return file.read().strip()
    except OSError:
        return str(cpu)
