import builtins
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, Literal, Optional, TypedDict, Union, final, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer, Unpack

__version__: str

Text = Union[str, Buffer]
Texts = Any  # Iterable[Optional[Text]], or whatever has __arrow_c_array__ or __arrow_c_stream__
Mode = Literal[
    "entropy",
    "monotonic",
    "both",
    "space",
    "static",
    "byte",
    "delimiter",
    "top-k",
    "bpe-patcher",
    "lookup",
]
Part = Literal["blt", "entropy"]

class _Context(TypedDict, total=False):
    """Where the context is cut."""

    reset_at_newline: bool
    reset_every: Optional[int]

class _Reading(_Context, total=False):
    """Where patches start."""

    mode: Optional[Mode]
    threshold: Optional[float]
    threshold_add: Optional[float]
    patch_size: Optional[float]
    max_patch_length: Optional[int]
    table: Union[str, PathLike[str], None]

class _Writing(_Reading, total=False):
    """How bytes are chosen; what is not said is as on the command line."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    repetition_window: int
    seed: int
    utf8: Literal["raw", "constrain"]

@final
class Patch:
    @property
    def start(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def bytes(self) -> bytes: ...
    @property
    def entropy(self) -> Optional[float]: ...
    def __len__(self) -> int: ...
    def __bytes__(self) -> builtins.bytes: ...

@final
class Patches(Sequence[Patch]):
    @property
    def starts(self) -> NDArray[np.uint32]: ...
    @property
    def lengths(self) -> NDArray[np.uint32]: ...
    @property
    def entropies(self) -> Optional[NDArray[np.float32]]: ...
    @property
    def threshold(self) -> Optional[float]: ...
    @property
    def mean(self) -> Optional[float]: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int) -> Patch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Patch]: ...

@final
class Score:
    @property
    def bytes(self) -> int: ...
    @property
    def patches(self) -> int: ...
    @property
    def mean_patch(self) -> Optional[float]: ...
    @property
    def nll(self) -> float: ...
    @property
    def bits_per_byte(self) -> Optional[float]: ...
    @property
    def byte_perplexity(self) -> Optional[float]: ...
    @property
    def entropy_bits_per_byte(self) -> Optional[float]: ...
    @property
    def nlls(self) -> NDArray[np.float32]: ...
    @property
    def entropy_nlls(self) -> Optional[NDArray[np.float32]]: ...
    @property
    def pieces(self) -> int: ...

@final
class Answer:
    @property
    def logprob(self) -> float: ...
    @property
    def is_greedy(self) -> bool: ...
    @property
    def bytes(self) -> int: ...

class Event:
    @final
    class Byte(Event):
        __match_args__ = ("index", "byte", "entropy", "nll", "start", "patch")
        @property
        def index(self) -> int: ...
        @property
        def byte(self) -> int: ...
        @property
        def entropy(self) -> Optional[float]: ...
        @property
        def nll(self) -> Optional[float]: ...
        @property
        def start(self) -> bool: ...
        @property
        def patch(self) -> int: ...

    @final
    class Draft(Event):
        __match_args__ = ("drafted", "accepted")
        @property
        def drafted(self) -> int: ...
        @property
        def accepted(self) -> int: ...

    @final
    class Boundary(Event):
        __match_args__ = ("patch", "length")
        @property
        def patch(self) -> int: ...
        @property
        def length(self) -> int: ...

    @final
    class LatentStep(Event):
        __match_args__ = ("patch",)
        @property
        def patch(self) -> int: ...

    @final
    class Done(Event):
        __match_args__ = ("reason", "stop", "bytes", "latent_steps")
        @property
        def reason(self) -> Literal["length", "full", "end_of_text", "stop", "other"]: ...
        @property
        def stop(self) -> Optional[int]: ...
        @property
        def bytes(self) -> int: ...
        @property
        def latent_steps(self) -> int: ...

@final
class Generation(Iterator[Event]):
    @property
    def bytes(self) -> bytes: ...
    @property
    def text(self) -> str: ...
    @property
    def done(self) -> Event.Done: ...
    def __next__(self) -> Event: ...

@final
class Batch:
    @property
    def column_names(self) -> list[str]: ...
    def to_pyarrow(self) -> Any: ...
    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]: ...
    def __arrow_c_schema__(self) -> Any: ...
    def __len__(self) -> int: ...

@final
class Model:
    @staticmethod
    def open(
        model: Union[str, PathLike[str], None] = None,
        device: str = "auto",
        weights: Union[Literal["auto", 16, 8, "mixed", 4], str, None] = None,
        *,
        entropy_model: Union[str, PathLike[str], None] = None,
        threads: Optional[int] = None,
    ) -> Model: ...
    @property
    def name(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def kind(self) -> Literal["blt", "entropy"]: ...
    def patch(
        self,
        text: Text,
        **arguments: Unpack[_Reading],
    ) -> Patches: ...
    def entropies(
        self,
        text: Text,
        *,
        to_come: bool = False,
        **arguments: Unpack[_Context],
    ) -> NDArray[np.float32]: ...
    def score(
        self,
        text: Text,
        *,
        part: Union[Part, Literal["both"], None] = None,
        piece: Optional[int] = None,
        **arguments: Unpack[_Reading],
    ) -> Score: ...
    def answers(
        self,
        requests: Iterable[tuple[Text, Text]],
        *,
        part: Optional[Part] = None,
        **arguments: Unpack[_Reading],
    ) -> list[Answer]: ...
    def generate(
        self,
        prompt: Optional[Text] = None,
        max_bytes: int = 256,
        *,
        stop: Union[Text, Sequence[Text], None] = None,
        ignore_end: bool = False,
        speculate: Union[int, Literal["auto", "off"], None] = None,
        part: Optional[Part] = None,
        **arguments: Unpack[_Writing],
    ) -> Generation: ...
    def patch_batch(
        self,
        texts: Texts,
        *,
        entropies: bool = False,
        nll: bool = False,
        **arguments: Unpack[_Reading],
    ) -> Batch: ...
    def score_batch(
        self,
        texts: Texts,
        *,
        part: Union[Part, Literal["both"], None] = None,
        piece: Optional[int] = None,
        **arguments: Unpack[_Reading],
    ) -> Batch: ...

def devices() -> list[tuple[str, str, str]]: ...
def sample(name: str) -> bytes: ...
def samples() -> list[str]: ...
