//! `blt score --requests`: how likely a text is after another.

use std::io::{Write as _, stderr};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use blt::bytes::id_of;
use blt::generate::{ByteModel, TextModel};
use blt::measure::score::{Answer, Request};
use blt::session::{BltSession, EntropyOptions, EntropySession};
use blt::{Error, Result};

use super::failure::{Outcome, argument};
use super::global::Global;
use super::input::Input;
use super::interrupt;
use super::output::{Output, OutputArgs};
use super::scoring::{Opened, ScoringArgs, on};
use super::whole::Loaded;

/// Answers the requests of a file, line by line.
///
/// # Errors
/// What the file, the flags and the model say.
pub(super) fn run(
    path: &Path,
    scoring: &ScoringArgs,
    output: &OutputArgs,
    global: &Global,
) -> Outcome {
    let requests = parse(&Input::of_path(path)?.whole()?, path)?;
    let opened = scoring.open()?;
    if opened.part == super::scoring::ModelPart::Both {
        return Err(argument("an answer is that of one model; --model-part both gives two").into());
    }
    interrupt::watch(global.colored())?;
    let mut output = Output::open(output)?;
    let answering = answer(&requests, scoring, &opened, &mut output, global);
    pollster::block_on(answering).map_err(|failure| scoring.blame(failure, &opened, global))?;
    output.commit()
}

fn parse(text: &[u8], path: &Path) -> Result<Vec<Request>> {
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|error| {
                argument(format!(
                    "line {} of {} is no request like {{\"context\": \"...\", \"continuation\": \
                     \"...\"}}: {error}",
                    at + 1,
                    path.display()
                ))
            })
        })
        .collect()
}

async fn answer(
    requests: &[Request],
    scoring: &ScoringArgs,
    opened: &Opened,
    output: &mut Output,
    global: &Global,
) -> Outcome {
    let loaded = scoring.load(opened, global).await?;
    let mut model = match &loaded {
        Loaded::Blt(model, _) => {
            TextModel::Blt(Box::new(BltSession::new(model, scoring.options(opened))?))
        }
        Loaded::Entropy(model) => {
            let options = EntropyOptions {
                context: scoring.context(),
                ..EntropyOptions::default()
            };
            TextModel::Entropy(Box::new(EntropySession::new(model, options)?))
        }
    };
    let start = Instant::now();
    let mut before: Option<&str> = None;
    for request in requests {
        let context = request.context.as_bytes();
        let same = before == Some(request.context.as_str());
        if !same || !model.truncate(context.len() + 1).await? {
            model.read(context, |_| go_on()).await?;
        }
        before = Some(&request.context);
        let mut answer = Answer::default();
        for byte in request.continuation.bytes() {
            interrupt::check()?;
            answer.add(model.logits(), byte);
            model.push(id_of(byte)).await?;
        }
        let mut line = serde_json::to_vec(&answer).map_err(|error| Error::Io {
            action: "write",
            path: "the answers".into(),
            source: error.into(),
        })?;
        line.push(b'\n');
        output.write(&line)?;
    }
    if !global.quiet {
        // If standard error is gone there is nobody to tell.
        let _ = writeln!(
            stderr(),
            "{} requests in {:.1} s · {}",
            requests.len(),
            start.elapsed().as_secs_f64(),
            on(loaded.device())
        );
    }
    Ok(())
}

/// Whether ctrl-C has not been pressed.
pub(super) fn go_on() -> ControlFlow<()> {
    match interrupt::check() {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}
