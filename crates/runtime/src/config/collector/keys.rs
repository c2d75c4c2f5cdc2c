//! Keys of the Collector's components that ours may not have, and what to say of each.
//!
//! A key without which the configuration means the same is a notice, any other a fault.

use component::config::Foreign;

const fn ignored(path: &'static str, text: &'static str) -> Foreign {
    Foreign { path, text, harmless: true }
}

const fn refused(path: &'static str, text: &'static str) -> Foreign {
    Foreign { path, text, harmless: false }
}

/// Of every exporter there that has a queue.
pub(super) const EXPORTER: &[Foreign] = &[
    ignored(
        "sending_queue.enabled",
        "\"enabled\" of the Collector has no effect here: the queue is always there: what does not fit is merged, not dropped",
    ),
    ignored(
        "sending_queue.num_consumers",
        "\"num_consumers\" of the Collector has no effect here: one request is under way at a time, so that points keep their order",
    ),
    ignored(
        "sending_queue.block_on_overflow",
        "\"block_on_overflow\" of the Collector has no effect here: a full queue merges its two oldest batches, so nothing has to be blocked or dropped",
    ),
    ignored(
        "sending_queue.batch",
        "\"batch\" of the Collector has no effect here: batches are sent as they come, and split at max_request_size",
    ),
    ignored(
        "sending_queue.metadata_keys",
        "\"metadata_keys\" of the Collector has no effect here: metadata of clients is not known here",
    ),
    refused("sending_queue.sizer", "\"sizer\" of the Collector: not supported: queue_size is a number of batches"),
    refused(
        "sending_queue.wait_for_result",
        "\"wait_for_result\" of the Collector: not supported: who fills the queue does not wait for the far side",
    ),
    refused("sending_queue.storage", "\"storage\" of the Collector: not supported: the queue is in memory"),
];

/// Of every client there.
pub(super) const TLS: &[Foreign] = &[
    refused("tls.ca_pem", "\"ca_pem\" of the Collector: not supported by this agent"),
    refused("tls.cert_file", "\"cert_file\" of the Collector: not supported by this agent"),
    refused("tls.cert_pem", "\"cert_pem\" of the Collector: not supported by this agent"),
    refused("tls.key_file", "\"key_file\" of the Collector: not supported by this agent"),
    refused("tls.key_pem", "\"key_pem\" of the Collector: not supported by this agent"),
    refused("tls.insecure_skip_verify", "\"insecure_skip_verify\" of the Collector: not supported by this agent"),
    refused("tls.min_version", "\"min_version\" of the Collector: not supported by this agent"),
    refused("tls.max_version", "\"max_version\" of the Collector: not supported by this agent"),
    refused("tls.cipher_suites", "\"cipher_suites\" of the Collector: not supported by this agent"),
    refused("tls.curve_preferences", "\"curve_preferences\" of the Collector: not supported by this agent"),
    refused(
        "tls.include_system_ca_certs_pool",
        "\"include_system_ca_certs_pool\" of the Collector: not supported by this agent",
    ),
    refused("tls.tpm", "\"tpm\" of the Collector: not supported by this agent"),
    ignored(
        "tls.reload_interval",
        "\"reload_interval\" of the Collector has no effect here: files of tls are read at the start only",
    ),
];

/// Of its gRPC client.
pub(super) const GRPC: &[Foreign] = &[
    refused(
        "auth",
        "\"auth\" of the Collector: authenticators are not supported: send a token by headers, as headers: {authorization: \"Bearer ${env:TOKEN}\"}",
    ),
    refused("authority", "\"authority\" of the Collector: not supported by this agent"),
    refused("middlewares", "\"middlewares\" of the Collector: not supported by this agent"),
    ignored(
        "balancer_name",
        "\"balancer_name\" of the Collector has no effect here: there is one connection, to the first address that answers",
    ),
    ignored("keepalive", "\"keepalive\" of the Collector has no effect here: the defaults of HTTP/2 apply"),
    ignored(
        "read_buffer_size",
        "\"read_buffer_size\" of the Collector has no effect here: buffers have the size that they need",
    ),
    ignored(
        "write_buffer_size",
        "\"write_buffer_size\" of the Collector has no effect here: buffers have the size that they need",
    ),
    ignored(
        "wait_for_ready",
        "\"wait_for_ready\" of the Collector has no effect here: a failed attempt is tried again by retry_on_failure",
    ),
    ignored("user_agent", "\"user_agent\" of the Collector has no effect here: the user agent is tfo-agent"),
];

/// Of its HTTP client.
pub(super) const HTTP: &[Foreign] = &[
    refused(
        "auth",
        "\"auth\" of the Collector: authenticators are not supported: send a token by headers, as headers: {authorization: \"Bearer ${env:TOKEN}\"}",
    ),
    refused("middlewares", "\"middlewares\" of the Collector: not supported by this agent"),
    refused("proxy_url", "\"proxy_url\" of the Collector: not supported by this agent"),
    refused("cookies", "\"cookies\" of the Collector: not supported by this agent"),
    ignored(
        "compression_params",
        "\"compression_params\" of the Collector has no effect here: the usual level is taken",
    ),
    ignored(
        "traces_endpoint",
        "\"traces_endpoint\" of the Collector has no effect here: this agent makes metrics only",
    ),
    ignored("logs_endpoint", "\"logs_endpoint\" of the Collector has no effect here: this agent makes metrics only"),
    ignored(
        "profiles_endpoint",
        "\"profiles_endpoint\" of the Collector has no effect here: this agent makes metrics only",
    ),
    ignored(
        "max_idle_conns",
        "\"max_idle_conns\" of the Collector has no effect here: there is one connection, kept open",
    ),
    ignored(
        "max_idle_conns_per_host",
        "\"max_idle_conns_per_host\" of the Collector has no effect here: there is one connection, kept open",
    ),
    ignored(
        "max_conns_per_host",
        "\"max_conns_per_host\" of the Collector has no effect here: there is one connection, kept open",
    ),
    ignored(
        "idle_conn_timeout",
        "\"idle_conn_timeout\" of the Collector has no effect here: there is one connection, kept open",
    ),
    ignored(
        "disable_keep_alives",
        "\"disable_keep_alives\" of the Collector has no effect here: there is one connection, kept open",
    ),
    ignored(
        "http2_read_idle_timeout",
        "\"http2_read_idle_timeout\" of the Collector has no effect here: there is one connection, kept open",
    ),
    ignored(
        "http2_ping_timeout",
        "\"http2_ping_timeout\" of the Collector has no effect here: there is one connection, kept open",
    ),
    ignored(
        "force_attempt_http2",
        "\"force_attempt_http2\" of the Collector has no effect here: there is one connection, kept open",
    ),
    ignored(
        "read_buffer_size",
        "\"read_buffer_size\" of the Collector has no effect here: buffers have the size that they need",
    ),
    ignored(
        "write_buffer_size",
        "\"write_buffer_size\" of the Collector has no effect here: buffers have the size that they need",
    ),
];

/// Of the page.
pub(super) const PAGE: &[Foreign] = &[
    refused("namespace", "\"namespace\" of the Collector: not supported by this agent"),
    refused("const_labels", "\"const_labels\" of the Collector: not supported by this agent"),
    refused("send_timestamps", "\"send_timestamps\" of the Collector: not supported by this agent"),
    refused(
        "resource_to_telemetry_conversion",
        "\"resource_to_telemetry_conversion\" of the Collector: not supported by this agent",
    ),
    refused("resource_constant_labels", "\"resource_constant_labels\" of the Collector: not supported by this agent"),
    refused("tls", "\"tls\" of the Collector: not supported by this agent"),
    refused("auth", "\"auth\" of the Collector: not supported by this agent"),
    refused("cors", "\"cors\" of the Collector: not supported by this agent"),
    refused("max_request_body_size", "\"max_request_body_size\" of the Collector: not supported by this agent"),
    refused("middlewares", "\"middlewares\" of the Collector: not supported by this agent"),
    ignored(
        "enable_open_metrics",
        "\"enable_open_metrics\" of the Collector has no effect here: the format is what the scraper asks for, by the rules of naming",
    ),
    ignored(
        "add_metric_suffixes",
        "\"add_metric_suffixes\" of the Collector has no effect here: names are by the rules of naming",
    ),
    ignored(
        "translation_strategy",
        "\"translation_strategy\" of the Collector has no effect here: names are by the rules of naming",
    ),
    ignored("read_timeout", "\"read_timeout\" of the Collector has no effect here: the limits are fixed"),
    ignored("read_header_timeout", "\"read_header_timeout\" of the Collector has no effect here: the limits are fixed"),
    ignored("write_timeout", "\"write_timeout\" of the Collector has no effect here: the limits are fixed"),
    ignored("idle_timeout", "\"idle_timeout\" of the Collector has no effect here: the limits are fixed"),
    ignored("keep_alives_enabled", "\"keep_alives_enabled\" of the Collector has no effect here: the limits are fixed"),
];

/// Of the debug exporter.
pub(super) const DEBUG: &[Foreign] = &[
    ignored("verbosity", "\"verbosity\" of the Collector has no effect here: there is one verbosity"),
    ignored("sampling_initial", "\"sampling_initial\" of the Collector has no effect here: nothing is left out"),
    ignored("sampling_thereafter", "\"sampling_thereafter\" of the Collector has no effect here: nothing is left out"),
    ignored("use_internal_logger", "\"use_internal_logger\" of the Collector has no effect here: lines go to the log"),
    ignored(
        "output_paths",
        "\"output_paths\" of the Collector has no effect here: lines go to the log, which is stderr",
    ),
    ignored("sending_queue", "\"sending_queue\" of the Collector has no effect here: lines are written at once"),
];

/// Of the attributes processor.
pub(super) const ATTRIBUTES: &[Foreign] = &[
    refused(
        "include",
        "\"include\" of the Collector: not supported: actions apply to every point; process_filter chooses processes",
    ),
    refused(
        "exclude",
        "\"exclude\" of the Collector: not supported: actions apply to every point; process_filter chooses processes",
    ),
];

/// Of the section `service`.
pub(in crate::config) const SERVICE: &[Foreign] = &[
    ignored(
        "service.telemetry.metrics.views",
        "\"views\" of the Collector has no effect here: the agent's own figures leave as they are",
    ),
    ignored(
        "service.telemetry.traces.sampler",
        "\"sampler\" of the Collector has no effect here: every span of the agent leaves",
    ),
    ignored(
        "service.telemetry.traces.propagators",
        "\"propagators\" of the Collector has no effect here: traces of the agent begin and end with it",
    ),
    ignored(
        "service.telemetry.traces.limits",
        "\"limits\" of the Collector has no effect here: spans of the agent are small",
    ),
    ignored(
        "service.telemetry.logs.development",
        "\"development\" of the Collector has no effect here: the log has a level and an encoding, and goes to stderr",
    ),
    ignored(
        "service.telemetry.logs.disable_caller",
        "\"disable_caller\" of the Collector has no effect here: the log has a level and an encoding, and goes to stderr",
    ),
    ignored(
        "service.telemetry.logs.disable_stacktrace",
        "\"disable_stacktrace\" of the Collector has no effect here: the log has a level and an encoding, and goes to stderr",
    ),
    ignored(
        "service.telemetry.logs.sampling",
        "\"sampling\" of the Collector has no effect here: the log has a level and an encoding, and goes to stderr",
    ),
    ignored(
        "service.telemetry.logs.output_paths",
        "\"output_paths\" of the Collector has no effect here: the log has a level and an encoding, and goes to stderr",
    ),
    ignored(
        "service.telemetry.logs.error_output_paths",
        "\"error_output_paths\" of the Collector has no effect here: the log has a level and an encoding, and goes to stderr",
    ),
    ignored(
        "service.telemetry.logs.initial_fields",
        "\"initial_fields\" of the Collector has no effect here: the log has a level and an encoding, and goes to stderr",
    ),
    ignored(
        "service.telemetry.logs.processors",
        "\"processors\" of the Collector has no effect here: the log has a level and an encoding, and goes to stderr",
    ),
];
