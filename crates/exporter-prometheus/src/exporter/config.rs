//! Keys of `prometheus`.

use std::collections::BTreeMap;
use std::time::Duration;

use component::config::{Configuration, Section};
use component::{Endpoint, ServerTls};

use crate::auth::BasicAuth;
use crate::family::Options;
use crate::naming::{Names, Naming};
use crate::translate::{Strategy, is_plain_label};

/// Keys of `prometheus`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the page is.
    pub endpoint: Endpoint,
    /// Whose names the page uses.
    pub naming: Naming,
    /// What becomes of OpenTelemetry's names.
    pub translation_strategy: Strategy,
    /// In front of every name of OpenTelemetry's.
    pub namespace: String,
    /// Labels that every sample gets.
    pub const_labels: BTreeMap<String, String>,
    /// Whether attributes of the resource are labels of every sample.
    pub resource_labels: bool,
    /// Whether every sample says when it was read.
    pub send_timestamps: bool,
    /// Whether OpenMetrics has lines that say when totals began.
    pub send_created_timestamps: bool,
    /// Whether scrapers may ask for OpenMetrics.
    pub enable_open_metrics: bool,
    /// How long a stream stays on the page after its last point.
    pub metric_expiration: Duration,
    /// Most streams on the page.
    pub max_streams: usize,
    /// The certificate of the page.
    pub tls: ServerTls,
    /// Who may read it.
    pub basic_auth: BasicAuth,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let endpoint: String = section.field(
            "endpoint",
            "host:port to listen on, at every address of the host",
            "localhost:8888".to_owned(),
        );
        let endpoint = Endpoint::parse(&endpoint).unwrap_or_else(|| {
            let text = format!("{endpoint:?} is no host:port, such as localhost:8888, 0.0.0.0:8888 or [::]:8888");
            section.fault_at("endpoint", text);
            Endpoint::default()
        });
        let naming = section.choice(
            "naming",
            "seed: names of the operations guide; otel: OpenTelemetry's, translated",
            &[("seed", Naming::Seed), ("otel", Naming::Otel)],
        );
        let (translation_strategy, namespace) = read_names(section, naming);
        let const_labels: BTreeMap<String, String> =
            section.field("const_labels", "labels that every sample gets", BTreeMap::new());
        for name in const_labels.keys().filter(|name| !is_plain_label(name) || RESERVED.contains(&name.as_str())) {
            section.fault_at("const_labels", format!("{name:?} is no label that one may give"));
        }
        let resource_labels = section.section("resource_to_telemetry_conversion", |section| {
            section.field("enabled", "attributes of the resource are labels of every sample", false)
        });
        let send_timestamps = section.field("send_timestamps", "every sample says when it was read", false);
        let send_created_timestamps = section.field(
            "send_created_timestamps",
            "with OpenMetrics, a _created line beside every total, which Prometheus stores as a series of its own",
            false,
        );
        let enable_open_metrics =
            section.field("enable_open_metrics", "with naming otel, scrapers may ask for OpenMetrics", true);
        let metric_expiration = section.field(
            "metric_expiration",
            "how long a stream stays on the page after its last point",
            Duration::from_secs(300),
        );
        if metric_expiration.is_zero() {
            section.fault_at("metric_expiration", "must be greater than 0");
        }
        let max_streams: u64 = section.field(
            "max_streams",
            "most streams on the page; beyond it those that ended first are added up in one per metric",
            500_000,
        );
        if max_streams == 0 {
            section.fault_at("max_streams", "must be greater than 0");
        }
        section.refuse("auth", "\"auth\" is not supported: write basic_auth: {htpasswd_file: ...}");
        Self {
            endpoint,
            naming,
            translation_strategy,
            namespace,
            const_labels,
            resource_labels,
            send_timestamps,
            send_created_timestamps,
            enable_open_metrics,
            metric_expiration,
            max_streams: usize::try_from(max_streams).unwrap_or(usize::MAX),
            tls: section.section("tls", ServerTls::read),
            basic_auth: section.section("basic_auth", BasicAuth::read),
        }
    }
}

/// What becomes of names; the guide's stay as they are.
fn read_names(section: &mut Section<'_>, naming: Naming) -> (Strategy, String) {
    let strategy = section.choice(
        "translation_strategy",
        "with naming otel: escape characters that old scrapers refuse or not, add unit and total to names or not",
        &[
            ("UnderscoreEscapingWithSuffixes", Strategy::UnderscoreEscapingWithSuffixes),
            ("UnderscoreEscapingWithoutSuffixes", Strategy::UnderscoreEscapingWithoutSuffixes),
            ("NoUTF8EscapingWithSuffixes", Strategy::NoUtf8EscapingWithSuffixes),
            ("NoTranslation", Strategy::NoTranslation),
        ],
    );
    let suffixes = section.field("add_metric_suffixes", "the older word for translation_strategy", true);
    let namespace: String = section.field("namespace", "with naming otel: in front of every name", String::new());
    let default = Strategy::UnderscoreEscapingWithSuffixes;
    let given = [
        ("translation_strategy", strategy != default),
        ("add_metric_suffixes", !suffixes),
        ("namespace", !namespace.is_empty()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given && naming == Naming::Seed) {
        section.fault_at(key, "the names of the operations guide are not translated; set naming: otel");
    }
    if !suffixes {
        let text = "add_metric_suffixes is deprecated: write translation_strategy: UnderscoreEscapingWithoutSuffixes";
        section.notice_at("add_metric_suffixes", text);
    }
    let plain = Strategy::UnderscoreEscapingWithoutSuffixes;
    (if suffixes || strategy != default { strategy } else { plain }, namespace)
}

impl Config {
    /// How pages are made.
    pub(crate) fn options(&self) -> Options {
        let (naming, strategy, namespace) = (self.naming, self.translation_strategy, self.namespace.clone());
        Options {
            names: Names { naming, strategy, namespace },
            const_labels: self.const_labels.clone().into_iter().collect(),
            resource_labels: self.resource_labels,
            send_timestamps: self.send_timestamps,
            send_created: self.send_created_timestamps,
        }
    }
}

/// Those that samples have by themselves.
const RESERVED: [&str; 3] = ["__name__", "le", "quantile"];
