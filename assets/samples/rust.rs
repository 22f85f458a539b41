use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

/// How often each word of a text occurs.
#[derive(Debug, Default)]
struct Words {
    counts: BTreeMap<String, usize>,
}

impl Words {
    fn add(&mut self, line: &str) {
        for word in line.split(|c: char| !c.is_alphanumeric()) {
            if !word.is_empty() {
                *self.counts.entry(word.to_lowercase()).or_insert(0) += 1;
            }
        }
    }

    /// The most frequent words, at most `n` of them.
    fn top(&self, n: usize) -> Vec<(&str, usize)> {
        let mut all: Vec<_> = self.counts.iter().map(|(w, c)| (w.as_str(), *c)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.truncate(n);
        all
    }
}

fn main() -> io::Result<()> {
    let mut words = Words::default();
    for line in io::stdin().lock().lines() {
        words.add(&line?);
    }
    let mut out = io::stdout().lock();
    for (word, count) in words.top(10) {
        writeln!(out, "{count:>6}  {word}")?;
    }
    Ok(())
}
