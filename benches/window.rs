//! What the window costs: `cargo bench --bench window [-- [FRAMES] [frames] [keys]
//! [threshold]]`.
//!
//! First, frames in which 10,000 bytes show and the threshold moves, drawn as the
//! patch screen does, and with egui alone: a section of text for every byte, with
//! its entropy as the background. Then the threshold in 100 KB of text, and one key
//! in 4 KiB from the key to the frame that shows every number.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use blt::checkpoint::Checkpoint;
use blt::device::{AdapterChoice, DeviceClass, DeviceOptions};
use blt::model::entropy::EntropyModel;
use blt::session::{EntropyOptions, EntropySession};
use blt::window::bench::{Bench, Staff, Times, entropy_color, letters, start_color};
use blt::window::{App, AppOptions, Devices, Language};
use egui::text::LayoutJob;
use egui::{Event, Key, Modifiers, PointerButton, pos2};

/// Bytes that show at once.
const VISIBLE: usize = 10_000;
/// A screen of 2560 x 1440 pixels at the least zoom.
const SCREEN: [f32; 2] = [5120.0, 2880.0];
const ZOOM: f32 = 0.5;
/// The window as it opens.
const WINDOW: [f32; 2] = [1280.0, 800.0];
const LARGE: usize = 100_000;
const EDITED: usize = 4096;
const KEYS: usize = 7;

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// The medians of the parts of frames and of the whole, in ms.
fn medians(times: &[Times]) -> [f64; 4] {
    let of = |part: &dyn Fn(&Times) -> Duration| median(times.iter().map(part).collect());
    [
        of(&|times| times.layout),
        of(&|times| times.tessellation),
        of(&|times| times.device),
        of(&Times::total),
    ]
}

fn row(name: &str, [layout, tessellation, device, all]: [f64; 4]) {
    println!("| {name} | {layout:.2} | {tessellation:.2} | {device:.2} | {all:.2} |");
}

fn table(title: &str) {
    println!("\n{title}, ms:\n");
    println!("| | layout | tessellation | upload and drawing | all |\n|---|---:|---:|---:|---:|");
}

/// Some prose, in paragraphs of about 800 bytes.
fn text(length: usize) -> String {
    let mut text = String::new();
    let mut paragraph = 0;
    let words = include_str!("../README.md").split_whitespace();
    for word in words.filter(|word| word.is_ascii()).cycle() {
        text.push_str(word);
        paragraph += word.len() + 1;
        text.push(if paragraph < 800 { ' ' } else { '\n' });
        paragraph %= 800;
        if text.len() >= length {
            break;
        }
    }
    text.truncate(length);
    text
}

fn frames(devices: &Devices, count: usize) {
    let text = text(VISIBLE);
    let checkpoint = Checkpoint::embedded().unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    let model = Arc::new(
        pollster::block_on(EntropyModel::load(&devices.compute, &weights, |_| ())).unwrap(),
    );
    let mut session = EntropySession::new(&model, EntropyOptions::default()).unwrap();
    let ids = blt::bytes::prompt(text.as_bytes());
    let entropies = pollster::block_on(session.push(&ids)).unwrap().entropies;
    drop(session);

    let mut staff = Staff::new(&text, entropies.clone());
    let mut ours = Bench::new(devices.graphics.as_ref().unwrap(), SCREEN, ZOOM).unwrap();
    let mut plain = Bench::new(devices.graphics.as_ref().unwrap(), SCREEN, ZOOM).unwrap();
    let sections = |starts: &[bool], width: f32| {
        let mut job = LayoutJob::default();
        job.wrap.max_width = width;
        for (at, entropy) in entropies.iter().take(text.len()).enumerate() {
            let mut format = letters();
            format.background = entropy_color(*entropy);
            if starts[at] {
                format.color = start_color();
            }
            job.append(&text[at..=at], 0.0, format);
        }
        job
    };
    let (mut a, mut b, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    let warm = 5;
    // In turns, so that whatever else the machine does falls on both.
    for frame in 0..count + warm {
        let threshold = 1.0 + 0.01 * (frame % 200) as f32;
        let began = Instant::now();
        let starts = staff.cut(threshold).to_vec();
        let cutting = began.elapsed();
        let mut one = ours.frame(Vec::new(), |ui| staff.show(ui)).unwrap();
        one.layout += cutting;
        let draw = |ui: &mut egui::Ui| {
            let job = sections(&starts, ui.available_width());
            let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
            let place = ui.max_rect().min;
            ui.painter().galley(place, galley, egui::Color32::BLACK);
        };
        let mut two = plain.frame(Vec::new(), draw).unwrap();
        two.layout += cutting;
        let three = plain.frame(Vec::new(), draw).unwrap();
        assert_eq!(staff.visible(), VISIBLE, "all bytes show");
        if frame >= warm {
            a.push(one);
            b.push(two);
            rest.push(three);
        }
    }
    table(&format!(
        "A frame with {VISIBLE} bytes at 2560 x 1440 pixels and another threshold each time, \
         median of {count}"
    ));
    let (ours, plain, rest) = (medians(&a), medians(&b), medians(&rest));
    row("staff", ours);
    row("egui alone, a section per byte", plain);
    row("egui alone, the threshold at rest", rest);
    println!(
        "\nscore / egui alone: {:.3} (wanted: at most 0.333); without the device: {:.3}",
        ours[3] / plain[3],
        (ours[0] + ours[1]) / (plain[0] + plain[1]),
    );
}

/// The whole window in the hands of a bench.
struct Hand {
    bench: Bench,
    app: App,
    woken: Receiver<()>,
}

impl Hand {
    fn open(devices: &Devices, text: &str) -> Self {
        let (sender, woken) = channel();
        let wake = Arc::new(move || {
            let _ = sender.send(());
        });
        let options = AppOptions {
            text: Some(text.as_bytes().to_vec()),
            language: Some(Language::English),
            theme: Some(App::LIGHT),
            still: true,
            ..AppOptions::default()
        };
        let graphics = devices.graphics.as_ref().unwrap();
        let mut bench = Bench::new(graphics, WINDOW, 1.0).unwrap();
        if graphics.summary().class == DeviceClass::Software && devices.compute.gpu().is_none() {
            bench.keep_frames();
        }
        let app = App::new(devices, options, wake);
        app.set_up(bench.context());
        let mut hand = Self { bench, app, woken };
        hand.settle();
        let place = pos2(300.0, 130.0);
        hand.frame(vec![Event::PointerMoved(place)]);
        for pressed in [true, false] {
            hand.frame(vec![Event::PointerButton {
                pos: place,
                button: PointerButton::Primary,
                pressed,
                modifiers: Modifiers::NONE,
            }]);
        }
        hand.frame(vec![Event::PointerGone]);
        hand.settle();
        hand
    }

    fn frame(&mut self, events: Vec<Event>) -> Times {
        let app = &mut self.app;
        self.bench.frame(events, |ui| app.ui(ui)).unwrap()
    }

    fn settle(&mut self) {
        self.frame(Vec::new());
        self.wait();
    }

    /// Draws whenever something has come, as a window does.
    fn wait(&mut self) {
        while !self.app.is_settled() {
            self.woken.recv_timeout(Duration::from_secs(300)).unwrap();
            while self.woken.try_recv().is_ok() {}
            self.frame(Vec::new());
        }
    }

    fn press(&mut self, key: Key, modifiers: Modifiers) -> Times {
        self.frame(vec![Event::Key {
            key,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers,
        }])
    }

    /// The first frame after an event, and how long it is to the frame with all numbers.
    fn time(&mut self, event: Event) -> (Times, Duration) {
        while self.woken.try_recv().is_ok() {}
        let began = Instant::now();
        let first = self.frame(vec![event]);
        self.wait();
        (first, began.elapsed())
    }
}

fn threshold(devices: &Devices, count: usize) {
    let text = text(LARGE);
    let began = Instant::now();
    let mut hand = Hand::open(devices, &text);
    println!(
        "\n{LARGE} bytes opened, all numbers there after {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let rest: Vec<Times> = (0..count).map(|_| hand.frame(Vec::new())).collect();
    let moved: Vec<Times> = (0..count)
        .map(|frame| {
            let key = if frame % 40 < 20 {
                Key::ArrowUp
            } else {
                Key::ArrowDown
            };
            hand.press(key, Modifiers::ALT)
        })
        .collect();
    // Any numbers will do for the time that cutting takes.
    let entropies = (0..=LARGE).map(|at| (at % 47) as f32 / 10.0).collect();
    let mut staff = Staff::new(&text, entropies);
    let cut = (0..count)
        .map(|frame| {
            let began = Instant::now();
            staff.cut(1.0 + 0.01 * frame as f32);
            began.elapsed()
        })
        .collect();
    table(&format!(
        "A frame of the whole window with {LARGE} bytes of text, median of {count}"
    ));
    row("at rest", medians(&rest));
    row("the threshold moves", medians(&moved));
    println!("\nof that, cutting the text again: {:.2} ms", median(cut));
}

fn keys(devices: &Devices, count: usize) {
    let count = count.min(KEYS);
    let text = text(EDITED);
    let mut hand = Hand::open(devices, &text);
    println!(
        "\nOne key in {EDITED} bytes, from the key to the frame with all numbers and the \
         distribution at the caret, median of {count}, ms:\n"
    );
    println!(
        "| | first frame | of it layout, with the numbers it waits for | tessellation | upload and \
         drawing | all numbers | of the whole text |\n|---|---:|---:|---:|---:|---:|---:|"
    );
    let row = |name: &str, first: &[Times], all: f64, share: f64| {
        let [layout, tessellation, device, first] = medians(first);
        println!(
            "| {name} | {first:.1} | {layout:.1} | {tessellation:.1} | {device:.1} | {all:.1} | \
             {share:.3} |"
        );
    };
    // Other texts of this length, with nothing in common at either end.
    let whole = (0..count).map(|round| {
        hand.press(Key::A, Modifiers::COMMAND);
        let shifted = text.chars().cycle().skip(round + 1).take(EDITED - 2);
        let mark = char::from(b'0' + u8::try_from(round).unwrap());
        let other = std::iter::once(mark).chain(shifted).chain([mark]);
        hand.time(Event::Paste(other.collect()))
    });
    let (first, all): (Vec<_>, Vec<_>) = whole.unzip();
    let whole = median(all);
    row("(another text)", &first, whole, 1.0);
    for (name, place) in [("at the end", 2), ("in the middle", 1), ("at the start", 0)] {
        let end = if place == 2 { Key::End } else { Key::Home };
        // Only with it does egui go to the end of the text, and not of the line.
        hand.press(end, Modifiers::CTRL);
        // A window of this width shows about 70 bytes in a line.
        for _ in 0..if place == 1 { EDITED / 2 / 70 } else { 0 } {
            hand.press(Key::ArrowDown, Modifiers::NONE);
        }
        hand.settle();
        let (first, all): (Vec<_>, Vec<_>) = (0..count)
            .map(|_| hand.time(Event::Text("k".to_owned())))
            .unzip();
        let all = median(all);
        row(name, &first, all, all / whole);
    }
}

/// Prints what a number of frames or keys costs.
type Part = fn(&Devices, usize);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parts: [(&str, Part); 3] = [("frames", frames), ("keys", keys), ("threshold", threshold)];
    let count = arguments.iter().find_map(|argument| argument.parse().ok());
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !parts.iter().any(|(name, _)| named(name));
    let options = DeviceOptions {
        choice: AdapterChoice {
            adapter: std::env::var("BLT_ADAPTER").ok(),
            backend: None,
        },
        ..Default::default()
    };
    let devices = pollster::block_on(Devices::open(&options)).unwrap();
    println!(
        "computes on {}, draws on {}",
        devices.compute.summary().name,
        devices.graphics.as_ref().unwrap().summary().name
    );
    for (name, part) in parts {
        if all || named(name) {
            part(&devices, count.unwrap_or(60));
        }
    }
}
