//! What the numbers below the text are called.

use crate::window::widgets::{counted, thousands};
use crate::window::words::Language;

pub(crate) fn written(language: Language, bytes: usize) -> String {
    let bytes = bytes as u64;
    language.pick(
        format!("{} written", counted(bytes, "byte", "bytes")),
        format!("{}바이트 씀", thousands(bytes)),
    )
}

pub(crate) fn latent_steps(language: Language, steps: usize) -> String {
    let steps = steps as u64;
    language.pick(
        counted(steps, "latent step", "latent steps"),
        format!("잠재 단계 {}", thousands(steps)),
    )
}

pub(crate) fn bytes_per_latent_step(language: Language, bytes: f64) -> String {
    language.pick(
        format!("{bytes:.2} bytes per latent step"),
        format!("잠재 단계당 {bytes:.2}바이트"),
    )
}

pub(crate) fn drafts(language: Language, drafted: u64, accepted: u64) -> String {
    let (drafted, accepted) = (thousands(drafted), thousands(accepted));
    language.pick(
        format!("{drafted} drafted, {accepted} accepted"),
        format!("미리 쓴 {drafted}바이트 중 {accepted} 채택"),
    )
}

pub(crate) fn invalid(language: Language, bytes: usize) -> String {
    let bytes = thousands(bytes as u64);
    language.pick(
        format!("{bytes} not UTF-8"),
        format!("UTF-8 아닌 바이트 {bytes}"),
    )
}

pub(crate) fn memory(language: Language, bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    language.pick(
        format!("text in memory {mib:.1} MiB"),
        format!("글의 메모리 {mib:.1} MiB"),
    )
}

pub(crate) fn rate(language: Language, bytes: f64) -> String {
    language.pick(
        format!("{bytes:.0} bytes/s"),
        format!("초당 {bytes:.0}바이트"),
    )
}

/// A part of the time of a byte, as are those that follow.
pub(crate) fn entropy(language: Language) -> &'static str {
    language.pick("entropy", "엔트로피")
}

pub(crate) fn encoder(language: Language) -> &'static str {
    language.pick("encoder", "인코더")
}

pub(crate) fn latent(language: Language) -> &'static str {
    language.pick("latent", "잠재")
}

pub(crate) fn decoder(language: Language) -> &'static str {
    language.pick("decoder", "디코더")
}

pub(crate) fn sampling(language: Language) -> &'static str {
    language.pick("sampling", "샘플링")
}

pub(crate) fn readback(language: Language) -> &'static str {
    language.pick("submit and readback", "제출과 되읽기")
}

/// Where the parts of the model are not timed.
pub(crate) fn model(language: Language) -> &'static str {
    language.pick("model", "모델")
}

/// What the parts add up to.
pub(crate) fn per_byte(language: Language, milliseconds: f64) -> String {
    language.pick(
        format!("= {milliseconds:.2} ms per byte"),
        format!("= 바이트당 {milliseconds:.2} ms"),
    )
}
