//! Connections through the sidecar's network filter.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Mesh, TestMesh, wait_until};

use crate::require_part;

const LIMIT: Duration = Duration::from_secs(20);

const DENY: &str = "apiVersion: config.istio.io/v1alpha2\nkind: handler\n\
    metadata: { name: deny, namespace: default }\nspec:\n  compiledAdapter: denier\n\
    ---\napiVersion: config.istio.io/v1alpha2\nkind: instance\n\
    metadata: { name: nothing, namespace: default }\nspec: { compiledTemplate: checknothing }\n\
    ---\napiVersion: config.istio.io/v1alpha2\nkind: rule\n\
    metadata: { name: deny, namespace: default }\nspec:\n  \
    match: context.protocol == \"tcp\" && source.ip == ip(\"127.0.0.1\")\n  \
    actions: [ { handler: deny, instances: [ nothing ] } ]\n";

/// A server that sends back what it gets, and counts it.
struct Echo {
    address: SocketAddr,
    connections: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl Echo {
    /// One that says `greeting` first. Its threads end with their connections, the first with the test.
    fn start(greeting: &'static [u8]) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (connections, bytes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let counts = (Arc::clone(&connections), Arc::clone(&bytes));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counts.0.fetch_add(1, Ordering::Relaxed);
                let bytes = Arc::clone(&counts.1);
                thread::spawn(move || echo(stream, greeting, &bytes));
            }
        });
        Ok(Self { address, connections, bytes })
    }

    fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

fn echo(mut stream: TcpStream, greeting: &[u8], bytes: &AtomicU64) -> std::io::Result<()> {
    stream.write_all(greeting)?;
    let mut buffer = [0; 16 << 10];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        bytes.fetch_add(read as u64, Ordering::Relaxed);
        stream.write_all(&buffer[..read])?;
    }
}

fn mesh(echo: &Echo, filter: Value) -> Result<Mesh> {
    let mut added = Ok(());
    let mesh = TestMesh::new()?.with_file("tcp.yaml", include_str!("tcp.yaml"))?.with(|options| {
        options.bootstrap_extension();
        added = options.tcp(echo.address, filter).map(drop);
    });
    added?;
    mesh.start()
}

fn connect(mesh: &Mesh) -> Result<TcpStream> {
    let stream = TcpStream::connect(mesh.tcp()?)?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// Sends `text`, and reads as much.
fn talk(stream: &mut TcpStream, text: &[u8]) -> Result<Vec<u8>> {
    stream.write_all(text)?;
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).context("nothing comes back")?;
    Ok(back)
}

/// Whether the sidecar ends the connection without a byte of the server's.
fn is_refused(mesh: &Mesh) -> Result<bool> {
    let mut stream = connect(mesh)?;
    // The sidecar may have closed it already.
    let _ = stream.write_all(b"x");
    let mut byte = [0];
    Ok(!matches!(stream.read(&mut byte), Ok(1)))
}

/// What Mixer was told of connections that have ended, once there are `count` of them.
fn closed(mesh: &Mesh, count: usize) -> Result<Vec<Value>> {
    wait_until("reports of closed connections", LIMIT, || {
        let text = std::fs::read_to_string(mesh.mixer().access_log())?;
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let closed: Vec<Value> = lines.filter(|line| line["event"] == "close").collect();
        ensure!(closed.len() >= count, "{} have ended", closed.len());
        Ok(closed)
    })
}

#[test]
fn an_allowed_connection_is_served_and_reported_to_the_byte() -> Result<()> {
    require_part!(Envoy);
    let echo = Echo::start(b"")?;
    let mesh = mesh(&echo, json!({}))?;
    let mut sent = 0;
    let mut stream = connect(&mesh)?;
    for size in [1, 1000, 100_000] {
        let text = vec![b'a'; size];
        assert_eq!(talk(&mut stream, &text)?, text);
        sent += size as u64;
    }
    stream.shutdown(Shutdown::Both)?;
    let line = closed(&mesh, 1)?.remove(0);
    assert_eq!(echo.bytes.load(Ordering::Relaxed), sent);
    assert_eq!(line["received_total"], sent, "{line}");
    assert_eq!(line["sent_total"], sent, "{line}");
    ensure!(line["duration"] != "0s", "{line}");
    Ok(())
}

#[test]
fn a_denied_connection_never_reaches_the_server() -> Result<()> {
    require_part!(Envoy);
    let echo = Echo::start(b"hello")?;
    let mesh = mesh(&echo, json!({}))?;
    let mut before = connect(&mesh)?;
    let mut greeting = [0; 5];
    before.read_exact(&mut greeting).context("a server that speaks first is not heard")?;
    mesh.write_config("deny.yaml", DENY)?;
    wait_until("the edit to be enforced", LIMIT, || {
        ensure!(is_refused(&mesh)?);
        Ok(())
    })?;
    let reached = echo.connections();
    for _ in 0..20 {
        ensure!(is_refused(&mesh)?);
    }
    assert_eq!(echo.connections(), reached);
    assert_eq!(talk(&mut before, b"still")?, b"still", "what was allowed stays open");
    let refused = closed(&mesh, 20)?;
    ensure!(refused.iter().any(|line| line["refusal"] == 9 || line["refusal"] == 7), "{refused:?}");
    Ok(())
}

#[test]
fn without_mixer_the_fail_policy_decides_on_connections() -> Result<()> {
    require_part!(Envoy);
    for (policy, refused) in [("closed", true), ("open", false)] {
        let echo = Echo::start(b"hello")?;
        let filter = json!({ "fail_policy": { "check": policy }, "max_stale": "0s" });
        let mut mesh = mesh(&echo, filter)?;
        mesh.mixer_mut().kill()?;
        wait_until("the policy", LIMIT, || {
            ensure!(is_refused(&mesh)? == refused, "{policy}");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn many_connections_that_come_and_go_are_all_reported() -> Result<()> {
    require_part!(Envoy);
    const CONNECTIONS: usize = 300;
    let echo = Echo::start(b"")?;
    let mut mesh = mesh(&echo, json!({}))?;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    for number in 0..CONNECTIONS / 6 {
                        let mut stream = connect(&mesh)?;
                        if number % 3 > 0 {
                            talk(&mut stream, b"hello")?;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        clients.into_iter().try_for_each(|client| {
            client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?
        })
    })?;
    // Whoever ended before the sidecar saw it is no connection of its; the others all are.
    let served = CONNECTIONS / 3 * 2;
    closed(&mesh, served)?;
    mesh.terminate_envoy()
}

#[test]
fn reports_that_were_gathered_when_the_sidecar_ends_are_sent() -> Result<()> {
    require_part!(Envoy);
    let echo = Echo::start(b"")?;
    let mut mesh = mesh(&echo, json!({}))?;
    let mut stream = connect(&mesh)?;
    talk(&mut stream, b"hello")?;
    drop(stream);
    wait_until("the sidecar to note the end", LIMIT, || {
        let stats = mesh.envoy()?.stats()?;
        let noted = stats.value("mixmesh.tcp.reports");
        ensure!(noted == 2, "open and close: {noted}");
        Ok(())
    })?;
    mesh.terminate_envoy()?;
    closed(&mesh, 1)?;
    Ok(())
}
