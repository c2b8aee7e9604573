//! The oracle of `cargo xtask soak`, on runs of a few seconds.

use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::{SoakOptions, run_soak};

use crate::require_part;

#[test]
fn under_edits_kills_and_pauses_no_answer_is_wrong_and_none_is_lost() -> Result<()> {
    require_part!(Envoy);
    let options = SoakOptions { duration: Duration::from_secs(15), inject_wrong: false };
    let summary = run_soak(&options)?;
    print!("{summary}");
    Ok(())
}

#[test]
fn one_wrong_answer_is_found() -> Result<()> {
    require_part!(Envoy);
    let options = SoakOptions { duration: Duration::from_secs(4), inject_wrong: true };
    let Err(found) = run_soak(&options) else { anyhow::bail!("the oracle is blind") };
    let told = format!("{found:#}");
    ensure!(told.contains("1 requests were wrongly answered"), "{told}");
    Ok(())
}
