//! THE list: every component that a configuration may name.

use component::{Components, ReceiverFactory};

/// Everything that is built into this agent.
pub(crate) static COMPONENTS: Components = Components {
    receivers: &RECEIVERS,
    processors: &[
        &processor::process_filter::FACTORY,
        &processor::filter::FACTORY,
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
    connectors: &[&processor::forward::FACTORY],
    extensions: &[
        &receiver_ebpf::EXTENSION_FACTORY,
        &extension_file_storage::FACTORY,
        &extension_status::health_check::FACTORY,
        &extension_status::zpages::FACTORY,
    ],
};

static RECEIVERS: [&ReceiverFactory; receiver_ebpf::RECEIVERS.len() + 1] = {
    let mut all = [&receiver_otlp::FACTORY; receiver_ebpf::RECEIVERS.len() + 1];
    let mut index = 0;
    while index < receiver_ebpf::RECEIVERS.len() {
        all[index] = receiver_ebpf::RECEIVERS[index];
        index += 1;
    }
    all
};
