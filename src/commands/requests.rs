//! `blt score --requests`: how likely a text is after another.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use blt::bytes::{encode, id_of, prompt};
use blt::generate::{ByteModel, TextModel};
use blt::measure::score::{Answer, Request};
use blt::model::entropy::EntropyModel;
use blt::patch::{Rule, Scheme};
use blt::session::{
    BltSession, ContextOptions, EntropyOptions, EntropySession, TextBatch, TextOptions,
    comfortable_batch,
};
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
    let start = Instant::now();
    match &loaded {
        Loaded::Blt(model, _) => {
            let session = BltSession::new(model, scoring.options(opened))?;
            let mut model = TextModel::Blt(Box::new(session));
            one_by_one(requests, &mut model, output).await?;
        }
        Loaded::Entropy(model) => many(requests, model, scoring.context(), output).await?,
    }
    global.say(&format_args!(
        "{} requests in {:.1} s · {}",
        requests.len(),
        start.elapsed().as_secs_f64(),
        on(loaded.device())
    ));
    Ok(())
}

/// Answers by a text in a model, which goes back to a context that it has read.
async fn one_by_one(requests: &[Request], model: &mut TextModel, output: &mut Output) -> Outcome {
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
        write(&answer, output)?;
    }
    Ok(())
}

/// Answers by the entropy model, many requests at a time but for those that share a
/// long context.
async fn many(
    requests: &[Request],
    model: &Arc<EntropyModel>,
    context: ContextOptions,
    output: &mut Output,
) -> Outcome {
    let options = TextOptions {
        context,
        best: 1,
        // No patch is asked for.
        ..TextOptions::of_rule(Rule::new(Scheme::Byte)?)
    };
    let mut batch = TextBatch::new(model, options)?;
    let mut alone: Option<TextModel> = None;
    let (mut held, mut bytes) = (Vec::new(), 0);
    for group in requests.chunk_by(|a, b| a.context == b.context) {
        if shares_its_context(group) {
            answer_held(&mut held, &mut batch, output).await?;
            bytes = 0;
            let model = match &mut alone {
                Some(model) => model,
                none => none.insert(TextModel::Entropy(Box::new(EntropySession::new(
                    model,
                    EntropyOptions {
                        context,
                        ..EntropyOptions::default()
                    },
                )?))),
            };
            one_by_one(group, model, output).await?;
            continue;
        }
        for request in group {
            bytes += request.context.len() + request.continuation.len();
            held.push(request);
            if bytes >= comfortable_batch() {
                answer_held(&mut held, &mut batch, output).await?;
                bytes = 0;
            }
        }
    }
    answer_held(&mut held, &mut batch, output).await
}

/// Bytes that are read in a batch in the time of a byte that is taken alone.
const BYTES_PER_STEP: usize = 4;

/// Whether it takes less to read the context of these once, and then each byte of the
/// continuations alone, than to read all of each request in a batch.
fn shares_its_context(group: &[Request]) -> bool {
    let context = group.first().map_or(0, |request| request.context.len());
    let saved = context * group.len().saturating_sub(1);
    let alone: usize = group.iter().map(|one| one.continuation.len()).sum();
    saved > BYTES_PER_STEP * alone
}

async fn answer_held(
    held: &mut Vec<&Request>,
    batch: &mut TextBatch,
    output: &mut Output,
) -> Outcome {
    let text = |request: &&Request| {
        let continuation = encode(&request.continuation);
        prompt(&request.context)
            .into_iter()
            .chain(continuation)
            .collect()
    };
    let ids: Vec<Vec<u32>> = held.iter().map(text).collect();
    let texts: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
    let all = batch.rows_while(&texts, |_| go_on()).await?;
    for ((request, ids), rows) in held.drain(..).zip(&texts).zip(&all) {
        write(
            &Answer::of_rows(ids, rows, request.context.len() + 1),
            output,
        )?;
    }
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
