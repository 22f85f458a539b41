//! `blt score --requests`: how likely a text is after another.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use blt::bytes::id_of;
use blt::generate::{ByteModel, TextModel};
use blt::measure::score::{Answer, Request};
use blt::session::{BltSession, EntropyOptions, EntropySession};
use blt::text_file::lines_of_json;
use blt::{Error, Result};

use super::failure::{Outcome, argument};
use super::global::Global;
use super::input::{Input, shown};
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
    if text.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let shown = shown(path);
    lines_of_json(text)
        .map_err(|said| argument(format!("{shown} {said}")))?
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|error| {
                argument(format!(
                    "line {} of {shown} is no request like {{\"context\": \"...\", \"continuation\": \
                     \"...\"}}: {}",
                    at + 1,
                    remedied(&error, "`context_base64` or `continuation_base64`")
                ))
            })
        })
        .collect()
}

/// What the parser says, and what to do about a text that JSON cannot hold.
pub(super) fn remedied(error: &serde_json::Error, keys: &str) -> String {
    let said = error.to_string();
    // The parser has no kind for these.
    let untellable = ["surrogate", "unicode code point", "hex escape"];
    match untellable.iter().any(|word| said.contains(word)) {
        true => format!("{said}; give bytes that are not UTF-8 as base64, under {keys}"),
        false => said,
    }
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
    let mut before: Option<&[u8]> = None;
    for request in requests {
        let context = request.context.as_slice();
        let same = before == Some(context);
        if !same || !model.truncate(context.len() + 1).await? {
            model.read(context, |_| go_on()).await?;
        }
        before = Some(context);
        let mut answer = Answer::default();
        for byte in request.continuation.iter().copied() {
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
    global.say(&format_args!(
        "{} requests in {:.1} s · {}",
        requests.len(),
        start.elapsed().as_secs_f64(),
        on(loaded.device())
    ));
    Ok(())
}

/// Whether ctrl-C has not been pressed.
pub(super) fn go_on() -> ControlFlow<()> {
    match interrupt::check() {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}
