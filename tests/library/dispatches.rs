//! How many steps a byte takes: on a graphics adapter each is a dispatch, and with
//! small matrices their number decides the speed.

use std::sync::Arc;

use blt::checkpoint::{Checkpoint, Dtype};
use blt::device::plan::StepOutput;
use blt::model::blt::{BltLoad, BltModel, HashTables};
use blt::session::{BltOptions, BltSession};

use crate::common::{device, rule_of};

/// The config of blt-1b, all layers of it, with narrow ones.
fn narrow() -> String {
    let text = std::fs::read_to_string("assets/like/blt-1b.json").unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["encoder_hash_byte_group_vocab"] = 101.into();
    for (part, hidden) in [
        ("patcher_config", 32),
        ("encoder_config", 32),
        ("global_config", 64),
        ("decoder_config", 32),
    ] {
        json[part]["hidden_size"] = hidden.into();
        json[part]["num_attention_heads"] = 2.into();
        json[part]["intermediate_size"] = 48.into();
        if json[part].get("hidden_size_global").is_some() {
            json[part]["hidden_size_global"] = 64.into();
        }
    }
    json.to_string()
}

#[test]
fn a_byte_of_blt_1b_takes_few_steps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, narrow()).unwrap();
    let checkpoint = Arc::new(Checkpoint::like(path.to_str().unwrap(), Dtype::Bf16, 0).unwrap());
    let load = BltLoad {
        hash_tables: HashTables::Device,
        ..Default::default()
    };
    let trace = pollster::block_on(async {
        let model = BltModel::load(&device(), &checkpoint, load, |_| ())
            .await
            .unwrap();
        let options = BltOptions {
            rule: Some(rule_of(&checkpoint)),
            ..Default::default()
        };
        let mut session = BltSession::new(&Arc::new(model), options).unwrap();
        session.trace(&[1]).await.unwrap()
    });
    let count =
        |steps: &[StepOutput], label: &str| steps.iter().filter(|step| step.label == label).count();
    // A block has five: queries, keys and values; attention; o; gate and up; down.
    for (steps, blocks) in [
        (&trace.decide, 14),
        (&trace.encode, 1),
        (&trace.patches, 25),
        (&trace.decode, 9),
    ] {
        for label in [
            "qkv_row",
            "attention_rows",
            "linear o",
            "gate_up_row",
            "linear down",
        ] {
            assert_eq!(count(steps, label), blocks, "{label}");
        }
        assert_eq!(count(steps, "rms_norm"), 0);
        assert_eq!(count(steps, "rope_store"), 0);
    }
    // Every byte: the embedding, 14 blocks, the head, its entropy and whether a patch starts.
    assert_eq!(trace.decide.len(), 1 + 14 * 5 + 2);
    // Patches that close, the embedding, a block, what is kept for the patch.
    assert_eq!(trace.encode.len(), 1 + 1 + 5 + 1);
    // A crossing has two: queries, and what they find through o.
    assert_eq!(trace.decode.len(), 9 * (2 + 5) + 1);
    // A patch: pooling and a projection, a crossing of three, the latent model, a
    // projection, and keys and values of all crossings in one; on a graphics adapter the
    // sizes of all these before.
    let patch = trace.patches.len() - count(&trace.patches, "dispatch_grids");
    assert_eq!(patch, 2 + 3 + 25 * 5 + 1 + 1);
}
