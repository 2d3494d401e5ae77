//! A server as raw as a test needs it.
//!
//! It speaks no HTTP of its own: a script says what to do with each connection. It counts the whole requests it has
//! read, so that "never twice" is what the other side saw and not what we believe.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A listener on a free port of this machine, with a script for each of its connections.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// One accepted connection.
pub(super) struct Line {
    stream: TcpStream,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    pub(super) fn new(script: impl Fn(&mut Line) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, over, script) = (
            Arc::default(),
            Arc::new(AtomicBool::new(false)),
            Arc::new(script),
        );
        let (log, ended) = (Arc::clone(&requests), Arc::clone(&over));
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let mut line = Line {
                    stream: stream.unwrap(),
                    requests: Arc::clone(&log),
                };
                let script = Arc::clone(&script);
                thread::spawn(move || script(&mut line));
            }
        });
        Self {
            address,
            requests,
            over,
            accepting: Some(accepting),
        }
    }

    /// Answers every request of every connection with the same bytes.
    pub(super) fn always(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |line| {
            while line.hear().is_some() {
                line.say(&answer);
            }
        })
    }

    /// Returns the address to ask it at.
    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the whole requests that have arrived.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, so that it sees the end.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Line {
    /// Reads one whole request and counts it; `None` if the other side is done.
    pub(super) fn hear(&mut self) -> Option<String> {
        let mut heard = Vec::new();
        let mut byte = [0];
        while !heard.ends_with(b"\r\n\r\n") {
            if self.stream.read(&mut byte).ok()? == 0 {
                return None;
            }
            heard.push(byte[0]);
        }
        let head = String::from_utf8(heard).unwrap();
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        let request = head + &String::from_utf8(body).unwrap();
        self.requests.lock().unwrap().push(request.clone());
        Some(request)
    }

    /// Writes; a client that has gone away is no matter.
    pub(super) fn say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub(super) fn hang_up(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
