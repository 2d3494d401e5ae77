//! A terminal of its own for the program, with somebody at the keyboard who types only what they are told to.
//!
//! Every wait has an end: what hangs is killed and fails its test with what was on the screen.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::canary;
use super::process::{LIMIT, Ran, eventually};

/// Wide enough that nothing is cut off or wrapped.
const SIZE: Winsize = Winsize {
    ws_row: 40,
    ws_col: 160,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// A terminal that nothing runs on yet.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// The end where a person sits.
    person: File,
    /// The end that programs are given.
    program: OwnedFd,
}

impl Terminal {
    /// Opens a new one; it never becomes the controlling terminal of the tests.
    pub(crate) fn open() -> Self {
        Self::of_size(SIZE)
    }

    /// Opens one with so many columns.
    pub(crate) fn of_width(columns: u16) -> Self {
        Self::of_size(Winsize {
            ws_col: columns,
            ..SIZE
        })
    }

    fn of_size(size: Winsize) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
        fcntl_setfd(&person, FdFlags::CLOEXEC).expect("it can be kept from other programs");
        grantpt(&person).expect("it is ours");
        unlockpt(&person).expect("it can be unlocked");
        let name = ptsname(&person, Vec::new()).expect("it has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let program = open(name, flags, Mode::empty()).expect("it can be opened");
        tcsetwinsize(&program, size).expect("it has a size");
        Self {
            person: File::from(person),
            program,
        }
    }

    /// Returns it as a stream for a program.
    pub(crate) fn stream(&self) -> Stdio {
        self.program.try_clone().expect("it is open").into()
    }

    /// Starts a command whose three streams are all this terminal.
    pub(crate) fn spawn(self, mut command: Command) -> Watched {
        let child = command
            .env("TERM", "xterm")
            .stdin(self.stream())
            .stdout(self.stream())
            .stderr(self.stream())
            .spawn();
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        let line = words.join(" ");
        let Self { person, program } = self;
        // The screen ends when nobody holds the programs' end any more: neither this process nor its child.
        drop((command, program));
        let eyes = person.try_clone().expect("it is open");
        Watched {
            line,
            child: child.expect("the program can be run"),
            keyboard: person,
            shown: watch(eyes),
            screen: Vec::new(),
        }
    }
}

/// Passes on whatever is shown until nothing can be any more; a full screen never stops the program.
fn watch(mut eyes: File) -> Receiver<Vec<u8>> {
    let (show, shown) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        // A terminal that no program holds is an error on some systems and an end on others.
        while let Ok(length @ 1..) = eyes.read(&mut buffer) {
            if show.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    shown
}

/// A command under way on a terminal; it is killed when dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    line: String,
    child: Child,
    keyboard: File,
    shown: Receiver<Vec<u8>>,
    /// All that was ever shown, with the codes that move the cursor.
    screen: Vec<u8>,
}

impl Watched {
    /// Waits until this has been shown.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.screen().contains(text) {
            if let Err(error) = self.look(deadline) {
                panic!("waited in vain for `{text}`: {error}\n{}", self.so_far());
            }
        }
    }

    /// Presses keys.
    pub(crate) fn types(&mut self, keys: &str) {
        let typed = self.keyboard.write_all(keys.as_bytes());
        typed.expect("the terminal takes what is typed");
    }

    /// Waits for its end; all that was shown is its standard output.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ran {
        let deadline = Instant::now() + LIMIT;
        loop {
            match self.look(deadline) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it hangs\n{}", self.so_far()),
            }
        }
        let what = format!("its end\n{}", self.so_far());
        let status = eventually(&what, || {
            self.child.try_wait().expect("it can be waited for")
        });
        Ran {
            line: self.line.clone(),
            code: status.code(),
            stdout: self.screen(),
            stderr: String::new(),
        }
    }

    /// Waits for more to be shown.
    fn look(&mut self, deadline: Instant) -> Result<(), RecvTimeoutError> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.screen.extend(self.shown.recv_timeout(left)?);
        Ok(())
    }

    /// What comes in pieces may end in the middle of a letter.
    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen).into_owned()
    }

    fn so_far(&self) -> String {
        format!("$ {}\n{}", self.line, self.screen().escape_debug())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        canary::assert_none_in("the screen", &self.screen);
    }
}
