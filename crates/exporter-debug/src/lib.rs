//! exporter-debug
