//! A small interpreter of Python's pickles: enough for the tables of tensors
//! that `torch.save` and `torch.distributed.checkpoint` write, and nothing else.
//!
//! A pickle is a program for a stack machine that may call any function of
//! Python. This machine knows only the opcodes that build containers, and only
//! the names of [`Global`]; it calls nothing and refuses the rest by name. What
//! a file can make it hold is bounded by the file's own length and the limits
//! below.

use std::collections::HashMap;

use super::object::{Global, Names, Object, Value};
use super::refused::opcode_name;
use crate::checkpoint::sentence::{quoted, refuse};
use crate::{Error, Result};

/// Values that may wait on the stack; Python itself adds at most 1000 at once.
const DEEPEST: usize = 1 << 16;
/// The longest text, far above any name of a tensor.
const LONGEST_TEXT: usize = 1 << 12;

/// A pickle after its last opcode.
#[derive(Debug)]
pub(super) struct Loaded<'a> {
    pub(super) objects: Vec<Object<'a>>,
    pub(super) root: Value,
}

/// Runs the pickle `code` of the file `label`, which may name what `names` has.
pub(super) fn load<'a>(code: &'a [u8], label: &'a str, names: Names) -> Result<Loaded<'a>> {
    if code.len() > names.longest() {
        return Err(refuse(format!(
            "{label} has a table of tensors of {} bytes, which is no model's; take the checkpoint as .safetensors",
            code.len()
        )));
    }
    let mut machine = Machine {
        code,
        label,
        names,
        at: 0,
        opcode_at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        objects: Vec::new(),
    };
    loop {
        machine.opcode_at = machine.at;
        let [opcode] = machine.take()?;
        if opcode == b'.' {
            let root = machine.pop()?;
            return Ok(Loaded {
                objects: machine.objects,
                root,
            });
        }
        machine.step(opcode)?;
    }
}

pub(super) struct Machine<'a> {
    code: &'a [u8],
    label: &'a str,
    names: Names,
    at: usize,
    opcode_at: usize,
    stack: Vec<Value>,
    /// Heights of the stack at its open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    pub(super) objects: Vec<Object<'a>>,
}

impl<'a> Machine<'a> {
    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            0x80 => {
                let [version] = self.take()?;
                if !(2..=5).contains(&version) {
                    return Err(self.wrong(&format!("is of protocol {version}, not 2 to 5")));
                }
            }
            // FRAME: lengths of reads, of no use to who has the whole.
            0x95 => drop(self.take::<8>()?),
            b'(' if self.marks.len() < DEEPEST => self.marks.push(self.stack.len()),
            b'N' => self.push(Value::None)?,
            0x88 | 0x89 => self.push(Value::Bool)?,
            b'K' => self.int(|[byte]: [u8; 1]| byte.into())?,
            b'M' => self.int(|pair| u16::from_le_bytes(pair).into())?,
            b'J' => self.int(|four| i32::from_le_bytes(four).into())?,
            0x8A => self.long()?,
            b'G' => {
                self.take::<8>()?;
                self.push(Value::Float)?;
            }
            0x8C => {
                let [length] = self.take()?;
                self.text(length.into())?;
            }
            b'X' => {
                let length = u32::from_le_bytes(self.take()?);
                self.text(length.into())?;
            }
            0x8D => {
                let length = u64::from_le_bytes(self.take()?);
                self.text(length)?;
            }
            b']' => self.object(Object::List(Vec::new()))?,
            b'}' => self.object(Object::Dict(Vec::new()))?,
            b')' => self.object(Object::Tuple(Vec::new()))?,
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(opcode - 0x84))?;
                self.object(Object::Tuple(items))?;
            }
            b't' => {
                let items = self.pop_mark()?;
                self.object(Object::Tuple(items))?;
            }
            b'a' => {
                let items = self.pop_many(1)?;
                self.append(&items)?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(&items)?;
            }
            b's' => {
                let items = self.pop_many(2)?;
                self.set(&items)?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set(&items)?;
            }
            b'q' => {
                let [index] = self.take()?;
                self.memoize(index.into())?;
            }
            b'r' => {
                let index = u32::from_le_bytes(self.take()?);
                self.memoize(index)?;
            }
            0x94 => {
                let index = u32::try_from(self.memo.len()).unwrap_or(u32::MAX);
                self.memoize(index)?;
            }
            b'h' => {
                let [index] = self.take()?;
                self.recall(index.into())?;
            }
            b'j' => {
                let index = u32::from_le_bytes(self.take()?);
                self.recall(index)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(module), Some(name)) = (self.as_text(module), self.as_text(name)) else {
                    return Err(self.wrong("names something of Python by what is no text"));
                };
                self.global(module, name)?;
            }
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            0x81 if self.names == Names::Metadata => self.new_record()?,
            b'b' => self.build()?,
            b'(' => return Err(self.wrong("opens too many marks")),
            other => {
                return Err(self.wrong(&format!(
                    "has the opcode {}, which no table of tensors needs",
                    opcode_name(other)
                )));
            }
        }
        Ok(())
    }

    /// The sentence for a pickle that does what it must not, or cannot be.
    pub(super) fn wrong(&self, what: &str) -> Error {
        refuse(format!(
            "{} {what} (at its byte {}); take the checkpoint as .safetensors, \
             or from a source you trust",
            self.what(),
            self.opcode_at
        ))
    }

    /// What is read, for a sentence.
    fn what(&self) -> String {
        match self.names {
            Names::Tensors => format!("the data.pkl of {}", self.label),
            Names::Metadata => self.label.to_owned(),
        }
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8]> {
        let rest = self.code.get(self.at..).unwrap_or_default();
        match rest.get(..length) {
            Some(found) => {
                self.at += length;
                Ok(found)
            }
            None => Err(refuse(format!(
                "{} is cut off at its byte {}; download it again",
                self.what(),
                self.code.len()
            ))),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.slice(N)?);
        Ok(out)
    }

    /// The rest of a line, without its end.
    fn line(&mut self) -> Result<&'a str> {
        let rest = self.code.get(self.at..).unwrap_or_default();
        let within = &rest[..rest.len().min(LONGEST_TEXT)];
        let Some(length) = within.iter().position(|&b| b == b'\n') else {
            return Err(self.wrong("names something of Python without end"));
        };
        let line = self.slice(length + 1)?;
        std::str::from_utf8(&line[..length]).map_err(|_| self.wrong("holds a name that is no text"))
    }

    fn int<const N: usize>(&mut self, of: impl Fn([u8; N]) -> i64) -> Result<()> {
        let bytes = self.take()?;
        self.push(Value::Int(of(bytes)))
    }

    fn long(&mut self) -> Result<()> {
        let [length] = self.take()?;
        let bytes = self.slice(length.into())?;
        if bytes.len() > 8 {
            return Err(self.wrong("holds a number beyond 64 bits"));
        }
        let sign = bytes.last().map_or(0, |last| 0u8.wrapping_sub(last >> 7));
        let mut full = [sign; 8];
        full[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(full)))
    }

    fn text(&mut self, length: u64) -> Result<()> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > LONGEST_TEXT {
            return Err(self.wrong(&format!("holds a text of {length} bytes")));
        }
        let bytes = self.slice(length)?;
        let text =
            std::str::from_utf8(bytes).map_err(|_| self.wrong("holds a text that is not UTF-8"))?;
        self.object(Object::Text(text))
    }

    pub(super) fn push(&mut self, value: Value) -> Result<()> {
        if self.stack.len() >= DEEPEST {
            return Err(self.wrong("piles up too many values"));
        }
        self.stack.push(value);
        Ok(())
    }

    pub(super) fn object(&mut self, object: Object<'a>) -> Result<()> {
        self.objects.push(object);
        self.push(Value::Object(self.objects.len() - 1))
    }

    pub(super) fn pop(&mut self) -> Result<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.wrong("takes a value that is not there"));
        }
        self.stack
            .pop()
            .ok_or_else(|| self.wrong("takes a value that is not there"))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Value>> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
        items.reverse();
        Ok(items)
    }

    fn pop_mark(&mut self) -> Result<Vec<Value>> {
        let Some(height) = self.marks.pop() else {
            return Err(self.wrong("closes a mark that is not there"));
        };
        Ok(self.stack.split_off(height.min(self.stack.len())))
    }

    fn top(&self) -> Option<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack.get(floor..).and_then(<[Value]>::last).copied()
    }

    fn append(&mut self, items: &[Value]) -> Result<()> {
        let list = match self.top() {
            Some(Value::Object(index)) => self.objects.get_mut(index),
            _ => None,
        };
        let Some(Object::List(list)) = list else {
            return Err(self.wrong("adds to a list that is none"));
        };
        list.extend_from_slice(items);
        Ok(())
    }

    fn set(&mut self, items: &[Value]) -> Result<()> {
        let (pairs, rest) = items.as_chunks::<2>();
        let dict = match self.top() {
            Some(Value::Object(index)) if rest.is_empty() => self.objects.get_mut(index),
            _ => None,
        };
        let Some(Object::Dict(dict)) = dict else {
            return Err(self.wrong("sets items of a dict that is none"));
        };
        dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn memoize(&mut self, index: u32) -> Result<()> {
        let Some(value) = self.top() else {
            return Err(self.wrong("remembers a value that is not there"));
        };
        self.memo.insert(index, value);
        Ok(())
    }

    fn recall(&mut self, index: u32) -> Result<()> {
        match self.memo.get(&index) {
            Some(&value) => self.push(value),
            None => Err(self.wrong("recalls a value that it never had")),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        match Global::named(self.names, module, name) {
            Some(global) => self.object(Object::Global(global)),
            None => Err(self.wrong(&format!(
                "asks for {}, which no table of tensors needs",
                quoted(&format!("{module}.{name}"))
            ))),
        }
    }

    pub(super) fn get(&self, value: Value) -> Option<&Object<'a>> {
        match value {
            Value::Object(index) => self.objects.get(index),
            _ => None,
        }
    }

    pub(super) fn as_text(&self, value: Value) -> Option<&'a str> {
        match self.get(value) {
            Some(Object::Text(text)) => Some(text),
            _ => None,
        }
    }
}
