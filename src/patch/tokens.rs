//! The tokens of a tokenizer, as a way to cut bytes beside the patches.
//!
//! A `tokenizer.json` of Hugging Face names a vocabulary of pieces; where its
//! tokens start is one flag per byte, as for patches. Without the feature
//! `tokenizers` a [`Tokenizer`] cannot be opened, and says so.

use std::path::Path;

use crate::{Error, Result};

/// A tokenizer, from a `tokenizer.json` of Hugging Face.
#[derive(Debug)]
pub struct Tokenizer {
    #[cfg(feature = "tokenizers")]
    inner: tokenizers::Tokenizer,
    #[cfg(not(feature = "tokenizers"))]
    never: std::convert::Infallible,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::Argument`] if it is no
    /// tokenizer, or if the crate was built without the feature `tokenizers`.
    pub fn open(path: &Path) -> Result<Self> {
        let json = crate::files::read(path).map_err(|source| Error::Io {
            action: "read",
            path: path.into(),
            source,
        })?;
        Self::from_json(&json, &path.display().to_string())
    }
}

#[cfg(not(feature = "tokenizers"))]
impl Tokenizer {
    /// Reads the content of a `tokenizer.json`; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: the crate was built without the feature `tokenizers`.
    pub fn from_json(_json: &[u8], origin: &str) -> Result<Self> {
        Err(Error::Argument(format!(
            "{origin} cannot be used: this program was built without tokenizers; build it with \
             --features tokenizers"
        )))
    }

    /// The number of tokens that the tokenizer knows.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        match self.never {}
    }

    /// The start flags of the bytes of a text, one each.
    ///
    /// # Errors
    ///
    /// None: there is no tokenizer without the feature `tokenizers`.
    pub fn starts(&self, _text: &[u8]) -> Result<Vec<bool>> {
        match self.never {}
    }
}

#[cfg(feature = "tokenizers")]
mod read {
    use std::ops::Range;

    use tokenizers::models::ModelWrapper;

    use super::Tokenizer;
    use crate::{Error, Result};

    impl Tokenizer {
        /// Reads the content of a `tokenizer.json`; `origin` names it in errors.
        ///
        /// # Errors
        ///
        /// [`Error::Argument`] if it is no tokenizer.
        pub fn from_json(json: &[u8], origin: &str) -> Result<Self> {
            let refuse = |error: Box<dyn std::error::Error + Send + Sync>| {
                let reason = error.to_string();
                Error::Argument(format!(
                    "{origin} is no tokenizer.json of Hugging Face: {}",
                    reason.lines().next().unwrap_or("it says nothing")
                ))
            };
            let json = crate::text_file::unmarked_json(json)
                .map_err(|said| Error::Argument(format!("{origin} {said}")))?;
            let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(refuse)?;
            // All of the text, nothing but the text, and each token with the space before it:
            // post-processors add tokens and trim the offsets of those that are there.
            inner.with_truncation(None).map_err(refuse)?;
            inner.with_padding(None);
            inner.with_post_processor(None::<tokenizers::PostProcessorWrapper>);
            // Dropout is for training: the same text would be cut differently each time.
            if let ModelWrapper::BPE(model) = inner.get_model()
                && model.dropout.is_some()
            {
                let mut model = model.clone();
                model.dropout = None;
                inner.with_model(model);
            }
            Ok(Self { inner })
        }

        /// The number of tokens that the tokenizer knows.
        #[must_use]
        pub fn vocabulary(&self) -> usize {
            self.inner.get_vocab_size(true)
        }

        /// The start flags of the bytes of a text, one each: does a token start
        /// here?
        ///
        /// Tokens are where the tokenizer finds them in the text as it stands;
        /// tokens that it adds around the text are left out. A character may be
        /// cut by tokens of single bytes. Bytes that no token covers (spaces, in
        /// some vocabularies) go with the token before them, and tokens that
        /// cannot be told apart by their bytes, because the tokenizer rewrites
        /// the text before it cuts, are one. A byte that is no UTF-8 is a token
        /// of its own, and the text on each side of it is taken by itself.
        ///
        /// # Errors
        ///
        /// [`Error::Argument`] with what the tokenizer says, such as that it has
        /// no token for what it does not know.
        pub fn starts(&self, text: &[u8]) -> Result<Vec<bool>> {
            let mut starts = Vec::with_capacity(text.len());
            for chunk in text.utf8_chunks() {
                self.append(chunk.valid(), &mut starts)?;
                starts.extend(chunk.invalid().iter().map(|_| true));
            }
            Ok(starts)
        }

        fn append(&self, text: &str, starts: &mut Vec<bool>) -> Result<()> {
            if text.is_empty() {
                return Ok(());
            }
            let encoding = self.inner.encode(text, false).map_err(|error| {
                Error::Argument(format!(
                    "the tokenizer cannot take this text: {}",
                    error.to_string().lines().next().unwrap_or_default()
                ))
            })?;
            let base = starts.len();
            starts.resize(base + text.len(), false);
            let flags = starts.get_mut(base..).unwrap_or_default();
            let mut mark = |at: usize| {
                if let Some(flag) = flags.get_mut(at) {
                    *flag = true;
                }
            };
            mark(0);
            let tokens: Vec<Token<'_>> = encoding
                .get_tokens()
                .iter()
                .zip(encoding.get_offsets())
                .map(|(piece, &(start, end))| Token {
                    piece,
                    span: start..end,
                })
                .collect();
            for group in groups(&tokens) {
                group_starts(group).into_iter().for_each(&mut mark);
            }
            Ok(())
        }
    }

    /// A token: how the vocabulary spells it, and the bytes of the characters
    /// that it is made of.
    #[derive(Clone, Debug)]
    pub(super) struct Token<'a> {
        pub(super) piece: &'a str,
        pub(super) span: Range<usize>,
    }

    /// Tokens in groups that share characters; most groups are of one.
    pub(super) fn groups<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t [Token<'a>]> {
        let mut end = 0;
        tokens.chunk_by(move |before, after| {
            end = if before.span.start >= end {
                before.span.end
            } else {
                end.max(before.span.end)
            };
            after.span.start < end && !after.span.is_empty()
        })
    }

    /// Where the tokens of a group start. Their spans are those of whole
    /// characters; where tokens share one, their own bytes say more, provided
    /// that they add up to those of the group.
    pub(super) fn group_starts(group: &[Token<'_>]) -> Vec<usize> {
        let spans = || group.iter().map(|token| &token.span);
        let first = spans().map(|span| span.start).min().unwrap_or(0);
        let end = spans().map(|span| span.end).max().unwrap_or(0);
        let lengths: Vec<usize> = group.iter().map(|token| bytes_of(token.piece)).collect();
        if group.len() < 2 || lengths.iter().sum::<usize>() != end - first {
            return spans().map(|span| span.start).collect();
        }
        lengths
            .iter()
            .scan(first, |at, length| {
                Some(std::mem::replace(at, *at + length))
            })
            .collect()
    }

    /// The number of bytes of the text that a token stands for: one for a byte
    /// that a vocabulary of characters falls back on (`<0xEA>`), else one per
    /// letter of the alphabet that byte-level vocabularies write bytes in.
    fn bytes_of(piece: &str) -> usize {
        let hexadecimal = piece
            .strip_prefix("<0x")
            .and_then(|rest| rest.strip_suffix('>'))
            .filter(|digits| digits.len() == 2)
            .is_some_and(|digits| u8::from_str_radix(digits, 16).is_ok());
        if hexadecimal {
            1
        } else if piece.chars().all(is_byte) {
            piece.chars().count()
        } else {
            piece.len()
        }
    }

    /// Whether a character stands for a byte in byte-level vocabularies: those
    /// that print stand for themselves, the other 68 for U+0100 and after.
    fn is_byte(c: char) -> bool {
        matches!(c, '!'..='~' | '¡'..='¬' | '®'..='ÿ' | '\u{100}'..='\u{143}')
    }
}

#[cfg(all(test, not(feature = "tokenizers")))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn the_missing_feature_is_named() {
        let error = Tokenizer::from_json(b"{}", "a.json").unwrap_err();
        assert!(error.to_string().contains("--features tokenizers"));
        assert_eq!(error.exit_code(), 2);
        let missing = Tokenizer::open(Path::new("no such tokenizer.json")).unwrap_err();
        assert_eq!(missing.exit_code(), 1);
    }
}

#[cfg(all(test, feature = "tokenizers"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use serde_json::{Map, Value, json};

    use super::read::{Token, group_starts, groups};
    use super::*;

    /// How byte-level vocabularies write bytes.
    fn letters(bytes: &[u8]) -> String {
        let printed = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..);
        let letter = |byte: u8| match printed(byte) {
            true => char::from(byte),
            false => {
                let before = (0..byte).filter(|other| !printed(*other)).count();
                char::from_u32(0x100 + u32::try_from(before).unwrap()).unwrap()
            }
        };
        bytes.iter().map(|byte| letter(*byte)).collect()
    }

    fn tokenizer(parts: &Value) -> Tokenizer {
        let mut json = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
        });
        for (key, value) in parts.as_object().unwrap() {
            json[key] = value.clone();
        }
        Tokenizer::from_json(json.to_string().as_bytes(), "test").unwrap()
    }

    /// Byte-level BPE with these merges of bytes, in order.
    fn byte_level(merges: &[(&[u8], &[u8])], prefix_space: bool) -> Tokenizer {
        let mut vocabulary = Map::new();
        let mut add = |piece: String| {
            let id = vocabulary.len();
            vocabulary.insert(piece, id.into());
        };
        (0..=255).for_each(|byte| add(letters(&[byte])));
        let merges: Vec<[String; 2]> = merges
            .iter()
            .map(|(left, right)| {
                add(letters(&[*left, *right].concat()));
                [letters(left), letters(right)]
            })
            .collect();
        let level = json!({
            "type": "ByteLevel", "add_prefix_space": prefix_space, "trim_offsets": true,
            "use_regex": true,
        });
        tokenizer(&json!({
            "pre_tokenizer": level, "post_processor": level, "decoder": level,
            "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
            "padding": {
                "strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": null,
                "pad_id": 0, "pad_type_id": 0, "pad_token": "!",
            },
            "added_tokens": [{
                "id": vocabulary.len(), "content": "<|end|>", "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true,
            }],
            "model": {
                "type": "BPE", "dropout": 0.5, "unk_token": null,
                "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
                "byte_fallback": false, "ignore_merges": false,
                "vocab": vocabulary, "merges": merges,
            },
        }))
    }

    /// The text with a bar before each token but the first, bytes as hexadecimal.
    fn shown(tokenizer: &Tokenizer, text: &[u8]) -> Vec<Vec<u8>> {
        let starts = tokenizer.starts(text).unwrap();
        assert_eq!(starts.len(), text.len());
        let mut tokens: Vec<Vec<u8>> = Vec::new();
        for (byte, start) in text.iter().zip(starts) {
            if start {
                tokens.push(Vec::new());
            }
            tokens.last_mut().unwrap().push(*byte);
        }
        tokens
    }

    #[test]
    fn byte_level_tokens_keep_their_spaces_and_cut_characters() {
        let tokenizer = byte_level(
            &[
                (b"t", b"h"),
                (b"th", b"e"),
                (b" ", b"c"),
                // The last two bytes of 한 (ED 95 9C).
                (b"\x95", b"\x9c"),
            ],
            false,
        );
        assert_eq!(tokenizer.vocabulary(), 261);
        assert_eq!(
            shown(&tokenizer, b"the cat"),
            [&b"the"[..], b" c", b"a", b"t"]
        );
        assert_eq!(
            shown(&tokenizer, "a한 한".as_bytes()),
            [&b"a"[..], b"\xed", b"\x95\x9c", b" ", b"\xed", b"\x95\x9c"]
        );
        assert_eq!(
            shown(&tokenizer, b"a<|end|>the"),
            [&b"a"[..], b"<|end|>", b"the"]
        );
        assert!(shown(&tokenizer, b"").is_empty());
        // Neither truncation nor dropout of the file counts.
        assert_eq!(shown(&tokenizer, &b"the".repeat(50)).len(), 50);
    }

    #[test]
    fn a_token_over_parts_of_two_characters_is_found() {
        // 9C ends 한, ED begins 한: a token across both.
        let tokenizer = byte_level(&[(b"\x9c", b"\xed")], false);
        assert_eq!(
            shown(&tokenizer, "한한".as_bytes()),
            [&b"\xed"[..], b"\x95", b"\x9c\xed", b"\x95", b"\x9c"]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_tokens_and_part_the_text() {
        let tokenizer = byte_level(&[(b"a", b"b")], false);
        assert_eq!(
            shown(&tokenizer, b"\xffabab\xe2\x82ab\x80"),
            [&b"\xff"[..], b"ab", b"ab", b"\xe2", b"\x82", b"ab", b"\x80"]
        );
        let prefixed = byte_level(&[(b" ", b"a")], true);
        assert_eq!(
            shown(&prefixed, b"a a\xffa"),
            [&b"a"[..], b" a", b"\xff", b"a"]
        );
    }

    #[test]
    fn word_pieces_leave_spaces_to_the_token_before() {
        let tokenizer = tokenizer(&json!({
            "normalizer": {
                "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": null, "lowercase": true,
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {
                "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
                "vocab": {"[UNK]": 0, "the": 1, "cat": 2, "##s": 3, "ᄒ": 4, "##ᅡ": 5, "##ᆫ": 6, "cafe": 7},
            },
        }));
        let pieces = |text: &str| -> Vec<String> {
            shown(&tokenizer, text.as_bytes())
                .into_iter()
                .map(|token| String::from_utf8(token).unwrap())
                .collect()
        };
        assert_eq!(pieces("The cats  the"), ["The ", "cat", "s  ", "the"]);
        assert_eq!(pieces(" the."), [" ", "the", "."]);
        assert_eq!(pieces("Café the"), ["Café ", "the"]);
        // The normaliser takes 한 apart: three tokens, of which no byte of the text tells.
        assert_eq!(pieces("한 the"), ["한 ", "the"]);
    }

    #[test]
    fn pieces_of_characters_fall_back_on_bytes() {
        let mut vocabulary: Vec<(String, f64)> = vec![
            ("<unk>".into(), 0.0),
            ("▁".into(), -2.0),
            ("▁안녕".into(), -1.0),
            ("하".into(), -2.0),
        ];
        vocabulary.extend((0..=255).map(|byte| (format!("<0x{byte:02X}>"), -9.0)));
        let tokenizer = tokenizer(&json!({
            "pre_tokenizer": {
                "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true,
            },
            "model": {"type": "Unigram", "unk_id": 0, "vocab": vocabulary, "byte_fallback": true},
        }));
        assert_eq!(
            shown(&tokenizer, "안녕 안녕하한".as_bytes()),
            [
                "안녕".as_bytes(),
                " 안녕".as_bytes(),
                "하".as_bytes(),
                b"\xed",
                b"\x95",
                b"\x9c"
            ]
        );
    }

    #[test]
    fn what_is_no_tokenizer_gives_one_sentence() {
        for json in [
            &b""[..],
            b"{}",
            b"[1]",
            b"\xff",
            b"null",
            br#"{"version":"1.0","model":{"type":"Nothing"}}"#,
            br#"{"version":"1.0","model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}"#,
            br#"{"version":"1.0","model":{"type":"Unigram","unk_id":7,"vocab":[]}}"#,
        ] {
            let error = Tokenizer::from_json(json, "a.json").unwrap_err();
            let sentence = error.to_string();
            assert!(
                sentence.starts_with("a.json is no tokenizer.json of Hugging Face: "),
                "{sentence}"
            );
            assert!(!sentence.contains('\n'), "{sentence}");
            assert_eq!(error.exit_code(), 2);
        }
        let missing = Tokenizer::open(Path::new("no such tokenizer.json")).unwrap_err();
        assert_eq!(missing.exit_code(), 1);
    }

    #[test]
    fn groups_share_characters() {
        let token = |piece: &'static str, start, end| Token {
            piece,
            span: start..end,
        };
        let tokens = [
            token("ab", 0, 2),
            token("x", 2, 5),
            token("yz", 2, 5),
            token("c", 5, 6),
        ];
        let sizes: Vec<usize> = groups(&tokens).map(<[_]>::len).collect();
        assert_eq!(sizes, [1, 2, 1]);
        assert_eq!(group_starts(&tokens[1..3]), [2, 3]);
        // Bytes that do not add up are no better than the characters.
        assert_eq!(group_starts(&[token("x", 2, 5), token("y", 2, 5)]), [2, 2]);
    }
}
