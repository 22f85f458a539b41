//! The one error type of the library: every variant prints as a single
//! sentence that names what is wrong and, where there is one, the remedy.

use std::path::PathBuf;

/// `std::result::Result` with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, sorted by what a caller can do about it.
///
/// The command line maps each group to its own exit code ([`Error::exit_code`]).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No graphics adapter fits the request (none at all, none of that name or
    /// backend, or none with the features of a forced tier).
    #[error("{0}")]
    Adapter(String),

    /// The device reported a validation or internal error.
    #[error("the device reported an error: {0}")]
    Device(String),

    /// The device has no memory left for an allocation.
    #[error("the device is out of memory: {0}")]
    OutOfMemory(String),

    /// The device was lost: driver reset, watchdog, adapter unplugged.
    #[error("the device was lost: {0}")]
    DeviceLost(String),

    /// A checkpoint is missing, incomplete, unsupported or contradicts itself.
    #[error("{0}")]
    Checkpoint(String),

    /// A model computes non-finite values;
    /// [`Checkpoint::first_non_finite`](crate::checkpoint::Checkpoint::first_non_finite)
    /// finds the tensor that is to blame.
    #[error(
        "{0} are non-finite: the weights hold NaN, infinite or far too large values; take another \
         copy of the model"
    )]
    NonFinite(String),

    /// An argument or option has an impossible value.
    #[error("{0}")]
    Argument(String),

    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried: `read`, `write`, `create`, `map`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A kernel disagrees with its reference (`blt verify`).
    #[error("{0}")]
    Verify(String),

    /// The user interrupted the run.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// The exit code of the command line for this error: 1 run time, 2 usage,
    /// 3 no usable adapter, 4 checkpoint, 5 verification, 130 interrupted.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Device(_) | Self::OutOfMemory(_) | Self::DeviceLost(_) | Self::Io { .. } => 1,
            Self::Argument(_) => 2,
            Self::Adapter(_) => 3,
            Self::Checkpoint(_) | Self::NonFinite(_) => 4,
            Self::Verify(_) => 5,
            Self::Interrupted => 130,
        }
    }
}
