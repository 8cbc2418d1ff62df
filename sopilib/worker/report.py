"""What this Python has to run the worker with: `isolated.py sopilib.worker.report` prints it.

It imports what the worker would and ends as the worker would where something is missing.
"""

import importlib.util
import platform

from sopilib import engine
from sopilib.installation.isolated import refuse
from sopilib.worker.missing_package import missing_package_text, no_generator_text

WITHOUT_TENSORFLOW = "no TensorFlow (only packed and exported models can be loaded)"
WITHOUT_ENGINE = "no engine for this version (TensorFlow generates, 2 to 20 times slower)"


def main() -> None:
    """Print one line, or end with the one that says why the worker cannot run here."""
    try:
        import sopilib.worker.session  # noqa: F401

        tensorflow = _tensorflow()
        kernels = _engine()
    except ImportError as error:
        refuse(missing_package_text(error))
    if text := no_generator_text():
        refuse(text)
    print(", ".join([f"Python {platform.python_version()}", tensorflow, *kernels]))


def _tensorflow() -> str:
    if importlib.util.find_spec("tensorflow") is None:
        return WITHOUT_TENSORFLOW
    from sopilib.model.quiet_tensorflow import tf

    return f"TensorFlow {tf.__version__}"


def _engine() -> list[str]:
    """Return what there is to say about the engine, [] where it can be imported."""
    if not engine.is_built():
        return [WITHOUT_ENGINE]
    import sopilib.engine.native  # noqa: F401

    return []


if __name__ == "__main__":
    main()
