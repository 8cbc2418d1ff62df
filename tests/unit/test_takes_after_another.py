"""Takes, one after another or after a stream, into arrays that hold older sound."""

import numpy as np
import pytest
from class_host import Arrays, Host

from samplernn_pd.output import Output
from samplernn_pd.settings import Settings
from samplernn_pd.stream import StreamInPd
from samplernn_pd.take import TakeInPd
from sopilib.protocol import messages

LENGTH = 102_400  # several times what a poll silences
RATE = 16000


class KeptArrays(Arrays):
    """Arrays that keep their sound when they are resized, as Pd's do."""

    def resize(self, name, num_samples):
        old = self.samples[name][:num_samples]
        self.samples[name] = np.pad(old, (0, num_samples - len(old)))
        return True


@pytest.fixture
def arrays():
    """Return the arrays `a`, `b` and `c`, full of older sound."""
    arrays = KeptArrays(a=LENGTH, b=LENGTH, c=LENGTH)
    for samples in arrays.samples.values():
        samples[:] = 0.5
    return arrays


def begin(output, arrays, names, num_samples=LENGTH):
    """Begin a take into the arrays; return it."""
    take = TakeInPd(output.num_takes + 1, names, arrays, lambda *atoms: None)
    output.run(take)
    assert output.begin(num_samples, RATE)
    return take


def sound(take, num_samples):
    payload = np.ones(num_samples * len(take.array_names), np.float32).tobytes()
    return messages.Chunk(take.number, 0, len(take.array_names), 2.0, payload)


@pytest.mark.parametrize("names", [("a",), ("b", "a"), ("a", "c")])
def test_what_a_take_has_written_is_not_silenced_by_the_one_before_it(arrays, names):
    output = Output()
    begin(output, arrays, ("a", "b"))
    output.clear_slices()
    output.end()
    take = begin(output, arrays, names)
    assert take.write(sound(take, LENGTH))
    while output.is_clearing:
        output.clear_slices()
    for name in names:
        np.testing.assert_array_equal(arrays.samples[name], 1)


def test_what_a_take_has_not_reached_becomes_silent(arrays):
    output = Output()
    begin(output, arrays, ("a",), LENGTH // 2)
    output.clear_slices()
    output.end()
    take = begin(output, arrays, ("a",))
    assert take.write(sound(take, 1000))
    while output.is_clearing:
        output.clear_slices()
    assert arrays.samples["a"][:1000].all()
    assert not arrays.samples["a"][1000:].any()


def test_an_older_take_into_other_arrays_is_still_silenced(arrays):
    output = Output()
    begin(output, arrays, ("a",))
    output.end()
    begin(output, arrays, ("b",))
    while output.is_clearing:
        output.clear_slices()
    assert not arrays.samples["a"].any()
    assert not arrays.samples["b"].any()
    assert arrays.samples["c"].all()


def test_what_a_take_has_written_is_not_silenced_by_a_stream_before_it(arrays):
    output, host = Output(), Host()
    host.arrays = arrays
    request = messages.Generate(take=1, latency_s=0.1, out_rate=RATE)
    stream = StreamInPd(request, "a", Settings(), host, lambda request: None, lambda *atoms: None)
    output.run(stream)
    assert output.begin(None, RATE)
    stream.fade_out()
    output.end()
    take = begin(output, arrays, ("a",))
    assert take.write(sound(take, LENGTH))
    while output.is_clearing:
        output.clear_slices()
    np.testing.assert_array_equal(arrays.samples["a"], 1)
