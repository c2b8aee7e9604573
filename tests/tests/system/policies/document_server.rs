use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use testbed::free_address;

/// A server of one document, inside this process, that does well or not as a test wants.
pub(super) struct DocumentServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Manner {
    /// Answers with this document and an ETag for it.
    Good(String),
    /// Takes the request and never answers.
    Slow,
    /// Answers with status 500 and a page.
    Wrong,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    not_modified: u64,
    failures: u64,
    /// Held open while the server is slow.
    held: Vec<TcpStream>,
    closing: bool,
}

impl DocumentServer {
    pub(super) fn start(document: &str) -> Result<Self> {
        let manner = Manner::Good(document.to_owned());
        let state =
            State { manner, not_modified: 0, failures: 0, held: Vec::new(), closing: false };
        let (address, state) = (free_address()?, Arc::new(Mutex::new(state)));
        let mut server = Self { address, state, accepting: None };
        server.come_back()?;
        Ok(server)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/list", self.address)
    }

    pub(super) fn becomes(&self, manner: Manner) {
        let mut state = lock(&self.state);
        state.manner = manner;
        state.held.clear();
    }

    /// How often it had nothing new to say.
    pub(super) fn not_modified(&self) -> u64 {
        lock(&self.state).not_modified
    }

    /// How often it did not do well.
    pub(super) fn failures(&self) -> u64 {
        lock(&self.state).failures
    }

    /// Nobody listens any more.
    pub(super) fn go_away(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        lock(&self.state).closing = true;
        // Wakes the accepting thread. Where it cannot be reached, it has ended.
        drop(TcpStream::connect(self.address));
        drop(accepting.join());
        lock(&self.state).held.clear();
    }

    /// Listens again, at the same address.
    pub(super) fn come_back(&mut self) -> Result<()> {
        let listener = TcpListener::bind(self.address).context("listen for fetches")?;
        lock(&self.state).closing = false;
        let state = Arc::clone(&self.state);
        self.accepting = Some(thread::spawn(move || accept(&listener, &state)));
        Ok(())
    }
}

impl Drop for DocumentServer {
    fn drop(&mut self) {
        self.go_away();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, state: &Mutex<State>) {
    for stream in listener.incoming() {
        if lock(state).closing {
            return;
        }
        if let Ok(stream) = stream {
            // An error says that the other side has hung up.
            drop(answer(stream, state));
        }
    }
}

/// One request, one answer, and the connection is closed.
fn answer(mut stream: TcpStream, state: &Mutex<State>) -> Result<()> {
    let mut known = String::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(etag) = line.to_ascii_lowercase().strip_prefix("if-none-match: ") {
            known = etag.to_owned();
        }
    }
    let mut state = lock(state);
    let (head, body) = match &state.manner {
        Manner::Good(document) => {
            let etag = format!(
                "\"{:x}\"",
                document
                    .bytes()
                    .fold(7_u64, |hash, byte| { hash.wrapping_mul(31).wrapping_add(byte.into()) })
            );
            match etag == known {
                true => {
                    state.not_modified += 1;
                    ("304 Not Modified".to_owned(), String::new())
                }
                false => (format!("200 OK\r\netag: {etag}"), document.clone()),
            }
        }
        Manner::Wrong => {
            state.failures += 1;
            ("500 Internal Server Error".to_owned(), "alice\nbob\n".to_owned())
        }
        Manner::Slow => {
            state.failures += 1;
            state.held.push(stream);
            return Ok(());
        }
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    Ok(())
}
