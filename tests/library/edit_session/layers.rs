//! Layers are passed over whose inputs are known.

use std::sync::Arc;

use blt::checkpoint::{
    BlockWeights, Dtype, EntropyConfig, EntropyWeights, StackConfig, TensorData, TensorView,
};
use blt::device::{Device, DeviceOptions, Tier};
use blt::model::entropy::EntropyModel;
use blt::session::{ContextOptions, EditOptions, EditSession};

use super::{Fresh, TOLERANCE, deep_model, finish, input_bytes, prose, rows_of};

#[test]
fn layers_are_passed_over_whose_input_is_known() {
    pollster::block_on(async {
        let model = deep_model(2, Some(8)).await;
        let options = EditOptions {
            rows_per_step: 256,
            ..Default::default()
        };
        let mut edited = EditSession::new(&model, options).unwrap();
        edited.edit(0..0, &prose(1000)).unwrap();
        finish(&mut edited).await;
        assert_eq!(edited.layer_rows_computed(), [1001; 4]);
        // Short stretches are taken a few rows at a time, until kernels for many are
        // worth their while.
        for at in [300, 400, 500] {
            rows_of(&mut edited, at..at + 1, b"#").await;
        }

        let rows_of_layers = async |edited: &mut EditSession, range, with: &[u8]| {
            let before = edited.layer_rows_computed().to_vec();
            rows_of(edited, range, with).await;
            let after = edited.layer_rows_computed().iter();
            after.zip(before).map(|(a, b)| a - b).collect::<Vec<_>>()
        };
        // The row of the key, and a window more with each layer.
        edited.prepare(700).await.unwrap();
        for at in 700..705 {
            let rows = rows_of_layers(&mut edited, at..at, b"k").await;
            assert_eq!(rows, [8, 15, 22, 29]);
        }
        // Its row is the one in front.
        edited.prepare(600).await.unwrap();
        let rows = rows_of_layers(&mut edited, 600..601, b"").await;
        assert_eq!(rows, [7, 14, 21, 28]);
        // From a snapshot to there nothing is computed, but for the row in front.
        let rows = rows_of_layers(&mut edited, 200..203, b"abc").await;
        assert_eq!(rows, [11, 18, 25, 32]);
        let mut fresh = Fresh::new(&model, ContextOptions::default());
        fresh.agrees(&edited, TOLERANCE, "layers apart").await;

        // Nor is anything from the beginning, where there are no snapshots.
        let bare = EditOptions {
            snapshot_bytes: 0,
            ..options
        };
        let mut far = EditSession::new(&model, bare).unwrap();
        far.edit(0..0, &prose(1000)).unwrap();
        finish(&mut far).await;
        for at in [300, 900, 500, 30] {
            rows_of(&mut far, at..at + 1, b"#").await;
        }
        let rows = rows_of_layers(&mut far, 700..700, b"k").await;
        assert_eq!(rows, [9, 16, 23, 30]);
        fresh.agrees(&far, TOLERANCE, "without snapshots").await;

        let with_them = edited.gpu_bytes();
        let options = EditOptions {
            layer_input_bytes: 0,
            ..options
        };
        let mut edited = EditSession::new(&model, options).unwrap();
        edited.edit(0..0, &prose(1000)).unwrap();
        finish(&mut edited).await;
        let rows = rows_of_layers(&mut edited, 500..500, b"k").await;
        assert!(rows.iter().all(|of_layer| *of_layer == rows[0]), "{rows:?}");
        assert!(edited.gpu_bytes() + input_bytes(&model, 1001) <= with_them);
    });
}

/// What a run leaves of its rows lies in a ring, and in blocks of slots afterwards; the
/// two end at different places once a text has been moved.
#[test]
fn what_goes_into_layers_is_kept_over_the_end_of_a_ring() {
    pollster::block_on(async {
        let model = deep_model(2, Some(8)).await;
        let mut edited = EditSession::new(&model, EditOptions::default()).unwrap();
        let mut fresh = Fresh::new(&model, ContextOptions::default());
        edited.edit(0..0, &prose(200)).unwrap();
        finish(&mut edited).await;
        edited.edit(100..100, &prose(37)).unwrap();
        finish(&mut edited).await;
        for _ in 0..8 {
            let end = edited.bytes().len();
            edited.edit(end..end, &prose(100)).unwrap();
            finish(&mut edited).await;
        }
        for at in (160..1000).step_by(10) {
            edited.edit(at..at + 1, b"k").unwrap();
            finish(&mut edited).await;
        }
        fresh.agrees(&edited, TOLERANCE, "over the end").await;
    });
}

/// Weights like those of a model that learnt nothing, in f32, with fewer heads of keys
/// than of queries.
fn made(hidden: usize, kv_heads: usize, layers: usize, window: u32) -> EntropyWeights<'static> {
    const VOCABULARY: usize = 260;
    let mut seed = 1u32;
    let mut tensor = |shape: &[usize]| {
        let columns = *shape.last().unwrap();
        let mut value = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let unit = f64::from(seed) / f64::from(u32::MAX) - 0.5;
            let scale = match shape {
                [_] => return 1.0 + unit,
                _ => 4.0 / f64::from(u32::try_from(columns).unwrap()).sqrt(),
            };
            scale * unit
        };
        #[expect(clippy::cast_possible_truncation, reason = "to f32")]
        let bytes: Vec<u8> = (0..shape.iter().product())
            .flat_map(|_: usize| (value() as f32).to_le_bytes())
            .collect();
        TensorView {
            name: "made",
            dtype: Dtype::F32,
            source: Dtype::F32,
            shape: Vec::leak(shape.to_vec()),
            data: TensorData::Bytes(Vec::leak(bytes)),
            whole: None,
        }
    };
    let (head, intermediate) = (4, 3 * hidden);
    let stored = kv_heads * head;
    let layers: Vec<BlockWeights<'_>> = (0..layers)
        .map(|_| BlockWeights {
            attention_norm: tensor(&[hidden]),
            q: tensor(&[hidden, hidden]),
            k: tensor(&[stored, hidden]),
            v: tensor(&[stored, hidden]),
            o: tensor(&[hidden, hidden]),
            mlp_norm: tensor(&[hidden]),
            gate: tensor(&[intermediate, hidden]),
            up: tensor(&[intermediate, hidden]),
            down: tensor(&[hidden, intermediate]),
        })
        .collect();
    let count = |size: usize| u32::try_from(size).unwrap();
    EntropyWeights {
        config: EntropyConfig {
            vocab_size: count(VOCABULARY),
            stack: StackConfig {
                hidden_size: count(hidden),
                layers: count(layers.len()),
                heads: count(hidden / head),
                kv_heads: count(kv_heads),
                head_dim: count(head),
                intermediate_size: count(intermediate),
                norm_eps: 1e-5,
                rope_theta: 10_000.0,
                max_positions: None,
            },
            window: Some(window),
            tied: false,
        },
        embed: tensor(&[VOCABULARY, hidden]),
        layers,
        norm: tensor(&[hidden]),
        lm_head: tensor(&[VOCABULARY, hidden]),
    }
}

/// Keys and values have matrices of their own only where a binding can begin there, and
/// matrices may be several.
#[test]
fn layers_are_passed_over_in_models_of_any_shape() {
    pollster::block_on(async {
        let base = Some(Tier::Base);
        for (hidden, kv_heads, tier, binding_bytes) in [
            (20, 1, None, None),
            (20, 1, None, Some(4800)),
            (32, 2, base, None),
            (32, 8, None, Some(4096)),
            (64, 4, base, Some(8192)),
        ] {
            let options = DeviceOptions {
                tier,
                binding_bytes,
                ..crate::common::options()
            };
            let device = Device::open(&options).await.unwrap();
            let weights = made(hidden, kv_heads, 3, 12);
            let model = EntropyModel::load(&device, &weights, |_| ()).await;
            let model = Arc::new(model.unwrap());
            let mut edited = EditSession::new(&model, EditOptions::default()).unwrap();
            let mut fresh = Fresh::new(&model, ContextOptions::default());
            edited.edit(0..0, &prose(400)).unwrap();
            finish(&mut edited).await;
            for (at, with) in [(200, "k"), (201, "ey"), (60, ""), (300, "한")] {
                edited.edit(at..at + 1, with.as_bytes()).unwrap();
                finish(&mut edited).await;
                let at = format!("{hidden}, {kv_heads}, {tier:?}, {binding_bytes:?}: {at}");
                fresh.agrees(&edited, TOLERANCE, &at).await;
            }
            let rows = edited.layer_rows_computed();
            assert!(rows[0] + 4 * 10 < rows[2], "{rows:?}");
        }
    });
}
