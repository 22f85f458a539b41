//! What a run is given: row counts, ids, spans and angles.

use crate::device::{Device, Tensor};
use crate::model::block::Rows;
use crate::model::blt::BltModel;
use crate::model::entropy::EntropyInputs;
use crate::model::part::count;
use crate::model::rotary::Rotary;
use crate::session::context::Context;
use crate::session::upload::{Field, Layout, Upload, targets};

/// The inputs of runs of up to some number of rows.
#[derive(Debug)]
pub(super) struct Inputs {
    upload: Upload,
    fields: Fields,
    pub(super) ids: Tensor,
    pub(super) history: Tensor,
    pub(super) targets: Tensor,
    pub(super) entropy: Option<EntropyInputs>,
    pub(super) encoder: Rows,
    pub(super) decoder: Rows,
}

#[derive(Clone, Copy, Debug)]
struct Fields {
    state: Field,
    ids: Field,
    history: Field,
    targets: Field,
    entropy_spans: Field,
    spans: Field,
    entropy_angles: Field,
    encoder_angles: Field,
    decoder_angles: Field,
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
        let entropy = model.entropy();
        let entropy_columns = entropy.map_or(0, |m| m.rotary().columns());
        let [encoder_columns, decoder_columns] =
            [&model.encoder.rotary, &model.decoder.rotary].map(Rotary::columns);
        let mut layout = Layout::default();
        let state = layout.field(2);
        let ids = layout.field(rows);
        let history = layout.field(rows + model.encoder.hash.history());
        let targets = layout.field(rows);
        let entropy_spans = layout.field(rows);
        let spans = layout.field(rows);
        let entropy_angles = layout.field(rows * entropy_columns);
        let encoder_angles = layout.field(rows * encoder_columns);
        // Nearly always the same as the encoder's.
        let decoder_angles = if model.encoder.rotary == model.decoder.rotary {
            encoder_angles
        } else {
            layout.field(rows * decoder_columns)
        };
        let upload = Upload::new(device, &layout);
        let with = |spans: Field, angles: Field| Rows {
            state: upload.tensor(state),
            spans: upload.tensor(spans),
            angles: upload.tensor(angles),
            absolute: false,
        };
        Self {
            ids: upload.tensor(ids),
            history: upload.tensor(history),
            targets: upload.tensor(targets),
            entropy: entropy.map(|_| EntropyInputs {
                rows: with(entropy_spans, entropy_angles),
                ids: upload.tensor(ids),
                targets: upload.tensor(targets),
            }),
            encoder: with(spans, encoder_angles),
            decoder: with(spans, decoder_angles),
            fields: Fields {
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
            upload,
        }
    }

    /// Uploads a run; the contexts advance by its tokens.
    pub(super) fn upload(
        &mut self,
        model: &BltModel,
        run: &Run<'_>,
        entropy: &mut Context,
        local: &mut Context,
    ) {
        let (fields, upload) = (self.fields, &mut self.upload);
        let state = [run.ids.len(), run.position].map(count);
        upload.put(fields.state, &state);
        upload.put(fields.ids, run.ids);
        // Before the text the n-grams see the number 0.
        let missing = model.encoder.hash.history() - run.history.len();
        let history = [&vec![0; missing], run.history, run.ids].concat();
        upload.put(fields.history, &history);
        upload.put(fields.targets, &targets(run.ids, run.after));

        let (mut spans, mut angles) = (Vec::new(), Vec::new());
        for id in run.ids {
            let (position, seen) = entropy.push(*id);
            spans.push(span(seen));
            if let Some(model) = model.entropy() {
                model.rotary().append(position, &mut angles);
            }
        }
        upload.put(fields.entropy_spans, &spans);
        upload.put(fields.entropy_angles, angles.as_flattened());
        spans.clear();
        angles.clear();
        let mut decoder = Vec::new();
        for id in run.ids {
            let (position, seen) = local.push(*id);
            spans.push(span(seen));
            model.encoder.rotary.append(position, &mut angles);
            if fields.decoder_angles != fields.encoder_angles {
                model.decoder.rotary.append(position, &mut decoder);
            }
        }
        upload.put(fields.spans, &spans);
        upload.put(fields.encoder_angles, angles.as_flattened());
        upload.put(fields.decoder_angles, decoder.as_flattened());
        upload.send(model.device());
    }
}

fn span(seen: u64) -> u32 {
    u32::try_from(seen).unwrap_or(u32::MAX)
}
