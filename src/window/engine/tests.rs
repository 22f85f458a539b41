//! The thread that computes, while models are loaded beside it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::*;
use crate::device::DeviceOptions;
use crate::model::memory::RESERVE;

const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/gqa");

/// A reader of models that a test can hold up.
#[derive(Default)]
struct Reader {
    held: Mutex<bool>,
    moved: Condvar,
    pieces: AtomicUsize,
}

impl Reader {
    fn piece(&self) {
        self.pieces.fetch_add(1, Ordering::Relaxed);
        let held = self.held.lock().unwrap();
        // A test that fails meanwhile ends too.
        let patience = Duration::from_secs(20);
        let waited = self.moved.wait_timeout_while(held, patience, |held| *held);
        drop(waited.unwrap());
    }

    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.moved.notify_all();
    }

    fn pieces(&self) -> usize {
        self.pieces.load(Ordering::Relaxed)
    }
}

/// An engine with the model in the program, and the reader of the next ones.
fn engine(memory: Option<u64>) -> (Engine, Arc<Reader>) {
    let options = DeviceOptions {
        memory,
        ..DeviceOptions::default()
    };
    let device = pollster::block_on(Device::open(&options)).unwrap();
    let reader = Arc::new(Reader::default());
    let gate = Arc::clone(&reader);
    let engine = Engine::start_slow(device, Arc::new(|| ()), Arc::new(move || gate.piece()));
    engine.ask(Request::Open(None));
    let model = opened(&engine);
    assert_eq!(model.name, None);
    (engine, reader)
}

fn next<T>(engine: &Engine, mut wanted: impl FnMut(Update) -> Option<T>) -> T {
    loop {
        let update = engine
            .updates
            .recv_timeout(Duration::from_secs(60))
            .unwrap();
        if let Some(found) = wanted(update) {
            return found;
        }
    }
}

fn opened(engine: &Engine) -> Arc<Model> {
    next(engine, |update| match update {
        Update::Opened(model) => Some(model),
        Update::NotOpened(why) => panic!("{why}"),
        _ => None,
    })
}

/// Why a model was not opened.
fn refused(engine: &Engine) -> String {
    next(engine, |update| match update {
        Update::NotOpened(why) => Some(why.to_string()),
        Update::Opened(model) => panic!("{} was opened", model.title),
        _ => None,
    })
}

/// Asks for another model, and waits until some of it is read.
fn begin(engine: &Engine, reader: &Reader, name: &Path) {
    reader.hold(true);
    let before = reader.pieces();
    engine.ask(Request::Open(Some(name.display().to_string())));
    next(engine, |update| match update {
        Update::Loading { done, .. } => (done > 0).then_some(()),
        _ => None,
    });
    while reader.pieces() == before {
        std::thread::yield_now();
    }
}

/// All entropies of a text.
fn entropies(engine: &Engine, revision: u64, text: &[u8]) -> Vec<f32> {
    engine.ask(Request::Analysis(AnalysisRequest::Text {
        revision,
        bytes: Arc::new(text.to_vec()),
    }));
    next(engine, |update| match update {
        Update::Analysis(AnalysisUpdate::Entropies {
            revision: of,
            entropies,
            stale,
            ..
        }) => (of == revision && stale.is_empty()).then(|| entropies.to_vec()),
        Update::Opened(_) | Update::NotOpened(_) => panic!("that was not to come yet"),
        _ => None,
    })
}

#[test]
fn entropies_come_while_another_model_is_loaded_until_it_is_cancelled() {
    let (engine, reader) = engine(None);
    let before = entropies(&engine, 1, b"some text");
    begin(&engine, &reader, Path::new(SMALL));
    assert_eq!(entropies(&engine, 2, b"some text"), before);
    engine.ask(Request::CancelOpen);
    next(&engine, |update| {
        matches!(update, Update::OpenCancelled).then_some(())
    });
    let pieces = reader.pieces();
    reader.hold(false);
    assert_eq!(entropies(&engine, 3, b"some text"), before);
    drop(engine);
    assert_eq!(reader.pieces(), pieces, "nothing more was read");
}

#[test]
fn a_newer_wish_takes_the_place_of_an_older_one() {
    let (engine, reader) = engine(None);
    begin(&engine, &reader, Path::new(SMALL));
    engine.ask(Request::Open(Some("/nowhere/at-all".to_owned())));
    engine.ask(Request::Open(None));
    reader.hold(false);
    assert_eq!(opened(&engine).name, None);
    // And nothing comes of the others.
    engine.ask(Request::Open(Some(SMALL.to_owned())));
    assert_eq!(opened(&engine).name.as_deref(), Some(SMALL));
}

#[test]
fn an_engine_that_is_closed_during_a_load_reads_no_further() {
    let (engine, reader) = engine(None);
    begin(&engine, &reader, Path::new(SMALL));
    let pieces = reader.pieces();
    let closed = Arc::clone(&engine.closed);
    let closing = std::thread::spawn(move || drop(engine));
    while !closed.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    reader.hold(false);
    closing.join().unwrap();
    assert_eq!(reader.pieces(), pieces);
}

fn copy_of_a_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(SMALL).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

#[test]
fn a_folder_that_is_deleted_is_said_in_a_sentence_and_the_model_stays() {
    let (engine, _) = engine(None);
    let before = entropies(&engine, 1, b"some text");
    let folder = copy_of_a_model();
    let path = folder.path().to_owned();
    std::fs::remove_file(path.join("model.safetensors")).unwrap();
    engine.ask(Request::Open(Some(path.display().to_string())));
    let why = refused(&engine);
    assert!(why.contains(&path.display().to_string()), "{why}");
    drop(folder);
    engine.ask(Request::Open(Some(path.display().to_string())));
    let why = refused(&engine);
    assert!(why.contains(&path.display().to_string()), "{why}");
    assert_eq!(entropies(&engine, 2, b"some text"), before);
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_deleted_while_it_is_read_is_read_to_its_end() {
    let (engine, reader) = engine(None);
    let folder = copy_of_a_model();
    begin(&engine, &reader, folder.path());
    folder.close().unwrap();
    reader.hold(false);
    opened(&engine);
    let from_deleted = entropies(&engine, 1, b"some text");
    engine.ask(Request::Open(Some(SMALL.to_owned())));
    opened(&engine);
    assert_eq!(entropies(&engine, 2, b"some text"), from_deleted);
}

#[test]
fn two_models_that_do_not_fit_beside_each_other_are_refused_with_the_numbers() {
    let bytes = {
        let (engine, _) = engine(None);
        engine.ask(Request::Open(None));
        opened(&engine).entropy.bytes()
    };
    let (engine, _) = engine(Some(bytes + RESERVE + (1 << 20)));
    let before = entropies(&engine, 1, b"some text");
    engine.ask(Request::Open(None));
    let why = refused(&engine);
    for part in ["MiB beside", "of the open model", "take a smaller model"] {
        assert!(why.contains(part), "{why}");
    }
    assert_eq!(entropies(&engine, 2, b"some text"), before);
}

#[test]
fn entropies_come_while_a_long_prompt_is_read() {
    let (engine, _) = engine(None);
    let before = entropies(&engine, 1, b"some text");
    let ask = |ticket, wish| engine.ask(Request::Generate(GenerateRequest { ticket, wish }));
    let given = "a long prompt ".repeat(200).into_bytes();
    let prompt = given.len();
    ask(1, Wish::Read { given, prompt });
    // First the rest of the model is loaded.
    next(&engine, |update| match update {
        Update::Generate(GenerateUpdate::Doing(Doing::Loading(done, total))) => {
            (done > 0 && total > done).then_some(())
        }
        _ => None,
    });
    assert_eq!(entropies(&engine, 2, b"some text"), before);
    next(&engine, |update| match update {
        Update::Generate(GenerateUpdate::Doing(Doing::Reading(read, 2800))) => {
            (read > 0 && read < 2800).then_some(())
        }
        _ => None,
    });
    engine.ask(Request::Analysis(AnalysisRequest::Text {
        revision: 3,
        bytes: Arc::new(b"some text".to_vec()),
    }));
    let fresh = next(&engine, |update| match update {
        Update::Analysis(AnalysisUpdate::Entropies {
            revision: 3,
            entropies,
            stale,
            ..
        }) => stale.is_empty().then(|| entropies.to_vec()),
        Update::Generate(GenerateUpdate::Read(_)) => panic!("the prompt was read first"),
        _ => None,
    });
    assert_eq!(fresh, before);
    let read = next(&engine, |update| match update {
        Update::Generate(GenerateUpdate::Read(records)) => Some(records),
        _ => None,
    });
    assert_eq!(read.len(), 2800);
}

/// A model's file that is cut while its weights are used where they lie: the sentence names
/// it, whatever the window then does.
#[cfg(unix)]
#[test]
fn a_file_that_is_cut_meanwhile_is_named() {
    // A graphics adapter has its own copy.
    let options = DeviceOptions {
        choice: crate::device::AdapterChoice {
            adapter: Some("cpu".to_owned()),
            ..Default::default()
        },
        ..DeviceOptions::default()
    };
    let device = pollster::block_on(Device::open(&options)).unwrap();
    let engine = Engine::start_slow(device, Arc::new(|| ()), Arc::new(|| ()));
    let folder = copy_of_a_model();
    let weights = folder.path().join("model.safetensors");
    engine.ask(Request::Open(Some(folder.path().display().to_string())));
    opened(&engine);
    entropies(&engine, 1, b"some text");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&weights)
        .unwrap();
    file.set_len(4096).unwrap();
    engine.ask(Request::Analysis(AnalysisRequest::Text {
        revision: 2,
        bytes: Arc::new(b"another text".to_vec()),
    }));
    let why = next(&engine, |update| match update {
        Update::Lost(why) | Update::Failed(why) => Some(why),
        _ => None,
    });
    assert!(
        why.to_string().contains(&weights.display().to_string()),
        "{why}"
    );
}
