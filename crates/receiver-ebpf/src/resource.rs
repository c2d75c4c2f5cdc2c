//! Who the telemetry is about: this host's agent.

use std::fs;
use std::sync::Arc;

use pdata::{AttributeValue, Resource};

/// Attributes of this host and agent, sorted by key.
pub(crate) fn of_this_host() -> Arc<Resource> {
    let kernel = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        AttributeValue::Text(text.trim().into())
    };
    Arc::new(Resource::new(vec![
        ("host.arch", AttributeValue::Static(std::env::consts::ARCH)),
        ("host.name", kernel("hostname")),
        ("os.type", AttributeValue::Static(os_type())),
        ("os.version", kernel("osrelease")),
        ("service.name", AttributeValue::Static("tfo-agent")),
        ("service.version", AttributeValue::Static(env!("CARGO_PKG_VERSION"))),
    ]))
}

/// As the semantic conventions spell it.
fn os_type() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}
