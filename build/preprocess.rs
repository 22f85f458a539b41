//! Imports, variants and conditions: WGSL text in, WGSL text out, with the
//! origin of every line kept for error messages.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// One value of an axis, with the tier that it needs.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) text: String,
    pub(crate) tier: Option<String>,
}

/// One chosen value per axis.
pub(crate) type Combination = Vec<(String, Value)>;

/// A kernel's file before expansion.
pub(crate) struct Source {
    path: PathBuf,
    library: PathBuf,
    text: String,
    axes: Vec<(String, Vec<Value>)>,
    /// The comment block at the top of the file: the kernel's documentation.
    pub(crate) header: Vec<String>,
    /// The name that `#cpu` gives the CPU form, if it is not the kernel's own.
    pub(crate) form: Option<String>,
}

/// A kernel's text for one combination.
pub(crate) struct Expanded {
    pub(crate) wgsl: String,
    /// File and line (from 1) of each line of `wgsl`.
    pub(crate) origin: Vec<(PathBuf, usize)>,
    /// Turns of repetitions so far.
    turns: usize,
}

/// More turns than any kernel has; a slip of a digit must not fill the memory.
const MOST_TURNS: usize = 10_000;

impl Source {
    pub(crate) fn read(path: &Path, library: &Path) -> Result<Self, String> {
        let text = read(path)?;
        let header = text
            .lines()
            .take_while(|line| line.starts_with("//"))
            .map(|line| line.trim_start_matches('/').to_owned())
            .collect();
        let form = text.lines().find_map(|line| line.strip_prefix("#cpu "));
        let form = form.map(|name| name.trim().to_owned());
        let mut axes = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if let Some(rest) = line.strip_prefix("#variants ") {
                let mut words = rest.split_whitespace();
                let Some(name) = words.next() else {
                    return Err(format!(
                        "{}:{}: an axis has no name",
                        path.display(),
                        number + 1
                    ));
                };
                let values = words
                    .map(|word| match word.split_once(':') {
                        Some((text, tier)) => Value {
                            text: text.to_owned(),
                            tier: Some(tier.to_owned()),
                        },
                        None => Value {
                            text: word.to_owned(),
                            tier: None,
                        },
                    })
                    .collect();
                axes.push((name.to_owned(), values));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            library: library.to_owned(),
            text,
            axes,
            header,
            form,
        })
    }

    pub(crate) fn combinations(&self) -> Vec<Combination> {
        let mut all: Vec<Combination> = vec![Vec::new()];
        for (name, values) in &self.axes {
            all = all
                .iter()
                .flat_map(|prefix| {
                    values.iter().map(move |value| {
                        let mut next = prefix.clone();
                        next.push((name.clone(), value.clone()));
                        next
                    })
                })
                .collect();
        }
        for line in self.text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["#without", name, value, other_name, other_value] = words[..] {
                let has = |c: &Combination, name: &str, value: &str| {
                    c.iter().any(|(n, v)| n == name && v.text == value)
                };
                all.retain(|c| !(has(c, name, value) && has(c, other_name, other_value)));
            }
        }
        all
    }

    pub(crate) fn expand(&self, combination: &Combination) -> Result<Expanded, String> {
        let mut out = Expanded {
            wgsl: String::new(),
            origin: Vec::new(),
            turns: 0,
        };
        let mut values: Vec<(String, String)> = combination
            .iter()
            .map(|(name, v)| (name.clone(), v.text.clone()))
            .collect();
        let mut seen = HashSet::new();
        let lines: Vec<(usize, &str)> = (1..).zip(self.text.lines()).collect();
        self.append(&self.path, &lines, &mut values, &mut seen, &mut out)?;
        Ok(out)
    }

    /// Appends `lines` with `values` put in; calls itself for imports and for
    /// every turn of a repetition.
    fn append(
        &self,
        path: &Path,
        lines: &[(usize, &str)],
        values: &mut Vec<(String, String)>,
        seen: &mut HashSet<String>,
        out: &mut Expanded,
    ) -> Result<(), String> {
        // One entry per open `#if`: is its current branch live?
        let mut branches: Vec<bool> = Vec::new();
        let mut index = 0;
        while index < lines.len() {
            let (number, line) = lines[index];
            index += 1;
            let fail = |message: &str| Err(format!("{}:{number}: {message}", path.display()));
            let live = branches.iter().all(|b| *b);
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["#variants" | "#without" | "#cpu", ..] => {}
                // Inside a dead branch names need not be known.
                ["#if", ..] if !live => branches.push(false),
                ["#if", name, operator, value] => {
                    let Some((_, chosen)) = values.iter().find(|(axis, _)| axis == name) else {
                        return fail(&format!("there is no axis {name}"));
                    };
                    match operator {
                        "==" => branches.push(chosen == value),
                        "!=" => branches.push(chosen != value),
                        _ => return fail("a condition compares with == or !="),
                    }
                }
                ["#else"] => match branches.last_mut() {
                    Some(branch) => *branch = !*branch,
                    None => return fail("#else without #if"),
                },
                ["#endif"] => {
                    if branches.pop().is_none() {
                        return fail("#endif without #if");
                    }
                }
                ["#define", name, value] => {
                    if live {
                        values.push((name.to_owned(), value.to_owned()));
                    }
                }
                ["#repeat", name, count] => {
                    let Some(length) = block_length(&lines[index..]) else {
                        return fail("#repeat without #end");
                    };
                    let body = &lines[index..index + length];
                    index += length + 1;
                    if !live {
                        continue;
                    }
                    let count = substitute(count, values);
                    let Ok(count) = count.parse::<usize>() else {
                        return fail(&format!("`{count}` is not a number of turns"));
                    };
                    for turn in 0..count {
                        out.turns += 1;
                        if out.turns > MOST_TURNS {
                            return fail(&format!("more than {MOST_TURNS} turns of repetitions"));
                        }
                        // What a turn defines ends with it.
                        let outside = values.len();
                        values.push((name.to_owned(), turn.to_string()));
                        self.append(path, body, values, seen, out)?;
                        values.truncate(outside);
                    }
                }
                ["#import", name] => {
                    if live && seen.insert(name.to_owned()) {
                        let file = self.library.join(format!("{name}.wgsl"));
                        let text = read(&file)?;
                        let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();
                        self.append(&file, &lines, values, seen, out)?;
                    }
                }
                _ if line.starts_with('#') => return fail("unknown directive"),
                _ if live => {
                    let line = substitute(line, values);
                    if line.contains('$') {
                        return fail("a $NAME has no axis");
                    }
                    out.push(&line, path, number);
                }
                _ => {}
            }
        }
        if branches.is_empty() {
            Ok(())
        } else {
            Err(format!("{}: an #if has no #endif", path.display()))
        }
    }
}

/// The number of lines before the `#end` that closes a repetition.
fn block_length(lines: &[(usize, &str)]) -> Option<usize> {
    let mut depth = 1;
    lines.iter().position(|(_, line)| {
        if line.starts_with("#repeat ") {
            depth += 1;
        } else if *line == "#end" {
            depth -= 1;
        }
        depth == 0
    })
}

/// Puts values in, the longest names first so that `$ROWS` is not read as `$R`.
fn substitute(line: &str, values: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = values.iter().collect();
    sorted.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut line = line.to_owned();
    for (name, value) in sorted {
        line = line.replace(&format!("${name}"), value);
    }
    line
}

impl Expanded {
    fn push(&mut self, line: &str, path: &Path, number: usize) {
        let _ = writeln!(self.wgsl, "{line}");
        self.origin.push((path.to_owned(), number));
    }

    /// Where line `number` (from 1) of the expanded text came from.
    pub(crate) fn place(&self, number: usize) -> String {
        match self.origin.get(number.saturating_sub(1)) {
            Some((path, line)) => format!("{}:{line}", path.display()),
            None => "end of shader".to_owned(),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}
