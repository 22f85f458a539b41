//! Says how well the whole model and its entropy model predict a file, in bits
//! per byte.
//!
//! ```sh
//! cargo run --example score -- FILE [MODEL]
//! ```
#![allow(clippy::print_stdout, reason = "it is what an example is for")]

use std::sync::Arc;

use blt::checkpoint::Checkpoint;
use blt::device::{Device, DeviceOptions};
use blt::measure::score::Score;
use blt::measure::scorer::Scorer;
use blt::model::blt::{BltLoad, BltModel};
use blt::session::{BltOptions, BltSession};

/// Small and untrained: it shows how, not how well.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/k2_base");

async fn run() -> blt::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next();
    let path = path.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/LICENSE-MIT").into());
    let text = std::fs::read(&path).map_err(|source| blt::Error::Io {
        action: "read",
        path: path.clone().into(),
        source,
    })?;
    let name = arguments.next().unwrap_or_else(|| MODEL.to_owned());

    let checkpoint = Arc::new(Checkpoint::open(&name)?);
    let device = Device::open(&DeviceOptions::default()).await?;
    let load = BltLoad::default();
    let model = Arc::new(BltModel::load(&device, &checkpoint, load, |_| ()).await?);
    let session = BltSession::new(&model, BltOptions::default())?;

    // It begins anew by itself where the model's positions are used up.
    let mut scorer = Scorer::of_blt(session, true)?;
    let mut score = Score::default();
    // In pieces, so that a program can show progress and stop in between.
    for piece in text.chunks(scorer.comfortable_push()) {
        scorer.push(piece).await?.iter().for_each(|b| score.add(b));
    }
    scorer.finish().await?.iter().for_each(|b| score.add(b));

    println!(
        "{path}: {} bytes, {} patches",
        score.bytes(),
        score.patches()
    );
    // None where there was no byte to predict.
    if let (Some(bits), Some(entropy)) = (score.bits_per_byte(), score.entropy_bits_per_byte()) {
        println!("whole model {bits:.4} bits per byte, entropy model {entropy:.4}");
    }
    Ok(())
}

fn main() -> blt::Result<()> {
    pollster::block_on(run())
}
