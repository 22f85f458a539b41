//! Continuations by models on the device: a branch is what generating anew gives,
//! the way back is exact, and a lost device is an error.
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::Poll;

use crate::common::open;
use blt::Error;
use blt::device::Device;
use blt::device::tuning::LatentStep;
use blt::generate::{
    ByteModel, Continuation, GenerateOptions, Prediction, SamplerOptions, TextModel,
};
use blt::model::blt::{BltLoad, BltModel};
use blt::model::entropy::EntropyModel;
use blt::patch::{Rule, Scheme};
use blt::session::{BltOptions, BltSession, EntropyOptions, EntropySession};

const PROMPT: &[u8] = b"Daenerys Targaryen is in Game of Thrones, a fantasy epic";

async fn device() -> Arc<Device> {
    crate::common::device()
}

async fn whole(device: &Arc<Device>) -> Arc<BltModel> {
    let checkpoint = Arc::new(open("k2_base"));
    let model = BltModel::load(device, &checkpoint, BltLoad::default(), |_| ()).await;
    Arc::new(model.unwrap())
}

fn of(model: &Arc<BltModel>, options: BltOptions) -> TextModel {
    TextModel::Blt(Box::new(BltSession::new(model, options).unwrap()))
}

fn on(_: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

async fn after(prompt: &[u8], model: TextModel, sampler: SamplerOptions) -> Continuation {
    let options = GenerateOptions {
        ignore_end: true,
        ..GenerateOptions::default()
    };
    let mut text = Continuation::new(model, sampler, options).unwrap();
    text.read(prompt, on).await.unwrap();
    text
}

async fn steps(text: &mut Continuation, count: usize) {
    for _ in 0..count {
        text.step().await.unwrap();
    }
}

/// The logits after the text, read anew by another session.
async fn anew(model: &mut TextModel, text: &Continuation) -> Vec<f32> {
    let all = [text.prompt().unwrap(), &text.text()].concat();
    model.read(&all, on).await.unwrap();
    model.logits().to_vec()
}

fn close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

fn log_ps(predictions: &[Prediction]) -> Vec<f32> {
    let mut all = predictions.to_vec();
    all.sort_by_key(|own| own.id);
    #[expect(clippy::cast_possible_truncation, reason = "compared as such")]
    all.iter().map(|own| own.log_p as f32).collect()
}

#[test]
fn it_may_go_to_another_thread() {
    fn sent<T: Send>() {}
    sent::<Continuation>();
}

#[test]
fn a_branch_is_what_generating_anew_gives() {
    pollster::block_on(async {
        let device = device().await;
        let model = whole(&device).await;
        let mut other = of(&model, BltOptions::default());
        let greedy = SamplerOptions::default();
        // Short of what is worth a copy, and beyond it.
        for (bytes, at) in [(26, 20), (120, 3)] {
            let own = of(&model, BltOptions::default());
            let mut text = after(PROMPT, own, greedy).await;
            steps(&mut text, bytes).await;
            let (first, found) = (text.text(), text.predictions().unwrap());
            let chosen = text.bytes()[at].alternatives[1].byte;
            text.branch(at, chosen).await.unwrap();
            close(text.model().logits(), &anew(&mut other, &text).await);
            steps(&mut text, 30).await;
            close(text.model().logits(), &anew(&mut other, &text).await);
            let second = text.text();
            assert_eq!(second[..at], first[..at]);
            assert_eq!(second[at], chosen);
            assert_eq!(text.forks(), usize::from(bytes == 120));

            let prompt = [PROMPT, &second[..=at]].concat();
            let fresh = of(&model, BltOptions::default());
            let mut fresh = after(&prompt, fresh, greedy).await;
            steps(&mut fresh, 30).await;
            assert_eq!(fresh.text(), second[at + 1..]);
            for (fresh, own) in fresh.bytes().iter().zip(&text.bytes()[at + 1..]) {
                let mut record = fresh.record;
                let near = |a: Option<f32>, b: Option<f32>| (a.unwrap() - b.unwrap()).abs() < 1e-4;
                assert!(near(record.nll, own.record.nll));
                assert!(near(record.entropy, own.record.entropy));
                (record.nll, record.entropy) = (own.record.nll, own.record.entropy);
                assert_eq!(record, own.record);
                assert_eq!(fresh.latent_after, own.latent_after);
            }

            // Back, and on from there as if nothing had been.
            text.switch(0).unwrap();
            assert_eq!(text.text(), first);
            assert_eq!(text.predictions().unwrap(), found);
            steps(&mut text, 20).await;
            close(text.model().logits(), &anew(&mut other, &text).await);
            let never_left = of(&model, BltOptions::default());
            let mut never_left = after(PROMPT, never_left, greedy).await;
            steps(&mut never_left, bytes + 20).await;
            assert_eq!(text.text(), never_left.text());
            if bytes == 120 {
                // A copy goes on with the same bits.
                assert_eq!(text.model().logits(), never_left.model().logits());
            }
        }
    });
}

#[test]
fn any_way_to_a_text_gives_its_probabilities() {
    let sampler = SamplerOptions {
        temperature: 1.0,
        seed: 3,
        ..SamplerOptions::default()
    };
    let static_patches = Rule::new(Scheme::Static { size: 3 }).unwrap();
    let predicted = Rule::new(Scheme::DelimiterPredicted).unwrap();
    pollster::block_on(async {
        let device = device().await;
        let model = whole(&device).await;
        for (rule, step) in [
            (None, None),
            (Some(static_patches), Some(LatentStep::Readback)),
            (Some(predicted), Some(LatentStep::Indirect)),
        ] {
            let options = || BltOptions {
                rule: rule.clone(),
                latent_step: step,
                ..BltOptions::default()
            };
            let mut other = of(&model, options());
            let mut text = after(PROMPT, of(&model, options()), sampler).await;
            steps(&mut text, 30).await;
            for at in [25, 3, 10] {
                text.branch(at, b'e').await.unwrap();
                steps(&mut text, 4).await;
                text.undo().unwrap();
                text.step_patch(|events| match events.len() {
                    1 => ControlFlow::Continue(()),
                    _ => ControlFlow::Break(()),
                })
                .await
                .unwrap();
                close(text.model().logits(), &anew(&mut other, &text).await);
                text.switch(0).unwrap();
                text.truncate(29);
                text.settle(on).await.unwrap();
                steps(&mut text, 1).await;
                close(text.model().logits(), &anew(&mut other, &text).await);
            }
        }
    });
}

#[test]
fn an_entropy_model_alone_reads_again() {
    pollster::block_on(async {
        let device = device().await;
        let checkpoint = open("k2_base");
        let weights = checkpoint.entropy_weights().unwrap();
        let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
        let rule = Some(Rule::entropy(checkpoint.patching().threshold.unwrap()).unwrap());
        let own = |rule| {
            let options = EntropyOptions {
                rule,
                ..EntropyOptions::default()
            };
            TextModel::Entropy(Box::new(EntropySession::new(&model, options).unwrap()))
        };
        let mut other = own(None);
        for rule in [rule, None] {
            let greedy = SamplerOptions::default();
            let mut text = after(PROMPT, own(rule.clone()), greedy).await;
            steps(&mut text, 30).await;
            let first = text.text();
            assert!(text.bytes().iter().all(|byte| !byte.latent_after));
            let patches = text.bytes().iter().any(|byte| byte.closed);
            assert_eq!(patches, rule.is_some());
            text.branch(10, b'x').await.unwrap();
            steps(&mut text, 10).await;
            close(text.model().logits(), &anew(&mut other, &text).await);
            text.switch(0).unwrap();
            let found = log_ps(&text.predictions().unwrap());
            text.settle(on).await.unwrap();
            assert_eq!(text.text(), first);
            assert_eq!(log_ps(&text.predictions().unwrap()), found);
            steps(&mut text, 5).await;
            close(text.model().logits(), &anew(&mut other, &text).await);
            assert_eq!(text.forks(), 0);
        }
    });
}

#[test]
fn an_interrupted_read_leaves_it_usable() {
    pollster::block_on(async {
        let device = device().await;
        let model = whole(&device).await;
        let long: Vec<u8> = PROMPT.iter().copied().cycle().take(1200).collect();
        let greedy = SamplerOptions::default();
        let mut text = after(PROMPT, of(&model, BltOptions::default()), greedy).await;
        let mut told = 0;
        let stop = |bytes| {
            told = bytes;
            ControlFlow::Break(())
        };
        let error = text.read(&long, stop).await.unwrap_err();
        assert!(matches!(error, Error::Interrupted) && (1..1200).contains(&told));
        assert!(text.prompt().is_none() && text.step().await.is_err());
        text.read(PROMPT, on).await.unwrap();
        steps(&mut text, 20).await;
        let mut fresh = after(PROMPT, of(&model, BltOptions::default()), greedy).await;
        steps(&mut fresh, 20).await;
        assert_eq!(text.text(), fresh.text());
        assert_eq!(text.predictions().unwrap(), fresh.predictions().unwrap());

        // So does a step that is dropped while the device works on it.
        text.read(&long[..200], on).await.unwrap();
        text.set_most_forks(0);
        steps(&mut text, 10).await;
        text.branch(0, b'x').await.unwrap();
        text.switch(0).unwrap();
        let first = text.text();
        // The processor is done with it before it can be dropped.
        if !drop_a_step(&mut text).await {
            assert_eq!(text.text(), first);
        }
        steps(&mut text, 3).await;
        let mut other = of(&model, BltOptions::default());
        close(text.model().logits(), &anew(&mut other, &text).await);
    });
}

/// Drops a step half-way, while the device works on it; says whether it was done.
async fn drop_a_step(text: &mut Continuation) -> bool {
    let mut step = Box::pin(text.step());
    std::future::poll_fn(|context| Poll::Ready(step.as_mut().poll(context).is_ready())).await
}

#[test]
fn stages_are_timed_where_there_are_timestamps() {
    pollster::block_on(async {
        let device = device().await;
        let model = whole(&device).await;
        for step in [
            LatentStep::WorstCase,
            LatentStep::Indirect,
            LatentStep::Readback,
        ] {
            let options = |stage_times| BltOptions {
                latent_step: Some(step),
                stage_times,
                ..BltOptions::default()
            };
            let greedy = SamplerOptions::default();
            let mut plain = after(PROMPT, of(&model, options(false)), greedy).await;
            let mut timed = after(PROMPT, of(&model, options(true)), greedy).await;
            steps(&mut plain, 12).await;
            steps(&mut timed, 12).await;
            // Looking changes nothing but rounding: a row that is taken whole on some
            // adapters is taken part by part.
            let by_id = |text: &Continuation| {
                let mut found = text.predictions().unwrap();
                found.sort_by_key(|prediction| prediction.id);
                found
            };
            for (plain, timed) in by_id(&plain).iter().zip(by_id(&timed)) {
                assert_eq!((plain.id, plain.cut), (timed.id, timed.cut));
                assert!((plain.log_p - timed.log_p).abs() < 1e-4);
            }
            assert!(timed.bytes().iter().any(|byte| byte.latent_after));
            for (plain, timed) in plain.bytes().iter().zip(timed.bytes()) {
                let (a, b) = (plain.record, timed.record);
                assert_eq!((a.byte, a.start, a.patch), (b.byte, b.start, b.patch));
                for (a, b) in [(a.entropy, b.entropy), (a.nll, b.nll)] {
                    assert!((a.unwrap() - b.unwrap()).abs() < 1e-4);
                }
                assert_eq!(plain.times.stages, None);
                assert!(plain.times.total > 0.0);
                let Some(stages) = timed.times.stages else {
                    assert!(!device.has_timestamps());
                    continue;
                };
                assert!(device.has_timestamps());
                let parts = [stages.entropy, stages.encoder, stages.decoder];
                assert!(parts.iter().all(|part| *part > 0.0), "{stages:?}");
                assert!(stages.latent > 0.0 || !timed.latent_after, "{stages:?}");
                // Two clocks may differ by a little.
                let whole = timed.times.total - timed.times.sampling;
                assert!(stages.total() < whole * 1.05 + 0.1, "{stages:?} {whole}");
            }
        }
    });
}

#[test]
fn a_lost_device_is_an_error() {
    pollster::block_on(async {
        let device = device().await;
        let model = whole(&device).await;
        let own = of(&model, BltOptions::default());
        let mut text = after(PROMPT, own, SamplerOptions::default()).await;
        steps(&mut text, 100).await;
        let first = text.text();
        device.destroy();
        let lost = |error: Error| assert!(matches!(error, Error::DeviceLost(_)), "{error}");
        lost(text.step().await.unwrap_err());
        lost(text.branch(2, b'x').await.unwrap_err());
        text.truncate(50);
        lost(text.step().await.unwrap_err());
        lost(text.settle(on).await.unwrap_err());
        // What is on the host is still there.
        assert_eq!(text.text(), first[..50]);
        assert!(text.predictions().is_ok());
        assert_eq!(text.branches().len(), 1);
        lost(text.read(b"anew", on).await.unwrap_err());
        assert!(text.prompt().is_none());
    });
}

#[test]
fn a_lost_device_while_a_branch_is_copied_is_an_error() {
    pollster::block_on(async {
        let device = device().await;
        let model = whole(&device).await;
        let own = of(&model, BltOptions::default());
        let mut text = after(PROMPT, own, SamplerOptions::default()).await;
        steps(&mut text, 100).await;
        device.destroy();
        let error = text.branch(2, b'x').await.unwrap_err();
        assert!(matches!(error, Error::DeviceLost(_)), "{error}");
        assert_eq!(text.len(), 100);
    });
}
