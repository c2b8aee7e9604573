/// `, did you mean x?` for the candidate nearest to `given`, or nothing when none is near: the end of a
/// message about an unknown name.
pub(crate) fn hint<'c>(given: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    nearest(given, candidates).map_or_else(String::new, |best| format!(", did you mean {best}?"))
}

/// The candidate nearest to `given`, if one is near enough to be what was meant.
pub(crate) fn nearest<'c>(
    given: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    /// Farther ones are other words, not slips of the hand.
    const FARTHEST: usize = 3;
    /// Longer words are no slips, and the comparison is quadratic.
    const LONGEST: usize = 128;
    if given.len() > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (strsim::osa_distance(given, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= FARTHEST.min(given.chars().count() / 2))
        .map(|(_, candidate)| candidate)
}
