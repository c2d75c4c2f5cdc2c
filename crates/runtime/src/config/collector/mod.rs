//! What users bring along from the Collector and this agent does not have: each is answered by its name.
//!
//! What a component reads itself is not looked up here, so that a line of `keys` falls out of use by itself
//! when its key is there.

mod keys;
mod names;

pub(super) use keys::SERVICE;

use component::config::{Foreign, suggestion};

use crate::Kind;

/// What to say of a component type that is not known here.
pub(super) enum Answer {
    /// It is left out, with this notice.
    LeftOut(&'static str),
    /// A fault.
    Refused(String),
}

/// The answer to a component of `kind` with the type `word`, where there are those of the types `known`.
pub(super) fn answer(kind: Kind, word: &str, known: &[&str]) -> Answer {
    let advice = match (kind, word) {
        (Kind::Processor, "batch") => return Answer::LeftOut(BATCH),
        (Kind::Exporter, "logging") => "; it has been deprecated there too, use the debug exporter instead",
        (Kind::Processor, "filter") => {
            "; to choose processes use process_filter, to bound the number of streams use cardinality, and to leave out \
             metrics leave out their receiver: OTTL conditions are not supported"
        }
        (Kind::Processor, "transform") => "; use the processors attributes and resource: OTTL is not supported",
        _ => "",
    };
    if names::has(kind, word) {
        let here = known.join(", ");
        let text = format!(
            "{word:?} is a component of the Collector that this agent does not have{advice} ({kind}s here: {here})"
        );
        return Answer::Refused(text);
    }
    Answer::Refused(format!("unknown {kind} type {word:?}{}", suggestion(word, known)))
}

const BATCH: &str =
    "the processor \"batch\" is left out: receivers make batches and exporters size their requests themselves";

/// Keys that the Collector's component has and ours may not have.
pub(super) fn keys(kind: Kind, component_type: &str) -> Vec<Foreign> {
    let tables: &[&[Foreign]] = match (kind, component_type) {
        (Kind::Receiver, "otlp") => &[keys::RECEIVER, keys::RECEIVER_GRPC_TLS, keys::RECEIVER_HTTP_TLS],
        (Kind::Exporter, "otlp_grpc") => &[keys::EXPORTER, keys::TLS, keys::GRPC],
        (Kind::Exporter, "otlp_http") => &[keys::EXPORTER, keys::TLS, keys::HTTP],
        (Kind::Exporter, "file") => &[keys::EXPORTER],
        (Kind::Exporter, "prometheus") => &[keys::PAGE, keys::PAGE_TLS],
        (Kind::Exporter, "debug") => &[keys::DEBUG],
        _ => &[],
    };
    tables.concat()
}
