//! The whole embedded model against transformers' f32 logits of the same rounded
//! weights. `training/fixture_blt.py` writes the fixture anew.
use std::sync::Arc;

use blt::bytes::VOCAB;
use blt::checkpoint::Checkpoint;
use blt::device::DeviceClass;
use blt::model::blt::{BltLoad, BltModel};
use blt::session::{BltOptions, BltSession};

#[derive(serde::Deserialize)]
struct Fixture {
    threshold: f32,
    cases: Vec<Case>,
}

/// Positions count BOS as 0.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    text: String,
    /// At which a patch starts; perhaps also that of the byte after the text.
    starts: Vec<usize>,
    rows: Vec<Row>,
}

#[derive(serde::Deserialize)]
struct Row {
    position: usize,
    logits: Vec<f32>,
}

fn close(got: &[f32], row: &Row, name: &str) {
    assert_eq!((got.len(), row.logits.len()), (VOCAB as usize, got.len()));
    for (id, (got, want)) in got.iter().zip(&row.logits).enumerate() {
        assert!(
            (got - want).abs() < 2e-4,
            "{name}: {got} for {want} at position {}, id {id}",
            row.position
        );
    }
}

#[test]
fn it_agrees_with_transformers() {
    let fixture: Fixture =
        serde_json::from_str(include_str!("../fixtures/embedded_blt.json")).unwrap();
    assert_eq!(fixture.cases.len(), 6);
    pollster::block_on(async {
        let device = crate::common::device();
        let checkpoint = Arc::new(Checkpoint::embedded().unwrap());
        assert_eq!(checkpoint.patching().threshold, Some(fixture.threshold));
        let load = BltLoad::default();
        let model = BltModel::load(&device, &checkpoint, load, |_| ()).await;
        let model = Arc::new(model.unwrap());
        let mut session = BltSession::new(&model, BltOptions::default()).unwrap();
        // A software driver takes a second for a few bytes.
        let software = device.summary().class == DeviceClass::Software;
        let every = if software { 6 } else { 1 };
        let cases = if software { 3 } else { 6 };
        for case in &fixture.cases[..cases] {
            let (text, name) = (case.text.as_bytes(), case.name.as_str());
            session.reset();
            // Up to each row and no further, so that its logits are the last ones.
            for row in case.rows.iter().skip(every - 1).step_by(every) {
                let taken = session.position().saturating_sub(1);
                session.prefill(&text[taken..row.position]).await.unwrap();
                assert_eq!(session.position(), row.position + 1);
                close(session.logits(), row, name);
            }
            assert_eq!(session.position(), text.len() + 1, "{name}");
            let starts = (0..=text.len() + 1).filter(|at| session.starts_at(*at));
            assert_eq!(starts.collect::<Vec<_>>(), case.starts, "{name}");

            if every == 1 {
                // The whole text at once is the same.
                session.reset();
                session.prefill(text).await.unwrap();
                close(session.logits(), case.rows.last().unwrap(), name);
            }
        }
    });
}
