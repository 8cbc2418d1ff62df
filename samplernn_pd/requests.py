"""Build the requests for the worker from messages and settings.

This module looks up and reads the arrays named in messages, and refuses a request that
has the wrong number of arrays or needs too much memory before anything is lost.
"""

import os
from typing import Any

from samplernn_pd.host import Arrays, Host, absolute
from samplernn_pd.messages import Envelope, Generate, Seed, Stream
from samplernn_pd.settings import Settings
from samplernn_pd.take import ANNOUNCED_S, MAX_ARRAY_SAMPLES
from sopilib.errors import RequestError
from sopilib.protocol import codec, messages

# A Pd array holds 8 bytes per sample; clearing and copying it needs as much again.
_BYTES_PER_ARRAY_SAMPLE = 16
READ_S = 1e-8  # of Pd's time for each sample of an array

Temperature = tuple[float | str | None, ...]
Sound = tuple[str | None, bytes, int | None]  # file, samples, rate


def generate_request(
    number: int, message: Generate, settings: Settings, model: messages.Loaded, host: Host
) -> messages.Generate:
    """Return the `messages.Generate` for a `Generate`.

    Args:
        number: of the take.
        settings: apply where the message has no value.
        model: the `messages.Loaded` of the loaded model.
        host: the class in Pd.

    Raises:
        RequestError: an array or seed is missing, the number of arrays or temperatures
            is wrong, or the take is larger than memory.
    """
    seconds = message.seconds or settings.seconds
    rate = message.out_rate or model.sample_rate
    _check_arrays(message.arrays, model.num_seqs, host.arrays)
    _check_size(seconds, rate, model.num_seqs)
    seed = Seed(None) if message.resume else message.seed or settings.seed
    sound = _seed(seed, message.seed_rate, host)
    return messages.Generate(
        take=number,
        dur_s=seconds,
        out_rate=message.out_rate,
        resume=message.resume,
        envelope_s=settings.envelope.seconds,
        seed_name=seed.source,
        **_beginning(message.temperature, sound, settings, model, host),
    )


def stream_request(
    number: int, message: Stream, settings: Settings, model: messages.Loaded, host: Host
) -> messages.Generate:
    """Return the `messages.Generate` for a stream.

    Args:
        message: a `Stream`.
        number, settings, model, host: as in `generate_request`.

    Raises:
        RequestError: an array or seed is missing, or the number of temperatures is wrong.
    """
    sound = _live_seed(settings.seed, host)
    return messages.Generate(
        take=number,
        latency_s=settings.latency_s,
        out_rate=message.sample_rate or host.sample_rate,
        envelope_s=settings.envelope.seconds or settings.seconds,
        heal=settings.heal,
        apart=message.voices is not None,
        release_ms=settings.release_ms,
        gains=settings.gains(model.num_seqs),
        **_beginning(None, sound, settings, model, host),
    )


def reading_notice(seed: Seed | None, envelope: Envelope | None, arrays: Arrays) -> str | None:
    """Return a notice where Pd stands still for long to read the arrays of a request, else None."""
    names = [seed.source if seed else None, envelope.array if envelope else None]
    read = [name for name in names if name is not None and arrays.length(name)]
    reading_s = sum(arrays.length(name) for name in read) * READ_S
    if reading_s < ANNOUNCED_S:
        return None
    return f"Pd stands still for about {reading_s:.1f} s to read {' '.join(read)}"


def prime_request(seed: Seed, host: Host) -> messages.Prime:
    """Return the `messages.Prime` for a `Seed`; raise RequestError if it is missing."""
    seed_file, samples, rate = _live_seed(seed, host)
    return messages.Prime(seed_file, rate, samples)


def read_curve(envelope: Envelope, arrays: Arrays) -> bytes:
    """Return the samples, as bytes, of the array of an `Envelope`.

    Raises:
        RequestError: there is no such array.
    """
    name = envelope.array
    if name is None or arrays.length(name) == 0:
        raise RequestError(f"envelope: no array {name!r} (make one, or check the name)")
    return arrays.read(name)


def _beginning(
    temperature: Temperature | None,
    sound: Sound,
    settings: Settings,
    model: messages.Loaded,
    host: Host,
) -> dict[str, Any]:
    """Return the fields of `messages.Generate` that takes and streams share, by name.

    `sound` is the seed as `_seed` returns it.
    """
    temperature, curve = _temperature(temperature, settings, model.num_seqs, host.arrays)
    seed_file, seed_samples, seed_rate = sound
    payload = seed_samples + curve
    _check_payload(payload)
    ramp = settings.ramp
    return {
        "temperature": temperature,
        "ramp": (ramp.target, ramp.seconds) if ramp else None,
        "seed_file": seed_file,
        "seed_rate": seed_rate,
        "seed_samples": len(seed_samples) // 4,
        "envelope_samples": len(curve) // 4,
        "rng_seed": settings.rng_seed,
        "payload": payload,
    }


def check_temperatures(values: Temperature, voices: int) -> None:
    """Raise RequestError unless there is one temperature for all voices or one for each."""
    if len(values) not in (1, voices):
        raise RequestError(
            f"{len(values)} temperatures for {voices} voice(s) (give one, or one for each)"
        )


def available_bytes() -> int:
    """Return the free memory in bytes, or all memory if the system does not report it."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            table = dict(line.split(":") for line in lines)
        return int(table["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _check_arrays(names: tuple[str, ...], voices: int, arrays: Arrays) -> None:
    if len(names) != voices:
        raise RequestError(f"{len(names)} array(s) for {voices} voice(s) (name one for each)")
    for name in names:
        if arrays.length(name) == 0:
            raise RequestError(f"no array {name!r} (make one, or check the name)")


def _check_size(seconds: float, rate: int, voices: int) -> None:
    num_samples = seconds * rate
    if num_samples > MAX_ARRAY_SAMPLES:
        raise RequestError(
            f"{seconds:g} s at {rate} Hz are more than an array holds "
            f"(at most {MAX_ARRAY_SAMPLES / rate:.0f} s)"
        )
    needed, free = num_samples * voices * _BYTES_PER_ARRAY_SAMPLE, available_bytes()
    if needed > free:
        raise RequestError(
            f"{seconds:g} s need {needed / 1e9:.3g} GB of memory, {free / 1e9:.3g} GB are free "
            "(give a shorter length or fewer voices)"
        )


def _check_payload(samples: bytes) -> None:
    if len(samples) > codec.MAX_PAYLOAD_BYTES:
        raise RequestError(
            f"seed and envelope are {len(samples) // 4} samples together "
            f"(at most {codec.MAX_PAYLOAD_BYTES // 4})"
        )


def _temperature(
    entries: Temperature | None, settings: Settings, voices: int, arrays: Arrays
) -> tuple[Temperature, bytes]:
    """Return the entries of the request and the bytes of the curve to which they may refer."""
    if entries is None and settings.envelope.array:
        return (None,), read_curve(settings.envelope, arrays)
    entries = entries or settings.temperature
    check_temperatures(entries, voices)
    return entries, b""


def _live_seed(seed: Seed, host: Host) -> Sound:
    """Return the same as `_seed`, but only the end of an array: a long one would block Pd."""
    name, arrays = seed.source, host.arrays
    if name is None or not arrays.length(name):
        return _seed(seed, None, host)
    rate, length = seed.rate or host.sample_rate, arrays.length(name)
    begin = max(0, length - round(messages.STREAM_SEED_S * rate))
    return None, arrays.read_slice(name, begin, length), rate


def _seed(seed: Seed, rate: int | None, host: Host) -> Sound:
    """Return (file, samples as bytes, rate); an array takes precedence over a file of its name.

    `rate` is the rate named with the take; without it the seed's rate applies, else Pd's.
    """
    if seed.source is None:
        return None, b"", None
    rate = rate or seed.rate
    if host.arrays.length(seed.source):
        return None, host.arrays.read(seed.source), rate or host.sample_rate
    path = absolute(host, seed.source)
    if not os.path.isfile(path):
        raise RequestError(f"seed: no array and no file {seed.source!r}")
    if rate is not None:
        raise RequestError(f"seed: {seed.source!r} is a file and has its own rate (leave it out)")
    return path, b"", None
