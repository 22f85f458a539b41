//! What the generate screen says.

use crate::generate::{Filter, StopReason};
use crate::window::actions::Command;
use crate::window::error_message::ErrorMessage;
use crate::window::words::Language;

impl Command {
    /// What its button says.
    pub(crate) fn name(self, language: Language) -> &'static str {
        match self {
            Self::StartOrPause => language.pick("Start", "시작"),
            Self::Byte => language.pick("One byte", "한 바이트"),
            Self::Patch => language.pick("One patch", "한 패치"),
            Self::Back => language.pick("Back", "뒤로"),
            Self::Restart => language.pick("From the prompt", "처음부터"),
        }
    }

    /// What the palette and the list of keys say.
    pub(crate) fn title(self, language: Language) -> &'static str {
        match self {
            Self::StartOrPause => language.pick("Generate: start or pause", "생성: 시작 또는 멈춤"),
            Self::Byte => language.pick("Generate: one byte", "생성: 한 바이트"),
            Self::Patch => language.pick("Generate: one patch", "생성: 한 패치"),
            Self::Back => language.pick("Generate: one byte back", "생성: 한 바이트 뒤로"),
            Self::Restart => {
                language.pick("Generate: again from the prompt", "생성: 프롬프트부터 다시")
            }
        }
    }

    /// What it does, in a sentence.
    pub(crate) fn hint(self, language: Language) -> &'static str {
        match self {
            Self::StartOrPause => language.pick(
                "Write byte by byte up to the length limit, or pause.",
                "길이 제한까지 한 바이트씩 쓰거나 멈춥니다.",
            ),
            Self::Byte => language.pick("Write one byte.", "한 바이트만 씁니다."),
            Self::Patch => language.pick(
                "Write until the patch at hand ends.",
                "지금 패치가 끝날 때까지 씁니다.",
            ),
            Self::Back => language.pick(
                "Take the last byte back; it costs no computation.",
                "마지막 바이트를 되돌립니다. 다시 계산하지 않습니다.",
            ),
            Self::Restart => language.pick(
                "Read the prompt and write anew. All branches are forgotten.",
                "프롬프트를 읽고 새로 씁니다. 갈래는 모두 사라집니다.",
            ),
        }
    }
}

/// What a filter is called.
pub(crate) fn filter(language: Language, filter: Filter) -> &'static str {
    match filter {
        Filter::Allowed => language.pick("not allowed", "허용 안 됨"),
        Filter::Greedy => language.pick("greedy", "탐욕"),
        Filter::TopK => "top-k",
        Filter::TopP => "top-p",
        Filter::MinP => "min-p",
    }
}

/// Why a text has ended, in a sentence.
pub(crate) fn ended(language: Language, reason: StopReason) -> &'static str {
    match reason {
        StopReason::Length => language.pick(
            "The length limit is reached; Start goes on.",
            "길이 제한에 이르렀습니다. 시작을 누르면 이어 씁니다.",
        ),
        StopReason::Full => language.pick(
            "The model has no position left for another byte.",
            "모델에 남은 위치가 없습니다.",
        ),
        StopReason::EndOfText => {
            language.pick("The model has ended the text.", "모델이 글을 끝냈습니다.")
        }
        StopReason::Stop { .. } => {
            language.pick("A stop string has come.", "멈춤 문자열이 나왔습니다.")
        }
    }
}

/// Something that the user must know about the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The text stays; another model reads it before it goes on.
    OtherModel,
    /// The text stays; it is read again before it goes on.
    Lost,
    /// Something could not be done, and why.
    Failed(ErrorMessage),
}

impl Note {
    pub(crate) fn text(&self, language: Language) -> String {
        match self {
            Self::OtherModel => language
                .pick(
                    "The model is another one now. Your text is kept with its branches; Start \
                     reads it and goes on from its end.",
                    "모델이 바뀌었습니다. 글과 갈래는 그대로이며, 시작을 누르면 글을 읽고 이어 씁니다.",
                )
                .to_owned(),
            Self::Lost => language
                .pick(
                    "The text is no longer in the device's memory. It is kept here with its \
                     branches; Start reads it and goes on from its end.",
                    "글이 장치 메모리에서 사라졌습니다. 글과 갈래는 그대로이며, 시작을 누르면 다시 \
                     읽고 이어 씁니다.",
                )
                .to_owned(),
            Self::Failed(why) => why.text(language).to_owned(),
        }
    }
}
