"""The Byte Latent Transformer on any GPU and on any processor.

>>> import blt
>>> model = blt.Model.open()
>>> [patch.bytes for patch in model.patch("The quick brown fox")]
[b'The ', b'quick ', b'bro', b'wn ', b'fox']
"""

from ._blt import (
    Answer,
    Batch,
    Event,
    Generation,
    Model,
    Patch,
    Patches,
    Score,
    __version__,
    devices,
    sample,
    samples,
)
from .errors import (
    ArgumentError,
    BltError,
    DeviceError,
    FileError,
    ModelError,
    OutOfMemoryError,
)

__all__ = [
    "Answer",
    "ArgumentError",
    "Batch",
    "BltError",
    "DeviceError",
    "Event",
    "FileError",
    "Generation",
    "Model",
    "ModelError",
    "OutOfMemoryError",
    "Patch",
    "Patches",
    "Score",
    "__version__",
    "devices",
    "sample",
    "samples",
]
