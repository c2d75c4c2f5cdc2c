//! "Did you mean": what to say after a word that nobody knows.

/// What to say after an unknown word: `, did you mean "x"?`, or the list of what is known.
#[must_use]
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match closest(word, known) {
        Some(best) => format!(", did you mean {best:?}?"),
        None if known.is_empty() => ": there are no keys here".to_owned(),
        None => format!(" (known: {})", known.join(", ")),
    }
}

/// The word of `known` that is at most a third of its letters away from `word`.
fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|candidate| (distance(word, candidate), *candidate)).min()?;
    (near.0 <= near.1.len().div_ceil(3)).then_some(near.1)
}

/// Levenshtein distance in bytes: keys are ASCII.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substitution = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
