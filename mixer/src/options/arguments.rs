use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use mesh_config::{nearest_name, read_settings};

use super::Options;
use super::gone::instead_of;

/// Longer files are no options.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Why the options are not taken.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Flags of Istio's Mixer that are gone; one a line.
    #[error("{}", .0.join("\n"))]
    Gone(Vec<String>),
    /// The file that `--options` names cannot be read.
    #[error("options file {}: {source}", file.display())]
    ReadFile {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Mistakes in that file, each with its line; one a line.
    #[error("{}", .0.join("\n"))]
    File(Vec<String>),
}

/// `arguments` of `mixer serve`, the program's name and the subcommand first, with those of the file that
/// `--options` names put before them: a flag that comes later wins.
///
/// # Errors
/// For flags of Istio's Mixer that are gone, and for all mistakes in the file.
pub fn serve_arguments(arguments: Vec<OsString>) -> Result<Vec<OsString>, OptionsError> {
    if arguments.get(1).is_none_or(|command| command != "serve") {
        return Ok(arguments);
    }
    let gone: Vec<_> = arguments.iter().filter_map(|argument| refuse(argument.to_str()?)).collect();
    if !gone.is_empty() {
        return Err(OptionsError::Gone(gone));
    }
    let Some(file) = options_file(&arguments) else { return Ok(arguments) };
    let mut all = arguments[..2].to_vec();
    all.extend(read_file(&file)?);
    all.extend_from_slice(&arguments[2..]);
    Ok(all)
}

fn refuse(argument: &str) -> Option<String> {
    let name = argument.strip_prefix("--")?.split('=').next()?;
    instead_of(name).map(|instead| format!("--{name} is a flag of Istio's Mixer: {instead}"))
}

/// The last one, as with every flag.
fn options_file(arguments: &[OsString]) -> Option<PathBuf> {
    let mut file = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--options" {
            file = rest.next().map(PathBuf::from);
        } else if let Some(path) = argument.to_str().and_then(|a| a.strip_prefix("--options=")) {
            file = Some(path.into());
        }
    }
    file
}

fn read_file(file: &Path) -> Result<Vec<OsString>, OptionsError> {
    let refused = |source| OptionsError::ReadFile { file: file.to_owned(), source };
    if std::fs::metadata(file).map_err(refused)?.len() > MAX_FILE_BYTES {
        let cause = format!("it has more than {MAX_FILE_BYTES} bytes; is it the right file?");
        return Err(refused(std::io::Error::other(cause)));
    }
    let text = std::fs::read_to_string(file).map_err(refused)?;
    let at = |line: u32, message: &str| format!("{}:{line}: {message}", file.display());
    let settings = read_settings(&text).map_err(|problems| {
        OptionsError::File(problems.iter().map(|(line, message)| at(*line, message)).collect())
    })?;
    let command = Options::augment_args(Command::new("options").disable_help_flag(true));
    let names: Vec<&str> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
    let mut arguments = Vec::new();
    let mut problems = Vec::new();
    let mut seen: Vec<(&str, u32)> = Vec::new();
    for setting in &settings {
        let name = setting.name.as_str();
        if let Some(problem) = mistake(&command, &names, &seen, name, &setting.value) {
            problems.push(at(setting.line, &problem));
        } else {
            seen.push((name, setting.line));
            arguments.push(format!("--{name}={}", setting.value).into());
        }
    }
    if problems.is_empty() { Ok(arguments) } else { Err(OptionsError::File(problems)) }
}

/// What is wrong with one setting of the file.
fn mistake(
    command: &Command,
    names: &[&str],
    seen: &[(&str, u32)],
    name: &str,
    value: &str,
) -> Option<String> {
    if let Some(instead) = instead_of(name) {
        return Some(format!("{name} is a flag of Istio's Mixer: {instead}"));
    }
    if name == "options" {
        return Some("options: a file of options cannot name another".to_owned());
    }
    if !names.contains(&name) {
        let hint = nearest_name(name, names.iter().copied().filter(|name| *name != "options"));
        let hint = hint.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Some(format!("{name}: no such option{hint}"));
    }
    if let Some((_, line)) = seen.iter().find(|(before, _)| *before == name) {
        return Some(format!("{name}: has a value in line {line} already"));
    }
    // Each option alone: all mistakes are told, not the first.
    let alone = command.clone().no_binary_name(true).mut_args(|arg| arg.required(false));
    let cause = alone.try_get_matches_from([format!("--{name}={value}")]).err()?;
    let text = cause.to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    Some(format!("{name}: {}", text.replace(&format!("'--{name} "), "'")))
}
