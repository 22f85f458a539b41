//! What only the page around the program can do, with `page.js`: its own files, the
//! user's, downloads, and its address.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

use crate::files::{self, Blob, ReadRanges};

#[wasm_bindgen(module = "/src/page/page.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = fetched)]
    async fn js_fetched(url: &str, told: &Closure<dyn FnMut(f64, f64)>)
    -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = download)]
    fn js_download(name: &str, bytes: &[u8], kind: &str);
    #[wasm_bindgen(js_name = download_png)]
    fn js_download_png(name: &str, svg: &[u8]);
    #[wasm_bindgen(catch, js_name = picked)]
    async fn js_picked(folder: bool, accept: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = ranges_of)]
    async fn js_ranges_of(number: f64, ranges: Vec<f64>) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = on_drop)]
    fn js_on_drop(
        part: &HtmlCanvasElement,
        taken: &Closure<dyn FnMut(Array, Array)>,
        failed: &Closure<dyn FnMut(String)>,
    );
    pub(crate) fn renewed(canvas: &HtmlCanvasElement) -> HtmlCanvasElement;
    #[wasm_bindgen(js_name = on_context_lost)]
    fn js_on_context_lost(canvas: &HtmlCanvasElement, told: &Closure<dyn FnMut()>);
    #[wasm_bindgen(js_name = pause)]
    async fn js_pause(milliseconds: f64);
    pub(crate) fn ended(why: &str);
    #[wasm_bindgen(js_name = link_with)]
    fn js_link_with(names: Vec<String>, values: Vec<String>) -> String;
    #[wasm_bindgen(js_name = of_link)]
    pub(crate) fn of_link(name: &str) -> Option<String>;
}

/// What a script has thrown, in words.
fn said(thrown: &JsValue) -> String {
    let error = thrown.dyn_ref::<js_sys::Error>();
    error.map_or_else(|| format!("{thrown:?}"), |error| error.message().into())
}

/// The content of a file that lies beside the page; `told` is told the bytes loaded and
/// the total.
///
/// # Errors
/// The browser's, in words.
pub(crate) async fn fetched(
    url: &str,
    mut told: impl FnMut(u64, u64) + 'static,
) -> Result<Vec<u8>, String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes"
    )]
    let told = Closure::new(move |done: f64, total: f64| told(done as u64, total as u64));
    let bytes = js_fetched(url, &told)
        .await
        .map_err(|thrown| said(&thrown))?;
    Ok(Uint8Array::new(&bytes).to_vec())
}

/// Gives a file to the browser's downloads.
pub(crate) fn download(path: &Path, bytes: &[u8]) {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let kind = match path.extension().and_then(|end| end.to_str()) {
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    js_download(&name.to_string_lossy(), bytes, kind);
}

/// Draws an SVG and gives it to the browser's downloads as a PNG.
pub(crate) fn download_png(path: &Path, svg: &[u8]) {
    let name = path.file_name().unwrap_or(path.as_os_str());
    js_download_png(&name.to_string_lossy(), svg);
}

/// A link to this page that carries some parts, with their names.
pub(crate) fn link_with(parts: &[(&'static str, String)]) -> String {
    let (names, values) = parts
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .unzip();
    js_link_with(names, values)
}

/// The language of the user, as `ko-KR`.
pub(crate) fn locale() -> Option<String> {
    web_sys::window()?.navigator().language()
}

/// Takes files: the path and the bytes of each; of a large one the first bytes, and its
/// number and length.
fn take(contents: &Array) -> Vec<PathBuf> {
    let contents = contents.iter().map(|file| Array::from(&file));
    let mut all = Vec::new();
    for file in contents {
        let Some(path) = file.get(0).as_string().map(PathBuf::from) else {
            continue;
        };
        if !all.iter().any(|other: &PathBuf| root(other) == root(&path)) {
            // What was below a folder of this name before is not in this one.
            files::forget_below(root(&path));
        }
        let bytes = Uint8Array::new(&file.get(1)).to_vec();
        match (file.get(2).as_f64(), file.get(3).as_f64()) {
            (Some(number), Some(length)) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "bytes"
                )]
                let length = length as u64;
                let blob = Blob::new(bytes.into(), length, Arc::new(LargeFile(number)));
                files::hand_over_blob(path.clone(), blob);
            }
            _ => files::hand_over(path.clone(), bytes),
        }
        all.push(path);
    }
    all
}

/// The first part of a path: what was dropped or chosen.
fn root(path: &Path) -> &Path {
    path.iter().next().map_or(path, Path::new)
}

/// A file that the page reads in pieces, by its number there.
#[derive(Debug)]
struct LargeFile(f64);

impl ReadRanges for LargeFile {
    fn read(&self, ranges: &[Range<u64>]) -> files::Read {
        let ends = ranges.iter().flat_map(|range| [range.start, range.end]);
        let (number, ends) = (self.0, ends.map(|at| at as f64).collect());
        Box::pin(async move {
            let bytes = js_ranges_of(number, ends).await;
            let bytes = bytes.map_err(|thrown| io::Error::other(said(&thrown)))?;
            Ok(Uint8Array::new(&bytes).to_vec())
        })
    }
}

/// Asks for a file or a folder; none if the user cancels.
pub(crate) async fn picked(folder: bool, accept: &str) -> Result<Option<PathBuf>, String> {
    let contents = js_picked(folder, accept)
        .await
        .map_err(|thrown| said(&thrown))?;
    let paths = take(&Array::from(&contents));
    let first = paths.first();
    Ok(match folder {
        false => first.cloned(),
        true => first.map(|path| root(path).to_owned()),
    })
}

/// Calls back when a canvas loses its WebGL context.
pub(crate) fn on_context_lost(canvas: &HtmlCanvasElement, told: impl FnMut() + 'static) {
    let told = Closure::new(told);
    js_on_context_lost(canvas, &told);
    // As long as the page.
    told.forget();
}

/// Waits.
pub(crate) async fn pause(time: Duration) {
    js_pause(time.as_secs_f64() * 1e3).await;
}

/// What is dropped onto the canvas from now on, or why it could not be read.
pub(crate) fn drops(
    canvas: &HtmlCanvasElement,
    wake: impl Fn() + Clone + 'static,
) -> Receiver<Result<Vec<PathBuf>, String>> {
    let (sender, dropped) = channel();
    let (failing, woken) = (sender.clone(), wake.clone());
    let taken = Closure::new(move |names: Array, contents: Array| {
        take(&contents);
        let names = names
            .iter()
            .filter_map(|name| name.as_string())
            .map(PathBuf::from);
        let _ = sender.send(Ok(names.collect()));
        woken();
    });
    let failed = Closure::new(move |why: String| {
        let _ = failing.send(Err(why));
        wake();
    });
    js_on_drop(canvas, &taken, &failed);
    // As long as the page.
    taken.forget();
    failed.forget();
    dropped
}
