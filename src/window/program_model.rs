//! The files of the model that comes with the program: inside it, or beside the page.

use crate::checkpoint::Checkpoint;
use crate::error::Result;

/// Opens the model inside the program.
///
/// # Errors
/// As for [`Checkpoint::embedded`].
#[cfg(not(target_arch = "wasm32"))]
#[expect(clippy::unused_async, reason = "a page waits for its files")]
pub(crate) async fn open(_: impl FnMut(u64, u64) + Clone + 'static) -> Result<Checkpoint> {
    Checkpoint::embedded()
}

/// Opens the model beside the page; `told` is told the bytes loaded and the total.
///
/// # Errors
/// [`Error::Checkpoint`](crate::Error::Checkpoint) if its files cannot be loaded.
#[cfg(target_arch = "wasm32")]
pub(crate) async fn open(told: impl FnMut(u64, u64) + Clone + 'static) -> Result<Checkpoint> {
    let fetch = async |name: &str| {
        let url = format!("model/{name}");
        let fetched = crate::page::fetched(&url, told.clone()).await;
        fetched.map_err(|why| {
            crate::Error::Checkpoint(format!("{url} of this page could not be loaded: {why}"))
        })
    };
    let config = fetch("config.json").await?;
    let weights = fetch("model.safetensors").await?;
    Checkpoint::from_bytes(&config, weights, "the embedded model")
}
