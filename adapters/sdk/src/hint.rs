/// `, did you mean x?` for the candidate nearest to `given`, or nothing when none is near: the end of a
/// message about an unknown name.
pub fn nearest<'c>(given: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    /// Farther ones are other words, not slips of the hand.
    const FARTHEST: usize = 3;
    let near = |candidate: &&str| strsim::osa_distance(given, candidate);
    match candidates.into_iter().min_by_key(near) {
        Some(best) if near(&best) <= FARTHEST.min(given.chars().count() / 2) => {
            format!(", did you mean {best}?")
        }
        _ => String::new(),
    }
}
