//! The window of `blt` in a browser: what the page calls.
#![cfg(target_arch = "wasm32")]

use blt::window::{Canvas, PageWindow};
use wasm_bindgen::prelude::*;

/// The window, for scripts.
#[wasm_bindgen]
pub struct Window(PageWindow);

fn thrown(error: blt::Error) -> JsError {
    JsError::new(&error.to_string())
}

/// Opens the window in a canvas of the page.
#[wasm_bindgen]
pub async fn start(canvas: Canvas) -> Result<Window, JsError> {
    blt::window::start(canvas).await.map(Window).map_err(thrown)
}

#[wasm_bindgen]
impl Window {
    /// Whether everything that was asked for has come.
    #[wasm_bindgen(getter)]
    pub fn settled(&self) -> bool {
        self.0.is_settled()
    }

    /// The text of the patch screen as `blt patch --format jsonl` prints it.
    pub fn records(&self) -> Result<String, JsError> {
        let records = self.0.records().map_err(thrown)?;
        String::from_utf8(records).map_err(|error| JsError::new(&error.to_string()))
    }

    /// What was written after the prompt of the generate screen.
    pub fn written(&self) -> Vec<u8> {
        self.0.written()
    }

    /// What computes.
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        self.0.device()
    }

    /// What the open model is called.
    #[wasm_bindgen(getter)]
    pub fn model(&self) -> String {
        self.0.model()
    }

    /// What the user has been told and has not dismissed.
    #[wasm_bindgen(getter)]
    pub fn notices(&self) -> Vec<String> {
        self.0.notices()
    }
}
