"""The one place that knows which array library runs the networks: threads, GPUs, replicas."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from factorprism.core.errors import ConfigurationError
from factorprism.models._processor import name_processor


def load_keras() -> Any:
    """Import Keras (seconds) and return it; TensorFlow is its backend unless the caller chose.

    Numbers are float32 and images have their channels last, whatever the user's ``keras.json`` or
    another variable ``KERAS_`` says. An import inside a function, because processes that only
    schedule import this room too.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" not in sys.modules:
        with _stderr_aside(), _users_settings_aside():
            importlib.import_module("keras")
        # It takes several networks in one process, each of which traces its own function to
        # predict with, for a loop that traces one function over and over, and says so at length.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    keras = sys.modules["keras"]
    # Another library may have imported it first, with the user's settings.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    return keras


@contextmanager
def _users_settings_aside() -> Iterator[None]:
    """Hide ``~/.keras/keras.json`` and the variables ``KERAS_`` but for the backend's.

    Keras reads both once, when it is imported.
    """
    kept = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if name.startswith("KERAS_") and name != "KERAS_BACKEND"
    }
    os.environ["KERAS_HOME"] = os.devnull
    try:
        yield
    finally:
        del os.environ["KERAS_HOME"]
        os.environ.update(kept)


@contextmanager
def _stderr_aside() -> Iterator[None]:
    """Drop what native code writes to stderr: TensorFlow greets there before its log level is set.

    A failing import still raises, since exceptions do not travel by stderr.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def fix_threads(threads: int, *, strict: bool) -> None:
    """Let the backend use `threads` CPU threads in this process, so that results keep their bytes.

    TensorFlow takes the number once, before its first computation. When it is too late and the
    number in force differs, ``strict`` raises `ConfigurationError`; otherwise the number in force
    stays: forecasts then agree to float32 rounding, not byte for byte.
    """
    tensorflow = _tensorflow()
    if tensorflow is None:
        return
    threading = tensorflow.config.threading
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as exc:
        in_force = threading.get_intra_op_parallelism_threads() or _threads_unasked()
        if strict and in_force != threads:
            raise ConfigurationError(
                f"this process computes with {in_force} threads already, not {threads}",
                remedy="Train in a process of its own, or set FACTORPRISM_THREADS to that number.",
            ) from exc


def _threads_unasked() -> int | None:
    """Return the threads that TensorFlow takes where nobody asks for a number."""
    return int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0) or os.cpu_count()


def forget_networks() -> None:
    """Let go of the graphs of networks that are no longer used, which the backend would keep.

    For loops that train many networks in one process; do not call it while one is in use.
    """
    load_keras().backend.clear_session()


def count_gpus() -> int:
    """Return the number of GPUs that the backend sees; 0 with a backend other than TensorFlow."""
    tensorflow = _tensorflow()
    return 0 if tensorflow is None else len(tensorflow.config.list_physical_devices("GPU"))


def name_cpu() -> str:
    """Return what all but the networks compute on: ``CPU AMD EPYC 7R13, 8 cores``.

    Machines of one name compute equally fast. No backend is loaded.
    """
    return f"CPU {name_processor()}"


def name_device() -> str:
    """Return what networks compute on: that of `name_cpu`, or ``2 x GPU NVIDIA H200, CPU ...``.

    Machines of one name compute equally fast. The CPU is named beside a GPU too, since it feeds it.
    With a backend other than TensorFlow its name stands for the GPU's.
    """
    cpu = name_cpu()
    tensorflow = _tensorflow()
    if tensorflow is None:
        return f"unknown to this package, by {load_keras().backend.backend()}, {cpu}"
    found = tensorflow.config.list_physical_devices("GPU")
    if not found:
        return cpu
    details = tensorflow.config.experimental.get_device_details(found[0])
    name = f"GPU {details.get('device_name', 'of an unknown kind')}"
    return f"{name if len(found) == 1 else f'{len(found)} x {name}'}, {cpu}"


def list_replicas() -> list[str]:
    """Return the devices that a training is spread over; empty where it runs on one CPU.

    They are the GPUs, or else the CPU's parts where somebody has split it into several. The
    backend is set up by the question, so that `fix_threads` comes before.
    """
    tensorflow = _tensorflow()
    if tensorflow is None:
        return []
    gpus = [device.name for device in tensorflow.config.list_logical_devices("GPU")]
    cpus = [device.name for device in tensorflow.config.list_logical_devices("CPU")]
    return gpus or (cpus if len(cpus) > 1 else [])


def replica_scope() -> AbstractContextManager[Any]:
    """Return the scope in which variables are mirrored on every device of `list_replicas`."""
    replicas = list_replicas()
    if not replicas:
        return nullcontext()
    strategy = _tensorflow().distribute.MirroredStrategy(replicas)
    scope: AbstractContextManager[Any] = strategy.scope()
    return scope


def compute_gradient(model: Any, inputs: Any) -> Any:
    """Return the gradient of `model`'s first output, summed, at `inputs`, float32 of their shape.

    The model runs as it forecasts: no dropout, moving averages in batch normalisation.
    """
    keras = load_keras()
    name = keras.backend.backend()
    values = keras.ops.convert_to_tensor(inputs, dtype="float32")
    if name == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape() as tape:
            tape.watch(values)
            total = keras.ops.sum(model(values, training=False)[:, 0])
        slopes = tape.gradient(total, values, unconnected_gradients="zero")
        return keras.ops.convert_to_numpy(slopes)
    if name == "torch":
        values = values.detach().requires_grad_(True)
        keras.ops.sum(model(values, training=False)[:, 0]).backward()
        return keras.ops.convert_to_numpy(values.grad)
    if name == "jax":
        gradient = importlib.import_module("jax").grad(
            lambda x: keras.ops.sum(model(x, training=False)[:, 0])
        )
        return keras.ops.convert_to_numpy(gradient(values))
    raise ConfigurationError(
        f"the array library {name} gives no gradients",
        remedy="Set KERAS_BACKEND to tensorflow, torch or jax.",
    )


def _tensorflow() -> Any:
    if load_keras().backend.backend() != "tensorflow":
        return None
    import tensorflow

    return tensorflow
