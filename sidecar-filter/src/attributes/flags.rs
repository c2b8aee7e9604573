/// Envoy's short names of its response flags, by bit.
const NAMES: [&str; 30] = [
    "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC",
    "URX", "SI", "IH", "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF", "DO", "DR",
    "UDO",
];

/// What `context.proxy_error_code` says when nothing went wrong.
const NONE: &str = "-";

/// The flags set in `bits` as text: short names joined by commas, `-` for none.
pub(super) fn proxy_error_code(bits: u64, text: &mut String) {
    text.clear();
    for (bit, name) in NAMES.iter().enumerate() {
        if bits >> bit & 1 == 1 {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
        }
    }
    if text.is_empty() {
        text.push_str(NONE);
    }
}
