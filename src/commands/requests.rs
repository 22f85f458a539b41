//! `blt score --requests`: how likely a text is after another.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use blt::measure::answers::Answerer;
use blt::measure::score::{Answer, Request};
use blt::session::BltSession;
use blt::text_file::lines_of_json;
use blt::{Error, Result};

use super::failure::{Outcome, argument};
use super::global::Global;
use super::input::{Input, shown};
use super::interrupt;
use super::output::{Output, OutputArgs};
use super::scoring::{AskingArgs, Opened, on};
use super::whole::Loaded;

/// Answers the requests of a file, line by line.
///
/// # Errors
/// What the file, the flags and the model say.
pub(super) fn run(
    path: &Path,
    asking: &AskingArgs,
    output: &OutputArgs,
    global: &Global,
) -> Outcome {
    let requests = parse(&Input::of_path(path)?.whole()?, path)?;
    let opened = asking.open()?;
    if opened.part == super::scoring::ModelPart::Both {
        return Err(argument("an answer is that of one model; --model-part both gives two").into());
    }
    interrupt::watch(global.colored())?;
    let mut output = Output::open(output)?;
    let answering = answer(&requests, asking, &opened, &mut output, global);
    pollster::block_on(answering).map_err(|failure| asking.blame(failure, &opened, global))?;
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
    asking: &AskingArgs,
    opened: &Opened,
    output: &mut Output,
    global: &Global,
) -> Outcome {
    let loaded = asking.load(opened, global).await?;
    let start = Instant::now();
    let mut answerer = match &loaded {
        Loaded::Blt(model, _) => Answerer::of_blt(BltSession::new(model, asking.options(opened))?),
        Loaded::Entropy(model) => Answerer::of_entropy(model, asking.context())?,
    };
    answerer
        .answer(requests, go_on, |answer| write(answer, output))
        .await?;
    global.say(&format_args!(
        "{} requests in {:.1} s · {}",
        requests.len(),
        start.elapsed().as_secs_f64(),
        on(loaded.device())
    ));
    Ok(())
}

fn write(answer: &Answer, output: &mut Output) -> Outcome {
    let mut line = serde_json::to_vec(answer).map_err(|error| Error::Io {
        action: "write",
        path: "the answers".into(),
        source: error.into(),
    })?;
    line.push(b'\n');
    output.write(&line)
}

/// Whether ctrl-C has not been pressed.
pub(super) fn go_on() -> ControlFlow<()> {
    match interrupt::check() {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}
