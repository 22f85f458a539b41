//! Links to the page that carry a text and how it is cut: `#text=…&theta=…&mode=…`, or
//! `#base64=…` for a text that is not UTF-8.

use data_encoding::BASE64URL_NOPAD;

use super::screens::patch::{Cutting, Text};
use crate::patch::Mode;

/// The most bytes of a text that a link carries: programs that pass links on cut long ones.
const MOST: usize = 8 << 10;

/// What a link carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// The text.
    pub text: Option<Vec<u8>>,
    /// The threshold in nats: of the entropy, or of its rise.
    pub threshold: Option<f32>,
    /// The rule.
    pub mode: Option<Mode>,
}

impl Link {
    /// Reads a link whose parts `part` gives by their names. What it says wrong is as if it
    /// were not there.
    pub fn read(part: impl Fn(&str) -> Option<String>) -> Self {
        let bytes = || BASE64URL_NOPAD.decode(part("base64")?.as_bytes()).ok();
        let theta = part("theta").and_then(|nats| nats.parse().ok());
        Self {
            text: part("text").map(String::into_bytes).or_else(bytes),
            threshold: theta.filter(|nats: &f32| nats.is_finite()),
            mode: part("mode").and_then(|name| name.parse().ok()),
        }
    }

    /// The parts of a link to a text, with their names; `None` if it is too long for one.
    pub(super) fn parts(text: &Text) -> Option<Vec<(&'static str, String)>> {
        let bytes = text.bytes();
        if bytes.len() > MOST {
            return None;
        }
        let cutting = text.cutting();
        let mut parts = vec![match std::str::from_utf8(bytes) {
            Ok(text) => ("text", text.to_owned()),
            Err(_) => ("base64", BASE64URL_NOPAD.encode(bytes)),
        }];
        parts.extend(cutting.threshold().map(|nats| ("theta", nats.to_string())));
        parts.push(("mode", cutting.mode.as_str().to_owned()));
        Some(parts)
    }

    /// Cuts as the link says.
    pub(super) fn cut(&self, cutting: &mut Cutting) {
        cutting.mode = self.mode.unwrap_or(cutting.mode);
        if let Some(threshold) = self.threshold {
            let range = cutting.thresholds();
            cutting.set_threshold(threshold.clamp(*range.start(), *range.end()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[(&str, &str)]) -> Link {
        let part = |name: &str| parts.iter().find(|(known, _)| *known == name);
        Link::read(|name| part(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_link_carries_text_threshold_and_mode() {
        let link = read(&[("text", "한 b"), ("theta", "1.25"), ("mode", "monotonic")]);
        let expected = Link {
            text: Some("한 b".into()),
            threshold: Some(1.25),
            mode: Some(Mode::Monotonic),
        };
        assert_eq!(link, expected);
        assert_eq!(read(&[("base64", "_wA")]).text, Some(vec![0xFF, 0]));
    }

    #[test]
    fn what_a_link_says_wrong_does_no_harm() {
        let link = read(&[("base64", "?"), ("theta", "NaN"), ("mode", "best")]);
        assert_eq!(link, Link::default());
        assert_eq!(read(&[("theta", "1e99")]), Link::default());
        assert_eq!(read(&[]), Link::default());
    }

    #[test]
    fn a_threshold_stays_within_what_the_control_offers() {
        let rule = crate::patch::Rule::new(crate::patch::Scheme::Space);
        let mut cutting = rule.map(|rule| Cutting::of_rule(&rule)).ok();
        let link = read(&[("theta", "99"), ("mode", "entropy")]);
        if let Some(cutting) = &mut cutting {
            link.cut(cutting);
        }
        let cut = cutting.map(|cutting| (cutting.mode, cutting.threshold));
        assert_eq!(cut, Some((Mode::Entropy, 5.6)));
    }
}
