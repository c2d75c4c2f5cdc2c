//! The command line over configuration: what is printed of it, what stands above files, and the operations guide's form
//! in a running agent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::agent::{Agent, binary, pin_path};
use support::eventually;

/// Exit code, stdout and stderr of `command`, which sees nothing of this process's environment.
fn run(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), stdout, stderr)
}

/// The line of a printed configuration that has `key`, without the blanks before its comment.
fn line(printed: &str, key: &str) -> String {
    let found = printed.lines().find(|line| line.trim_start().starts_with(&format!("{key}:")));
    let (value, comment) = found.unwrap_or_else(|| panic!("no {key}:\n{printed}")).split_once("  # ").unwrap();
    format!("{} # {}", value.trim(), comment.trim())
}

const PUSH: &str = "receivers: {ebpf_memory: }\nexporters:\n  otlp_grpc:\n    endpoint: ${env:HOST:-localhost}:4317\n    \
                    headers: {x-token: \"${env:TOKEN}\", empty: \"\"}\n    timeout: ${env:WAIT}\n\
                    service: {pipelines: {metrics: {receivers: [ebpf_memory], exporters: [otlp_grpc]}}}\n";

#[test]
fn print_config_shows_where_values_came_from_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("f.yaml");
    fs::write(&file, PUSH).unwrap();
    let mut command = binary();
    command.arg("print-config").arg("--set").arg("exporters.otlp_grpc.compression=zstd").arg("--config").arg(&file);
    command.args(["--config", "env:MORE"]).env("TOKEN", "hush-hush").env("WAIT", "9s");
    command.env("MORE", "receivers: {ebpf_memory: {collection_interval: 2s}}");
    let (code, printed, stderr) = run(command);
    assert_eq!((code, &*stderr), (Some(0), ""));
    let at = |place: &str| format!("{}:{place}", file.display());
    let endpoint = format!("endpoint: \"localhost:4317\" # {} <- default of env:HOST", at("4:15"));
    assert_eq!(line(&printed, "endpoint"), endpoint);
    assert_eq!(line(&printed, "x-token"), format!("x-token: \"[REDACTED]\" # {} <- env:TOKEN", at("5:24")));
    assert_eq!(line(&printed, "empty"), format!("empty: \"\" # {}", at("5:47")));
    assert_eq!(line(&printed, "timeout"), format!("timeout: 9s # {} <- env:WAIT", at("6:14")));
    assert_eq!(line(&printed, "compression"), "compression: zstd # --set exporters.otlp_grpc.compression");
    assert_eq!(line(&printed, "collection_interval"), "collection_interval: 2s # env:MORE:1:48");
    assert_eq!(line(&printed, "max_elapsed_time"), "max_elapsed_time: 5m # default");
    assert!(!printed.contains("hush"), "{printed}");
    fs::write(&file, &printed).unwrap();
    let mut again = binary();
    again.args(["validate", "--config"]).arg(&file);
    assert_eq!(run(again), (Some(0), String::new(), String::new()), "{printed}");
}

#[test]
fn what_is_wrong_with_the_command_line_is_told_with_code_2() {
    for (arguments, told) in [
        (["--set", "receivers.ebpf_memory"], "missing equal sign"),
        (["--config", "s3:bucket/key"], "unsupported scheme on URI \"s3:bucket/key\" (known: file, env, yaml)"),
        (["--feature-gates", "+some.gate"], "this agent has no feature gates"),
    ] {
        let mut command = binary();
        command.arg("validate").args(arguments);
        let (code, _, stderr) = run(command);
        assert!(stderr.contains(told), "{stderr}");
        assert_eq!(code, Some(2), "{arguments:?}");
    }
}

#[test]
fn faults_of_a_set_and_of_a_variable_are_told_by_their_names() {
    let mut command = binary();
    command.args(["validate", "--config", "env:SOURCE", "--set", "exporters.otlp_grpc.timeout=soon"]);
    command.env("SOURCE", PUSH.replace("${env:TOKEN}", "${env:TOKEN }")).env("WAIT", "1s");
    let (code, _, stderr) = run(command);
    let pattern = "must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$";
    let told = [
        "--set exporters.otlp_grpc.timeout: time: invalid duration \"soon\" (write 300ms, 15s, 1m30s, ...)".into(),
        format!("env:SOURCE:5:24: environment variable \"TOKEN \" has invalid name: {pattern}"),
    ];
    assert_eq!(stderr.lines().collect::<Vec<_>>(), told);
    assert_eq!(code, Some(2));
}

#[test]
fn without_a_configuration_the_guide_s_variables_count() {
    // Where /etc has one, that is taken.
    assert!(!Path::new("/etc/tfo-agent/config.yaml").exists(), "this test needs a machine without that file");
    let mut command = binary();
    command.arg("print-config").env("TELEMETRYFLOW_EBPF_PIN_PATH", "/sys/fs/bpf/elsewhere");
    let (code, printed, stderr) = run(command);
    assert_eq!((code, &*stderr), (Some(0), ""));
    let expected = "pin_path: \"/sys/fs/bpf/elsewhere\" # TELEMETRYFLOW_EBPF_PIN_PATH";
    assert_eq!(
        line(&printed, "pin_path")
            .replace("pin_path: /sys/fs/bpf/elsewhere #", "pin_path: \"/sys/fs/bpf/elsewhere\" #"),
        expected
    );
}

#[test]
fn the_guide_s_form_runs_and_shows_the_guide_s_names() {
    let pins = pin_path();
    let configuration = format!(
        "collectors:\n  ebpf:\n    interval: 1s\n    ring_buffer_size: 256\n    collect_network: false\n    \
         pin_path: {pins}\n    exclude_processes: []\nexporters: {{prometheus: {{endpoint: \"localhost:0\"}}}}\n"
    );
    let agent = Agent::start(&configuration);
    agent.expect_log("ring_buffer_size has no effect", 5);
    eventually("tfo_ebpf_syscall_count", 20, || agent.page(0).sum("tfo_ebpf_syscall_count", &[]));
    assert_eq!(agent.page(0).sum("tfo_ebpf_udp_packets_sent", &[]), None);
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert!(!Path::new(&pins).exists());
}

#[test]
fn the_guide_s_form_switched_off_runs_until_it_is_told_to_stop() {
    let agent = Agent::start("collectors:\n  ebpf:\n    enabled: false\n");
    agent.expect_log("eBPF is switched off here: this agent starts, and measures nothing", 5);
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
}
