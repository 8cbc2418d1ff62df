"""Takes, one after another or after a stream, into arrays that hold older sound."""

import numpy as np
import pytest
from class_host import Arrays, Host

from samplernn_pd import take as take_in_pd
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


class CountedArrays(KeptArrays):
    """Arrays that count how often they are drawn."""

    num_drawn = 0

    def redraw(self, name):
        self.num_drawn += 1


@pytest.fixture
def told_take(monkeypatch):
    """Return a take of 400 samples into the array `a` of 100, and what it has said.

    Its resize counts as one of 0.3 s, as that of 300 times as many samples a thousand times over.
    """
    monkeypatch.setattr(take_in_pd, "RESIZE_S", 1e-3)
    monkeypatch.setattr(take_in_pd, "DRAW_S", 1e-2)
    said = []
    take = TakeInPd(
        1, ("a",), CountedArrays(a=100), lambda *atoms: said.append(" ".join(map(str, atoms)))
    )
    return take, said


def test_a_long_resize_is_announced_a_poll_before_it_comes(told_take):
    take, said = told_take
    arrays = take._arrays
    assert take.begin(400, RATE)
    (notice,) = said
    assert notice == (
        "notice Pd stands still for about 0.3 s to resize a (4.3 s where the graphs are open)"
    )
    assert take.begun and take.write(sound(take, 150))
    take.show_progress()  # of the poll that sends the notice
    assert arrays.length("a") == 100 and len(said) == 1
    take.show_progress()
    assert arrays.length("a") == 400
    assert arrays.samples["a"].sum() == 150 and said[1].startswith("progress 0.375 ")
    take.report("stopped")
    assert said[-1] == f"stopped a {RATE} 150" and arrays.length("a") == 400


def test_a_take_that_ends_before_its_resize_is_complete(told_take):
    take, said = told_take
    take.begin(400, RATE)
    take.write(sound(take, 400))
    take.report("generated")
    assert said[-1] == f"generated a {RATE} 400"
    np.testing.assert_array_equal(take._arrays.samples["a"], 1)


def test_an_array_that_goes_before_its_resize_is_noticed(told_take):
    take, _ = told_take
    take.begin(400, RATE)
    assert take.write(sound(take, 10))
    del take._arrays.samples["a"]
    take._arrays.resize = lambda name, num_samples: False
    take.show_progress()
    take.show_progress()
    assert not take.write(sound(take, 10))


def test_a_short_resize_is_done_at_once_and_not_announced(arrays):
    said = []
    take = TakeInPd(1, ("a",), arrays, lambda *atoms: said.append(atoms))
    assert take.begin(2 * LENGTH, RATE) and not said
    assert arrays.length("a") == 2 * LENGTH


def test_a_graph_that_takes_long_to_draw_is_drawn_at_the_end_alone(told_take):
    take, _ = told_take
    take._arrays.samples["a"] = np.zeros(400, np.float32)  # 4 s to draw
    take.begin(400, RATE)
    for num_samples in (100, 200, 300):
        take.write(sound(take, num_samples))
        take.show_progress()
    while take.silence_slice():
        pass
    before = take._arrays.num_drawn
    take.report("generated")
    assert (before, take._arrays.num_drawn) == (0, 1)


def test_a_short_graph_is_drawn_while_it_fills(arrays):
    drawn = []
    arrays.redraw = drawn.append
    take = TakeInPd(1, ("a",), arrays, lambda *atoms: None)
    take.begin(LENGTH, RATE)
    take.write(sound(take, 100))
    take.show_progress()
    assert drawn == ["a"]
