//! PyTorch's distributed checkpoints, made by `make_distributed.py` with PyTorch itself.

use std::fs;

use blt::checkpoint::{Checkpoint, ConvertOptions, TensorView};

use crate::checkpoint::meta::{copy, made, open, same_weights};
use crate::checkpoint::sentence;

/// The numbers of an entropy model, tensor by tensor.
fn numbers(checkpoint: &Checkpoint) -> Vec<Vec<f32>> {
    let weights = checkpoint.entropy_weights().unwrap();
    let mut out = vec![
        weights.embed.to_f32(),
        weights.norm.to_f32(),
        weights.lm_head.to_f32(),
    ];
    for layer in &weights.layers {
        let own = [
            layer.attention_norm,
            layer.q,
            layer.k,
            layer.v,
            layer.o,
            layer.mlp_norm,
            layer.gate,
            layer.up,
            layer.down,
        ];
        out.extend(own.iter().map(TensorView::to_f32));
    }
    out
}

#[test]
fn one_process_or_several_hold_the_same_model() {
    let whole = open(&made("distributed/blt_tiny")).unwrap();
    assert!(whole.inspect().complete(), "{}", whole.inspect());
    same_weights(&open(&made("original/blt_tiny")).unwrap(), &whole);

    // Three processes, tensors cut by rows and by columns, an optimizer beside them.
    let parts = open(&made("distributed/entropy_model")).unwrap();
    let inspection = parts.inspect();
    assert!(inspection.complete(), "{inspection}");
    assert_eq!(inspection.files.len(), 3);
    let plain = open(&made("original/entropy_model")).unwrap();
    assert_eq!(numbers(&parts), numbers(&plain));
    for name in [".metadata", "__1_0.distcp", "params.json"] {
        let named = open(&made("distributed/entropy_model").join(name)).unwrap();
        assert_eq!(numbers(&named), numbers(&plain), "{name}");
    }
}

#[test]
fn it_becomes_a_folder_of_transformers() {
    let root = tempfile::tempdir().unwrap();
    let parts = open(&made("distributed/entropy_model")).unwrap();
    let folder = root.path().join("converted");
    let options = ConvertOptions::default();
    parts.convert(&folder, &options, |_| Ok(())).unwrap();
    assert_eq!(numbers(&open(&folder).unwrap()), numbers(&parts));
}

/// `consolidated` inside it, as Meta's own tools make it, is one file and wins.
#[test]
fn what_is_consolidated_inside_is_taken() {
    // With its entropy model beside it.
    let both = copy("distributed");
    let folder = both.path().join("blt_tiny");
    let inside = folder.join("consolidated");
    fs::create_dir(&inside).unwrap();
    let pth = made("original/blt_tiny").join("consolidated.pth");
    fs::copy(pth, inside.join("consolidated.pth")).unwrap();
    let opened = open(&folder).unwrap();
    same_weights(&open(&made("original/blt_tiny")).unwrap(), &opened);
    let said = opened.inspect().warnings.join("\n");
    assert!(
        said.contains("consolidated/consolidated.pth was taken"),
        "{said}"
    );
    assert!(said.contains(".metadata"), "{said}");
    // That folder alone is enough, whichever of both has the settings.
    complete(&open(&inside).unwrap());
    let (outer, inner) = (folder.join("params.json"), inside.join("params.json"));
    fs::rename(outer, inner).unwrap();
    complete(&open(&inside).unwrap());
    complete(&open(&folder).unwrap());
    fs::remove_file(folder.join(".metadata")).unwrap();
    complete(&open(&folder).unwrap());
}

fn complete(checkpoint: &Checkpoint) {
    let inspection = checkpoint.inspect();
    assert!(inspection.complete(), "{inspection}");
}

/// What is damaged says so, and names the file.
#[test]
fn damage_is_named() {
    let layout = "distributed/entropy_model";
    let folder = copy(layout);
    let shown = |name: &str| folder.path().join(name).display().to_string();
    fs::remove_file(folder.path().join("__2_0.distcp")).unwrap();
    sentence(
        open(folder.path()),
        &[&shown(".metadata"), "__2_0.distcp", "download it"],
    );

    for bytes in [0, 1, 20_000, 40_000] {
        let folder = copy(layout);
        let path = folder.path().join("__2_0.distcp");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..bytes]).unwrap();
        sentence(open(folder.path()), &["__2_0.distcp", "download it again"]);
    }
}

/// No byte of `.metadata` can be another without a sentence, or the same model.
#[test]
fn no_metadata_makes_it_panic() {
    let folder = copy("distributed/entropy_model");
    let path = folder.path().join(".metadata");
    let whole = fs::read(&path).unwrap();
    for cut in (0..whole.len()).step_by(97) {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(open(folder.path()).is_err(), "{cut}");
    }
    for at in (0..whole.len()).step_by(53) {
        for change in [1, 0x80, 0xFF] {
            let mut code = whole.clone();
            code[at] ^= change;
            fs::write(&path, code).unwrap();
            if let Ok(checkpoint) = open(folder.path()) {
                let _ = checkpoint
                    .entropy_weights()
                    .map(|weights| weights.norm.to_f32());
            }
        }
    }
}

/// A pickle that calls what it must not is refused by name, whatever it is called.
#[test]
fn nothing_in_metadata_is_run() {
    let folder = copy("distributed/entropy_model");
    let path = folder.path().join(".metadata");
    for (module, name) in [
        ("os", "system"),
        ("builtins", "eval"),
        ("torch", "load"),
        ("torch.distributed.checkpoint.metadata", "os"),
        (
            "torch.distributed.checkpoint.filesystem",
            "FileSystemReader",
        ),
        ("pathlib", "os"),
    ] {
        let mut code = b"\x80\x02c".to_vec();
        code.extend(format!("{module}\n{name}\n").as_bytes());
        code.extend(b"X\x02\x00\x00\x00ls\x85R.");
        fs::write(&path, &code).unwrap();
        sentence(
            open(folder.path()),
            &[".metadata", &format!("{module}.{name}")],
        );
    }
    // A record is not called, and nothing else is made.
    let call = b"\x80\x02ctorch.distributed.checkpoint.metadata\nMetadata\n)R.";
    fs::write(&path, call).unwrap();
    sentence(open(folder.path()), &["only to be named"]);
}
