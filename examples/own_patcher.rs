//! Lets the whole model read a text in patches of one's own: here sentences, cut
//! where they would become too long.
//!
//! ```sh
//! cargo run --example own_patcher -- [MODEL] [TEXT]
//! ```
#![allow(clippy::print_stdout, reason = "it is what an example is for")]

use std::sync::Arc;

use blt::bytes::byte_of;
use blt::checkpoint::Checkpoint;
use blt::device::{Device, DeviceOptions};
use blt::model::blt::{BltLoad, BltModel};
use blt::patch::{Known, Patcher};
use blt::session::{BltOptions, BltSession};

/// Small and untrained: it shows how, not how well.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/k2_base");

/// A patch ends with a full stop, or after `longest` bytes.
#[derive(Clone, Debug)]
struct Sentences {
    longest: u32,
    length: u32,
}

impl Patcher for Sentences {
    // Only the past is known here, as in generation: so prefill, generation and
    // going back find the same patches.
    fn next_starts(&mut self, known: &Known) -> bool {
        self.length += 1;
        let stop = byte_of(known.id).is_none_or(|byte| byte == b'.');
        let ends = stop || self.length == self.longest;
        if ends {
            self.length = 0;
        }
        ends
    }

    fn reset(&mut self) {
        self.length = 0;
    }

    // A session that is forked takes the state along.
    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(self.clone())
    }
}

async fn run() -> blt::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| MODEL.to_owned());
    let text = arguments.next();
    let text = text.unwrap_or_else(|| "One sentence. Another, which is longer. End".to_owned());

    let checkpoint = Arc::new(Checkpoint::open(&name)?);
    let device = Device::open(&DeviceOptions::default()).await?;
    let load = BltLoad::default();
    let model = Arc::new(BltModel::load(&device, &checkpoint, load, |_| ()).await?);
    let options = BltOptions {
        patcher: Some(Box::new(Sentences {
            longest: 24,
            length: 0,
        })),
        ..BltOptions::default()
    };
    let mut session = BltSession::new(&model, options)?;
    session.prefill(text.as_bytes()).await?;

    for (at, byte) in text.bytes().enumerate() {
        // Position 0 is that of BOS, which is a patch of its own.
        if session.starts_at(at + 1) {
            print!("[");
        }
        print!("{}", byte.escape_ascii());
        if session.starts_at(at + 2) {
            println!("]");
        }
    }
    // BOS has one too, and the patch that is still open has none yet.
    println!("\n{} latent steps", session.counters().latent_steps);
    Ok(())
}

fn main() -> blt::Result<()> {
    pollster::block_on(run())
}
