use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A request as a server of a test has got it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What a server of a test does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Raw(String),
    Hang,
    Reset,
}

/// An HTTP server of a test. It ends on drop.
pub(crate) struct HttpPeer {
    pub(crate) address: SocketAddr,
    requests: mpsc::Receiver<Seen>,
    answers: Answers,
    _tasks: JoinSet<()>,
}

#[derive(Clone, Default)]
struct Answers(Arc<Mutex<(VecDeque<Answer>, Option<Answer>)>>);

/// A port that nobody listens at.
pub(crate) async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

pub(crate) fn status(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Raw(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}"))
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl HttpPeer {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, requests) = mpsc::channel(1000);
        let answers = Answers::default();
        let mut tasks = JoinSet::new();
        let of_task = answers.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, seen.clone(), of_task.clone()));
            }
        });
        Self { address, requests, answers, _tasks: tasks }
    }

    /// What is answered next; then 200.
    pub(crate) fn next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.0.lock().unwrap().0.extend(answers);
    }

    /// What is answered from now on when there is nothing next.
    pub(crate) fn always(&self, answer: Answer) {
        self.answers.0.lock().unwrap().1 = Some(answer);
    }

    pub(crate) async fn request(&mut self) -> Seen {
        self.requests.recv().await.unwrap()
    }
}

/// Serves HTTP on one connection.
pub(crate) async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: mpsc::Sender<Seen>,
) {
    serve(stream, seen, Answers::default()).await;
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: mpsc::Sender<Seen>,
    answers: Answers,
) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let _nobody_looks = seen.try_send(request);
        let answer = {
            let mut answers = answers.0.lock().unwrap();
            answers.0.pop_front().or_else(|| answers.1.clone())
        };
        match answer.unwrap_or_else(|| status("200 OK", "", "")) {
            Answer::Raw(text) => stream.get_mut().write_all(text.as_bytes()).await.unwrap(),
            Answer::Hang => std::future::pending().await,
            Answer::Reset => return,
        }
        stream.get_mut().flush().await.unwrap();
    }
}

async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |line: &String| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    };
    let headers: Vec<_> = lines.iter().skip(1).map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { line: lines[0].clone(), headers, body })
}

/// A connection of which lines are read.
pub(crate) struct LinePeer {
    pub(crate) stream: BufReader<TcpStream>,
}

impl LinePeer {
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        Self { stream: BufReader::new(listener.accept().await.unwrap().0) }
    }

    /// The next line, or nothing at the end.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).await.unwrap();
    }
}
