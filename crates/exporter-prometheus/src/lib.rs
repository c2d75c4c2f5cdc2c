//! exporter-prometheus
