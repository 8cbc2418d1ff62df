"""Temperature: what may be written, and what each sample of a take gets."""

import threading

import numpy as np
import pytest

from sopilib.envelope import Envelope, TemperatureControl, parse_temperature
from sopilib.errors import RequestError


@pytest.mark.parametrize("text, value", [("0.8", 0.8), (" 1 ", 1.0), ("0", 0.0), ("1e-1", 0.1)])
def test_a_number_is_a_temperature(text, value):
    assert parse_temperature(text) == value


@pytest.mark.parametrize(
    "text, envelope",
    [
        ("Env([0.7,1.05],[4],[0])", Envelope((0.7, 1.05), (4.0,), (0.0,))),
        (r"Env([0.7\,1.05]\,[4]\,[0])", Envelope((0.7, 1.05), (4.0,), (0.0,))),
        ("Env( [1, 2, 0.5], [1, 3] )", Envelope((1.0, 2.0, 0.5), (1.0, 3.0), (0.0, 0.0))),
        ("Env([0.7,1])", Envelope((0.7, 1.0), (1.0,), (0.0,))),
        ("Env([0.7])", Envelope((0.7,))),
        ("Env([1,2,3],[0.5],[-4])", Envelope((1.0, 2.0, 3.0), (0.5, 0.5), (-4.0, -4.0))),
    ],
)
def test_an_envelope_is_written_as_in_supercollider(text, envelope):
    assert parse_temperature(text) == envelope


@pytest.mark.parametrize(
    "text",
    ["", "warm", "1,2", "nan", "inf", "-0.1", "Env", "Env()", "Env([])", "Env([1,2],[])"]
    + ["Env([1,x])", "Env([1,2],[1],[0],[0])", "Env([1,2][1])", "Env([1,2],[1]", "Env([1,2],)"]
    + ["Env([1,-2],[1])", "Env([1,2],[-1])", "Env([1,2],[nan])", "Env([1,2],[1],[1e9])"]
    + ["Env([1,2],[1,2,3])", "__import__('os')", "Env(__import__('os'))"],
)
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(RequestError) as raised:
        parse_temperature(text)
    assert "(" in str(raised.value) and "\n" not in str(raised.value)


def test_the_refusal_quotes_what_was_written():
    with pytest.raises(RequestError, match="'warm'"):
        parse_temperature("warm")
    with pytest.raises(RequestError, match="-0.1"):
        parse_temperature("-0.1")


def test_a_linear_envelope_goes_straight_and_holds_its_last_level():
    envelope = Envelope((1.0, 2.0, 0.0), (2.0, 1.0))
    values = envelope.at([0.0, 1.0, 2.0, 2.5, 3.0, 100.0])
    np.testing.assert_allclose(values, [1.0, 1.5, 2.0, 1.0, 0.0, 0.0])


def test_curves_are_those_of_supercollider():
    # Env([0,1],[1],[4]).at(0.5) and [-4]: (1 - e^(c/2)) / (1 - e^c)
    assert Envelope((0.0, 1.0), (1.0,), (4.0,)).at(0.5) == pytest.approx(0.119203, abs=1e-6)
    assert Envelope((0.0, 1.0), (1.0,), (-4.0,)).at(0.5) == pytest.approx(0.880797, abs=1e-6)


def test_a_segment_of_no_time_is_a_jump():
    envelope = Envelope((1.0, 2.0, 3.0), (1.0, 0.0))
    np.testing.assert_allclose(envelope.at([0.5, 0.999, 1.0, 5.0]), [1.5, 1.999, 3.0, 3.0])


def test_one_track_serves_all_voices_and_each_may_have_its_own():
    same = TemperatureControl(2, [0.5], 8, 4)
    np.testing.assert_array_equal(same.next(2), [[0.5, 0.5], [0.5, 0.5]])
    own = TemperatureControl(2, [0.5, Envelope((1.0, 2.0), (1.0,))], 8, 4)
    temperatures = own.next(5)
    assert temperatures.dtype == np.float32
    np.testing.assert_allclose(temperatures, [[0.5] * 5, [1.0, 1.25, 1.5, 1.75, 2.0]])


def test_an_array_is_spread_over_the_take_from_its_first_to_its_last_sample():
    control = TemperatureControl(1, [np.array([0.0, 1.0, 0.0])], 5, 16000)
    np.testing.assert_allclose(control.next(7), [[0.0, 0.5, 1.0, 0.5, 0.0, 0.0, 0.0]])


def test_chunks_are_the_whole():
    def control():
        return TemperatureControl(1, [Envelope((0.0, 1.0, 0.2), (0.3, 0.9))], 20, 10)

    pieces = control()
    chunked = np.concatenate([pieces.next(n) for n in (1, 0, 7, 12)], axis=1)
    np.testing.assert_array_equal(chunked, control().next(20))


def test_set_holds_from_now_on_whatever_was_before():
    control = TemperatureControl(2, [Envelope((0.0, 1.0), (1.0,))], 20, 10)
    control.next(5)
    control.set([0.25, 0.75])
    np.testing.assert_array_equal(control.next(3), [[0.25] * 3, [0.75] * 3])


def test_ramp_glides_from_the_present_value_and_then_holds():
    control = TemperatureControl(1, [1.0], 100, 10)
    control.next(20)
    control.ramp(0.0, 0.4)
    np.testing.assert_allclose(control.next(6), [[1.0, 0.75, 0.5, 0.25, 0.0, 0.0]], atol=1e-6)
    control.ramp(2.0, 0.0)
    np.testing.assert_allclose(control.next(3), [[0.0, 2.0, 2.0]])


@pytest.mark.parametrize("tracks", [[], [1.0, 1.0], [1.0] * 4])
def test_a_wrong_number_of_tracks_says_how_many_voices_there_are(tracks):
    with pytest.raises(RequestError, match=f"{len(tracks)} temperatures for 3 voices"):
        TemperatureControl(3, tracks, 10, 10)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), np.array([1.0, -1.0])])
def test_a_temperature_out_of_range_is_refused_at_the_start_and_later(bad):
    with pytest.raises(RequestError, match="temperature"):
        TemperatureControl(1, [bad], 10, 10)


def test_a_refused_change_leaves_the_temperature_as_it_is():
    control = TemperatureControl(1, [0.5], 10, 10)
    for change in (
        lambda: control.set([-1.0]),
        lambda: control.set([1.0, 1.0]),
        lambda: control.ramp(float("nan"), 1.0),
        lambda: control.ramp(1.0, -1.0),
        lambda: control.ramp(1.0, float("inf")),
    ):
        with pytest.raises(RequestError):
            change()
    assert control.next(1) == 0.5


def test_an_empty_array_is_refused():
    with pytest.raises(RequestError, match="without values"):
        TemperatureControl(1, [np.array([])], 10, 10)


def test_turning_from_another_thread_loses_no_sample():
    control = TemperatureControl(1, [0.0], 10, 10)
    turning = threading.Thread(target=lambda: [control.set([k]) for k in range(2000)])
    turning.start()
    values = np.concatenate([control.next(3) for _ in range(2000)], axis=1)
    turning.join()
    assert values.shape == (1, 6000)
    assert control.next(1) == 1999
