//! Sits on the wire between a client and the pretend Exotel, and remembers what the client sent.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::exotel::Exotel;

/// What each connection has carried towards Exotel.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// A wire that is listened to.
#[derive(Debug)]
pub(crate) struct Wiretap {
    base: String,
    heard: Heard,
}

impl Wiretap {
    /// Opens a wire to this Exotel.
    pub(crate) fn before(exotel: &Exotel) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port is found");
        let address = listener.local_addr().expect("it has an address");
        let heard = Heard::default();
        let (notes, exotel) = (heard.clone(), exotel.address().to_owned());
        // Ends with the process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&exotel) else {
                    break;
                };
                connect(client, server, &notes);
            }
        });
        Self {
            base: format!("http://{address}"),
            heard,
        }
    }

    /// Returns the address for `EXOTEL_API_BASE`.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Returns the requests that were sent, as `GET /path`, connection by connection.
    pub(crate) fn requests(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("nobody panics over their notes");
        heard
            .iter()
            .flat_map(|bytes| request_lines(bytes))
            .collect()
    }

    /// Returns how many requests would place a call.
    pub(crate) fn posts(&self) -> usize {
        let requests = self.requests();
        requests
            .iter()
            .filter(|line| line.starts_with("POST "))
            .count()
    }
}

fn connect(client: TcpStream, server: TcpStream, notes: &Heard) {
    let place = {
        let mut notes = notes.lock().expect("nobody panics over their notes");
        notes.push(Vec::new());
        notes.len() - 1
    };
    let both = || Some((client.try_clone().ok()?, server.try_clone().ok()?));
    let Some((client_too, server_too)) = both() else {
        return;
    };
    let notes = notes.clone();
    thread::spawn(move || {
        pass_on(client, server, |bytes| {
            notes.lock().expect("nobody panics over their notes")[place].extend_from_slice(bytes);
        });
    });
    thread::spawn(move || pass_on(server_too, client_too, |_| {}));
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, mut note: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        note(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // The other end may be gone already.
    let _ = to.shutdown(Shutdown::Write);
}

/// Returns the request lines; a body may stand right before one, without a line's end between.
fn request_lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut parts: Vec<_> = text.split(" HTTP/1.1\r\n").collect();
    parts.pop();
    let line = |part: &&str| {
        let start = part.rfind("GET /").max(part.rfind("POST /"));
        start.map(|start| part[start..].to_owned())
    };
    parts.iter().filter_map(line).collect()
}
