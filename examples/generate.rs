//! Continues a text with the whole model, byte by byte.
//!
//! ```sh
//! cargo run --example generate -- [MODEL] [PROMPT]
//! ```

use std::io::Write as _;
use std::sync::Arc;

use blt::checkpoint::Checkpoint;
use blt::device::{Device, DeviceOptions};
use blt::generate::{Event, GenerateOptions, Generator, Given, Sampler, SamplerOptions};
use blt::model::blt::{BltLoad, BltModel};
use blt::session::{BltOptions, BltSession};

/// Small and untrained: it shows how, not how well.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/k2_base");

async fn run() -> blt::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| MODEL.to_owned());
    let prompt = arguments.next().unwrap_or_else(|| "Daenerys ".to_owned());

    let checkpoint = Arc::new(Checkpoint::open(&name)?);
    let device = Device::open(&DeviceOptions::default()).await?;
    let load = BltLoad::default();
    let model = Arc::new(BltModel::load(&device, &checkpoint, load, |_| ()).await?);
    let mut session = BltSession::new(&model, BltOptions::default())?;

    // All patches of the prompt at once; from here on a byte costs a byte's work,
    // and the latent model runs only when a patch closes.
    let rows = session.prefill(prompt.as_bytes()).await?;
    let given = Given {
        text: prompt.as_bytes(),
        starts: &rows.starts,
        entropy: session.entropy(),
    };
    let sampler = Sampler::new(SamplerOptions {
        temperature: 0.8,
        seed: 7,
        ..SamplerOptions::default()
    })?;
    let options = GenerateOptions {
        max_bytes: Some(64),
        ..GenerateOptions::default()
    };
    let mut generator = Generator::new(session, &given, sampler, options)?;
    let mut out = std::io::stdout();
    while let Some(event) = generator.next().await? {
        // The bytes need not be UTF-8, so they are not printed as text.
        let written = match event {
            Event::Byte(record) => out.write_all(record.byte.as_slice()),
            Event::Done { latent_steps, .. } => {
                writeln!(out).and_then(|()| writeln!(out, "({latent_steps} latent steps)"))
            }
            _ => Ok(()),
        };
        if written.is_err() {
            break; // Nobody reads any more.
        }
    }
    Ok(())
}

fn main() -> blt::Result<()> {
    pollster::block_on(run())
}
