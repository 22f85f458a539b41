//! Whole data sets: the entropies and patches of every text of a corpus.
//!
//! The texts of an input file go through the model in *batches*. A finished batch is a file
//! of its own in `OUT/.blt-corpus`, which appears when it is whole. When all batches of an
//! input are there, they become its output, then its record is written, and then they go.
//! So a run may end at any moment: the next one does again the batch that was under way,
//! and nothing else.
//!
//! Which texts a batch holds depends on the input alone. So nothing has to be noted about
//! how far a run has come.

mod bad;
mod batch;
mod document;
mod input;
mod layout;
mod manifest;
mod output;
mod places;
mod read;
mod reader;
mod result;
mod run;
mod shard;
mod table;

pub use document::Columns;
pub use layout::{Extras, Layout, TableFormat};
pub use manifest::{Counts, ModelId};
pub use reader::Reader;
pub use run::{Corpus, CorpusOptions, Done, Progress};
pub use shard::Shard;
