//! Adapters of other processes and their templates, as they are declared.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::fields::{Fields, Report};
use crate::{Adapter, Template, Text};

/// Tools differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn adapter(spec: &mut Fields<'_>, report: &mut Report) -> Adapter {
    spec.skip("name");
    Adapter {
        description: spec.text("description", report),
        templates: spec.texts("templates", report),
        config: spec
            .text("config", report)
            .and_then(|text| decode("config", &text, spec, report))
            .unwrap_or_default(),
        session_based: spec.boolean("session_based", report).unwrap_or_default(),
    }
}

pub(super) fn template(spec: &mut Fields<'_>, report: &mut Report) -> Option<Template> {
    spec.skip("name");
    let text = spec.required_text("descriptor", report)?;
    let descriptor = decode("descriptor", &text, spec, report)?;
    Some(Template { descriptor })
}

fn decode(name: &str, text: &Text, spec: &Fields<'_>, report: &mut Report) -> Option<Vec<u8>> {
    let decoded = decode_base64(&text.value);
    if let Err(cause) = &decoded {
        let path = spec.path_of(name);
        report.problem(text.line, format!("`{path}` is not base64: {cause}"));
    }
    decoded.ok()
}

/// The bytes that `text` spells in base64; white space, such as line breaks, is skipped.
pub(super) fn decode_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    BASE64.decode(&packed)
}
