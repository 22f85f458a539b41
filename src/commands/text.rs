//! What `patch` and `entropy` have in common: a text through a session.

use std::io::{Write, stderr};
use std::time::Instant;

use blt::device::Device;
use blt::patch::{Rule, Scheme};
use blt::session::text::WHOLE_TEXT_MAX;
use blt::session::{TextOptions, TextSession};
use blt::{Error, Result};
use clap::Args;

use super::cut::CutArgs;
use super::documents::DocumentArgs;
use super::doubts;
use super::failure::{Failure, Outcome, argument};
use super::global::Global;
use super::input::{Input, TextArgs};
use super::interrupt;
use super::model::{self, ContextArgs, ModelArgs};
use super::output::{Output, OutputArgs};
use super::progress::Progress;
use super::sink::{Form, Names, Sink};
use super::stream::stream;
use super::summary;

#[derive(Debug, Args)]
pub(super) struct TextCommand {
    #[command(flatten)]
    text: TextArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    documents: DocumentArgs,

    /// Print on standard error how long each kernel took (slower)
    #[arg(long)]
    profile: bool,

    #[command(flatten)]
    cut: CutArgs,
}

impl TextCommand {
    /// Runs the text through a session and writes its records. `entropies`:
    /// run the model even if the patches could be found without.
    pub(super) fn run(&self, global: &Global, form: Form, best: usize, entropies: bool) -> Outcome {
        self.refuse_idle_flags(entropies)?;
        let needs_checkpoint = entropies || self.cut.opens_model();
        // What is wrong with the flags need not wait for input and model.
        self.cut.check()?;
        if form == Form::Svg && self.documents.several() {
            return Err(argument(
                "a figure shows one text, and --separator makes several; take another --format",
            )
            .into());
        }
        let input = Input::open(&self.text)?;
        check_length(&input, form, self.documents.several())?;
        let checkpoint = needs_checkpoint.then(|| self.model.open()).transpose()?;
        let options = TextOptions {
            cut: self.cut.cut(checkpoint.as_ref())?,
            context: self.context.options(),
            best,
            profile: self.profile,
        };
        self.documents.check(&options.cut)?;
        if options.cut.needs_whole_text() {
            check_whole(&input)?;
        }
        interrupt::watch(global.colored())?;
        let output = Output::open(&self.output)?;

        let silent = global.quiet || (output.is_terminal() && form.limit().is_none());
        let mut progress = Progress::new("", input.total, !silent);
        let checkpoint = checkpoint.filter(|_| entropies || options.needs_model());
        let names = Names {
            text: input.name.clone(),
            model: checkpoint.as_ref().map(|model| model.origin().to_owned()),
        };
        let mut sink = Sink::new(form, names, output);
        let mut documents = self.documents.of(input);
        let run = async {
            let model = match &checkpoint {
                Some(checkpoint) => Some(model::load(checkpoint, global).await?),
                None => None,
            };
            let mut session = TextSession::new(model.as_ref(), options)?;
            progress.restart();
            let start = Instant::now();
            let totals = stream(&mut documents, &mut session, &mut sink, &mut progress).await?;
            Ok::<_, Failure>((model, session, totals, start.elapsed()))
        };
        let (model, session, totals, time) = match pollster::block_on(run) {
            Ok(done) => done,
            Err(failure) => {
                progress.end();
                if matches!(failure, Failure::Error(Error::Interrupted)) {
                    sink.interrupted();
                }
                return Err(model::blame(failure, checkpoint.as_ref(), global));
            }
        };
        sink.finish()?;
        let device = model.as_deref().map(|model| model.device().as_ref());
        if !global.quiet {
            say(&remarks(&session, totals.bytes()));
            let by_threshold =
                session.rule().is_some_and(Rule::needs_entropy) && session.solved().is_none();
            let mean = totals.mean_patch();
            say(&doubts::about(
                &checkpoint,
                totals.bytes(),
                by_threshold,
                mean,
            ));
            say(&[summary::line(&totals, time, device)]);
        }
        if self.profile {
            say(&[profile(&session, device)]);
        }
        Ok(())
    }

    /// Refuses flags of the model where none runs.
    fn refuse_idle_flags(&self, entropies: bool) -> Result<()> {
        let Some(mode) = self.cut.mode_without_model().filter(|_| !entropies) else {
            return Ok(());
        };
        let flag = self.profile.then_some("--profile").or(self.context.flag());
        match flag {
            Some(flag) => Err(argument(format!(
                "{flag} is about the entropy model, which --mode {mode} does not run"
            ))),
            None => Ok(()),
        }
    }
}

/// Refuses what will not fit a figure or table before any work is done.
fn check_length(input: &Input, form: Form, several: bool) -> Result<()> {
    match (form.limit(), input.total) {
        (Some((what, most)), Some(total)) if total > most && !several => Err(argument(format!(
            "{what} holds at most {most} bytes of text and this one has {total}; \
             longer ones can be written as jsonl or csv"
        ))),
        _ => Ok(()),
    }
}

/// Refuses what is too long to be seen as a whole before any work is done.
fn check_whole(input: &Input) -> Result<()> {
    match input.total {
        Some(total) if total > WHOLE_TEXT_MAX as u64 => Err(argument(format!(
            "patches of a wanted size need the whole text at once, at most {} MiB of it, and this \
             one has {total} bytes; find the threshold on a part and give it as --threshold",
            WHOLE_TEXT_MAX >> 20
        ))),
        _ => Ok(()),
    }
}

/// What a reader of the result should know about it.
fn remarks(session: &TextSession, bytes: u64) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(solved) = session.solved() {
        remarks.push(format!(
            "threshold {} nats, solved on this text for its mean patch: {:.3} bytes",
            solved.threshold, solved.mean
        ));
    }
    if matches!(session.rule().map(Rule::scheme), Some(Scheme::Delimiter)) && bytes > 0 {
        remarks.push("plain bytes hold no delimiter token, so no patch starts at one".to_owned());
    }
    remarks
}

fn profile(session: &TextSession, device: Option<&Device>) -> String {
    match (session.profile(), device) {
        (Some(profile), Some(device)) if device.has_timestamps() => profile.to_string(),
        (_, Some(device)) => format!("{} cannot time kernels", device.summary().name),
        _ => "no kernel ran".to_owned(),
    }
}

fn say(lines: &[String]) {
    for line in lines {
        // If standard error is gone there is nobody to tell.
        let _ = writeln!(stderr(), "{line}");
    }
}
