use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::rotation::Rotation;
use crate::ParameterProblem;

/// Defaults of the parameters, as Istio documents them; its default size of 100 MiB is written there as
/// 104857600 megabytes.
const MAX_MEGABYTES: u64 = 100;
const MAX_DAYS: u64 = 30;
const MAX_FILES: u64 = 1000;

/// What a handler's parameters say about its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Stdout,
    Stderr,
    File { path: PathBuf, rotation: Option<Rotation> },
}

impl Target {
    /// Reads `log_stream` and, for files, `output_path` and the limits of rotation.
    pub(crate) fn from_parameters(parameters: &Value) -> Result<Self, Vec<ParameterProblem>> {
        let empty = Map::new();
        let mut fields =
            Fields { fields: parameters.as_object().unwrap_or(&empty), problems: vec![] };
        let target = fields.target();
        match target {
            Some(target) if fields.problems.is_empty() => Ok(target),
            _ => Err(fields.problems),
        }
    }
}

struct Fields<'p> {
    fields: &'p Map<String, Value>,
    problems: Vec<ParameterProblem>,
}

impl Fields<'_> {
    fn target(&mut self) -> Option<Target> {
        let rotated = match self.get("log_stream", "logStream") {
            None => return Some(Target::Stdout),
            Some(Value::String(name)) => match name.as_str() {
                "STDOUT" => return Some(Target::Stdout),
                "STDERR" => return Some(Target::Stderr),
                "FILE" => false,
                "ROTATED_FILE" => true,
                _ => return self.no_stream(),
            },
            Some(Value::Number(number)) => match number.as_u64() {
                Some(0) => return Some(Target::Stdout),
                Some(1) => return Some(Target::Stderr),
                Some(2) => false,
                Some(3) => true,
                _ => return self.no_stream(),
            },
            Some(_) => return self.no_stream(),
        };
        let path = match self.get("output_path", "outputPath").and_then(Value::as_str) {
            Some(path) if !path.is_empty() => PathBuf::from(path),
            _ => return self.problem("output_path", "is needed when log_stream is a file"),
        };
        if path.file_name().is_none() {
            return self.problem("output_path", "names no file");
        }
        let rotation = if rotated { Some(self.rotation()?) } else { None };
        Some(Target::File { path, rotation })
    }

    fn rotation(&mut self) -> Option<Rotation> {
        let megabytes = self.number(
            "max_megabytes_before_rotation",
            "maxMegabytesBeforeRotation",
            MAX_MEGABYTES,
        )?;
        let days = self.number("max_days_before_rotation", "maxDaysBeforeRotation", MAX_DAYS)?;
        let files = self.number("max_rotated_files", "maxRotatedFiles", MAX_FILES)?;
        Some(Rotation {
            max_bytes: megabytes.saturating_mul(1 << 20),
            max_age: Duration::from_secs(days.saturating_mul(86_400)),
            max_files: usize::try_from(files).unwrap_or(usize::MAX),
        })
    }

    /// Whole and above 0; 64-bit integers may be texts in protobuf's JSON.
    fn number(&mut self, snake: &str, camel: &str, default: u64) -> Option<u64> {
        let number = match self.get(snake, camel) {
            None => return Some(default),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64(),
        };
        match number {
            Some(number) if number > 0 => Some(number),
            _ => self.problem(snake, "is no whole number above 0"),
        }
    }

    fn no_stream(&mut self) -> Option<Target> {
        self.problem("log_stream", "is none of STDOUT, STDERR, FILE, ROTATED_FILE")
    }

    fn problem<T>(&mut self, field: &str, message: &str) -> Option<T> {
        let (field, message) = (field.to_owned(), message.to_owned());
        self.problems.push(ParameterProblem { field, message });
        None
    }

    fn get(&self, snake: &str, camel: &str) -> Option<&Value> {
        self.fields.get(snake).or_else(|| self.fields.get(camel)).filter(|value| !value.is_null())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(parameters: &Value) -> String {
        Target::from_parameters(parameters).unwrap_err()[0].to_string()
    }

    #[test]
    fn standard_output_unless_something_else_is_named() {
        for parameters in [json!({}), json!(null), json!({ "log_stream": "STDOUT" })] {
            assert_eq!(Target::from_parameters(&parameters), Ok(Target::Stdout));
        }
        assert_eq!(Target::from_parameters(&json!({ "logStream": 1 })), Ok(Target::Stderr));
    }

    #[test]
    fn a_rotated_file_has_limits() {
        let parameters = json!({
            "log_stream": "ROTATED_FILE",
            "outputPath": "/logs/access.log",
            "max_megabytes_before_rotation": 5,
            "maxDaysBeforeRotation": "2",
        });
        let rotation = Rotation {
            max_bytes: 5 << 20,
            max_age: Duration::from_secs(2 * 86_400),
            max_files: 1000,
        };
        let path = PathBuf::from("/logs/access.log");
        let expected = Target::File { path, rotation: Some(rotation) };
        assert_eq!(Target::from_parameters(&parameters), Ok(expected));
    }

    #[test]
    fn mistakes_name_their_parameter() {
        let file = |path: &str| json!({ "log_stream": "FILE", "output_path": path });
        assert!(problem(&json!({ "log_stream": "FIEL" })).starts_with("log_stream: is none of"));
        assert!(problem(&file("")).starts_with("output_path: is needed"));
        assert!(problem(&file("/")).starts_with("output_path: names no file"));
        let none = json!({ "log_stream": 3, "output_path": "a", "max_rotated_files": 0 });
        assert!(problem(&none).starts_with("max_rotated_files: is no whole number"));
    }
}
