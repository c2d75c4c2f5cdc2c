//! Keys of the Collector's components that ours may not have, and what to say of each.
//!
//! A key without which the configuration means the same is a notice, any other a fault.

use component::config::{Foreign, Weight};

const fn ignored(path: &'static str, text: &'static str) -> Foreign {
    Foreign { path, text, weight: Weight::Notice }
}

const fn refused(path: &'static str, text: &'static str) -> Foreign {
    Foreign { path, text, weight: Weight::Fault }
}

const fn refused_if_on(path: &'static str, text: &'static str) -> Foreign {
    Foreign { path, text, weight: Weight::FaultIfOn }
}

/// Of every exporter there that has a queue.
pub(super) const EXPORTER: &[Foreign] = &[
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
    refused_if_on(
        "sending_queue.wait_for_result",
        "\"wait_for_result\" of the Collector: not supported: who pushes is answered before the far side has what came; leave it out, or write enabled: false, by which nothing waits but in the pipeline",
    ),
];

/// Of every client there.
pub(super) const TLS: &[Foreign] = &[
    refused("tls.max_version", "\"max_version\" of the Collector: not supported by this agent"),
    refused("tls.cipher_suites", "\"cipher_suites\" of the Collector: not supported by this agent"),
    refused("tls.curve_preferences", "\"curve_preferences\" of the Collector: not supported by this agent"),
    refused(
        "tls.include_system_ca_certs_pool",
        "\"include_system_ca_certs_pool\" of the Collector: not supported by this agent",
    ),
    refused("tls.tpm", "\"tpm\" of the Collector: not supported by this agent"),
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
    refused("resource_constant_labels", "\"resource_constant_labels\" of the Collector: not supported by this agent"),
    refused("auth", "\"auth\" of the Collector: not supported by this agent"),
    refused("cors", "\"cors\" of the Collector: not supported by this agent"),
    refused("max_request_body_size", "\"max_request_body_size\" of the Collector: not supported by this agent"),
    refused("middlewares", "\"middlewares\" of the Collector: not supported by this agent"),
    ignored("read_timeout", "\"read_timeout\" of the Collector has no effect here: the limits are fixed"),
    ignored("read_header_timeout", "\"read_header_timeout\" of the Collector has no effect here: the limits are fixed"),
    ignored("write_timeout", "\"write_timeout\" of the Collector has no effect here: the limits are fixed"),
    ignored("idle_timeout", "\"idle_timeout\" of the Collector has no effect here: the limits are fixed"),
    ignored("keep_alives_enabled", "\"keep_alives_enabled\" of the Collector has no effect here: the limits are fixed"),
];

/// What the Collector's server has in a section `tls` and ours has not.
macro_rules! server_tls {
    ($at:literal) => {
        &[
            refused(concat!($at, ".ca_file"), "\"ca_file\" of the Collector: not supported: client_ca_file says who signs clients' certificates"),
            refused(concat!($at, ".ca_pem"), "\"ca_pem\" of the Collector: not supported by this agent"),
            refused(concat!($at, ".cert_pem"), "\"cert_pem\" of the Collector: not supported: write cert_file"),
            refused(concat!($at, ".key_pem"), "\"key_pem\" of the Collector: not supported: write key_file"),
            refused(concat!($at, ".max_version"), "\"max_version\" of the Collector: not supported by this agent"),
            refused(concat!($at, ".cipher_suites"), "\"cipher_suites\" of the Collector: not supported by this agent"),
            refused(concat!($at, ".curve_preferences"), "\"curve_preferences\" of the Collector: not supported by this agent"),
            refused(concat!($at, ".include_system_ca_certs_pool"), "\"include_system_ca_certs_pool\" of the Collector: not supported by this agent"),
            refused(concat!($at, ".tpm"), "\"tpm\" of the Collector: not supported by this agent"),
            ignored(concat!($at, ".client_ca_file_reload"), "\"client_ca_file_reload\" of the Collector has no effect here: all files of tls are looked at every reload_interval"),
        ]
    };
}

/// Of the page's server.
pub(super) const PAGE_TLS: &[Foreign] = server_tls!("tls");

/// Of the otlp receiver.
pub(super) const RECEIVER_GRPC_TLS: &[Foreign] = server_tls!("protocols.grpc.tls");
pub(super) const RECEIVER_HTTP_TLS: &[Foreign] = server_tls!("protocols.http.tls");
pub(super) const RECEIVER: &[Foreign] = &[
    refused(
        "protocols.grpc.auth",
        "\"auth\" of the Collector: authenticators are not supported: ask for certificates by tls.client_ca_file",
    ),
    refused("protocols.grpc.middlewares", "\"middlewares\" of the Collector: not supported by this agent"),
    refused("protocols.grpc.transport", "\"transport\" of the Collector: not supported: it is tcp"),
    ignored(
        "protocols.grpc.keepalive",
        "\"keepalive\" of the Collector has no effect here: a connection that is silent is asked every minute",
    ),
    ignored(
        "protocols.grpc.include_metadata",
        "\"include_metadata\" of the Collector has no effect here: metadata of clients is not known here",
    ),
    ignored(
        "protocols.grpc.read_buffer_size",
        "\"read_buffer_size\" of the Collector has no effect here: buffers have the size that they need",
    ),
    ignored(
        "protocols.grpc.write_buffer_size",
        "\"write_buffer_size\" of the Collector has no effect here: buffers have the size that they need",
    ),
    refused(
        "protocols.http.auth",
        "\"auth\" of the Collector: authenticators are not supported: ask for certificates by tls.client_ca_file",
    ),
    refused("protocols.http.middlewares", "\"middlewares\" of the Collector: not supported by this agent"),
    refused("protocols.http.transport", "\"transport\" of the Collector: not supported: it is tcp"),
    refused("protocols.http.cors", "\"cors\" of the Collector: not supported: pages in browsers cannot push here"),
    refused("protocols.http.response_headers", "\"response_headers\" of the Collector: not supported by this agent"),
    ignored(
        "protocols.http.compression_algorithms",
        "\"compression_algorithms\" of the Collector has no effect here: gzip and zstd are taken",
    ),
    ignored(
        "protocols.http.include_metadata",
        "\"include_metadata\" of the Collector has no effect here: metadata of clients is not known here",
    ),
    ignored(
        "protocols.http.read_timeout",
        "\"read_timeout\" of the Collector has no effect here: the limits are fixed",
    ),
    ignored(
        "protocols.http.read_header_timeout",
        "\"read_header_timeout\" of the Collector has no effect here: the limits are fixed",
    ),
    ignored(
        "protocols.http.write_timeout",
        "\"write_timeout\" of the Collector has no effect here: the limits are fixed",
    ),
    ignored(
        "protocols.http.idle_timeout",
        "\"idle_timeout\" of the Collector has no effect here: the limits are fixed",
    ),
    ignored(
        "protocols.http.keep_alives_enabled",
        "\"keep_alives_enabled\" of the Collector has no effect here: the limits are fixed",
    ),
];

/// Of the debug exporter.
pub(super) const DEBUG: &[Foreign] = &[
    ignored("use_internal_logger", "\"use_internal_logger\" of the Collector has no effect here: lines go to the log"),
    ignored(
        "output_paths",
        "\"output_paths\" of the Collector has no effect here: lines go to the log, which is stderr",
    ),
    ignored("sending_queue", "\"sending_queue\" of the Collector has no effect here: lines are written at once"),
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
