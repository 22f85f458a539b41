//! The opcodes by which a pickle calls Python, for the few calls that make tensors.

use super::object::{Global, Object, Storage, Tensor, Value};
use super::pickle::Machine;
use crate::Result;

/// Weights have one or two dimensions.
const MOST_DIMENSIONS: usize = 8;

impl<'a> Machine<'a> {
    /// BINPERSID: a storage, named outside the pickle by
    /// `('storage', type, key, device, elements)`.
    pub(super) fn storage(&mut self) -> Result<()> {
        let id = self.pop()?;
        let storage = match self.get(id) {
            Some(Object::Tuple(fields)) => match fields.as_slice() {
                &[kind, class, key, _device, Value::Int(elements)] => {
                    let class = match self.get(class) {
                        Some(Object::Global(Global::Storage(dtype))) => Some(*dtype),
                        _ => None,
                    };
                    let sound = self.as_text(kind) == Some("storage");
                    match (class, self.as_text(key), usize::try_from(elements)) {
                        (Some(dtype), Some(key), Ok(elements)) if sound => Some(Storage {
                            dtype,
                            key,
                            elements,
                        }),
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        };
        match storage {
            Some(storage) => self.object(Object::Storage(storage)),
            None => Err(self.wrong("refers to something outside it that is no storage of numbers")),
        }
    }

    /// REDUCE: a call.
    pub(super) fn reduce(&mut self) -> Result<()> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Some(Object::Global(callee)) = self.get(callee) else {
            return Err(self.wrong("calls what is no function"));
        };
        let Some(Object::Tuple(list)) = self.get(arguments) else {
            return Err(self.wrong("calls a function with what is no tuple"));
        };
        let (callee, first) = (*callee, list.first().copied());
        match callee {
            Global::OrderedDict if list.is_empty() => self.object(Object::Dict(Vec::new())),
            Global::RebuildTensor => {
                let tensor = self.tensor(list);
                match tensor {
                    Some(tensor) => self.object(Object::Tensor(tensor)),
                    None => Err(self.wrong("rebuilds a tensor from what makes none")),
                }
            }
            // A parameter is its tensor.
            Global::RebuildParameter => match first {
                Some(data) if matches!(self.get(data), Some(Object::Tensor(_))) => self.push(data),
                _ => Err(self.wrong("rebuilds a parameter from what is no tensor")),
            },
            Global::Size => match first {
                Some(sizes) if matches!(self.get(sizes), Some(Object::Tuple(_))) => {
                    self.push(sizes)
                }
                _ => Err(self.wrong("makes a size of what is none")),
            },
            Global::Unneeded => self.push(Value::None),
            Global::OrderedDict | Global::Storage(_) | Global::Dtype | Global::Record(_) => {
                Err(self.wrong("calls a type that is only to be named"))
            }
        }
    }

    /// NEWOBJ: a record without attributes yet.
    pub(super) fn new_record(&mut self) -> Result<()> {
        let (arguments, class) = (self.pop()?, self.pop()?);
        match (self.get(class), self.get(arguments)) {
            (Some(Object::Global(class @ Global::Record(_))), Some(Object::Tuple(list)))
                if list.is_empty() =>
            {
                let class = *class;
                self.object(Object::Record(class, Value::None))
            }
            _ => Err(self.wrong("makes an object of a class that such a table does not have")),
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, ...)`
    fn tensor(&self, arguments: &[Value]) -> Option<Tensor<'a>> {
        let &[storage, Value::Int(offset), size, stride, ..] = arguments else {
            return None;
        };
        let Some(Object::Storage(storage)) = self.get(storage) else {
            return None;
        };
        let (shape, strides) = (self.counts(size)?, self.counts(stride)?);
        if shape.len() != strides.len() {
            return None;
        }
        let mut contiguous = true;
        let mut expected = 1usize;
        for (&n, &stride) in shape.iter().zip(&strides).rev() {
            // The stride of a dimension of one is never used.
            contiguous &= n == 1 || stride == expected;
            expected = expected.saturating_mul(n);
        }
        Some(Tensor {
            storage: *storage,
            offset: usize::try_from(offset).ok()?,
            contiguous: contiguous || shape.contains(&0),
            shape,
        })
    }

    fn counts(&self, value: Value) -> Option<Vec<usize>> {
        let Some(Object::Tuple(items)) = self.get(value) else {
            return None;
        };
        if items.len() > MOST_DIMENSIONS {
            return None;
        }
        let count = |item: &Value| match *item {
            Value::Int(n) => usize::try_from(n).ok(),
            _ => None,
        };
        items.iter().map(count).collect()
    }

    /// BUILD: attributes of an object. A state dict has some (versions of its
    /// modules), which no weight depends on; anything else could be code.
    pub(super) fn build(&mut self) -> Result<()> {
        let (state, object) = (self.pop()?, self.pop()?);
        let sound = matches!(
            (self.get(object), self.get(state)),
            (Some(Object::Dict(_)), Some(Object::Dict(_)))
                | (
                    Some(Object::Record(..)),
                    Some(Object::Dict(_) | Object::Tuple(_))
                )
        );
        if !sound {
            return Err(self.wrong("sets the state of an object that is not a dict"));
        }
        if let Value::Object(index) = object
            && let Some(Object::Record(_, attributes)) = self.objects.get_mut(index)
        {
            *attributes = state;
        }
        self.push(object)
    }
}
