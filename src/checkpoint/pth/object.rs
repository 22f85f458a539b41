//! What a pickle of tensors is made of.

use safetensors::Dtype;

/// A value on the stack. Larger ones lie in the table of objects, so that a
/// pickle that refers to itself makes no cycle of owners.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    Object(usize),
}

#[derive(Debug)]
pub(super) enum Object<'a> {
    Text(&'a str),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Global(Global),
    /// An object of Python with its attributes, of which nothing is run.
    Record(Global, Value),
    Storage(Storage<'a>),
    Tensor(Tensor<'a>),
}

/// What a pickle may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// What a table of tensors needs.
    Tensors,
    /// What the `.metadata` of a distributed checkpoint needs.
    Metadata,
}

impl Names {
    /// The longest program. The table of a released model is below 200 kB; where hundreds of
    /// processes have written a checkpoint together, each part of each tensor has a line.
    pub(super) const fn longest(self) -> usize {
        match self {
            Self::Tensors => 4 << 20,
            Self::Metadata => 64 << 20,
        }
    }
}

/// The names of Python that a table of tensors, or of where its parts are, needs; no
/// other is ever looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`, what a state dict is.
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`
    RebuildParameter,
    /// `torch.Size`
    Size,
    /// `torch.FloatStorage` and its like.
    Storage(Dtype),
    /// `torch.float32` and its like.
    Dtype,
    /// A class without behaviour, of which there are records.
    Record(&'static str),
    /// A function that names something which no tensor depends on: how it lies in memory,
    /// and where the checkpoint once was.
    Unneeded,
}

/// The classes of a distributed checkpoint's `.metadata`.
const RECORDS: [(&str, &[&str]); 2] = [
    (
        "torch.distributed.checkpoint.metadata",
        &[
            "Metadata",
            "TensorStorageMetadata",
            "TensorProperties",
            "ChunkStorageMetadata",
            "BytesStorageMetadata",
            "MetadataIndex",
            "StorageMeta",
        ],
    ),
    (
        "torch.distributed.checkpoint.filesystem",
        &["_StorageInfo", "_StoragePrefix"],
    ),
];

/// Functions of it, called for what no tensor depends on.
const UNNEEDED: [(&str, &str); 7] = [
    (
        "torch.distributed.checkpoint.metadata",
        "_MEM_FORMAT_ENCODING",
    ),
    ("torch.serialization", "_get_layout"),
    ("pathlib", "PosixPath"),
    ("pathlib", "PurePosixPath"),
    ("pathlib", "WindowsPath"),
    ("pathlib", "PureWindowsPath"),
    ("pathlib", "Path"),
];

impl Global {
    pub(super) fn named(names: Names, module: &str, name: &str) -> Option<Self> {
        match names {
            Names::Tensors => Self::of_tensors(module, name),
            Names::Metadata => Self::of_metadata(module, name),
        }
    }

    fn of_metadata(module: &str, name: &str) -> Option<Self> {
        let of_module = RECORDS.iter().find(|(place, _)| *place == module);
        let record = of_module.and_then(|(_, names)| names.iter().find(|other| **other == name));
        match record {
            Some(name) => Some(Self::Record(name)),
            None if UNNEEDED.contains(&(module, name)) => Some(Self::Unneeded),
            // Newer versions keep it in a module of its own.
            None if module.starts_with("pathlib.") => Self::of_metadata("pathlib", name),
            None => match (module, name) {
                ("collections", "OrderedDict") => Some(Self::OrderedDict),
                ("torch", "Size") => Some(Self::Size),
                (
                    "torch",
                    "float64" | "float32" | "float16" | "bfloat16" | "float8_e4m3fn"
                    | "float8_e5m2" | "complex64" | "complex128" | "int64" | "int32" | "int16"
                    | "int8" | "uint8" | "bool",
                ) => Some(Self::Dtype),
                _ => None,
            },
        }
    }

    fn of_tensors(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", "Size") => Self::Size,
            ("torch", storage) => Self::Storage(match storage {
                "FloatStorage" => Dtype::F32,
                "HalfStorage" => Dtype::F16,
                "BFloat16Storage" => Dtype::BF16,
                // No weights, but a file may hold them beside its weights.
                "DoubleStorage" => Dtype::F64,
                "ComplexFloatStorage" => Dtype::C64,
                "LongStorage" => Dtype::I64,
                "IntStorage" => Dtype::I32,
                "ShortStorage" => Dtype::I16,
                "CharStorage" => Dtype::I8,
                "ByteStorage" => Dtype::U8,
                "BoolStorage" => Dtype::BOOL,
                _ => return None,
            }),
            _ => return None,
        })
    }
}

/// A file `data/{key}` of the archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage<'a> {
    pub(super) dtype: Dtype,
    pub(super) key: &'a str,
    pub(super) elements: usize,
}

/// A tensor: a window of a storage, row by row.
#[derive(Debug, Clone)]
pub(super) struct Tensor<'a> {
    pub(super) storage: Storage<'a>,
    /// Elements before its first.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Whether its elements follow one another in the storage.
    pub(super) contiguous: bool,
}
