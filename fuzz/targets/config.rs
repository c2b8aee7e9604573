//! YAML of configuration. Any text gives resources or problems, and a problem has a line of the text.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parsed = mesh_config::parse("fuzz.yaml", text);
    for problem in &parsed.problems {
        assert!(!problem.to_string().is_empty());
    }
});
