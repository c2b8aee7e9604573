use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use testbed::{Launch, Layout, Process, free_address, http, wait_until};

/// A block of code of the page, with what stands behind its language.
struct Block {
    language: String,
    directive: String,
    code: String,
}

/// A loaded machine compiles for some minutes.
const READY: Duration = Duration::from_secs(120);
const SHOWN: Duration = Duration::from_secs(20);

/// Follows the page: each block of a shell is run, each file written, as it says.
struct Reader {
    /// Where the commands are run; `cd` changes it.
    folder: PathBuf,
    path: OsString,
    layout: Layout,
    home: PathBuf,
    running: Vec<Process>,
}

impl Reader {
    fn follow(&mut self, block: &Block) -> Result<()> {
        let directive = block.directive.as_str();
        match (block.language.as_str(), directive.split_once('=')) {
            ("sh", None) if directive.is_empty() => self.run(&block.code, 0),
            ("sh", None) if directive == "background" => self.start(&block.code),
            ("sh", Some(("exit", code))) => self.run(&block.code, code.parse()?),
            (_, Some(("file", path))) => Ok(fs::write(self.folder.join(path), &block.code)?),
            (_, Some(("append", path))) => {
                let mut file = fs::OpenOptions::new().append(true).open(self.folder.join(path))?;
                Ok(file.write_all(block.code.as_bytes())?)
            }
            (language, _) => bail!("nobody knows what to do with a block `{language} {directive}`"),
        }
    }

    fn run(&mut self, code: &str, expected: i32) -> Result<()> {
        let place = self.home.join("folder");
        // The versions that the adapters of this repository are built with, which are here already.
        let lock = self.folder.join("Cargo.lock");
        if self.folder.join("Cargo.toml").is_file() && !lock.exists() {
            fs::copy(self.layout.root().join("adapters/Cargo.lock"), lock)?;
        }
        let script = format!("{code}\npwd > {}", place.display());
        let output = Command::new("bash")
            .args(["-e", "-c", &script])
            .current_dir(&self.folder)
            .env("PATH", &self.path)
            .env("CARGO_TARGET_DIR", self.layout.target().join("guests/toolchain"))
            .env("XDG_CACHE_HOME", self.home.join("cache"))
            .output()?;
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        ensure!(
            output.status.code() == Some(expected),
            "`{code}` ended with {}:\n{told}",
            output.status
        );
        if expected == 0 {
            self.folder = fs::read_to_string(place)?.trim().into();
        }
        Ok(())
    }

    fn start(&mut self, code: &str) -> Result<()> {
        let mut words = code.split_whitespace();
        let name = words.next().context("an empty command")?;
        // A launch begins in its own folder; the page's paths are relative.
        let mut launch = Launch::new(name, "bash", &self.home).arg("-c").arg(format!(
            "cd {} && exec {}",
            self.folder.display(),
            code.trim()
        ));
        launch = launch.env("PATH", &self.path);
        self.running.push(launch.start()?);
        Ok(())
    }
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => {
                let (language, directive) = info.split_once(' ').unwrap_or((info, ""));
                let (language, directive) = (language.to_owned(), directive.to_owned());
                open = Some(Block { language, directive, code: String::new() });
            }
            (None, Some(block)) => {
                block.code.push_str(line);
                block.code.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The ports of the page are free on an author's machine; a test takes others.
fn with_free_ports(page: &str) -> Result<(String, String, String)> {
    let (grpc, http, series) = (free_address()?, free_address()?, free_address()?);
    let page = page
        .replace("127.0.0.1:9091", &grpc.to_string())
        .replace("127.0.0.1:9093", &http.to_string())
        .replace("127.0.0.1:42422", &series.to_string());
    Ok((page, http.to_string(), series.to_string()))
}

fn path_with(folder: &Path) -> Result<OsString> {
    let others = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&others));
    Ok(std::env::join_paths(folders)?)
}

#[test]
fn the_tutorial_leads_word_by_word_to_an_adapter_that_runs() -> Result<()> {
    let layout = Layout::of_checkout();
    let page = fs::read_to_string(layout.root().join("docs/tutorial.md"))?;
    let (page, http, series) = with_free_ports(&page)?;
    let folder = tempfile::tempdir()?;
    let binaries = layout.binary("meshctl")?;
    let binaries = binaries.parent().context("a program is in a folder")?;
    let mut reader = Reader {
        folder: folder.path().to_owned(),
        path: path_with(binaries)?,
        home: folder.path().to_owned(),
        layout,
        running: Vec::new(),
    };
    for block in blocks(&page) {
        reader.follow(&block)?;
        if block.directive == "background" {
            wait_until("Mixer to be ready", READY, || {
                http::get(&format!("http://{http}/readyz"))?.require_ok()
            })?;
        }
    }
    wait_until("the report to be counted", SHOWN, || {
        let page = http::get(&format!("http://{series}/metrics"))?.text();
        let counted = r#"tea_time_requests_total{code="200",source="web"} 1"#;
        ensure!(page.contains(counted), "the port for Prometheus shows:\n{page}");
        Ok(())
    })
}
