//! `blt score`, `blt eval noise` and `blt flops`.

use safetensors::SafeTensors;
use serde_json::{Value, json};

use super::input::file;
use super::{good, model, oracle, refused};

fn parse(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn table(arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&good(arguments, b"").text()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

/// The bytes of an input, and -ln p of each from the golden logits of a model.
fn golden(tensor: &str) -> (Vec<u8>, Vec<f64>) {
    let path = oracle("k2_base").join("golden_ascii.safetensors");
    let data = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&data).unwrap();
    let ids = tensors.tensor("input_ids").unwrap().data().to_vec();
    let ids: Vec<usize> = ids
        .chunks_exact(8)
        .map(|c| usize::from(c[0]) + 256 * usize::from(c[1]))
        .collect();
    let logits = tensors.tensor(tensor).unwrap().data().to_vec();
    let logits: Vec<f64> = logits
        .chunks_exact(4)
        .map(|c| f32::from_le_bytes(c.try_into().unwrap()).into())
        .collect();
    let nlls = ids[1..]
        .iter()
        .zip(logits.chunks_exact(260))
        .map(|(id, row)| {
            let total: f64 = row.iter().map(|logit| logit.exp()).sum();
            total.ln() - row[*id]
        });
    let bytes = ids[1..].iter().map(|id| u8::try_from(id - 4).unwrap());
    (bytes.collect(), nlls.collect())
}

#[test]
fn rows_agree_with_the_golden_data() {
    let (bytes, nlls) = golden("logits");
    let (_, entropy_nlls) = golden("patcher_logits");
    let model = model();
    let (_file, path) = file(&bytes);
    let arguments = ["score", "-m", &model, &path, "--format"];
    let rows = |more: &[&str]| parse(&good(&[&arguments[..], more].concat(), b"").text());
    let blt = rows(&["jsonl"]);
    let both = rows(&["jsonl", "--model-part", "both"]);
    let entropy = rows(&["jsonl", "--model-part", "entropy"]);
    assert_eq!(
        (blt.len(), both.len(), entropy.len()),
        (bytes.len(), bytes.len(), bytes.len())
    );
    for i in 0..bytes.len() {
        let keys: Vec<_> = blt[i]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["file", "i", "byte", "nll", "patch"]);
        assert_eq!(
            (&blt[i]["i"], &blt[i]["byte"]),
            (&i.into(), &bytes[i].into())
        );
        let close = |value: &Value, expected: f64| (number(value) - expected).abs() < 3e-4;
        assert!(close(&blt[i]["nll"], nlls[i]), "{} for {}", blt[i], nlls[i]);
        assert!(
            close(&both[i]["nll_entropy"], entropy_nlls[i]),
            "{}",
            both[i]
        );
        assert!(close(&entropy[i]["nll"], entropy_nlls[i]), "{}", entropy[i]);
        assert_eq!(both[i]["nll"], blt[i]["nll"]);
        assert_eq!(entropy[i]["patch"], blt[i]["patch"]);
    }
    let csv = good(&[&arguments[..], &["csv"]].concat(), b"").text();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("file,i,byte,nll,patch"));
    assert_eq!(csv.lines().count(), bytes.len() + 1);
    for (line, row) in lines.zip(&blt) {
        let cells: Vec<String> = row
            .as_object()
            .unwrap()
            .values()
            .map(ToString::to_string)
            .collect();
        assert_eq!(line, cells.join(",").replace('"', ""));
    }
}

#[test]
fn files_have_a_line_each_and_one_for_all() {
    let model = model();
    let (_one, one) = file(b"The first of two texts.");
    let (_two, two) = file("둘째".repeat(20).as_bytes());
    let nats = |path: &str| -> f64 {
        let rows = good(&["score", "-m", &model, path, "--format", "jsonl"], b"");
        parse(&rows.text())
            .iter()
            .map(|row| number(&row["nll"]))
            .sum()
    };
    let bits = (nats(&one) + nats(&two)) / (23.0 + 120.0) / std::f64::consts::LN_2;
    let text = good(&["score", "-m", &model, &one, &two], b"").text();
    assert_eq!(text.lines().count(), 4);
    let all: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(all[..2], ["all", "143"]);
    assert!(
        (all[4].parse::<f64>().unwrap() - bits).abs() < 1e-3,
        "{text}"
    );
    let perplexity: f64 = all[5].parse().unwrap();
    assert!((perplexity.log2() - bits).abs() < 1e-3, "{text}");
    let md = good(&["score", "-m", &model, &one, "--format", "md"], b"").text();
    assert!(md.starts_with("| file | bytes | patches |") && md.lines().count() == 3);
    // A pipe has no name.
    let piped = good(&["score", "-m", &model, "--format", "csv"], b"a,b").text();
    assert!(piped.lines().skip(1).all(|line| line.starts_with("-,")));
    let empty = good(&["score", "-m", &model, "-"], b"").text();
    assert!(empty.lines().last().unwrap().ends_with('-'), "{empty}");
}

#[test]
fn a_piece_is_read_as_if_alone() {
    let model = model();
    let text = b"Twenty bytes of text";
    let rows = |stdin: &[u8], more: &[&str]| {
        let arguments = ["score", "-m", &model, "--format", "jsonl", "-"];
        parse(&good(&[&arguments[..], more].concat(), stdin).text())
    };
    for part in ["blt", "entropy"] {
        let pieces = rows(text, &["--piece", "8", "--model-part", part]);
        assert_eq!(pieces.len(), 20);
        let mut patches = 0;
        for (at, piece) in text.chunks(8).enumerate() {
            let alone = rows(piece, &["--model-part", part]);
            for (i, row) in alone.iter().enumerate() {
                let found = &pieces[at * 8 + i];
                assert_eq!(found["i"], at * 8 + i);
                assert!((number(&found["nll"]) - number(&row["nll"])).abs() < 1e-5);
                assert_eq!(found["patch"], patches + row["patch"].as_u64().unwrap());
            }
            patches += alone.last().unwrap()["patch"].as_u64().unwrap() + 1;
        }
    }
}

#[test]
fn requests_are_answered_in_order() {
    let model = model();
    let (bytes, nlls) = golden("logits");
    let text = String::from_utf8(bytes).unwrap();
    let ask = |from: usize, to: usize| json!({"context": &text[..from], "continuation": &text[from..to], "id": 7});
    let spans = [(0, 5), (40, 60), (40, 45), (40, 40), (12, 13)];
    let requests: Vec<String> = spans
        .iter()
        .map(|(from, to)| ask(*from, *to).to_string())
        .collect();
    let requests = requests.join("\n");
    let arguments = ["score", "-m", &model, "--requests", "-"];
    let answers = parse(&good(&arguments, requests.as_bytes()).text());
    assert_eq!(answers.len(), spans.len());
    for (answer, (from, to)) in answers.iter().zip(spans) {
        let expected: f64 = -nlls[from..to].iter().sum::<f64>();
        assert!(
            (number(&answer["logprob"]) - expected).abs() < 5e-3,
            "{answer} {expected}"
        );
        assert_eq!(answer["bytes"], to - from);
        assert_eq!(answer["is_greedy"], from == to);
    }
}

#[test]
fn the_entropy_model_answers_too() {
    let model = model();
    let request = json!({"context": "Some ", "continuation": "text"}).to_string();
    let arguments = ["score", "-m", &model, "--model-part", "entropy"];
    let answer = good(
        &[&arguments[..], &["--requests", "-"]].concat(),
        request.as_bytes(),
    );
    let answer = parse(&answer.text());
    let rows = good(
        &[&arguments[..], &["--format", "jsonl"]].concat(),
        b"Some text",
    );
    let nats: f64 = parse(&rows.text())[5..]
        .iter()
        .map(|row| number(&row["nll"]))
        .sum();
    assert!((number(&answer[0]["logprob"]) + nats).abs() < 1e-3);
}

/// Short documents are packed, and a long one among them is not: the rows are those of
/// each alone, in order.
#[test]
fn documents_are_scored_as_each_alone() {
    let model = model();
    let rows = |stdin: &[u8], more: &[&str]| {
        let arguments = ["score", "-m", &model, "--model-part", "entropy", "-"];
        let form = ["--format", "jsonl"];
        parse(&good(&[&arguments[..], &form, more].concat(), stdin).text())
    };
    let mut texts: Vec<String> = (0..9).map(|i| "a few words, 글 ".repeat(i)).collect();
    texts.insert(5, "long ".repeat(3400));
    texts.push("the last\u{0}".to_owned());
    let all = rows(texts.join("||").as_bytes(), &["--separator", "||"]);
    let mut found = all.iter();
    for (document, text) in texts.iter().enumerate() {
        for alone in rows(text.as_bytes(), &[]) {
            let row = found.next().unwrap();
            assert_eq!(row["document"], document);
            assert!((number(&alone["nll"]) - number(&row["nll"])).abs() < 1e-5);
            for key in ["i", "byte", "patch"] {
                assert_eq!(alone[key], row[key], "document {document}");
            }
        }
    }
    assert!(found.next().is_none());
}

/// Short requests are packed, those that share a long context are not: the answers are
/// those of each request alone, in the order of the requests.
#[test]
fn many_requests_are_answered_as_each_alone() {
    let model = model();
    let arguments = [
        "score",
        "-m",
        &model,
        "--model-part",
        "entropy",
        "--requests",
        "-",
    ];
    let long = "A long beginning, the same for several. ".repeat(12);
    let mut requests = Vec::new();
    for i in 0..14 {
        let words = "some words\u{0} and 글자 ".repeat(i % 4);
        requests.push(json!({"context": words, "continuation": format!("number {i}")}));
        if i % 5 == 4 {
            for end in ["", "a", "bc"] {
                requests.push(json!({"context": long, "continuation": end}));
            }
        }
    }
    let lines: Vec<String> = requests.iter().map(ToString::to_string).collect();
    let together = parse(&good(&arguments, lines.join("\n").as_bytes()).text());
    assert_eq!(together.len(), lines.len());
    for (line, answer) in lines.iter().zip(&together) {
        let alone = parse(&good(&arguments, line.as_bytes()).text());
        let difference = number(&alone[0]["logprob"]) - number(&answer["logprob"]);
        assert!(difference.abs() < 1e-4, "{line}: {alone:?} {answer}");
        for key in ["is_greedy", "bytes"] {
            assert_eq!(alone[0][key], answer[key], "{line}");
        }
    }
}

#[test]
fn noise_is_measured_against_the_text_without() {
    let model = model();
    let text = "Words, 글자 and more words.\n".repeat(4);
    let (_file, path) = file(text.as_bytes());
    let (_upper, upper) = file(text.to_uppercase().as_bytes());
    let arguments = ["eval", "noise", "-m", &model, "--format", "json"];
    let rows = table(&[&arguments[..], &[&path]].concat());
    let names: Vec<_> = rows
        .iter()
        .map(|row| row["noise"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "none",
            "antspeak",
            "drop",
            "randomcase",
            "repeat",
            "uppercase"
        ]
    );
    assert_eq!(
        (&rows[0]["bytes"], &rows[0]["more_bits_per_byte"]),
        (&text.len().into(), &Value::Null)
    );
    let clean = number(&rows[0]["bits_per_byte"]);
    for row in &rows[1..] {
        let more = number(&row["bits_per_byte"]) - clean;
        assert!((number(&row["more_bits_per_byte"]) - more).abs() < 1e-9);
    }
    // What is noise here is text there.
    let loud = table(&[&arguments[..], &[&upper]].concat());
    assert!((number(&loud[0]["bits_per_byte"]) - number(&rows[5]["bits_per_byte"])).abs() < 1e-6);
    let other = table(&[&arguments[..], &[&path, "--seed", "2"]].concat());
    assert_ne!(other[2]["bits_per_byte"], rows[2]["bits_per_byte"]);
    assert_eq!(other[1], rows[1]);
}

#[test]
fn questions_about_characters_are_those_of_requests() {
    let model = model();
    let arguments = [
        "eval",
        "characters",
        "-m",
        &model,
        "--format",
        "json",
        "-n",
        "3",
    ];
    let rows = table(&[&arguments[..], &["--model-part", "both"]].concat());
    let tasks: Vec<_> = rows.iter().map(|row| &row["task"]).collect();
    assert_eq!(tasks, ["copy", "reverse", "spell", "count"]);
    for row in &rows {
        assert_eq!(row["questions"], 3);
        for name in ["bits_per_byte", "entropy_bits_per_byte"] {
            assert!(number(&row[name]) > 0.0, "{row}");
        }
        for name in ["exact", "entropy_exact"] {
            assert!((0.0..=1.0).contains(&number(&row[name])), "{row}");
        }
    }
    for (flag, most) in [("-n", "100000"), ("--shots", "1000")] {
        let (code, sentence) = refused(&["eval", "characters", flag, "1000000"]);
        assert!(code == 2 && sentence.contains(most), "{sentence}");
        assert!(
            sentence.contains("`blt eval characters --help`"),
            "{sentence}"
        );
    }
    // An answer and the end of its line: a digit.
    assert_eq!(rows[3]["bytes"], 6);
    // The entropy model alone says what it says beside the whole one.
    let alone = table(&[&arguments[..], &["--model-part", "entropy"]].concat());
    for (alone, both) in alone.iter().zip(&rows) {
        assert_eq!(alone["bits_per_byte"], both["entropy_bits_per_byte"]);
        assert_eq!(alone["exact"], both["entropy_exact"]);
    }
    let other = table(&[&arguments[..], &["--seed", "2"]].concat());
    assert_ne!(other[0]["bits_per_byte"], rows[0]["bits_per_byte"]);
    // What the command asks can be asked as requests.
    let requests = blt::measure::characters::Task::Reverse.requests(3, 4, 1);
    let lines: String = requests
        .iter()
        .map(|request| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let line = serde_json::json!({
                "context": text(&request.context),
                "continuation": text(&request.continuation),
            });
            format!("{line}\n")
        })
        .collect();
    let (_file, path) = file(lines.as_bytes());
    let answers = parse(&good(&["score", "-m", &model, "--requests", &path], b"").text());
    let nats: f64 = answers
        .iter()
        .map(|answer| -number(&answer["logprob"]))
        .sum();
    let bytes: f64 = answers.iter().map(|answer| number(&answer["bytes"])).sum();
    let bits = nats / bytes / std::f64::consts::LN_2;
    assert!((bits - number(&rows[1]["bits_per_byte"])).abs() < 1e-6);
}

#[test]
fn flops_add_up() {
    let model = model();
    let rows = table(&["flops", "-m", &model, "--format", "json"]);
    let flops = |name: &str| {
        let row = rows.iter().find(|row| row["part"] == name);
        number(&row.unwrap()["flops_per_byte"])
    };
    let parts: f64 = rows[..rows.len() - 2]
        .iter()
        .map(|row| number(&row["flops_per_byte"]))
        .sum();
    assert!((parts - flops("all")).abs() < 1e-6 * parts);
    let paper = flops("all") - flops("projections") - flops("entropy model");
    assert!((paper - flops("by the paper's formula")).abs() < 1e-6 * paper);

    let own = |size: &str| {
        let rows = table(&[
            "flops",
            "-m",
            &model,
            "--format",
            "json",
            "--patch-size",
            size,
        ]);
        number(&rows.last().unwrap()["flops_per_byte"])
    };
    assert!(own("8") < own("4.5") && own("4.5") < own("2"));
    let budget = table(&["flops", "-m", &model, "--budget=4.5,9", "--format", "json"]);
    assert_eq!(
        (&budget[0]["layers"], &budget[0]["deeper_times"]),
        (&2.into(), &1.0.into())
    );
    assert!(number(&budget[1]["deeper_times"]) > 2.0);

    // No weights are needed; as in the paper, patches of 8 bytes pay for about 1.7 times the model.
    let like = table(&[
        "flops",
        "--like",
        "blt-1b",
        "--budget=4.5,8",
        "--format",
        "json",
    ]);
    assert_eq!(like[0]["deeper_parameters"], 1_284_608_000);
    assert_eq!(like[0]["wider_parameters"], 1_284_608_000);
    for key in ["deeper_times", "wider_times"] {
        assert!((1.6..1.9).contains(&number(&like[1][key])), "{}", like[1]);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let model = model();
    let (_bad, bad) = file(b"{\"context\": \"a\", \"continuation\": \"b\"}\n\n{\"context\": 1}\n");
    let nopatcher = oracle("nopatcher").display().to_string();
    let cases: &[(&[&str], i32, &[&str])] = &[
        (
            &["score", "no/such/file", "-m", &model],
            1,
            &["no/such/file"],
        ),
        (
            &["score", &bad, "-m", &model, "--patch-size", "4"],
            2,
            &["--threshold"],
        ),
        (
            &["score", &bad, "--requests", &bad, "-m", &model],
            2,
            &["--requests"],
        ),
        (
            &["score", "--requests", &bad, "-m", &model],
            2,
            &["line 3 of", "continuation"],
        ),
        (
            &["score", &bad, "-m", &model, "--piece", "0"],
            2,
            &["--piece", "from 1 on"],
        ),
        (
            &[
                "score",
                &bad,
                "-m",
                &nopatcher,
                "--mode",
                "byte",
                "--model-part",
                "both",
            ],
            2,
            &["no entropy model"],
        ),
        (&["eval"], 2, &["eval"]),
        (
            &["eval", "noise", "no/such/file", "-m", &model],
            1,
            &["no/such/file"],
        ),
        (
            &["flops", "-m", &model, "--patch-size", "0.5"],
            2,
            &["mean patch", "0.5"],
        ),
        (
            &["flops", "-m", &model, "--budget=0"],
            2,
            &["mean patch", "not 0"],
        ),
        (&["flops", "-m", "no/such"], 4, &["no/such"]),
    ];
    for (arguments, code, words) in cases {
        let (found, sentence) = refused(arguments);
        assert_eq!(found, *code, "{arguments:?}: {sentence}");
        for word in *words {
            assert!(sentence.contains(word), "{arguments:?}: {sentence}");
        }
    }
}

#[test]
fn only_what_greedy_decoding_gives_is_greedy() {
    // The golden data of this model says that greedy decoding goes on with GH*E.
    let folder = oracle("k4_proj");
    let data = std::fs::read(folder.join("golden_ascii.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&data).unwrap();
    let bytes = |name: &str| -> Vec<u8> {
        let ids = tensors.tensor(name).unwrap().data().to_vec();
        let ids = ids
            .chunks_exact(8)
            .map(|c| i64::from_le_bytes(c.try_into().unwrap()));
        ids.filter(|id| *id >= 4)
            .map(|id| u8::try_from(id - 4).unwrap())
            .collect()
    };
    assert!(bytes("greedy").starts_with(b"GH*E"));
    let context = String::from_utf8(bytes("input_ids")).unwrap();
    let requests = ["GH*E", "G", "GH*F", "H"]
        .map(|text| json!({"context": context, "continuation": text}).to_string());
    let model = folder.display().to_string();
    let arguments = ["score", "-m", &model, "--requests", "-"];
    let answers = parse(&good(&arguments, requests.join("\n").as_bytes()).text());
    let greedy: Vec<_> = answers.iter().map(|answer| &answer["is_greedy"]).collect();
    assert_eq!(greedy, [true, true, false, false]);
}
