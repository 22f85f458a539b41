//! Bytes in arguments, some of them written as escapes.

/// Bytes of an argument, one at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Vec<u8>);

/// Reads an argument for clap: \n, \t, \r, \\ and \xHH stand for bytes.
pub(super) fn unescaped(text: &str) -> Result<Bytes, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match rest.next() {
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('r') => b'\r',
            Some('\\') => b'\\',
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                // A sign would pass for a digit.
                let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                match u8::from_str_radix(&digits, 16) {
                    Ok(byte) if hexadecimal && digits.len() == 2 => byte,
                    _ => return Err("\\x is followed by two hexadecimal digits".to_owned()),
                }
            }
            _ => return Err("a backslash is written as \\\\".to_owned()),
        });
    }
    match bytes.is_empty() {
        true => Err("a byte at least is wanted".to_owned()),
        false => Ok(Bytes(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_bytes() {
        let bytes = |text: &str| unescaped(text).map(|bytes| bytes.0);
        assert_eq!(bytes(r"\n\n"), Ok(b"\n\n".to_vec()));
        assert_eq!(bytes(r"\x1e\n"), Ok(b"\x1e\n".to_vec()));
        let expected = [&b"a\\n\0\xFF"[..], "한".as_bytes()].concat();
        assert_eq!(bytes(r"a\\n\x00\xfF한"), Ok(expected));
        for bad in ["", r"\", r"\q", r"\x1", r"\xgg", r"\x+1"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
