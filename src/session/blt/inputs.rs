//! What a run is given, in one upload: row counts, ids, spans and angles lie
//! one behind the other in a single buffer.

use crate::device::tensor::PART_ALIGNMENT;
use crate::device::{Device, Tensor};
use crate::model::block::Rows;
use crate::model::blt::BltModel;
use crate::model::entropy::EntropyInputs;
use crate::model::part::count;
use crate::model::rotary::Rotary;
use crate::session::context::Context;

/// The inputs of runs of up to some number of rows.
#[derive(Debug)]
pub(super) struct Inputs {
    buffer: Tensor,
    words: Vec<u32>,
    places: Places,
    pub(super) ids: Tensor,
    pub(super) history: Tensor,
    pub(super) targets: Tensor,
    pub(super) entropy: Option<EntropyInputs>,
    pub(super) encoder: Rows,
    pub(super) decoder: Rows,
}

/// First word of each piece.
#[derive(Debug)]
struct Places {
    state: usize,
    ids: usize,
    history: usize,
    targets: usize,
    entropy_spans: usize,
    spans: usize,
    entropy_angles: usize,
    encoder_angles: usize,
    decoder_angles: usize,
}

/// What a run's tokens bring along.
#[derive(Debug)]
pub(super) struct Run<'a> {
    /// Its tokens.
    pub(super) ids: &'a [u32],
    /// The ids before it that its n-grams reach.
    pub(super) history: &'a [u32],
    /// The token after it, where known.
    pub(super) after: Option<u32>,
    /// Position of its first token.
    pub(super) position: usize,
}

impl Inputs {
    pub(super) fn new(device: &Device, model: &BltModel, rows: usize) -> Self {
        let mut end = 0;
        let mut place = |words: usize| {
            let first = end;
            end += words.max(1).next_multiple_of(PART_ALIGNMENT / 4);
            first
        };
        let rotary = model.entropy().map(|m| m.rotary().columns());
        let entropy_columns = rotary.unwrap_or(0);
        let [encoder_columns, decoder_columns] =
            [&model.encoder.rotary, &model.decoder.rotary].map(Rotary::columns);
        let reach = model.encoder.hash.history();
        let state = place(2);
        let ids = place(rows);
        let history = place(rows + reach);
        let targets = place(rows);
        let entropy_spans = place(rows);
        let spans = place(rows);
        let entropy_angles = place(rows * entropy_columns);
        let encoder_angles = place(rows * encoder_columns);
        // Nearly always the same as the encoder's.
        let decoder_angles = if model.encoder.rotary == model.decoder.rotary {
            encoder_angles
        } else {
            place(rows * decoder_columns)
        };
        let buffer = Tensor::new(device, "inputs", end);
        let state_part = buffer.part(state, 2);
        let with = |spans: usize, angles: usize, columns: usize| Rows {
            state: state_part.clone(),
            spans: buffer.part(spans, rows),
            angles: buffer.part(angles, rows * columns),
            absolute: false,
        };
        Self {
            ids: buffer.part(ids, rows),
            history: buffer.part(history, rows + reach),
            targets: buffer.part(targets, rows),
            entropy: rotary.map(|columns| EntropyInputs {
                rows: with(entropy_spans, entropy_angles, columns),
                ids: buffer.part(ids, rows),
                targets: buffer.part(targets, rows),
            }),
            encoder: with(spans, encoder_angles, encoder_columns),
            decoder: with(spans, decoder_angles, decoder_columns),
            words: vec![0; end],
            places: Places {
                state,
                ids,
                history,
                targets,
                entropy_spans,
                spans,
                entropy_angles,
                encoder_angles,
                decoder_angles,
            },
            buffer,
        }
    }

    /// Uploads a run; the contexts go on by its tokens.
    pub(super) fn upload(
        &mut self,
        model: &BltModel,
        run: &Run<'_>,
        entropy: &mut Context,
        local: &mut Context,
    ) {
        let Places {
            state,
            ids,
            history,
            targets,
            entropy_spans,
            spans,
            entropy_angles,
            encoder_angles,
            decoder_angles,
        } = self.places;
        let rows = run.ids.len();
        let words = &mut self.words;
        words[state] = count(rows);
        words[state + 1] = count(run.position);
        words[ids..ids + rows].copy_from_slice(run.ids);
        // Before the text the n-grams see the number 0.
        let reach = model.encoder.hash.history();
        let missing = reach - run.history.len();
        words[history..history + missing].fill(0);
        words[history + missing..history + reach].copy_from_slice(run.history);
        words[history + reach..history + reach + rows].copy_from_slice(run.ids);
        let following = run.ids[1..].iter().copied().chain(run.after);
        let following: Vec<u32> = following.chain([u32::MAX]).take(rows).collect();
        words[targets..targets + rows].copy_from_slice(&following);

        let span = |span: u64| u32::try_from(span).unwrap_or(u32::MAX);
        let mut angles = Vec::new();
        for (row, id) in run.ids.iter().enumerate() {
            let (position, seen) = entropy.push(*id);
            words[entropy_spans + row] = span(seen);
            if let Some(model) = model.entropy() {
                model.rotary().append(position, &mut angles);
            }
        }
        put(words, entropy_angles, &angles);
        angles.clear();
        let mut decoder = Vec::new();
        for (row, id) in run.ids.iter().enumerate() {
            let (position, seen) = local.push(*id);
            words[spans + row] = span(seen);
            model.encoder.rotary.append(position, &mut angles);
            if decoder_angles != encoder_angles {
                model.decoder.rotary.append(position, &mut decoder);
            }
        }
        put(words, encoder_angles, &angles);
        put(words, decoder_angles, &decoder);
        self.buffer.write(model.device(), words);
    }
}

fn put(words: &mut [u32], first: usize, angles: &[[f32; 2]]) {
    for (word, value) in words[first..].iter_mut().zip(angles.as_flattened()) {
        *word = value.to_bits();
    }
}
