//! What the menu, the palette and the sheet of keys call what can be done.

use super::{Language, keys};
use crate::samples::Sample;
use crate::window::actions::Action;
use crate::window::settings::ThemeChoice;

/// What an action is called; `name` is that of the file, the model or the sample that it
/// is about, if it is about one.
pub(in crate::window) fn title(language: Language, action: Action, name: &str) -> String {
    let say = |english: &str, korean: &str| language.pick(english, korean).to_owned();
    match action {
        Action::Screen(screen) => {
            let name = screen.name(language);
            language.pick(format!("Go to {name}"), format!("{name} 화면으로"))
        }
        Action::Undo => say("Undo", "되돌리기"),
        Action::Redo => say("Redo", "다시 실행"),
        Action::OpenFile => say("Open file…", "파일 열기…"),
        Action::RecentFile(_) => open(language, name),
        Action::Sample(_) => language.pick(format!("Sample: {name}"), format!("예문: {name}")),
        Action::OpenModel => say("Open model folder…", "모델 폴더 열기…"),
        Action::EmbeddedModel => say("Use the model in the program", "내장 모델 사용"),
        Action::RecentModel(_) => language.pick(format!("Model: {name}"), format!("모델: {name}")),
        Action::CachedModel(_) => language.pick(
            format!("Downloaded model: {name}"),
            format!("내려받은 모델: {name}"),
        ),
        Action::OpenTable => say("Cut by a lookup table…", "룩업 표로 나누기…"),
        Action::RecentTable(_) => {
            language.pick(format!("Lookup table: {name}"), format!("룩업 표: {name}"))
        }
        Action::CopyBrackets => say("Copy as brackets", "괄호로 복사"),
        Action::CopyJsonl => say("Copy as JSON lines", "JSON 줄로 복사"),
        Action::CopyMarkdown => say("Copy as Markdown", "마크다운으로 복사"),
        Action::CopyLink => say("Copy a link to this text", "이 글의 링크 복사"),
        Action::ExportSvg => say("Save the figure as SVG…", "그림을 SVG로 저장…"),
        Action::ExportPng => say("Save the figure as PNG…", "그림을 PNG로 저장…"),
        Action::Figure => say("Bars or curve", "막대 또는 곡선"),
        Action::RaiseThreshold => say("Raise the threshold", "임계값 올리기"),
        Action::LowerThreshold => say("Lower the threshold", "임계값 내리기"),
        Action::NextPatch => say("To the next patch", "다음 패치로"),
        Action::PreviousPatch => say("To the patch before", "이전 패치로"),
        Action::Jump(jump) => jump.title(language).to_owned(),
        Action::Generate(command) => command.title(language).to_owned(),
        Action::Theme(ThemeChoice::System) => say("Theme: as the system", "테마: 시스템"),
        Action::Theme(ThemeChoice::Light) => say("Theme: light", "테마: 밝게"),
        Action::Theme(ThemeChoice::Dark) => say("Theme: dark", "테마: 어둡게"),
        // In its own language: who looks for it may not read the other one.
        Action::Language(own) => own.name().to_owned(),
        Action::ZoomIn => say("Zoom in", "확대"),
        Action::ZoomOut => say("Zoom out", "축소"),
        Action::ZoomReset => say("Zoom to 100 %", "100 %로"),
        Action::ReduceMotion => say("Reduce motion", "움직임 줄이기"),
        Action::Palette => say("Command palette", "명령 팔레트"),
        Action::Shortcuts => keys::title(language).to_owned(),
        Action::Quit => say("Quit", "끝내기"),
    }
}

/// What a sample is, for people.
pub(in crate::window) fn sample(language: Language, sample: &Sample) -> &'static str {
    let korean = sample_in_korean(sample.name);
    language.pick(sample.title, korean.unwrap_or(sample.title))
}

fn sample_in_korean(name: &str) -> Option<&'static str> {
    Some(match name {
        "english" => "영어 산문",
        "korean" => "한국어 산문",
        "japanese" => "일본어 산문",
        "arabic" => "아랍어 산문",
        "rust" => "Rust 소스",
        "python" => "Python 소스",
        "json" => "JSON",
        "emoji" => "이모지 대화",
        "dna" => "DNA",
        "repeat" => "반복되는 바이트",
        "random" => "무작위 바이트",
        _ => return None,
    })
}

/// To open what is at a path.
pub(in crate::window) fn open(language: Language, path: &str) -> String {
    language.pick(format!("Open {path}"), format!("{path} 열기"))
}

/// To cut the text of the patch screen by the table at a path.
pub(in crate::window) fn cut_by_table(language: Language, path: &str) -> String {
    language.pick(
        format!("Cut by the table {path}"),
        format!("룩업 표로 쓰기: {path}"),
    )
}

/// To write the figure to a path where something is.
pub(in crate::window) fn replace_by_figure(language: Language, path: &str) -> String {
    language.pick(
        format!("Replace {path} by the figure"),
        format!("{path}의 내용을 그림으로 바꾸기"),
    )
}

/// To write the figure to a path where nothing is.
pub(in crate::window) fn save_figure(language: Language, path: &str) -> String {
    language.pick(
        format!("Save the figure as {path}"),
        format!("그림을 {path}에 저장"),
    )
}

/// What can be typed into the palette.
pub(in crate::window) fn palette_hint(language: Language) -> &'static str {
    language.pick("Command or path", "명령 또는 경로")
}

/// The palette has nothing for what was typed.
pub(in crate::window) fn nothing_found(language: Language) -> &'static str {
    language.pick("Nothing of that name", "찾을 수 없습니다")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::SAMPLES;

    #[test]
    fn each_sample_has_a_korean_title() {
        assert!(
            SAMPLES
                .iter()
                .all(|sample| sample_in_korean(sample.name).is_some())
        );
    }
}
