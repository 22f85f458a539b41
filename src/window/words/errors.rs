//! What went wrong, in Korean: the library itself says it in English.

use std::io::ErrorKind;

use crate::Error;

/// The kind of error and the remedy, then the library's message.
pub(in crate::window) fn in_korean(error: &Error, english: &str) -> String {
    let what = match error {
        Error::Adapter(_) => {
            "쓸 수 있는 장치를 찾지 못했습니다. 드라이버를 확인하거나 다른 장치를 고르세요."
        }
        Error::Device(_) => {
            "장치에서 오류가 났습니다. 다른 장치를 고르거나 드라이버를 새로 설치하세요."
        }
        Error::OutOfMemory(_) => {
            "장치의 메모리가 모자랍니다. 더 작은 모델이나 더 적은 비트의 가중치를 쓰거나, 다른 장치를 고르세요."
        }
        Error::DeviceLost(_) => "장치와 연결이 끊어졌습니다.",
        Error::Checkpoint(_) => {
            "이 파일을 쓸 수 없습니다. 온전한 사본을 다시 내려받거나 다른 것을 고르세요."
        }
        Error::NonFinite(_) => {
            "모델의 계산 결과가 유한하지 않습니다. 가중치가 손상되었으니 모델을 다시 내려받으세요."
        }
        Error::Argument(_) => "주어진 값을 쓸 수 없습니다.",
        Error::Verify(_) => "커널의 결과가 기준과 다릅니다.",
        Error::Interrupted => return "중단되었습니다.".to_owned(),
        Error::Io {
            action,
            path,
            source,
        } => {
            let action = match *action {
                "read" | "map" => "읽을",
                "write" => "쓸",
                "create" => "만들",
                _ => "다룰",
            };
            let why = match source.kind() {
                ErrorKind::NotFound => "파일이 없습니다".to_owned(),
                ErrorKind::PermissionDenied => "권한이 없습니다".to_owned(),
                ErrorKind::StorageFull => "저장 공간이 모자랍니다".to_owned(),
                ErrorKind::IsADirectory => "폴더입니다".to_owned(),
                _ => source.to_string(),
            };
            return format!("{} 파일을 {action} 수 없습니다: {why}.", path.display());
        }
    };
    format!("{what} (자세히: {english})")
}

/// The driver of a device computes wrong results or does not compile kernels.
pub(in crate::window) fn wrong_results_in_korean(said: &str) -> String {
    format!("이 장치의 드라이버에 문제가 있어서 다른 방법으로 계산합니다. (자세히: {said})")
}
