//! The preprocessor of the shaders, which runs in the build.

use std::fs;

use rand::RngExt as _;

use super::preprocess::Source;
use super::{damage, folder, run, tests};

#[test]
fn preprocessor() {
    let folder = folder();
    let shaders = tests().join("../shaders");
    let library = folder.path().join("lib");
    fs::create_dir(&library).unwrap();
    for entry in fs::read_dir(shaders.join("lib"))
        .unwrap()
        .map(Result::unwrap)
    {
        fs::write(
            library.join(entry.file_name()),
            fs::read(entry.path()).unwrap(),
        )
        .unwrap();
    }
    let mut all: Vec<Vec<u8>> = (fs::read_dir(&shaders).unwrap().map(Result::unwrap))
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "wgsl"))
        .map(|entry| fs::read(entry.path()).unwrap())
        .collect();
    all.sort();
    let path = folder.path().join("kernel.wgsl");
    let words: [&[u8]; 10] = [
        b"#if ",
        b"#else\n",
        b"#end\n",
        b"#import ",
        b"#variants X a b:subgroups\n",
        b"#cpu name\n",
        b"${X}",
        b"#for ",
        b"\r\n",
        b"#",
    ];
    run(&[], 3, |rng| {
        let mut text = all[rng.random_range(0..all.len())].clone();
        // Lines of the preprocessor are few: more of them.
        for _ in 0..rng.random_range(0..4) {
            let at = rng.random_range(0..=text.len());
            text.splice(
                at..at,
                words[rng.random_range(0..words.len())].iter().copied(),
            );
        }
        damage::bytes(&mut text, rng);
        fs::write(&path, text).unwrap();
        let Ok(source) = Source::read(&path, &library) else {
            return;
        };
        for combination in source.combinations().iter().take(8) {
            if let Ok(expanded) = source.expand(combination) {
                assert_eq!(expanded.wgsl.lines().count(), expanded.origin.len());
            }
        }
    });
}

/// A slip of a digit, and what a turn defines.
#[test]
fn repetitions_end_and_keep_to_themselves() {
    let folder = folder();
    let path = folder.path().join("kernel.wgsl");
    let expand = |text: &str| {
        fs::write(&path, text).unwrap();
        let source = Source::read(&path, folder.path()).unwrap();
        let combination = source.combinations().remove(0);
        source.expand(&combination).map(|expanded| expanded.wgsl)
    };
    for text in [
        "#repeat A 99999999999\n#end\n",
        "#repeat A 500\n#repeat B 500\n#repeat C 500\n#end\n#end\n#end\n",
    ] {
        assert!(
            expand(text).is_err_and(|said| said.contains("turns")),
            "{text}"
        );
    }
    let turns = "#repeat A 3\n#define X 7\nlet a$A = $X;\n#end\n";
    let wanted = "let a0 = 7;\nlet a1 = 7;\nlet a2 = 7;\n";
    assert_eq!(expand(turns).as_deref(), Ok(wanted));
}
