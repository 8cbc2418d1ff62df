"""Pd messages as a performer writes them, and their parsed form."""

import math

import pytest

from samplernn_pd.grammar import parse
from samplernn_pd.messages import (
    At,
    Envelope,
    Generate,
    Info,
    Length,
    Load,
    Poll,
    Seed,
    SeedVoice,
    Stream,
    Unload,
)
from sopilib.errors import RequestError
from sopilib.protocol.messages import (
    Freeze,
    Gain,
    Latency,
    Morph,
    Note,
    Ramp,
    ReadStates,
    RecallState,
    Release,
    Reseed,
    ReseedVoice,
    Save,
    SaveState,
    SetTemperature,
    Stop,
    WriteStates,
)


def words(text):
    """Return atoms as Pd makes them: numbers where a word is one, else symbols."""

    def atom(word):
        try:
            number = float(word)
        except ValueError:
            return word
        return int(number) if number == int(number) else number

    return [atom(word) for word in text.split()]


CASES = [
    ("load preludes", Load("preludes")),
    ("load preludes voices 3", Load("preludes", 3)),
    (
        "load my model threads 1 voices 2 precision int8 engine native",
        Load("my model", 2, engine="native", precision="int8", threads=1),
    ),
    (
        "load --ckpt_dir D --precision int4 --threads 3 --engine native",
        Load("D", engine="native", precision="int4", threads=3),
    ),
    ("load precision voices 2", Load("precision", 2)),
    ("load my model rate 22050", Load("my model", sample_rate=22050)),
    ("load D voices 2 rate 384000", Load("D", 2, sample_rate=384_000)),
    ("load --ckpt_dir D --sample_rate 22050", Load("D", sample_rate=22050)),
    ("load /home/my music/model", Load("/home/my music/model")),
    (
        "load --python /opt/py/bin/python -- --num_seqs 2 --ckpt_dir D",
        Load("D", 2, None, "/opt/py/bin/python"),
    ),
    ("load --python P -- --num_seqs 1 --ckpt_dir D --config C", Load("D", 1, "C", "P")),
    ("load --python P -- --num_seqs 2 D", Load("D", 2, None, "P")),
    ("load --python P -- my models/D", Load("my models/D", 1, None, "P")),
    ("load --num_seqs=2 --config=C D", Load("D", 2, "C")),
    ("load --ckpt_dir=/a=b/D --num_seqs=3 --precision=int8", Load("/a=b/D", 3, precision="int8")),
    ("unload", Unload()),
    ("info", Info()),
    ("poll", Poll()),
    ("stop", Stop()),
    ("save take", Save("take.wav")),
    ("save takes/my take 2", Save("takes/my take 2.wav")),
    ("save /tmp/bell.WAV", Save("/tmp/bell.WAV")),
    ("save 3.5", Save("3.5.wav")),
    ("length 2.5", Length(2.5)),
    ("temperature 0.9", SetTemperature((0.9,))),
    ("temperature 0 1.5", SetTemperature((0.0, 1.5))),
    ("ramp 0.5 3", Ramp(0.5, 3.0)),
    ("envelope curve", Envelope("curve")),
    ("envelope", Envelope(None)),
    ("seed voice", Seed("voice")),
    ("seed voice 48000", Seed("voice", 48000)),
    ("seed bell.wav", Seed("bell.wav")),
    ("seed", Seed(None)),
    ("seed 7", Reseed(7)),
    ("rng 7", Reseed(7)),
    ("rng", Reseed(None)),
    ("generate a b", Generate(("a", "b"))),
    ("continue a", Generate(("a",), resume=True)),
    (
        "generate --out_sr 16000 --dur 4 --temp 0.8 --out sound1 --temp 1 --out sound2",
        Generate(("sound1", "sound2"), 4.0, (0.8, 1.0), out_rate=16000),
    ),
    (
        "generate --out_sr 44100 --seed_sr 48000 --dur 0.5 --seed src --temp 1 --out a",
        Generate(("a",), 0.5, (1.0,), Seed("src"), 48000, 44100),
    ),
    (
        "generate --temp Env([0.7,1.05],[4],[0]) --out a --temp 0.9 --out b",
        Generate(("a", "b"), temperature=("Env([0.7,1.05],[4],[0])", 0.9)),
    ),
    (
        "generate --temp Env([0.7, 1.05], [4]) --out a",
        Generate(("a",), temperature=("Env([0.7, 1.05], [4])",)),
    ),
    ("generate --out a", Generate(("a",))),
    (
        "generate --out_sr=8000 --dur=0.5 --temp=0.8 --seed=7.wav --out=a --out=b",
        Generate(("a", "b"), 0.5, (0.8,), Seed("7.wav"), out_rate=8000),
    ),
    (
        "generate --temp=Env([0.7, 1.05], [4]) --out=a",
        Generate(("a",), temperature=("Env([0.7, 1.05], [4])",)),
    ),
    ("poll 1024", Poll(1024)),
    ("stream ring", Stream("ring")),
    ("stream ring 50 48000", Stream("ring", 0.05, 48000)),
    ("stream", Stream(None)),
    ("latency 20", Latency(0.02)),
    ("latency 2000", Latency(2.0)),
    ("envelope curve 2.5", Envelope("curve", 2.5)),
    ("freeze 0", Freeze(0.0)),
    ("freeze 0.25", Freeze(0.25)),
    ("save_state 0", SaveState(0)),
    ("recall_state 12", RecallState(12)),
    ("recall_state 12 3", RecallState(12, 3)),
    ("freeze 2 0.5", Freeze(0.5, 2)),
    ("gain -6", Gain(-6.0)),
    ("gain 2 -6.5", Gain(-6.5, 2)),
    ("seed 2 7", ReseedVoice(2, 7)),
    ("seed 2 voice", SeedVoice(2, "voice")),
    ("seed 2 voice 48000", SeedVoice(2, "voice", 48000)),
    ("seed 2 bell.wav", SeedVoice(2, "bell.wav")),
    ("stream ring 50 48000 four", Stream("ring", 0.05, 48000, "four")),
    ("at 64", At(64)),
    ("morph 1 2 0.5", Morph(1, 2, 0.5)),
    ("morph 1 2 1 4", Morph(1, 2, 1.0, 4.0)),
    ("note 60 100", Note(60, 100.0)),
    ("release 250", Release(250.0)),
    ("write_states my set", WriteStates("my set.states")),
    ("read_states set.states", ReadStates("set.states")),
]


@pytest.mark.parametrize("text, message", CASES, ids=[case[0] for case in CASES])
def test_a_message_is_understood(text, message):
    selector, *rest = text.split(maxsplit=1)
    assert parse(selector, words(" ".join(rest))) == message


BAD = [
    ("dance", [], "dance"),
    ("load", [], "DIR"),
    ("load", ["--num_seqs", 2], "--ckpt_dir"),
    ("load", ["--ckpt_dir", "D", "--mood", "good"], "--mood"),
    ("load", ["--ckpt_dir", "D", "--num_seqs", 0], "0"),
    ("load", ["D", "voices", 1.5], "1.5"),
    ("load", ["D", "threads", 0], "threads: 0"),
    ("load", ["D", "precision", ""], "precision"),
    ("load", ["D", "rate", 999], "rate: 999 Hz (a whole number from 1000 to 384000)"),
    ("load", ["D", "rate", 22050.5], "22050.5 Hz"),
    ("load", ["D", "rate", "fast"], "fast"),
    ("load", ["--ckpt_dir", "D", "--sample_rate", 384_001], "--sample_rate: 384001 Hz"),
    ("seed", ["a", 999], "seed sample rate: 999 Hz"),
    ("stream", ["ring", 100, 384_001], "stream sample rate: 384001 Hz"),
    ("generate", ["--out_sr", 10, "--out", "a"], "--out_sr: 10 Hz"),
    ("generate", ["--seed_sr", 0, "--out", "a"], "--seed_sr: 0 Hz"),
    ("load", ["D", "voices", "two"], "two"),
    ("load", ["D", "voices", 65], "64"),
    ("load", [""], "DIR"),
    ("length", ["1_0"], "1_0"),
    ("seed", [""], "empty"),
    ("generate", [""], "empty"),
    ("unload", [1], "unload"),
    ("save", [], "save FILE"),
    ("save", [""], "save FILE"),
    ("length", [], "length S"),
    ("length", [0], "0"),
    ("length", [-1], "-1"),
    ("length", [math.nan], "nan"),
    ("length", [math.inf], "inf"),
    ("length", ["long"], "long"),
    ("temperature", [], "temperature"),
    ("temperature", [-0.5], "-0.5"),
    ("temperature", [math.nan], "nan"),
    ("temperature", ["hot"], "hot"),
    ("temperature", [1, "nan"], "nan"),
    ("ramp", [1], "ramp T S"),
    ("ramp", [1, -2], "-2"),
    ("rng", [1.5], "1.5"),
    ("rng", [-1], "-1"),
    ("seed", ["a", "b", "c"], "seed"),
    ("seed", ["a", 0], "0"),
    ("generate", [], "ARRAY"),
    ("generate", ["a", "a"], "twice"),
    ("generate", ["--dur", 0, "--out", "a"], "0"),
    ("generate", ["--dur", "--out", "a"], "--dur"),
    ("generate", ["--dur", 4], "ARRAY"),
    ("generate", ["--out", "a", "--temp"], "--temp"),
    ("generate", ["--out", "a", "b"], "b"),
    ("generate", ["--dur=", "--out=a"], "--dur has no value"),
    ("generate", ["--dur=long", "--out=a"], "long"),
    ("generate", ["--mood=good", "--out=a"], "no flag --mood"),
    ("load", ["--num_seqs="], "--num_seqs has no value"),
    ("continue", [], "ARRAY"),
    ("stream", ["ring", 10], "10 ms"),
    ("stream", ["ring", 100, 44100.5], "44100.5"),
    ("stream", ["ring", 100, 44100, 1], "stream"),
    ("latency", [], "latency MS"),
    ("freeze", [0, 1], "freeze voice: 0 (a whole number, 1 or more)"),
    ("freeze", [1.5, 1], "freeze voice: 1.5"),
    ("freeze", [1, 2, 3], "freeze [VOICE] S"),
    ("recall_state", [1, 0], "recall_state voice: 0"),
    ("gain", [], "gain [VOICE] DB"),
    ("gain", [41], "at most 40"),
    ("seed", [0, "voice"], "seed voice: 0"),
    ("seed", [1, -1], "-1"),
    ("seed", [1, 2, 3], "seed [VOICE] N"),
    ("morph", [1, 2], "morph A B X [S]"),
    ("morph", [1, 2, 1.5], "0, all of A, to 1, all of B"),
    ("morph", [1, 2, 1, 61], "0 to 60"),
    ("note", [128, 1], "pitch 128 (0 to 127)"),
    ("note", [60, 128], "velocity 128 (0 to 127)"),
    ("release", [-1], "0 to 60000"),
    ("write_states", [], "write_states FILE"),
    *((name, [f], "is a folder") for name in ("save", "write_states") for f in ("d/", "..", "~")),
    ("heal", [int(1e38)], "heal: 1e+38 (0 or 1)"),
    ("ramp", [2**24 + 1, 1, 1], "16777217"),
    ("patch_folder", [], "patch_folder DIR"),
    ("apart", ["v"], "apart NAME N"),
    ("apart", ["v", 65], "1 to 64"),
    ("read_states", [], "read_states FILE"),
    ("latency", [19], "20 to 2000"),
    ("latency", [2001], "2001 ms"),
    ("latency", [math.nan], "nan"),
    ("freeze", [-1], "-1"),
    ("freeze", ["on"], "on"),
    ("save_state", [], "save_state N"),
    ("save_state", [-1], "-1"),
    ("recall_state", [1.5], "1.5"),
    ("poll", [-1], "-1"),
    ("poll", [0.5], "0.5"),
    ("envelope", ["curve", 0], "0"),
    ("envelope", ["curve", 1, 2], "envelope ARRAY"),
]


@pytest.mark.parametrize("selector, atoms, quoted", BAD)
def test_a_wrong_message_is_refused_in_one_line_that_quotes_it(selector, atoms, quoted):
    with pytest.raises(RequestError) as caught:
        parse(selector, atoms)
    assert quoted in str(caught.value)
    assert "\n" not in str(caught.value)
