//! How a command ends before its end.

use blt::Error;

/// What a command gives.
pub(super) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command stops.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error to be told.
    Error(Error),
    /// Whoever read the output has seen enough (`| head`): not an error.
    Closed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// An argument that cannot be.
pub(super) fn argument(sentence: impl Into<String>) -> Error {
    Error::Argument(sentence.into())
}

/// Reads a count for clap.
pub(super) fn positive<N: std::str::FromStr + Default + PartialEq>(
    text: &str,
) -> Result<N, String> {
    match text.parse() {
        Ok(count) if count != N::default() => Ok(count),
        _ => Err("a whole number from 1 on is wanted".to_owned()),
    }
}
