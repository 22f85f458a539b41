//! The patching rules against the published code's results and against their
//! own promises: causal, incremental, bounded.
use blt::bytes;
use blt::patch::{
    Known, LookupTable, Rule, Scheme, decoder_patch_ids, lengths, patch_ids, solve, starts,
    starts_known, statistics, top_k,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

fn read(name: &str) -> Value {
    let path = format!("{}/tests/oracle/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

fn number(value: &Value) -> f32 {
    serde_json::from_value(value.clone()).unwrap()
}

/// Every scheme, thresholds such that random entropies give patches of all sorts.
fn all_rules() -> Vec<Rule> {
    let mut rng = StdRng::seed_from_u64(1);
    let side = bytes::VOCAB;
    let flags = (0..side * side).map(|_| rng.random_bool(0.3)).collect();
    let schemes = [
        Scheme::Entropy { threshold: 1.3 },
        Scheme::Monotonic { threshold: 0.3 },
        Scheme::Both {
            threshold: 1.0,
            threshold_add: 0.1,
        },
        Scheme::Space,
        Scheme::Static { size: 1 },
        Scheme::Static { size: 4 },
        Scheme::Byte,
        Scheme::Delimiter,
        Scheme::DelimiterPredicted,
        Scheme::Lookup {
            table: LookupTable::new(side, flags).unwrap(),
        },
    ];
    let mut rules = Vec::new();
    for scheme in schemes {
        for max in [None, Some(1), Some(2), Some(5), Some(10_000)] {
            rules.push(
                Rule::new(scheme.clone())
                    .unwrap()
                    .with_max_patch_length(max)
                    .unwrap(),
            );
        }
    }
    rules
}

fn random_text(rng: &mut StdRng) -> Vec<Known> {
    let len = rng.random_range(0..60);
    (0..len)
        .map(|i| Known {
            id: match rng.random_range(0..4) {
                _ if i == 0 => bytes::BOS,
                0 => rng.random_range(0..bytes::VOCAB),
                1 => bytes::id_of(b' '),
                2 => bytes::DELIMITER,
                _ => rng.random_range(69..95),
            },
            entropy: Some(rng.random_range(0.0..4.0)),
            best: Some(rng.random_range(0..6)),
        })
        .collect()
}

#[test]
fn entropy_rules_agree_with_the_published_code() {
    let golden = read("patching_golden.json");
    let cases = golden["entropy"].as_array().unwrap();
    assert_eq!(cases.len(), 72);
    for case in cases {
        let entropies: Vec<f32> = numbers(&case["entropies"]);
        let threshold = number(&case["threshold"]);
        let scheme = if case["monotonicity"].as_bool() == Some(true) {
            Scheme::Monotonic { threshold }
        } else if case["threshold_add"].is_number() {
            Scheme::Both {
                threshold,
                threshold_add: number(&case["threshold_add"]),
            }
        } else {
            Scheme::Entropy { threshold }
        };
        let max = case["max_patch_length"]
            .as_u64()
            .map(|max| u32::try_from(max).unwrap());
        let rule = Rule::new(scheme)
            .unwrap()
            .with_max_patch_length(max)
            .unwrap();
        let flags = starts(&rule, &vec![70; entropies.len()], Some(&entropies)).unwrap();
        assert_eq!(lengths(&flags), numbers::<u32>(&case["lengths"]), "{case}");
    }
}

#[test]
fn token_rules_agree_with_the_published_code() {
    let golden = read("patching_golden.json");
    let cases = golden["tokens"].as_array().unwrap();
    assert_eq!(cases.len(), 35);
    for case in cases {
        let ids: Vec<u32> = numbers(&case["ids"]);
        let scheme = match case["mode"].as_str().unwrap() {
            "space" => Scheme::Space,
            "byte" => Scheme::Byte,
            // The published rule leaves a delimiter out that is the last token; no golden text ends with one.
            "bpe" if ids.last() != Some(&bytes::DELIMITER) => Scheme::Delimiter,
            mode => panic!("unknown mode {mode}"),
        };
        let flags = starts(&Rule::new(scheme).unwrap(), &ids, None).unwrap();
        assert_eq!(lengths(&flags), numbers::<u32>(&case["lengths"]), "{case}");
    }
}

#[test]
fn the_figure_of_the_paper_comes_out() {
    let figure = read("paper_figure.json");
    let ids: Vec<u32> = numbers(&figure["token_ids"]);
    let entropies: Vec<f32> = numbers(&figure["entropies"]);
    let published: Vec<u8> = numbers(&figure["start"]);
    let mut text = bytes::prompt(figure["text"].as_str().unwrap().as_bytes());
    text.push(bytes::EOS);
    assert_eq!(text, ids);
    let rule = Rule::entropy(number(&figure["threshold"])).unwrap();
    assert_eq!(rule, Rule::default());
    let flags = starts(&rule, &ids, Some(&entropies)).unwrap();
    let got: Vec<u8> = flags.iter().copied().map(u8::from).collect();
    assert_eq!(got[..ids.len()], published);
}

#[test]
fn static_patches_count_from_the_first_byte() {
    let flags = |size, len| {
        let rule = Rule::new(Scheme::Static { size }).unwrap();
        lengths(&starts(&rule, &vec![70; len], None).unwrap())
    };
    assert_eq!(flags(4, 10), [1, 4, 4, 2]);
    assert_eq!(flags(1, 3), [1, 1, 1, 1]);
    assert_eq!(flags(u32::MAX, 5), [1, 5]);
    assert_eq!(flags(4, 0), [1]);
}

#[test]
fn predicted_delimiters_and_the_table_start_patches() {
    let known: Vec<Known> = [9, 3, 7, 3]
        .map(|best| Known {
            id: 70,
            entropy: None,
            best: Some(best),
        })
        .to_vec();
    let rule = Rule::new(Scheme::DelimiterPredicted).unwrap();
    assert_eq!(
        starts_known(&rule, &known).unwrap(),
        [true, true, true, false, true]
    );

    let mut flags = vec![false; 260 * 260];
    flags[70 * 260 + 71] = true;
    let rule = Rule::new(Scheme::Lookup {
        table: LookupTable::new(260, flags).unwrap(),
    })
    .unwrap();
    let ids = [1, 70, 71, 70, 70, 71];
    assert_eq!(
        starts(&rule, &ids, None).unwrap(),
        [true, true, false, true, false, false, true]
    );

    // A delimiter that is the last token starts a patch here; see `Delimiter`.
    let rule = Rule::new(Scheme::Delimiter).unwrap();
    assert_eq!(
        starts(&rule, &[1, 70, 3], None).unwrap(),
        [true, true, false, true]
    );
}

#[test]
fn step_by_step_is_the_whole_text_and_so_is_every_fork() {
    let mut rng = StdRng::seed_from_u64(2);
    for rule in all_rules() {
        let mut patcher = rule.patcher();
        for _ in 0..40 {
            let text = random_text(&mut rng);
            let whole = starts_known(&rule, &text).unwrap();
            assert_eq!(whole.len(), text.len() + 1);
            assert!(whole.iter().take(2).all(|&flag| flag), "{rule:?}");
            // The same patcher again after a reset, and a fork from the middle on.
            patcher.reset();
            let middle = rng.random_range(0..=text.len());
            let mut flags = vec![true];
            flags.extend(
                text[..middle]
                    .iter()
                    .map(|known| patcher.next_starts(known)),
            );
            let mut fork = patcher.clone();
            let mut forked = flags.clone();
            flags.extend(
                text[middle..]
                    .iter()
                    .map(|known| patcher.next_starts(known)),
            );
            forked.extend(text[middle..].iter().map(|known| fork.next_starts(known)));
            assert_eq!((&flags, &forked), (&whole, &whole), "{rule:?}");
        }
    }
}

#[test]
fn the_patches_of_a_prefix_are_the_prefix_of_the_patches() {
    let mut rng = StdRng::seed_from_u64(3);
    for rule in all_rules() {
        for _ in 0..10 {
            let text = random_text(&mut rng);
            let whole = starts_known(&rule, &text).unwrap();
            for end in 0..=text.len() {
                assert_eq!(
                    starts_known(&rule, &text[..end]).unwrap(),
                    whole[..=end],
                    "{rule:?}"
                );
            }
        }
    }
}

#[test]
fn a_bound_splits_patches_from_their_start() {
    let mut rng = StdRng::seed_from_u64(4);
    for rule in all_rules() {
        let Some(max) = rule.max_patch_length() else {
            continue;
        };
        let free = rule.clone().with_max_patch_length(None).unwrap();
        for _ in 0..40 {
            let text = random_text(&mut rng);
            let mut expected = Vec::new();
            for mut length in lengths(&starts_known(&free, &text).unwrap()) {
                while length > max {
                    expected.push(max);
                    length -= max;
                }
                expected.push(length);
            }
            let bounded = starts_known(&rule, &text).unwrap();
            assert_eq!(lengths(&bounded), expected, "{rule:?}");
        }
    }
}

#[test]
fn ids_follow_from_the_flags() {
    let mut rng = StdRng::seed_from_u64(5);
    for _ in 0..200 {
        let text = random_text(&mut rng);
        let flags = starts_known(&Rule::default(), &text).unwrap();
        let patches = patch_ids(&flags);
        let seen = decoder_patch_ids(&flags);
        assert_eq!((patches.len(), seen.len()), (text.len(), text.len()));
        for i in 0..text.len() {
            let count = |end: usize| {
                u32::try_from(flags[..=end].iter().filter(|&&flag| flag).count()).unwrap()
            };
            assert_eq!(patches[i], count(i) - 1);
            assert_eq!(seen[i], count(i + 1) - 2);
            // The patch that the decoder sees is closed: its last byte is at or before i.
            assert!(seen[i] < patches[i] || flags[i + 1]);
        }
    }
}

#[test]
fn top_k_gives_about_the_target_and_is_not_causal() {
    let mut rng = StdRng::seed_from_u64(6);
    let entropies: Vec<f32> = (0..400).map(|_| rng.random_range(0.0..4.0)).collect();
    let flags = top_k(&entropies, 4).unwrap();
    assert_eq!(flags.iter().filter(|&&flag| flag).count(), 100);
    let prefix = top_k(&entropies[..200], 4).unwrap();
    assert_ne!(prefix, flags[..=200]);
}

#[test]
fn solve_finds_the_nearest_reachable_mean() {
    let mut rng = StdRng::seed_from_u64(8);
    for round in 0..60 {
        let len: usize = rng.random_range(2..200);
        // Every third text has many equal entropies, so that steps are wide.
        let entropies: Vec<f32> = (0..len)
            .map(|_| {
                let h: f32 = rng.random_range(0.0..4.0);
                if round % 3 == 0 {
                    (h * 2.0).round() / 2.0
                } else {
                    h
                }
            })
            .collect();
        let ids = vec![70; len];
        for scheme in [
            Scheme::Entropy { threshold: 0.0 },
            Scheme::Monotonic { threshold: 0.0 },
            Scheme::Both {
                threshold: 0.0,
                threshold_add: 0.1,
            },
        ] {
            for max in [None, Some(3)] {
                let rule = Rule::new(scheme.clone())
                    .unwrap()
                    .with_max_patch_length(max)
                    .unwrap();
                // Every mean there is, by trying every entropy and difference.
                let with = |threshold| {
                    let scheme = match scheme {
                        Scheme::Monotonic { .. } => Scheme::Monotonic { threshold },
                        Scheme::Both { threshold_add, .. } => Scheme::Both {
                            threshold,
                            threshold_add,
                        },
                        _ => Scheme::Entropy { threshold },
                    };
                    let rule = Rule::new(scheme)
                        .unwrap()
                        .with_max_patch_length(max)
                        .unwrap();
                    statistics(&starts(&rule, &ids, Some(&entropies)).unwrap()).mean
                };
                let mut means: Vec<f64> = entropies.iter().map(|&h| with(h)).collect();
                means.extend(entropies.windows(2).map(|pair| with(pair[1] - pair[0])));
                means.extend([with(-9.0), with(9.0)]);
                let least = means.iter().copied().fold(f64::INFINITY, f64::min);
                let most = means.iter().copied().fold(0.0, f64::max);
                for _ in 0..8 {
                    let target = least + (most - least) * rng.random_range(0.0..=1.0);
                    let found = solve(&rule, &entropies, target).unwrap();
                    let nearest = means
                        .iter()
                        .map(|mean| (mean - target).abs())
                        .fold(f64::INFINITY, f64::min);
                    assert!(
                        ((found.mean - target).abs() - nearest).abs() < 1e-9,
                        "{rule:?} {target}"
                    );
                    // The rule it gives does what it says.
                    let measured =
                        statistics(&starts(&found.rule, &ids, Some(&entropies)).unwrap());
                    assert_eq!(
                        (measured.mean, measured.patches, measured.bytes),
                        (found.mean, found.patches, found.bytes)
                    );
                }
                assert!(solve(&rule, &entropies, most + 0.1).is_err());
                assert!(solve(&rule, &entropies, least - 0.1).is_err());
            }
        }
    }
}
