use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{Launch, Layout};

/// A page on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(120);
/// How long pages are given by the browser's own clock, which runs ahead while a page waits: these are
/// milliseconds that take some seconds.
const PAGE_MILLIS: u32 = 15_000;

/// A real browser without a window, for one page at a time.
#[derive(Debug)]
pub struct Chromium {
    program: PathBuf,
    folder: PathBuf,
}

impl Chromium {
    /// The browser of the machine or of set-up; its files are in `folder`.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(layout: &Layout, folder: &Path) -> Result<Self> {
        let program = layout.chromium();
        ensure!(program.exists(), "Chromium is not installed");
        let folder = folder.join("chromium");
        fs::create_dir_all(&folder)?;
        Ok(Self { program, folder })
    }

    /// The page at `url` as HTML, after its scripts have run.
    ///
    /// # Errors
    /// When the browser fails or takes too long.
    pub fn dom(&self, url: &str) -> Result<String> {
        let file = self.folder.join("dom.html");
        if file.exists() {
            fs::remove_file(&file)?;
        }
        self.run(url, "--dump-dom", &file)?;
        fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))
    }

    /// Writes a picture of the page at `url`, with `size` as the window's width and height.
    ///
    /// # Errors
    /// When the browser fails or takes too long.
    pub fn screenshot(&self, url: &str, size: (u32, u32), picture: &Path) -> Result<()> {
        if picture.exists() {
            fs::remove_file(picture)?;
        }
        let (width, height) = size;
        let options = [
            format!("--screenshot={}", std::path::absolute(picture)?.display()),
            format!("--window-size={width},{height}"),
            "--hide-scrollbars".to_owned(),
        ];
        let output = self.folder.join("screenshot.log");
        self.start(url, &options, &output)?;
        ensure!(picture.exists(), "Chromium left no picture of {url}, see {}", output.display());
        Ok(())
    }

    fn run(&self, url: &str, option: &str, output: &Path) -> Result<()> {
        self.start(url, &[option.to_owned()], output)
    }

    fn start(&self, url: &str, options: &[String], output: &Path) -> Result<()> {
        let profile = self.folder.join("profile");
        let launch = Launch::new("chromium", &self.program, &self.folder)
            .arg("--headless=new")
            // It sees pages of this test alone, and as root it has no sandbox.
            .arg("--no-sandbox")
            .arg("--disable-gpu")
            .arg("--disable-dev-shm-usage")
            .arg("--disable-background-networking")
            .arg("--no-first-run")
            .arg(format!("--user-data-dir={}", std::path::absolute(profile)?.display()))
            .arg(format!("--virtual-time-budget={PAGE_MILLIS}"))
            .output_to(output.to_owned());
        let launch = options.iter().fold(launch, |launch, option| launch.arg(option));
        let status = launch.arg(url).start()?.wait_to_end(LIMIT)?;
        ensure!(status.success(), "Chromium failed ({status}) at {url}");
        Ok(())
    }
}
