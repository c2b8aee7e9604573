//! Everything that can be wrong with configuration, and what users are told about it.

use std::fmt::Write as _;
use std::path::Path;

use mesh_config::read_folder;

#[test]
fn every_mistake_of_a_folder_is_told_with_its_place_and_likely_cause() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let set = read_folder(&here.join("mistakes")).unwrap();
    let mut told = String::new();
    for problem in &set.problems {
        writeln!(told, "{problem}").unwrap();
    }
    for key in set.resources.keys() {
        writeln!(told, "in force: {key}").unwrap();
    }
    let golden = here.join("mistakes.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &told).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    for (told, expected) in told.lines().zip(expected.lines()) {
        assert_eq!(told, expected);
    }
    assert_eq!(told, expected);
}
