//! A lane: one way to cut the text, and how it compares with the first.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::words;
use crate::error::Result;
use crate::measure::agreement::{agreement, enrichment};
use crate::patch::Mode;
use crate::window::engine::{Found, Source};
use crate::window::screens::patch::{Cutting, Opening};
use crate::window::words::Language;

/// One way to cut the text.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The same while lanes move.
    pub(super) id: u64,
    /// How patches are cut.
    pub(super) cutting: Cutting,
    /// Whether it is cut by the tokens of a tokenizer instead.
    pub(super) tokens: bool,
    /// The model whose entropies are taken, if it is not the open one.
    pub(super) model: Option<String>,
    /// The `tokenizer.json`; empty until one is chosen.
    pub(super) tokenizer: PathBuf,
    /// The table that is on its way.
    pub(super) opening: Opening,
    /// What stands in the field for a model or a tokenizer.
    pub(super) typed: String,
    /// Whether it has to be cut again.
    pub(super) dirty: bool,
    /// What is known of its cut; `None` while there is nothing to cut by.
    pub(super) cut: Option<Cut>,
}

/// Where a lane cuts the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cut {
    /// For each byte and the byte to come: does a patch start there? `[N + 1]`.
    pub(super) starts: Arc<Vec<bool>>,
    /// The bytes at which patches start, ascending, byte 0 among them.
    pub(super) begins: Vec<usize>,
    /// Where it starts a patch and the first lane does not, ascending.
    pub(super) only_here: Vec<usize>,
    /// Where the first lane starts one and it does not, ascending.
    pub(super) missing: Vec<usize>,
    pub(super) numbers: Numbers,
}

/// A lane in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Numbers {
    pub(super) patches: u64,
    /// Bytes per patch.
    pub(super) mean: f64,
    /// The coefficient of variation of the lengths.
    pub(super) variation: Option<f64>,
    /// See [`agreement`]: of this lane, measured by the first.
    pub(super) precision: Option<f64>,
    pub(super) recall: Option<f64>,
    pub(super) f1: Option<f64>,
    /// Boundaries between two bytes of one character.
    pub(super) in_characters: u64,
    /// See [`enrichment`].
    pub(super) enrichment: Option<f64>,
}

impl Numbers {
    /// Leaves out what says how a lane compares with the first.
    pub(super) fn forget_first(&mut self) {
        (self.precision, self.recall, self.f1) = (None, None, None);
    }
}

/// What has come from another model or from a tokenizer.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(super) source: Source,
    pub(super) found: Found,
    /// -ln p per byte where they are known.
    pub(super) surprisals: Vec<Option<f32>>,
}

impl Known {
    pub(super) fn new(source: Source, found: Found) -> Self {
        let surprisals = match &found {
            Found::Entropies { nlls, .. } => known_numbers(nlls),
            Found::Starts(_) | Found::Failed(_) => Vec::new(),
        };
        Self {
            source,
            found,
            surprisals,
        }
    }

    /// Whether nothing more will come.
    pub(super) fn is_complete(&self) -> bool {
        match &self.found {
            Found::Entropies { complete, .. } => *complete,
            Found::Starts(_) | Found::Failed(_) => true,
        }
    }
}

/// Numbers that have come, of those that may have still to come.
pub(super) fn known_numbers(numbers: &[f32]) -> Vec<Option<f32>> {
    let known = |number: &f32| Some(*number).filter(|number| !number.is_nan());
    numbers.iter().map(known).collect()
}

impl Lane {
    pub(super) fn new(id: u64, cutting: Cutting) -> Self {
        Self {
            id,
            cutting,
            tokens: false,
            model: None,
            tokenizer: PathBuf::new(),
            opening: Opening::default(),
            typed: String::new(),
            dirty: true,
            cut: None,
        }
    }

    /// What it needs besides the open model.
    pub(super) fn source(&self) -> Option<Source> {
        match (self.tokens, &self.model) {
            (true, _) if self.tokenizer.as_os_str().is_empty() => None,
            (true, _) => Some(Source::Tokenizer(self.tokenizer.clone())),
            (false, Some(name)) if self.cutting.mode.needs_model() => {
                Some(Source::Model(name.clone()))
            }
            (false, _) => None,
        }
    }

    /// The threshold through the staff of the entropies that it is cut by, in nats.
    pub(super) fn line(&self) -> Option<f32> {
        match self.tokens {
            true => None,
            false => self.cutting.line(),
        }
    }

    /// Where it cuts a text: by the entropies and the most likely tokens of the open
    /// model, or by what its own source says.
    pub(super) fn starts(
        &self,
        bytes: &[u8],
        entropies: &[f32],
        best: &[Option<u32>],
        known: Option<&Known>,
    ) -> Option<Arc<Vec<bool>>> {
        match (self.source(), known.map(|known| &known.found)) {
            (None, _) if self.tokens || self.cutting.lacks_table() => None,
            (None, _) => Some(self.cutting.starts(bytes, entropies, best)),
            (
                Some(_),
                Some(Found::Entropies {
                    entropies, best, ..
                }),
            ) => Some(self.cutting.starts(bytes, entropies, best)),
            (Some(_), Some(Found::Starts(starts))) => {
                let mut starts = starts.to_vec();
                starts.resize(bytes.len() + 1, false);
                Some(Arc::new(starts))
            }
            (Some(_), Some(Found::Failed(_)) | None) => None,
        }
    }

    /// What it is called, with what sets it apart.
    pub(super) fn title(&self, language: Language) -> String {
        if self.tokens {
            let name = match self.tokenizer.as_os_str().is_empty() {
                true => String::new(),
                false => tokenizer_name(&self.tokenizer),
            };
            let kind = words::tokens(language);
            return format!("{kind} {name}").trim_end().to_owned();
        }
        let cutting = &self.cutting;
        let mut title = cutting.mode.name(language).to_owned();
        match cutting.mode {
            Mode::Entropy => title += &format!(" {:.2}", cutting.threshold),
            Mode::Monotonic => title += &format!(" {:.2}", cutting.rise),
            Mode::Both => title += &format!(" {:.2}/{:.2}", cutting.threshold, cutting.rise),
            Mode::Static | Mode::TopK => title += &format!(" {}", cutting.size),
            Mode::Lookup => {
                if let Some(table) = &cutting.table {
                    title += &format!(" {}", table.name());
                }
            }
            Mode::Space | Mode::Byte | Mode::Delimiter | Mode::BpePatcher => {}
        }
        if let Some(most) = cutting.longest
            && !matches!(cutting.mode, Mode::Byte | Mode::TopK)
        {
            title += &format!(" ≤{most}");
        }
        if let Some(Source::Model(name)) = self.source() {
            title += &format!(" · {}", last_part(Path::new(&name)));
        }
        title
    }
}

/// The last part of a path or a name.
pub(super) fn last_part(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |part| part.to_string_lossy().into_owned(),
    )
}

/// What a tokenizer is called: its folder where its file is called as all are.
pub(super) fn tokenizer_name(path: &Path) -> String {
    match (path.file_name(), path.parent()) {
        (Some(file), Some(folder)) if file == "tokenizer.json" && folder.file_name().is_some() => {
            last_part(folder)
        }
        _ => last_part(path),
    }
}

impl Cut {
    /// Where `starts` cut a text, compared with where the first lane cuts it.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] where flags or surprisals are not of this text.
    pub(super) fn new(
        bytes: &[u8],
        first: &[bool],
        starts: &Arc<Vec<bool>>,
        surprisals: &[Option<f32>],
    ) -> Result<Self> {
        let found = agreement(bytes, first, starts)?;
        let side = found.second;
        let flags = starts.iter().take(bytes.len()).enumerate();
        Ok(Self {
            begins: flags
                .filter(|(at, start)| **start || *at == 0)
                .map(|(at, _)| at)
                .collect(),
            numbers: Numbers {
                patches: side.patches.patches,
                mean: side.patches.mean,
                variation: side.patches.variation(),
                precision: found.precision,
                recall: found.recall,
                f1: found.f1,
                in_characters: side.boundaries_in_characters,
                enrichment: enrichment(starts, surprisals).unwrap_or_default(),
            },
            only_here: found.only_second,
            missing: found.only_first,
            starts: Arc::clone(starts),
        })
    }

    /// Whether a patch starts at a byte.
    pub(super) fn is_start(&self, byte: usize) -> bool {
        byte == 0 || self.starts.get(byte).copied().unwrap_or(false)
    }
}

/// The places within a range, of ascending ones.
pub(super) fn within(places: &[usize], range: &Range<usize>) -> Range<usize> {
    let begin = places.partition_point(|at| *at < range.start);
    let end = places.partition_point(|at| *at < range.end);
    begin..end.max(begin)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::bytes::DELIMITER;
    use crate::patch::Rule;

    fn lane(mode: Mode) -> Lane {
        let cutting = Cutting {
            mode,
            threshold: 1.0,
            size: 2,
            ..Cutting::of_rule(&Rule::default())
        };
        Lane::new(1, cutting)
    }

    #[test]
    fn a_lane_is_compared_with_the_first() {
        let text = "한ab cd".as_bytes();
        let entropies = [0.0, 2.0, 0.0, 0.0, 0.0, 3.0, 2.0, 0.0, 0.0];
        let first = lane(Mode::Entropy)
            .starts(text, &entropies, &[], None)
            .unwrap();
        let other = lane(Mode::Static)
            .starts(text, &entropies, &[], None)
            .unwrap();
        let surprisals = known_numbers(&[1.0, 1.0, 1.0, 1.0, 1.0, 4.0, 4.0, f32::NAN]);
        let cut = Cut::new(text, &first, &other, &surprisals).unwrap();
        // Cut before 1 5 6, and before 2 4 6.
        assert_eq!(cut.begins, [0, 2, 4, 6]);
        assert_eq!(cut.only_here, [2, 4]);
        assert_eq!(cut.missing, [1, 5]);
        let numbers = cut.numbers;
        assert_eq!((numbers.patches, numbers.mean), (4, 2.0));
        assert_eq!(numbers.precision, Some(1.0 / 3.0));
        assert_eq!(numbers.recall, Some(1.0 / 3.0));
        assert_eq!(numbers.in_characters, 1);
        // Starts have 1 1 1 4, all have 13 over 7.
        assert_eq!(numbers.enrichment, Some(7.0 / 4.0 / (13.0 / 7.0)));
        assert_eq!(
            (0..8).filter(|at| cut.is_start(*at)).collect::<Vec<_>>(),
            cut.begins
        );
        assert_eq!(within(&cut.begins, &(1..6)), 1..3);
        assert_eq!(within(&cut.begins, &(7..9)), 4..4);
    }

    #[test]
    fn a_lane_needs_what_it_is_cut_by() {
        let mut lane = lane(Mode::Entropy);
        assert_eq!(lane.source(), None);
        lane.model = Some("models/other".to_owned());
        let source = Source::Model("models/other".to_owned());
        assert_eq!(lane.source(), Some(source.clone()));
        assert_eq!(lane.starts(b"ab", &[9.0; 3], &[], None), None);
        let entropies = Found::Entropies {
            entropies: Arc::new(vec![0.0, 5.0, 0.0]),
            nlls: Arc::new(vec![0.5, f32::NAN]),
            best: Arc::new(vec![Some(7), Some(DELIMITER), None]),
            complete: false,
        };
        let known = Known::new(source, entropies);
        assert!(!known.is_complete());
        assert_eq!(known.surprisals, [Some(0.5), None]);
        let starts = lane
            .starts(b"ab", &[9.0, 0.0, 0.0], &[], Some(&known))
            .unwrap();
        assert_eq!(*starts, [true, true, false]);
        lane.cutting.mode = Mode::BpePatcher;
        assert!(lane.source().is_some());
        let starts = lane.starts(b"ab", &[9.0; 3], &[], Some(&known)).unwrap();
        assert_eq!(*starts, [true, true, false]);
        lane.model = None;
        let best = [None, Some(7), Some(DELIMITER)];
        let starts = lane.starts(b"ab", &[9.0; 3], &best, None).unwrap();
        assert_eq!(*starts, [true, false, true]);
        lane.cutting.mode = Mode::Lookup;
        assert_eq!(lane.source(), None);
        assert_eq!(lane.starts(b"ab", &[9.0; 3], &[], None), None);
        lane.cutting.mode = Mode::Space;
        assert_eq!(lane.source(), None);
        lane.tokens = true;
        assert_eq!(lane.starts(b"ab", &[], &[], None), None);
        lane.tokenizer = "some/gpt2/tokenizer.json".into();
        let source = Source::Tokenizer(lane.tokenizer.clone());
        assert_eq!(lane.source(), Some(source.clone()));
        let known = Known::new(source, Found::Starts(Arc::new(vec![true, false])));
        let starts = lane.starts(b"ab", &[], &[], Some(&known)).unwrap();
        assert_eq!(*starts, [true, false, false]);
    }

    #[test]
    fn a_lane_is_called_by_what_sets_it_apart() {
        let mut lane = lane(Mode::Entropy);
        assert_eq!(lane.title(Language::English), "Global 1.00");
        lane.model = Some("models/other/".to_owned());
        assert_eq!(lane.title(Language::Korean), "전역 1.00 · other");
        lane.cutting.mode = Mode::TopK;
        lane.model = None;
        assert_eq!(lane.title(Language::English), "Largest 2");
        lane.tokens = true;
        assert_eq!(lane.title(Language::English), "Tokens");
        lane.tokenizer = "some/gpt2/tokenizer.json".into();
        assert_eq!(lane.title(Language::English), "Tokens gpt2");
        lane.tokenizer = "llama.json".into();
        assert_eq!(lane.title(Language::English), "Tokens llama.json");
    }
}
