//! Values as they leave the agent.

use pdata::NumberKind;

/// Whole numbers to the last digit, `double` for those that are none, and nothing where there is no value.
pub(crate) fn number(kind: NumberKind, bits: u64, double: String) -> String {
    match kind {
        NumberKind::Unsigned => bits.to_string(),
        NumberKind::Signed => bits.cast_signed().to_string(),
        NumberKind::Double | NumberKind::Nanoseconds => double,
        NumberKind::Missing => String::new(),
    }
}

/// As Go's `%f` has it: six digits behind the point.
pub(crate) fn fixed(number: f64) -> String {
    if number.is_finite() { format!("{number:.6}") } else { component::go::float(number) }
}
