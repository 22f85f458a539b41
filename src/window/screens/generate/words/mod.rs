//! What the generate screen says: its controls and the text here, the rest by its parts.

pub(super) mod panel;
pub(super) mod sampling;
pub(super) mod spoken;
pub(super) mod status;

use crate::generate::StopReason;
use crate::window::actions::Command;
use crate::window::error_message::ErrorMessage;
use crate::window::widgets::thousands;
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

/// On the button of [`Command::StartOrPause`] while the model loads or the prompt is read.
pub(super) fn cancel(language: Language) -> &'static str {
    language.pick("Cancel", "취소")
}

/// On the same button while the model writes.
pub(super) fn pause(language: Language) -> &'static str {
    language.pick("Pause", "멈춤")
}

pub(super) fn prompt(language: Language) -> &'static str {
    language.pick("Prompt", "프롬프트")
}

/// In the editor of the prompt while that is empty.
pub(super) fn prompt_hint(language: Language) -> &'static str {
    language.pick("Nothing: the model begins.", "비우면 모델이 시작합니다.")
}

/// In place of the text while there is none.
pub(super) fn nothing_yet(language: Language) -> &'static str {
    language.pick(
        "Start continues the prompt. Every byte shows here with its entropy, the patches, and \
         where the latent transformer ran.",
        "시작을 누르면 프롬프트를 이어 씁니다. 바이트마다 엔트로피와 패치, 그리고 잠재 \
         트랜스포머가 돈 곳이 여기에 보입니다.",
    )
}

pub(super) fn loading(language: Language, done: u64, total: u64) -> String {
    let (done, total) = (mib(done), mib(total));
    language.pick(
        format!("Loading the model: {done} of {total}."),
        format!("모델을 불러오는 중: {total} 중 {done}."),
    )
}

/// Behind [`loading`], once the model's sizes are known.
pub(super) fn memory(language: Language, weights: u64, text: u64) -> String {
    let (weights, text) = (mib(weights), mib(text));
    language.pick(
        format!("Weights take {weights} of the device's memory, a text {text}."),
        format!("장치 메모리에서 가중치가 {weights}, 글이 {text}를 씁니다."),
    )
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

pub(super) fn reading(language: Language, read: usize, all: usize) -> String {
    let (read, all) = (thousands(read as u64), thousands(all as u64));
    language.pick(
        format!("Reading: {read} of {all} bytes"),
        format!("읽는 중: {all}바이트 중 {read}바이트"),
    )
}

pub(super) fn prompt_changed(language: Language) -> &'static str {
    language.pick(
        "The prompt has changed: Start reads it and writes anew.",
        "프롬프트가 바뀌었습니다. 시작을 누르면 새로 씁니다.",
    )
}

/// In place of the legend of the ruler.
pub(super) fn entropy_model_alone(language: Language) -> &'static str {
    language.pick(
        "This model is an entropy model alone: it has no latent transformer, so no ruler \
         runs below the text.",
        "이 모델은 엔트로피 모델뿐입니다. 잠재 트랜스포머가 없어 글 아래에 계산 눈금이 \
         없습니다.",
    )
}

/// In the legend of the ruler, as is the next.
pub(super) fn latent_ran(language: Language) -> &'static str {
    language.pick(
        "the latent transformer ran before this byte",
        "이 바이트 앞에서 잠재 트랜스포머가 돌았음",
    )
}

pub(super) fn only_local_ran(language: Language) -> &'static str {
    language.pick("only the local models ran", "로컬 모델만 돌았음")
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
