//! receiver-ebpf
