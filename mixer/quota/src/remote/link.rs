use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisError, RedisResult, Value, cmd};
use tokio::sync::watch;
use tokio::time::timeout;

use super::script::Scripts;
use super::server::Server;

/// Making a connection and preparing the server. Nobody waits for that.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// The first version whose scripts may write after having asked for the time.
const LEAST_VERSION: u32 = 5;

/// A connection to a server that is fit to count.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: MultiplexedConnection,
    /// What the server said of itself.
    pub(super) about: About,
    /// Failures in a row.
    pub(super) failures: AtomicU32,
    /// Whether any ask was decided over it.
    pub(super) has_worked: AtomicBool,
    /// Why asks cannot use it any more.
    pub(super) broken: watch::Sender<Option<Arc<str>>>,
}

/// From `INFO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    /// Changes with each start of the server.
    pub(super) run_id: String,
    /// Whether the server may throw away counters for want of memory.
    pub(super) evicts: bool,
    /// Whether each write goes to a file.
    pub(super) appends: bool,
}

impl Link {
    /// Connects, makes sure that the server can count, and makes the scripts known to it.
    pub(super) async fn connect(
        server: &Server,
        scripts: &Scripts,
        failures: u32,
    ) -> Result<Self, String> {
        match timeout(CONNECT_LIMIT, Self::prepare(server, scripts, failures)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no connection within {CONNECT_LIMIT:?}")),
        }
    }

    async fn prepare(server: &Server, scripts: &Scripts, failures: u32) -> Result<Self, String> {
        // Who calls has deadlines.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let mut connection = server
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|cause| describe(&cause))?;
        let info = send(&mut connection, &cmd("INFO")).await.map_err(|cause| describe(&cause))?;
        let about = About::read(&info)?;
        for load in scripts.load() {
            send(&mut connection, &load).await.map_err(|cause| describe(&cause))?;
        }
        Ok(Self {
            connection,
            about,
            failures: failures.into(),
            has_worked: false.into(),
            broken: watch::Sender::new(None),
        })
    }

    /// Whether the server still answers.
    pub(super) async fn is_alive(&self) -> Result<(), String> {
        let mut connection = self.connection.clone();
        match timeout(CONNECT_LIMIT, send(&mut connection, &cmd("PING"))).await {
            Ok(answer) => answer.map(drop).map_err(|cause| describe(&cause)),
            Err(_) => Err(format!("no answer to PING within {CONNECT_LIMIT:?}")),
        }
    }
}

impl About {
    fn read(info: &Value) -> Result<Self, String> {
        let text = match info {
            Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Value::SimpleString(text) => text.clone(),
            Value::VerbatimString { text, .. } => text.clone(),
            _ => String::new(),
        };
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        let run_id = field("run_id")
            .ok_or("it does not answer INFO as Redis does; is it another service?")?;
        let version = field("redis_version").unwrap_or("of an unknown version");
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < LEAST_VERSION) {
            return Err(format!(
                "it is Redis {version}; version {LEAST_VERSION} or later is needed"
            ));
        }
        if field("role") == Some("slave") {
            return Err(
                "it is a replica, which cannot count; give the primary's address".to_owned()
            );
        }
        let is_bounded = field("maxmemory").is_some_and(|bytes| bytes != "0");
        let keeps_all = field("maxmemory_policy").is_none_or(|policy| policy == "noeviction");
        Ok(Self {
            run_id: run_id.to_owned(),
            evicts: is_bounded && !keeps_all,
            appends: field("aof_enabled") == Some("1"),
        })
    }
}

/// Sends a command and waits for its answer; an answer that is an error is an error.
pub(super) async fn send(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
) -> RedisResult<Value> {
    connection.send_packed_command(command).await?.extract_error()
}

/// Whether the server said no, as opposed to a lost connection or an answer that is none.
pub(super) fn is_refusal(cause: &RedisError) -> bool {
    matches!(cause.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// The text of an error, without what only a programmer reads.
pub(super) fn describe(cause: &RedisError) -> String {
    let text = match (cause.code(), cause.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (None, Some(detail)) => format!("{}: {detail}", cause.category()),
        _ => cause.to_string(),
    };
    shorten(&text)
}

/// At most a line.
pub(super) fn shorten(text: &str) -> String {
    const LONGEST: usize = 200;
    text[..text.floor_char_boundary(LONGEST)].escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(info: &str) -> Result<About, String> {
        About::read(&Value::BulkString(info.as_bytes().to_vec()))
    }

    #[test]
    fn a_server_that_cannot_count_is_told_from_one_that_can() {
        let sound = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\nrole:master\r\nmaxmemory:0\r\n\
                     maxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n";
        let about = About { run_id: "abc".to_owned(), evicts: false, appends: true };
        assert_eq!(read(sound), Ok(about));
        assert!(read(&sound.replace("maxmemory:0", "maxmemory:9")).unwrap().evicts);
        for (info, text) in [
            ("HTTP/1.1 400", "another service"),
            ("run_id:a\r\nredis_version:3.2.1", "it is Redis 3.2.1; version 5"),
            ("run_id:a\r\nredis_version:7.0.1\r\nrole:slave", "replica"),
        ] {
            let error = read(info).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }
}
