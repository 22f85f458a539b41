//! What every screen is given when it draws.

use std::sync::Arc;

use super::engine::{Engine, Model};
use super::words::{Language, Words};

/// What every screen is given when it draws.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) model: Option<&'a Arc<Model>>,
    pub(crate) language: Language,
    pub(crate) words: &'static Words,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        model: Option<&'a Arc<Model>>,
        language: Language,
    ) -> Self {
        Self {
            engine,
            model,
            language,
            words: language.words(),
        }
    }
}
