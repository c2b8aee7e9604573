use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::history::{History, Judgement, Seen};
use super::policy::{PAGES, USERS};
use crate::http::{Answer, Connection};

/// One request in so many is given up by its client before the answer comes.
const ABORTED_ONE_IN: u64 = 50;

/// Wrong answers that are kept in words.
const SHOWN: usize = 5;

/// The pause of a client between two requests: the machine is for the mesh.
const PAUSE: Duration = Duration::from_millis(2);

/// One client.
pub(super) struct Load<'a> {
    pub(super) address: SocketAddr,
    pub(super) history: &'a History,
    pub(super) stop: &'a AtomicBool,
    pub(super) inject_wrong: bool,
}

/// What came of requests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) refused: u64,
    pub(super) no_verdict: u64,
    pub(super) aborted: u64,
    /// Requests without an answer that nobody gave up.
    pub(super) lost: u64,
    pub(super) wrong: u64,
    /// The longest that a policy was enforced after it was replaced: with Mixer there all the time, and
    /// with Mixer away.
    pub(super) behind: Duration,
    pub(super) behind_shaken: Duration,
    pub(super) examples: Vec<String>,
    pub(super) statuses: BTreeMap<u16, u64>,
}

impl Load<'_> {
    /// Sends requests until it is stopped.
    pub(super) fn run(&self, number: u64) -> Tally {
        let mut chance = Chance::new(number + 1);
        let mut tally = Tally::default();
        let mut connection = None;
        let mut asked = 0_u64;
        while !self.stop.load(Ordering::Relaxed) {
            let user = format!("user-{}x", skewed(&mut chance, USERS));
            let page = format!("/page/{}", skewed(&mut chance, PAGES));
            asked += 1;
            if chance.below(ABORTED_ONE_IN) == 0 {
                self.abort(&user, &page);
                tally.aborted += 1;
                continue;
            }
            let began = Instant::now();
            match self.ask(&mut connection, &user, &page) {
                Ok(answer) => {
                    *tally.statuses.entry(answer.status).or_default() += 1;
                    let mut seen = read(&answer);
                    if self.inject_wrong && asked == 200 {
                        seen = turned(seen);
                    }
                    self.judge(&mut tally, &user, &page, began, &seen);
                }
                Err(cause) => {
                    tally.lost += 1;
                    tally.example(format!("{user} at {page}: {cause:#}"));
                    connection = None;
                }
            }
            std::thread::sleep(PAUSE);
        }
        tally
    }

    fn ask(
        &self,
        connection: &mut Option<Connection>,
        user: &str,
        page: &str,
    ) -> anyhow::Result<Answer> {
        let open = match connection.take() {
            Some(open) => open,
            None => Connection::open(self.address)?,
        };
        let answer = connection.insert(open).get(page, &[("x-user", user)])?;
        if answer.header("connection") == Some("close") {
            *connection = None;
        }
        Ok(answer)
    }

    /// A client that goes away before it has an answer; whether it had one already nobody can say.
    fn abort(&self, user: &str, page: &str) {
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let head = format!("GET {page} HTTP/1.1\r\nhost: soak\r\nx-user: {user}\r\n\r\n");
            // Either may fail, which is all the same to a client that leaves.
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    fn judge(&self, tally: &mut Tally, user: &str, page: &str, began: Instant, seen: &Seen) {
        match self.history.judge(user, page, began, seen) {
            Judgement::Right { behind } => {
                if matches!(seen, Seen::Passed(_)) {
                    tally.passed += 1;
                } else {
                    tally.refused += 1;
                }
                // From when the answered policy was replaced, in case Mixer was away then.
                let longest = if self.history.is_shaken(began - behind, Instant::now()) {
                    &mut tally.behind_shaken
                } else {
                    &mut tally.behind
                };
                *longest = behind.max(*longest);
            }
            Judgement::Excused => tally.no_verdict += 1,
            Judgement::Wrong(why) => {
                tally.wrong += 1;
                tally.example(why);
            }
        }
    }
}

impl Tally {
    pub(super) fn merged(mut self, other: Self) -> Self {
        self.passed += other.passed;
        self.refused += other.refused;
        self.no_verdict += other.no_verdict;
        self.aborted += other.aborted;
        self.lost += other.lost;
        self.wrong += other.wrong;
        self.behind = self.behind.max(other.behind);
        self.behind_shaken = self.behind_shaken.max(other.behind_shaken);
        self.examples.extend(other.examples);
        self.examples.truncate(SHOWN);
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self
    }

    fn example(&mut self, what: String) {
        if self.examples.len() < SHOWN {
            self.examples.push(what);
        }
    }
}

/// A number below `bound`, small ones far more often.
fn skewed(chance: &mut Chance, bound: u64) -> u64 {
    let most = chance.below(bound) + 1;
    chance.below(most)
}

fn read(answer: &Answer) -> Seen {
    let text = answer.text();
    let version = |text: &str| text.trim().parse::<u64>().ok();
    match answer.status {
        200 => match answer.header("x-policy").and_then(version) {
            Some(number) => Seen::Passed(number),
            None => Seen::Other("passed and names no policy".to_owned()),
        },
        403 => match text.rsplit_once("policy ").and_then(|(_, number)| version(number)) {
            Some(number) => Seen::Refused(number),
            None => Seen::Other(format!("refused and names no policy: {text}")),
        },
        503 if text.starts_with("UNAVAILABLE:mixer") => Seen::NoVerdict,
        status => Seen::Other(format!("{status}: {text}")),
    }
}

fn turned(seen: Seen) -> Seen {
    match seen {
        Seen::Passed(number) => Seen::Refused(number),
        Seen::Refused(number) => Seen::Passed(number),
        other => other,
    }
}
