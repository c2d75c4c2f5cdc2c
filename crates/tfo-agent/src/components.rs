//! THE list: every component that a configuration may name.

use component::Components;

/// Everything that is built into this agent.
pub(crate) static COMPONENTS: Components = Components {
    receivers: &receiver_ebpf::RECEIVERS,
    processors: &[
        &processor::process_filter::FACTORY,
        &processor::interval::FACTORY,
        &processor::resource::FACTORY,
        &processor::resource_detection::FACTORY,
        &processor::attributes::FACTORY,
        &processor::cardinality::FACTORY,
        &processor::memory_limiter::FACTORY,
    ],
    exporters: &[
        &exporter_otlp::FACTORY,
        &exporter_otlp::HTTP_FACTORY,
        &exporter_prometheus::FACTORY,
        &exporter_file::FACTORY,
        &exporter_debug::FACTORY,
    ],
    extensions: &[&receiver_ebpf::EXTENSION_FACTORY, &extension_file_storage::FACTORY],
};
