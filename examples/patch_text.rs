//! Cuts a text into patches with the entropy model alone.
//!
//! ```sh
//! cargo run --example patch_text -- "The quick brown fox" [MODEL]
//! ```
#![allow(clippy::print_stdout, reason = "it is what an example is for")]

use std::sync::Arc;

use blt::checkpoint::Checkpoint;
use blt::device::{Device, DeviceOptions};
use blt::model::entropy::EntropyModel;
use blt::session::text::checkpoint_rule;
use blt::session::{TextOptions, TextSession};

async fn run() -> blt::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let text = arguments.next();
    let text = text.unwrap_or_else(|| "The quick brown fox jumps over the lazy dog.".to_owned());
    let checkpoint = match arguments.next() {
        Some(name) => Checkpoint::open(&name)?,
        None => Checkpoint::embedded()?,
    };

    let device = Device::open(&DeviceOptions::default()).await?;
    // Views into the mapped file: nothing is copied before it goes to the GPU.
    let weights = checkpoint.entropy_weights()?;
    let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await?);

    // A threshold belongs to its model, so the rule is the checkpoint's own.
    let rule = checkpoint_rule(checkpoint.patching())?;
    let mut session = TextSession::new(Some(&model), TextOptions::of_rule(rule))?;

    // Any pieces will do: the records do not depend on where they are cut.
    let mut records = Vec::new();
    for piece in text.as_bytes().chunks(7) {
        records.extend(session.push(piece).await?);
    }
    // The last record is about the byte to come, which is only known now to be none.
    records.extend(session.finish().await?);

    for record in records {
        let Some(byte) = record.byte else { continue };
        let mark = if record.start { "|" } else { " " };
        let entropy = record.entropy.unwrap_or_default();
        println!(
            "{mark} {:<6} {entropy:.3} nats",
            byte.escape_ascii().to_string()
        );
    }
    Ok(())
}

fn main() -> blt::Result<()> {
    pollster::block_on(run())
}
