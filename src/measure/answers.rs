//! How likely texts are after others, many at a time.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::score::{Answer, Request};
use crate::bytes::{BOS, encode, prompt};
use crate::model::entropy::EntropyModel;
use crate::patch::{Rule, Scheme};
use crate::session::{
    BltSession, ContextOptions, EntropyOptions, EntropySession, TextBatch, TextOptions,
    comfortable_batch,
};
use crate::{Error, Result};

/// Answers [`Request`]s by one model.
///
/// Those that share a context read it once where that pays. The entropy model reads all
/// others many in one run.
#[derive(Debug)]
pub struct Answerer(Model);

#[derive(Debug)]
enum Model {
    Blt(Box<BltSession>),
    Entropy {
        session: Box<EntropySession>,
        batch: Box<TextBatch>,
    },
}

impl Answerer {
    /// Answers by the whole model.
    #[must_use]
    pub fn of_blt(session: BltSession) -> Self {
        Self(Model::Blt(Box::new(session)))
    }

    /// Answers by an entropy model.
    ///
    /// # Errors
    /// The device's errors.
    pub fn of_entropy(model: &Arc<EntropyModel>, context: ContextOptions) -> Result<Self> {
        let options = EntropyOptions {
            context,
            best: 1,
            ..EntropyOptions::default()
        };
        let batch = TextOptions {
            context,
            best: 1,
            // No patch is asked for.
            ..TextOptions::of_rule(Rule::new(Scheme::Byte)?)
        };
        Ok(Self(Model::Entropy {
            session: Box::new(EntropySession::new(model, options)?),
            batch: Box::new(TextBatch::new(model, batch)?),
        }))
    }

    /// Gives the answers to `each`, in the order of the requests. `go_on` is asked now
    /// and then and may stop, which is [`Error::Interrupted`].
    ///
    /// # Errors
    /// What the model and `each` say, and [`Error::Interrupted`].
    pub async fn answer<E: From<Error>>(
        &mut self,
        requests: &[Request],
        mut go_on: impl FnMut() -> ControlFlow<()>,
        mut each: impl FnMut(&Answer) -> Result<(), E>,
    ) -> Result<(), E> {
        let groups = requests.chunk_by(|a, b| a.context == b.context);
        let (session, batch) = match &mut self.0 {
            Model::Blt(session) => {
                for group in groups {
                    by_blt(session, group, &mut go_on, &mut each).await?;
                }
                return Ok(());
            }
            Model::Entropy { session, batch } => (session, batch),
        };
        let (mut held, mut bytes) = (Vec::new(), 0);
        for group in groups {
            if shares_its_context(group) {
                in_one_batch(batch, &mut held, &mut go_on, &mut each).await?;
                bytes = 0;
                after_one_context(session, group, &mut go_on, &mut each).await?;
                continue;
            }
            for request in group {
                bytes += request.context.len() + request.continuation.len();
                held.push(request);
                if bytes >= comfortable_batch() {
                    in_one_batch(batch, &mut held, &mut go_on, &mut each).await?;
                    bytes = 0;
                }
            }
        }
        in_one_batch(batch, &mut held, &mut go_on, &mut each).await
    }
}

fn check(go_on: &mut impl FnMut() -> ControlFlow<()>) -> Result<()> {
    match go_on() {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Interrupted),
    }
}

/// Answers requests with one context by the whole model, which goes back to it.
async fn by_blt<E: From<Error>>(
    session: &mut BltSession,
    group: &[Request],
    go_on: &mut impl FnMut() -> ControlFlow<()>,
    each: &mut impl FnMut(&Answer) -> Result<(), E>,
) -> Result<(), E> {
    for (at, request) in group.iter().enumerate() {
        if at == 0 {
            session.reset();
            let context = &request.context;
            session.prefill_while(context, |_| go_on()).await?;
        } else {
            session.truncate(request.context.len() + 1).await?;
        }
        let mut answer = Answer::default();
        for byte in request.continuation.iter().copied() {
            check(go_on)?;
            answer.add(session.logits(), byte);
            session.push(byte).await?;
        }
        each(&answer)?;
    }
    Ok(())
}

/// Answers requests with one context by the entropy model, which reads it once.
async fn after_one_context<E: From<Error>>(
    session: &mut EntropySession,
    group: &[Request],
    go_on: &mut impl FnMut() -> ControlFlow<()>,
    each: &mut impl FnMut(&Answer) -> Result<(), E>,
) -> Result<(), E> {
    let Some(first) = group.first() else {
        return Ok(());
    };
    session.reset();
    let mut best = Vec::new();
    for piece in prompt(&first.context).chunks(session.comfortable_push()) {
        check(go_on)?;
        let mut rows = session.push(piece).await?;
        best = rows.best.pop().unwrap_or_default();
    }
    let context = session.snapshot(None)?;
    for request in group {
        check(go_on)?;
        session.restore(&context)?;
        let mut rows = session
            .push(&encode(&request.continuation).collect::<Vec<_>>())
            .await?;
        // The last token of the context comes before those of the continuation.
        rows.nlls.insert(0, None);
        rows.best.insert(0, best.clone());
        let ids: Vec<u32> = (std::iter::once(BOS))
            .chain(encode(&request.continuation))
            .collect();
        each(&Answer::of_rows(&ids, &rows, 1))?;
    }
    Ok(())
}

/// Answers all that are held.
async fn in_one_batch<E: From<Error>>(
    batch: &mut TextBatch,
    held: &mut Vec<&Request>,
    go_on: &mut impl FnMut() -> ControlFlow<()>,
    each: &mut impl FnMut(&Answer) -> Result<(), E>,
) -> Result<(), E> {
    let text = |request: &&Request| {
        let continuation = encode(&request.continuation);
        (prompt(&request.context).into_iter())
            .chain(continuation)
            .collect()
    };
    let ids: Vec<Vec<u32>> = held.iter().map(text).collect();
    let texts: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
    let all = batch.rows_while(&texts, |_| go_on()).await?;
    for ((request, ids), rows) in held.drain(..).zip(&texts).zip(&all) {
        each(&Answer::of_rows(ids, rows, request.context.len() + 1))?;
    }
    Ok(())
}

/// Bytes that are read in a batch in the time that going back to a context takes.
const BYTES_PER_RETURN: usize = 16;

/// Whether it takes less to read the context of these once, and each continuation after
/// going back to it, than to read all of each request in a batch.
fn shares_its_context(group: &[Request]) -> bool {
    let context = group.first().map_or(0, |request| request.context.len());
    context * group.len().saturating_sub(1) > BYTES_PER_RETURN * group.len()
}
