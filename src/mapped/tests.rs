#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::Write;

use super::*;

const BYTES: usize = 5 << 16;

fn file() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![7; BYTES]).unwrap();
    file
}

fn names(result: Result<()>, file: &tempfile::NamedTempFile) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.exit_code(), 4, "{error}");
    let sentence = error.to_string();
    assert!(sentence.contains(&file.path().display().to_string()));
    sentence
}

#[test]
fn a_file_that_stays_is_no_trouble() {
    let file = file();
    let mapped = MappedFile::open(file.path()).unwrap();
    assert!(mapped.as_ref().iter().all(|byte| *byte == 7));
    mapped.watched().look(0).unwrap();
    let part = &mapped.as_ref()[1000..2000];
    assert!(Arc::ptr_eq(&file_of(part).unwrap(), mapped.watched()));
    assert!(file_of(&[1, 2, 3]).is_none());
    drop(mapped);
    let named = |other: &Arc<Watched>| other.path == file.path();
    assert!(!open().iter().any(named));
}

/// Whatever is cut off reads as zeros, from any thread, and each way of asking says so.
#[cfg(unix)]
#[test]
fn a_file_that_is_cut_reads_as_zeros_and_is_named() {
    for left in [0, 1, 4096, 4097, BYTES as u64 - 1] {
        let file = file();
        let mapped = MappedFile::open(file.path()).unwrap();
        assert_eq!(mapped.as_ref()[BYTES - 1], 7);
        file.as_file().set_len(left).unwrap();
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let all = mapped.as_ref();
        let sums: Vec<u64> = std::thread::scope(|scope| {
            let parts: Vec<_> = (all.chunks(BYTES / 4))
                .map(|part| scope.spawn(move || sum(part)))
                .collect();
            parts.into_iter().map(|part| part.join().unwrap()).collect()
        });
        // A fault gives zeros to the end of the mapping, and a page that is there in
        // part has zeros behind the end.
        assert!(sums.iter().sum::<u64>() <= left * 7);
        if left < BYTES as u64 - 4096 {
            assert!(any_fault());
            names(mapped.watched().check_faults(), &file);
            // For good: the numbers were computed with zeros.
            file.as_file().set_len(BYTES as u64).unwrap();
            names(mapped.watched().check_faults(), &file);
        }
        let sentence = names(mapped.watched().look(0), &file);
        assert!(sentence.contains("another program"), "{sentence}");
    }
}

#[test]
fn a_file_that_is_written_or_grows_is_named() {
    for content in [vec![8; BYTES], vec![7; BYTES + 1]] {
        let file = file();
        let mapped = MappedFile::open(file.path()).unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(1);
        std::fs::write(file.path(), content).unwrap();
        file.as_file().set_modified(later).unwrap();
        names(mapped.watched().look(0), &file);
    }
}

/// What takes its place, or removes its name, leaves the mapping alone.
#[cfg(unix)]
#[test]
fn a_file_that_is_replaced_or_removed_stays_what_it_was() {
    let first = file();
    let mapped = MappedFile::open(first.path()).unwrap();
    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::rename(other.path(), first.path()).unwrap();
    assert!(mapped.as_ref().iter().all(|byte| *byte == 7));
    mapped.watched().look(0).unwrap();
    std::fs::remove_file(first.path()).unwrap();
    mapped.watched().look(0).unwrap();
}

/// The signal of anything else still ends the process: what is run here in a process of
/// its own, as this very test.
#[cfg(unix)]
#[test]
fn another_fault_goes_where_it_went_before() {
    use std::os::unix::process::ExitStatusExt;
    const TOLD: &str = "BLT_TEST_FAULT";
    if std::env::var_os(TOLD).is_some() {
        let (ours, other) = (file(), file());
        let _ours = MappedFile::open(ours.path()).unwrap();
        // SAFETY: only to be cut.
        let map = unsafe { Mmap::map(other.as_file()) }.unwrap();
        other.as_file().set_len(0).unwrap();
        std::process::exit(map[BYTES / 2].into());
    }
    let name = "mapped::tests::another_fault_goes_where_it_went_before";
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(TOLD, "1")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(libc::SIGBUS), "{status}");
}
