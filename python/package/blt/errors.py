"""What can go wrong, sorted by what can be done about it.

Each message is one sentence that names what is wrong and, where there is one, the
remedy.
"""


class BltError(Exception):
    """Anything that goes wrong in this package."""


class ArgumentError(BltError, ValueError):
    """An argument has an impossible value."""


class ModelError(BltError):
    """A model is missing, unusable, or was changed while it was in use."""


class DeviceError(BltError, RuntimeError):
    """The device asked for does not exist, or it failed."""


class OutOfMemoryError(DeviceError, MemoryError):
    """The device has no memory left."""


class FileError(BltError, OSError):
    """A file could not be read."""
