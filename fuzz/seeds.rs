//! Writes seeds for the target `wire` into the folder that is given: messages as proxies send them, which
//! no dictionary leads to.

use std::path::PathBuf;

use mesh_attributes::wire::{QuotaRequest, ReportEncoder, encode_check_request};
use mesh_attributes::{AttributeBag, Span, Timestamp};

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("give the folder that seeds are written to"));
    };
    std::fs::create_dir_all(&folder)?;
    let bag = AttributeBag::new()
        .with("source.ip", &[10, 0, 0, 1][..])
        .with("request.path", "/")
        .with("request.size", 7)
        .with("x.double", 2.5)
        .with("connection.mtls", true)
        .with("request.time", Timestamp { seconds: 1_569_999_845, nanos: 250_000_000 })
        .with("response.duration", Span::from_nanos(5_000_000))
        .with("request.headers", [("host", "a"), ("x-own", "b")]);
    let mut message = Vec::new();
    let quota = QuotaRequest { name: "requests", amount: 1, best_effort: true };
    encode_check_request(&bag, "id", &[quota], &mut message);
    std::fs::write(folder.join("check"), &message)?;
    let mut report = ReportEncoder::new();
    if report.push(&bag) && report.push(&bag) {
        std::fs::write(folder.join("report"), report.finish().unwrap_or_default())?;
    }
    Ok(())
}
