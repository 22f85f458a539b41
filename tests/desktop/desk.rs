//! A display, and hands and eyes for it. Everything that is started ends with its
//! owner, however a test ends.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::picture::Picture;

/// How long to wait for anything: software drivers on small machines are slow.
const PATIENCE: Duration = Duration::from_secs(90);

/// Tries until it goes well.
pub(crate) fn until<T>(what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(why) if Instant::now() > end => {
                if let Ok(folder) = std::env::var("BLT_DESKTOP_PICTURES") {
                    eprintln!("the last picture is in {folder}");
                }
                panic!("{what} never came: {why}");
            }
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `blt entropy` says about a text.
pub(crate) struct Spoken {
    pub(crate) entropies: Vec<f32>,
    pub(crate) starts: Vec<bool>,
}

/// A display of 1280 x 800 pixels with nothing on it, and nobody's settings.
pub(crate) struct Desk {
    display: String,
    clipboard: Option<Process>,
    // In this order: the server, and then what it writes into.
    _server: Process,
    home: TempDir,
}

impl Desk {
    pub(crate) fn open() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x800x24"])
            .args(["-nolisten", "tcp", "-noreset"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("Xvfb cannot be started: {e}"));
        let stdout = server.stdout.take().unwrap();
        let server = Process(server);
        let mut number = String::new();
        BufReader::new(stdout).read_line(&mut number).unwrap();
        assert!(!number.trim().is_empty(), "Xvfb opened no display");
        Self {
            display: format!(":{}", number.trim()),
            clipboard: None,
            _server: server,
            home,
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for name in [
            "HOME",
            "XDG_CONFIG_HOME",
            "XDG_CACHE_HOME",
            "XDG_RUNTIME_DIR",
        ] {
            command.env(name, self.home.path());
        }
        command
            .env("DISPLAY", &self.display)
            .env("WINIT_X11_SCALE_FACTOR", "1")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        for name in [
            "WAYLAND_DISPLAY",
            "WAYLAND_SOCKET",
            "DBUS_SESSION_BUS_ADDRESS",
            "AT_SPI_BUS_ADDRESS",
            "XMODIFIERS",
            "BLT_MODEL",
            "RUST_LOG",
        ] {
            command.env_remove(name);
        }
        command
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = self
            .command(program)
            .args(arguments)
            .output()
            .unwrap_or_else(|e| panic!("{program} cannot be started: {e}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        output.stdout
    }

    /// Writes a file; gives its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// The text that the window keeps for the next time.
    pub(crate) fn kept(&self) -> Option<Vec<u8>> {
        fs::read(self.home.path().join("blt/draft.txt")).ok()
    }

    /// Writes something with the keyboard.
    pub(crate) fn write(&self, text: &str) {
        self.hand(&["type", "--delay", "15", text]);
    }

    /// Opens the window of `blt view`, in English and light, and gives it the focus.
    pub(crate) fn window(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Window {
        let told = self.home.path().join("stderr");
        let process = self
            .command(env!("CARGO_BIN_EXE_blt"))
            .args(["view", "--language", "en", "--theme", "light"])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&told).unwrap())
            .spawn()
            .unwrap();
        let mut process = Process(process);
        let id = until("the window", || {
            if let Ok(Some(status)) = process.0.try_wait() {
                let told = fs::read_to_string(&told).unwrap();
                panic!("blt view ended with {status}: {told}");
            }
            let found = self
                .command("xdotool")
                .args(["search", "--onlyvisible", "--name", "^blt$"])
                .output()
                .unwrap_or_else(|e| panic!("xdotool cannot be started: {e}"));
            let found = String::from_utf8_lossy(&found.stdout);
            let first = found.lines().next().map(str::to_owned);
            first.ok_or_else(|| "there is none".to_owned())
        });
        let window = Window {
            process,
            id,
            told,
            display: self.display.clone(),
        };
        window.focus();
        // Away from the text, where it would mark a byte.
        self.point((600, 500));
        window
    }

    /// What `blt entropy` says about a text.
    pub(crate) fn spoken(&self, text: &str) -> Spoken {
        let arguments = ["entropy", "--format", "jsonl", text];
        let printed = self.output(env!("CARGO_BIN_EXE_blt"), &arguments);
        let mut rows: Vec<serde_json::Value> = String::from_utf8(printed)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        // The last is of the byte to come.
        rows.pop();
        assert_eq!(rows.len(), text.len());
        Spoken {
            entropies: rows
                .iter()
                .map(|row| row["entropy"].as_f64().unwrap() as f32)
                .collect(),
            starts: rows
                .iter()
                .map(|row| row["start"].as_bool().unwrap())
                .collect(),
        }
    }

    /// Does something with pointer or keyboard, in xdotool's words.
    pub(crate) fn hand(&self, words: &[&str]) {
        self.output("xdotool", words);
        // A frame sees where the pointer is before the next thing happens.
        std::thread::sleep(Duration::from_millis(300));
    }

    pub(crate) fn point(&self, (x, y): (u32, u32)) {
        self.hand(&["mousemove", &x.to_string(), &y.to_string()]);
    }

    pub(crate) fn click(&self, x: u32, y: u32) {
        self.point((x, y));
        self.hand(&["click", "1"]);
    }

    /// Drags something, slowly enough for every frame to see it.
    pub(crate) fn drag(&self, from: (u32, u32), to: (u32, u32)) {
        self.point(from);
        self.still();
        self.hand(&["mousedown", "1"]);
        let middle = (from.0.midpoint(to.0), from.1.midpoint(to.1));
        for place in [middle, to, to] {
            self.point(place);
        }
        self.still();
        self.hand(&["mouseup", "1"]);
    }

    /// Puts a text into the clipboard and pastes it.
    pub(crate) fn paste(&mut self, text: &str) {
        let mut clipboard = self
            .command("xclip")
            .args(["-quiet", "-selection", "clipboard", "-in"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("xclip cannot be started: {e}"));
        let mut input = clipboard.stdin.take().unwrap();
        self.clipboard = Some(Process(clipboard));
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        until("the clipboard", || {
            let held = self
                .command("xclip")
                .args(["-selection", "clipboard", "-out"])
                .output()
                .unwrap();
            let held = String::from_utf8_lossy(&held.stdout).into_owned();
            if held == text { Ok(()) } else { Err(held) }
        });
        self.hand(&["key", "ctrl+v"]);
    }

    /// Ends the program that holds what was copied.
    pub(crate) fn clear_clipboard(&mut self) {
        self.clipboard = None;
    }

    /// What is on the screen.
    pub(crate) fn look(&self) -> Picture {
        let png = self.output("import", &["-silent", "-window", "root", "png:-"]);
        if let Ok(folder) = std::env::var("BLT_DESKTOP_PICTURES") {
            let name = format!("{}.png", std::thread::current().name().unwrap_or("test"));
            fs::write(PathBuf::from(folder).join(name), &png).unwrap();
        }
        Picture::decode(&png)
    }

    /// What is on the screen once it stays the same.
    pub(crate) fn still(&self) -> Picture {
        let mut before = self.look();
        until("a still picture", || {
            std::thread::sleep(Duration::from_millis(300));
            let now = self.look();
            let pixels = now.differing(&before);
            before = now;
            if pixels == 0 {
                return Ok(());
            }
            Err(format!("{pixels} pixels changed"))
        });
        before
    }
}

/// The window of a running `blt view`.
pub(crate) struct Window {
    process: Process,
    id: String,
    told: PathBuf,
    display: String,
}

impl Window {
    fn tool(&self, arguments: &[&str]) -> String {
        let output = Command::new("xdotool")
            .args(arguments)
            .env("DISPLAY", &self.display)
            .output()
            .unwrap();
        assert!(output.status.success(), "xdotool {arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn focus(&self) {
        self.tool(&["windowfocus", "--sync", &self.id]);
    }

    pub(crate) fn resize(&self, width: u32, height: u32) {
        let (width, height) = (width.to_string(), height.to_string());
        self.tool(&["windowsize", &self.id, &width, &height]);
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        let told = self.tool(&["getwindowgeometry", "--shell", &self.id]);
        let value = |name: &str| {
            let mut values = told.lines().filter_map(|line| line.strip_prefix(name));
            values.next().unwrap().parse().unwrap()
        };
        (value("WIDTH="), value("HEIGHT="))
    }

    /// Processor time that it has used, in ticks of 10 ms.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.0.id())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        [fields[11], fields[12]]
            .iter()
            .map(|field| field.parse::<u64>().unwrap())
            .sum()
    }

    /// It ends by itself, soon and well, and has not complained.
    pub(crate) fn end(&mut self) {
        let end = Instant::now() + Duration::from_secs(10);
        let status = loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it does not close");
            std::thread::sleep(Duration::from_millis(50));
        };
        let told = fs::read_to_string(&self.told).unwrap();
        assert!(status.success(), "{status}: {told}");
        for complaint in ["panicked", "WARN", "ERROR"] {
            assert!(!told.contains(complaint), "{told}");
        }
    }
}
