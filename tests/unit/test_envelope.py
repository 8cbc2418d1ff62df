"""Temperature: the texts that are allowed, and the value for each sample of a take."""

import threading

import numpy as np
import pytest

from sopilib.errors import RequestError
from sopilib.generation.temperature import Curve, Envelope
from sopilib.generation.temperature_control import TemperatureControl
from sopilib.generation.temperature_text import parse_temperature


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


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope((0.7, 1.05), (4.0,), (-2.5,)),
        Envelope((1, 0, 0.1 + 0.2), (1e-3, 1 / 3)),
        Envelope((0.7,)),
    ],
)
def test_an_envelope_is_read_back_from_what_it_writes(envelope):
    assert parse_temperature(str(envelope)) == envelope


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


def test_a_curve_without_seconds_is_as_a_plain_array():
    plain = TemperatureControl(1, [np.array([0.0, 1.0, 0.25])], 7, 16000)
    curve = TemperatureControl(1, [Curve([0.0, 1.0, 0.25])], 7, 16000)
    np.testing.assert_array_equal(curve.next(9), plain.next(9))


def test_a_curve_with_seconds_begins_again_with_a_step():
    control = TemperatureControl(1, [Curve([0.0, 1.0], 0.5)], None, 10)
    expected = [0.0, 0.25, 0.5, 0.75, 1.0] * 2 + [0.0, 0.25]
    np.testing.assert_allclose(control.next(12), [expected])


def test_a_curve_goes_round_as_often_in_a_take_as_in_a_stream_without_end():
    stream = TemperatureControl(2, [Curve([1.0, 0.0, 2.0], 0.3)], None, 10)
    take = TemperatureControl(2, [Curve([1.0, 0.0, 2.0], 0.3)], 40, 10)
    np.testing.assert_array_equal(take.next(40), stream.next(40))


def test_a_period_that_is_no_whole_number_of_samples_does_not_drift():
    control = TemperatureControl(1, [Curve([0.0, 1.0], 0.25)], None, 10)
    temperatures = control.next(10_000)[0]
    # 2.5 samples: from 0 to 1 within 1.5, then held until the next begins
    np.testing.assert_allclose(temperatures[:5], [0, 2 / 3, 1, 1 / 3, 1], atol=1e-6)
    np.testing.assert_array_equal(temperatures, np.tile(temperatures[:5], 2000))


def test_a_curve_of_one_value_holds_it():
    control = TemperatureControl(1, [Curve([0.5], 0.3)], None, 10)
    np.testing.assert_array_equal(control.next(7), [[0.5] * 7])


@pytest.mark.parametrize(
    "values, seconds, told",
    [
        ([], 1.0, "without values"),
        ([[1.0, 2.0]], 1.0, "one row"),
        ([1.0, -2.0], 1.0, "temperature -2"),
        ([1.0, float("nan")], None, "temperature nan"),
        ([1.0], 0.0, "0 seconds"),
        ([1.0], -1.0, "-1 seconds"),
        ([1.0], float("nan"), "nan seconds"),
        ([1.0], float("inf"), "inf seconds"),
    ],
)
def test_a_curve_that_cannot_be_is_refused_in_one_line(values, seconds, told):
    with pytest.raises(RequestError, match=told) as raised:
        Curve(values, seconds)
    assert "(" in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("track", [np.array([1.0, 2.0]), Curve([1.0, 2.0])])
def test_what_is_spread_over_the_take_cannot_be_in_a_stream_without_end(track):
    with pytest.raises(RequestError, match="give the seconds after which it begins again"):
        TemperatureControl(1, [track], None, 10)
    control = TemperatureControl(1, [0.5], None, 10)
    with pytest.raises(RequestError, match="without seconds"):
        control.follow(track)
    assert control.next(1) == 0.5


def test_all_voices_follow_a_track_from_where_the_take_then_is():
    control = TemperatureControl(2, [0.5, 0.25], None, 10)
    control.next(3)
    control.follow(Curve([0.0, 1.0], 0.5))
    expected = [0.75, 1.0, 0.0, 0.25]
    np.testing.assert_allclose(control.next(4), [expected, expected])
    control.follow(Envelope((1.0, 2.0), (1.0,)))
    np.testing.assert_allclose(control.next(2), [[1.7, 1.8]] * 2)
    control.follow(0.125)
    np.testing.assert_array_equal(control.next(1), [[0.125], [0.125]])


def test_an_array_that_is_drawn_on_after_it_was_given_changes_nothing():
    drawn = np.array([0.5, 0.5])
    control = TemperatureControl(1, [drawn], 10, 10)
    control.follow(drawn)
    drawn[:] = 2.0
    assert control.next(1) == 0.5
    assert control.log[0][2][0].values.tolist() == [0.5, 0.5]


def turned_control():
    return TemperatureControl(2, [Envelope((0.3, 1.1), (0.7,), (3.0,)), [0.2, 1.0]], 100, 30)


def test_the_log_says_what_was_turned_before_which_sample():
    control = turned_control()
    control.ramp(0.5, 1)
    control.next(20)
    control.set([0.25])
    control.next(1)
    control.follow(0.5)
    control.next(0)
    control.ramp(2.0, 0.1)
    assert control.log == [
        (0, "ramp", (0.5, 1)),
        (20, "set", ((0.25,),)),
        (21, "follow", (0.5,)),
        (21, "ramp", (2.0, 0.1)),
    ]


def test_what_was_overruled_at_once_is_not_in_the_log():
    control = turned_control()
    for value in (0.1, 0.2, 0.3):
        control.ramp(value, 9.0)
        control.set([value])
        control.follow(value)
        control.ramp(value, 1.0)
    assert control.log == [(0, "follow", (0.3,)), (0, "ramp", (0.3, 1.0))]


def test_what_was_refused_is_not_in_the_log():
    control = turned_control()
    for change in (
        lambda: control.set([-1.0]),
        lambda: control.ramp(1.0, -1.0),
        lambda: control.follow(np.array([])),
    ):
        with pytest.raises(RequestError):
            change()
    assert control.log == []


def test_a_stream_without_end_keeps_no_log():
    control = TemperatureControl(1, [1.0], None, 10)
    control.set([0.5])
    assert control.log == []


def test_a_replayed_log_gives_the_same_bits_whatever_the_chunks():
    control, chunks = turned_control(), []
    for num_samples, turn in (
        (7, lambda: control.ramp(0.1, 1 / 7)),
        (3, lambda: control.set([0.9, 1 / 3])),
        (1, lambda: control.ramp(0.7, 0.77)),
        (13, lambda: control.follow(np.linspace(0.1, 1.7, 13))),
        (11, lambda: control.ramp(1.3, 0.5)),
        (30, lambda: control.follow(Curve([0.4, 0.9, 0.2], 0.31))),
    ):
        chunks.append(control.next(num_samples))
        turn()
    chunks.append(control.next(35))
    expected = np.concatenate(chunks, axis=1)
    for sizes in ([100], [1] * 100, [7, 0, 4, 50, 39]):
        again = turned_control()
        again.replay(control.log)
        found = np.concatenate([again.next(size) for size in sizes], axis=1)
        np.testing.assert_array_equal(found, expected)
        assert again.log == control.log


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
