//! Files of `torch.save` that are damaged, or that try to do something.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::PathBuf;

use blt::checkpoint::{Checkpoint, Environment};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::checkpoint::sentence;

fn entropy_model() -> PathBuf {
    let folder = [
        "tests",
        "library",
        "checkpoint",
        "meta",
        "original",
        "entropy_model",
    ];
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.iter().fold(root, |path, name| path.join(name))
}

/// Opens these bytes as the weights of the small entropy model.
fn open(file: &[u8]) -> blt::Result<Checkpoint> {
    let folder = tempfile::tempdir().unwrap();
    let params = entropy_model().join("params.json");
    fs::copy(params, folder.path().join("params.json")).unwrap();
    fs::write(folder.path().join("consolidated.pth"), file).unwrap();
    Checkpoint::open_in(folder.path().to_str().unwrap(), &Environment::default())
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in members {
        zip.start_file(*name, stored).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A file with this pickle and one storage `0` of 16 bytes.
fn with_pickle(code: &[u8]) -> blt::Result<Checkpoint> {
    open(&archive(&[("x/data.pkl", code), ("x/data/0", &[7; 16])]))
}

fn text(text: &str) -> Vec<u8> {
    let mut out = vec![b'X'];
    out.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    out.extend(text.as_bytes());
    out
}

/// `{"w": tensor}`, from the parts of the tensor's arguments.
fn tensor(
    storage: &str,
    key: &str,
    elements: u8,
    offset: u8,
    shape: &[u8],
    strides: &[u8],
) -> Vec<u8> {
    let tuple = |items: &[u8]| {
        let mut out = vec![b'('];
        out.extend(items.iter().flat_map(|&n| [b'K', n]));
        out.push(b't');
        out
    };
    let mut code = b"\x80\x02}".to_vec();
    code.extend(text("w"));
    code.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    code.extend(text("storage"));
    code.extend(format!("ctorch\n{storage}\n").bytes());
    code.extend(text(key));
    code.extend(text("cpu"));
    code.extend([b'K', elements, b't', b'Q', b'K', offset]);
    code.extend(tuple(shape));
    code.extend(tuple(strides));
    code.extend(b"\x89ccollections\nOrderedDict\n)RtRs.");
    code
}

#[test]
fn tensors_are_windows_of_their_storage() {
    let shown = |code: &[u8]| {
        let inspection = with_pickle(code).unwrap().inspect();
        let found = inspection.tensors.iter().find(|t| t.name == "w").cloned();
        found.map(|t| (t.dtype, t.shape, t.bytes))
    };
    let plain = tensor("FloatStorage", "0", 4, 0, &[2, 2], &[2, 1]);
    assert_eq!(shown(&plain), Some(("F32".into(), vec![2, 2], 16)));
    let part = tensor("BFloat16Storage", "0", 8, 5, &[3], &[1]);
    assert_eq!(shown(&part), Some(("BF16".into(), vec![3], 6)));
    // The stride of a dimension of one says nothing.
    let row = tensor("HalfStorage", "0", 8, 0, &[1, 8], &[1, 1]);
    assert_eq!(shown(&row), Some(("F16".into(), vec![1, 8], 16)));
    let scalar = tensor("LongStorage", "0", 2, 1, &[], &[]);
    assert_eq!(shown(&scalar), Some(("I64".into(), vec![], 8)));

    let cases: [(Vec<u8>, &[&str]); 7] = [
        (
            tensor("FloatStorage", "0", 4, 0, &[2, 2], &[1, 2]),
            &["`w`", "row by row", "contiguous"],
        ),
        (
            tensor("FloatStorage", "0", 4, 1, &[2, 2], &[2, 1]),
            &["`w`", "contradicts itself", "element 1"],
        ),
        (
            tensor("FloatStorage", "0", 5, 0, &[5], &[1]),
            &["`w`", "contradicts itself", "16 bytes"],
        ),
        (
            tensor("FloatStorage", "0", 4, 0, &[255; 8], &[1; 8]),
            &["`w`"],
        ),
        (
            tensor("FloatStorage", "1", 4, 0, &[4], &[1]),
            &["lacks the numbers", "`w`", "data/1"],
        ),
        (
            tensor("FloatStorage", "0", 4, 0, &[4], &[1, 1]),
            &["makes none"],
        ),
        (
            tensor("FloatStorage", "../../etc/passwd", 4, 0, &[4], &[1]),
            &["lacks the numbers"],
        ),
    ];
    for (code, parts) in cases {
        sentence(with_pickle(&code), parts);
    }
}

#[test]
fn what_tables_of_tensors_never_do_is_refused() {
    let system = "posix\nsystem\n";
    let cases: [(&str, Vec<u8>, &[&str]); 24] = [
        (
            "REDUCE",
            format!("\x02c{system}(X\x02\0\0\0idtR.").into_bytes(),
            &["`posix.system`", "byte 2"],
        ),
        (
            "os",
            b"\x02cos\nsystem\n(tR.".to_vec(),
            &["`os.system`", "byte 2"],
        ),
        (
            "builtins",
            b"\x02c__builtin__\neval\n.".to_vec(),
            &["`__builtin__.eval`"],
        ),
        ("torch", b"\x02ctorch\nload\n.".to_vec(), &["`torch.load`"]),
        (
            "_utils",
            b"\x02ctorch._utils\n_rebuild_qtensor\n.".to_vec(),
            &["_rebuild_qtensor"],
        ),
        (
            "STACK_GLOBAL",
            b"\x04\x8c\x02os\x8c\x06system\x93.".to_vec(),
            &["`os.system`", "byte 14"],
        ),
        (
            "STACK_GLOBAL of no text",
            b"\x04K\x01K\x02\x93.".to_vec(),
            &["no text"],
        ),
        ("INST", b"\x02(ios\nsystem\n.".to_vec(), &["INST", "byte 3"]),
        (
            "OBJ",
            b"\x02(ccollections\nOrderedDict\no.".to_vec(),
            &["OBJ"],
        ),
        (
            "NEWOBJ",
            b"\x02ccollections\nOrderedDict\n)\x81.".to_vec(),
            &["NEWOBJ"],
        ),
        ("EXT1", b"\x02\x82\x01.".to_vec(), &["EXT1"]),
        ("EXT4", b"\x02\x84\x01\0\0\0.".to_vec(), &["EXT4"]),
        ("PERSID", b"\x02Pwhatever\n.".to_vec(), &["PERSID"]),
        ("NEXT_BUFFER", b"\x05\x97.".to_vec(), &["NEXT_BUFFER"]),
        (
            "BUILD of a global",
            b"\x02ctorch\nFloatStorage\n}b.".to_vec(),
            &["state", "not a dict"],
        ),
        ("BUILD with a tuple", b"\x02}(K\x01tb.".to_vec(), &["state"]),
        (
            "a call of a type",
            b"\x02ctorch\nFloatStorage\n)R.".to_vec(),
            &["only to be named"],
        ),
        (
            "a call of a number",
            b"\x02K\x01)R.".to_vec(),
            &["no function"],
        ),
        (
            "arguments that are none",
            b"\x02ccollections\nOrderedDict\nK\x01R.".to_vec(),
            &["no tuple"],
        ),
        (
            "a persistent module",
            b"\x02(X\x06\0\0\0modulectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ."
                .to_vec(),
            &["no storage"],
        ),
        (
            "a persistent text",
            b"\x02X\x02\0\0\0idQ.".to_vec(),
            &["no storage"],
        ),
        (
            "a parameter of nothing",
            b"\x02ctorch._utils\n_rebuild_parameter\n)R.".to_vec(),
            &["parameter"],
        ),
        ("protocol 0", b"\0.".to_vec(), &["protocol 0"]),
        ("an unknown opcode", b"\x02\xfe.".to_vec(), &["0xFE"]),
    ];
    for (what, code, parts) in cases {
        let mut full = vec![0x80];
        full.extend(code);
        let said = sentence(with_pickle(&full), parts);
        assert!(said.contains("consolidated.pth"), "{what}: {said}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let deep = [b"\x80\x02".to_vec(), vec![b'N'; 1 << 17], b".".to_vec()].concat();
    let marks = [b"\x80\x02".to_vec(), vec![b'('; 1 << 17], b".".to_vec()].concat();
    let long = [b"\x80\x02".to_vec(), vec![b')'; 5 << 20], b".".to_vec()].concat();
    // A list that holds itself, and tuples of it without end.
    let own = b"\x80\x02}q\x00X\x01\0\0\0ah\x00s.".to_vec();
    let cases: [(&[u8], &[&str]); 19] = [
        (b"", &["cut off", "byte 0"]),
        (b"\x80", &["cut off"]),
        (b"\x80\x02}", &["cut off"]),
        (
            b"\x80\x02X\xff\xff\xff\xffabc.",
            &["text of 4294967295 bytes"],
        ),
        (
            b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.",
            &["text of"],
        ),
        (b"\x80\x02X\x09\0\0\0abc.", &["cut off"]),
        (b"\x80\x02X\x02\0\0\0\xff\xfe.", &["UTF-8"]),
        (
            b"\x80\x02\x8a\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01.",
            &["64 bits"],
        ),
        (b"\x80\x02ctorch", &["without end"]),
        (b"\x80\x02.", &["not there"]),
        (b"\x80\x02(K\x01.", &["no table of tensors"]),
        (b"\x80\x02t.", &["mark"]),
        (b"\x80\x02h\x07.", &["recalls"]),
        (b"\x80\x02K\x01K\x02K\x03s.", &["dict"]),
        (b"\x80\x02}(K\x01u.", &["dict"]),
        (&deep, &["too many values"]),
        (&marks, &["too many marks"]),
        (&long, &["no model's"]),
        (&own, &["`a`", "among its tensors"]),
    ];
    for (code, parts) in cases {
        sentence(with_pickle(code), parts);
    }
    let twice = [tensor("FloatStorage", "0", 4, 0, &[4], &[1]), Vec::new()].concat();
    let (body, again) = (&twice[2..twice.len() - 1], &twice[3..twice.len() - 1]);
    let twice = [b"\x80\x02", body, again, b"."].concat();
    sentence(with_pickle(&twice), &["`w`", "twice"]);
}

#[test]
fn archives_that_are_none() {
    let whole = fs::read(entropy_model().join("consolidated.pth")).unwrap();
    sentence(open(b""), &["empty"]);
    sentence(
        open(b"version https://git-lfs.github.com/spec/v1\n"),
        &["git lfs pull"],
    );
    let legacy = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
    sentence(open(legacy), &["before version 1.6"]);
    sentence(open(b"PK\x03\x04 something else"), &["not a whole file"]);
    sentence(
        open(&archive(&[("x/other", b"1")])),
        &["without the one data.pkl"],
    );
    let two: [(&str, &[u8]); 2] = [("x/data.pkl", b"\x80\x02}."), ("y/data.pkl", b"\x80\x02}.")];
    sentence(open(&archive(&two)), &["the one data.pkl"]);
    let big: [(&str, &[u8]); 2] = [("x/data.pkl", b"\x80\x02}."), ("x/byteorder", b"big")];
    sentence(open(&archive(&big)), &["big-endian"]);
    for length in [1, 30, whole.len() / 2, whole.len() - 23, whole.len() - 1] {
        sentence(
            open(&whole[..length]),
            &["consolidated.pth", "download it again"],
        );
    }
    // Compressed: the method of the first member in the directory is set to deflate.
    let mut deflated = whole.clone();
    let directory = deflated
        .windows(4)
        .position(|w| w == b"PK\x01\x02")
        .unwrap();
    deflated[directory + 10] = 8;
    sentence(open(&deflated), &["data.pkl", "compressed"]);
}

#[test]
fn random_damage_never_panics() {
    let whole = fs::read(entropy_model().join("consolidated.pth")).unwrap();
    let start = whole.windows(2).position(|w| w == b"\x80\x02").unwrap();
    let end = whole
        .windows(4)
        .position(|w| w == b"PK\x07\x08" || w == b"PK\x03\x04" && w != &whole[..4]);
    let pickle = start..end.filter(|&end| end > start).unwrap_or(4000);
    let directory = whole.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let mut rng = StdRng::seed_from_u64(11);
    let (mut opened, mut refused) = (0, 0);
    for round in 0..1500 {
        let mut file = whole.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = match round % 3 {
                0 => rng.random_range(directory..file.len()),
                _ => rng.random_range(pickle.clone()),
            };
            file[at] = rng.random();
        }
        match open(&file) {
            Ok(checkpoint) => {
                opened += 1;
                assert!(format!("{:#}", checkpoint.inspect()).contains("total"));
                drop(checkpoint.entropy_weights().map(|w| w.embed.to_f32()));
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().contains('\n'), "{error}");
            }
        }
    }
    assert!(
        opened > 50 && refused > 500,
        "{opened} opened, {refused} refused"
    );
}
