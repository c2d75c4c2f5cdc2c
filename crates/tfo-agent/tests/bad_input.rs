//! Bad input: whatever is wrong, the agent says what, where and what to do, with an exit code that tells a
//! configuration to be corrected (2) from a machine that does not let it start (1), and leaves nothing pinned.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::agent::{Agent, binary, kill, pin_path};

/// Runs `command` to its end; returns its exit code and what it wrote to stdout and stderr.
fn run(command: &Command) -> (Option<i32>, String, String) {
    // What goes on although it should not ends with 124.
    let mut bounded = Command::new("timeout");
    bounded.arg("20").arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    let output = bounded.output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), stdout, stderr)
}

/// A configuration that lacks nothing, on `pins` and with its page at `port`.
fn complete(pins: &str, port: u16) -> String {
    format!(
        r#"
extensions: {{ebpf: {{pin_path: {pins} }}}}
receivers: {{ebpf_syscalls: }}
exporters: {{prometheus: {{endpoint: "localhost:{port}"}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], exporters: [prometheus]}}
"#
    )
}

/// A directory with the pin path of one test as `base.yaml`, over which faulty files are laid.
struct Files {
    directory: tempfile::TempDir,
    pins: String,
}

impl Files {
    fn new() -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap(), pins: pin_path() };
        files.write("base.yaml", format!("extensions: {{ebpf: {{pin_path: {} }}}}\n", files.pins));
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// `validate` and `start` refuse `sources` with exactly `faults`, each of which begins with a name of a file.
    fn expect(&self, name: &str, sources: &[&str], faults: &[String]) {
        let expected: Vec<String> =
            faults.iter().map(|fault| format!("{}/{fault}", self.directory.path().display())).collect();
        for subcommand in ["validate", "start"] {
            let mut command = binary();
            command.arg(subcommand);
            for source in ["base.yaml"].iter().chain(sources) {
                command.arg("--config").arg(self.path(source));
            }
            let (code, _, stderr) = run(&command);
            assert_eq!(stderr.lines().collect::<Vec<_>>(), expected, "{name}: {subcommand}");
            assert_eq!(code, Some(2), "{name}: {subcommand}");
            assert!(!Path::new(&self.pins).exists(), "{name}: {subcommand} left pins");
        }
    }
}

/// Name, configuration, and its faults as `LINE:COLUMN: text`: all of them, in their order.
const FAULTY: &[(&str, &str, &[&str])] = &[
    (
        "unknown key",
        "receivers:\n  ebpf_syscalls:\n    collection_intervall: 5s\nexporters: {debug: }\n\
         service: {pipelines: {metrics: {receivers: [ebpf_syscalls], exporters: [debug]}}}\n",
        &["3:5: unknown key \"collection_intervall\", did you mean \"collection_interval\"?"],
    ),
    (
        "unknown component, near to one that there is",
        "receivers:\n  ebpf_syscall:\nexporters: {debug: }\n\
         service: {pipelines: {metrics: {receivers: [ebpf_syscall], exporters: [debug]}}}\n",
        &["2:3: unknown receiver type \"ebpf_syscall\", did you mean \"ebpf_syscalls\"?"],
    ),
    (
        "unknown component, near to none",
        "receivers: {ebpf_syscalls: }\nprocessors:\n  homegrown:\nexporters: {debug: }\n\
         service: {pipelines: {metrics: {receivers: [ebpf_syscalls], processors: [homegrown], exporters: [debug]}}}\n",
        &[
            "3:3: unknown processor type \"homegrown\" (known: process_filter, filter, interval, resource, resource_detection, attributes, cardinality, memory_limiter)",
        ],
    ),
    (
        "components and keys that only the Collector has",
        "receivers: {ebpf_syscalls: , hostmetrics: }\nprocessors:\n  batch:\n  filter:\n    metrics: {metric: ['true']}\n\
         exporters:\n  kafka:\n  otlp:\n    tls: {insecure: true}\n    auth: {authenticator: oauth2client}\n    \
         sending_queue: {num_consumers: 4, wait_for_result: true}\nservice:\n  telemetry: {traces: }\n  \
         pipelines:\n    metrics: {receivers: [ebpf_syscalls], processors: [batch, filter], exporters: [otlp]}\n    \
         logs: {receivers: [ebpf_syscalls], exporters: [otlp]}\n",
        &[
            "1:30: \"hostmetrics\" is a component of the Collector that this agent does not have (receivers here: ebpf_syscalls, ebpf_network, ebpf_fileio, ebpf_scheduler, ebpf_memory, ebpf_tcpstate, otlp)",
            "5:14: 'include' or 'exclude' must be set",
            "5:15: \"metric\" is not supported: OTTL is not; use include and exclude with match_type, metric_names, resource_attributes",
            "7:3: \"kafka\" is a component of the Collector that this agent does not have (exporters here: otlp_grpc, otlp_http, prometheus, file, debug)",
            "10:5: \"auth\" of the Collector: authenticators are not supported: send a token by headers, as headers: {authorization: \"Bearer ${env:TOKEN}\"}",
            "11:39: \"wait_for_result\" of the Collector: not supported: who pushes is answered before the far side has what came; leave it out, or write enabled: false, by which nothing waits but in the pipeline",
            "16:5: service::pipelines::logs: this agent makes metrics only, remove this pipeline of logs",
        ],
    ),
    (
        "no receivers",
        "receivers: {ebpf_syscalls: }\nexporters: {debug: }\nservice:\n  pipelines:\n    metrics: {exporters: [debug]}\n",
        &["5:14: service::pipelines::metrics: must have at least one receiver"],
    ),
    (
        "no exporters",
        "receivers: {ebpf_syscalls: }\nservice:\n  pipelines:\n    metrics:\n      receivers: [ebpf_syscalls]\n",
        &[
            "1:1: no exporter configuration specified in config",
            "5:7: service::pipelines::metrics: must have at least one exporter",
        ],
    ),
    (
        "no pipelines",
        "receivers: {ebpf_syscalls: }\nexporters: {debug: }\nservice:\n  pipelines:\n",
        &["3:1: service must have at least one pipeline"],
    ),
    (
        "no service",
        "receivers: {ebpf_syscalls: }\n",
        &["1:1: no exporter configuration specified in config", "1:1: service must have at least one pipeline"],
    ),
    (
        "references to what is not configured",
        "receivers: {ebpf_syscalls: }\nexporters: {debug: }\nservice:\n  extensions: [health]\n  pipelines:\n    \
         metrics:\n      receivers: [ebpf_syscalls, ebpf_scheduler]\n      processors: [interval]\n      \
         exporters: [debug, prometheus]\n",
        &[
            "4:16: service::extensions: references extension \"health\" which is not configured",
            "7:34: service::pipelines::metrics: references receiver \"ebpf_scheduler\" which is not configured",
            "8:20: service::pipelines::metrics: references processor \"interval\" which is not configured",
            "9:26: service::pipelines::metrics: references exporter \"prometheus\" which is not configured",
        ],
    ),
    (
        "duplicate key",
        "receivers:\n  ebpf_syscalls:\n  ebpf_scheduler:\n  ebpf_syscalls:\nexporters: {debug: }\n\
         service: {pipelines: {metrics: {receivers: [ebpf_syscalls], exporters: [debug]}}}\n",
        &["4:3: mapping key \"ebpf_syscalls\" already defined at line 2"],
    ),
    (
        "bad durations",
        "receivers:\n  ebpf_syscalls: {collection_interval: 10}\n  ebpf_scheduler: {collection_interval: 5 days}\n\
         exporters: {debug: }\n\
         service: {pipelines: {metrics: {receivers: [ebpf_syscalls], exporters: [debug]}}}\n",
        &[
            "2:40: time: missing unit in duration \"10\" (write 10s, 10ms, ...)",
            "3:41: time: unknown unit \" days\" in duration \"5 days\" (ns, us, ms, s, m, h)",
        ],
    ),
    (
        "bad regular expression",
        "receivers: {ebpf_syscalls: }\nprocessors:\n  process_filter:\n    include:\n      - nginx\n      - \"(\"\n\
         exporters: {debug: }\nservice:\n  pipelines:\n    \
         metrics: {receivers: [ebpf_syscalls], processors: [process_filter], exporters: [debug]}\n",
        &["6:9: include[1]: unclosed group"],
    ),
    (
        "three faults in one component",
        "receivers: {ebpf_syscalls: }\nexporters:\n  otlp_grpc:\n    endpoint: nowhere\n    timeout: 5\n    \
         compresion: gzip\nservice: {pipelines: {metrics: {receivers: [ebpf_syscalls], exporters: [otlp_grpc]}}}\n",
        &[
            "4:15: \"nowhere\" is no [http[s]://]host:port, such as localhost:4317",
            "5:14: time: missing unit in duration \"5\" (write 5s, 5ms, ...)",
            "6:5: unknown key \"compresion\", did you mean \"compression\"?",
        ],
    ),
    (
        "empty file beside another",
        "",
        &[
            "1:1: no exporter configuration specified in config",
            "1:1: no receiver configuration specified in config",
            "1:1: service must have at least one pipeline",
        ],
    ),
    (
        "invalid YAML",
        "receivers:\n\tebpf_syscalls:\n",
        &["2:2: not valid YAML: tabs disallowed within this context (block indentation)"],
    ),
    (
        "a pipeline of traces",
        "receivers: {ebpf_syscalls: }\nexporters: {debug: }\n\
         service:\n  pipelines:\n    traces: {receivers: [ebpf_syscalls], exporters: [debug]}\n",
        &["5:5: service::pipelines::traces: this agent makes metrics only, remove this pipeline of traces"],
    ),
    (
        "references to what cannot be",
        "receivers: {ebpf_syscalls: {collection_interval: \"${env:5S}\"}}\nexporters:\n  otlp_grpc:\n    \
         endpoint: ${VARIABLE:-localhost:4317}\n    timeout: ${file:/nonexistent/timeout}\n\
         service: {pipelines: {metrics: {receivers: [ebpf_syscalls], exporters: [otlp_grpc]}}}\n",
        &[
            "1:50: environment variable \"5S\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$",
            "4:15: scheme \"VARIABLE\" is not supported for uri \"VARIABLE:-localhost:4317\", write ${env:NAME:-DEFAULT}",
            "5:14: unable to read the file file:/nonexistent/timeout: No such file or directory (os error 2): check that the file exists, is UTF-8 and may be read by this user",
        ],
    ),
];

#[test]
fn every_fault_of_a_file_is_one_line_with_its_place_and_the_code_is_2() {
    let files = Files::new();
    for (name, yaml, faults) in FAULTY {
        files.write("faulty.yaml", yaml);
        let faults: Vec<String> = faults.iter().map(|fault| format!("faulty.yaml:{fault}")).collect();
        files.expect(name, &["faulty.yaml"], &faults);
    }
}

#[test]
fn faults_of_two_files_are_told_at_once() {
    let files = Files::new();
    files.write("1.yaml", "receivers:\n  ebpf_syscalls: {collection_interval: soon}\nexporters: {debug: }\n");
    files.write("2.yaml", "service:\n  pipelines: {metrics: {receivers: [ebpf_syscalls], exporters: [debog]}}\n");
    let faults = [
        "1.yaml:2:40: time: invalid duration \"soon\" (write 300ms, 15s, 1m30s, ...)".to_owned(),
        "2.yaml:2:65: service::pipelines::metrics: references exporter \"debog\" which is not configured".to_owned(),
    ];
    files.expect("two files", &["1.yaml", "2.yaml"], &faults);
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let files = Files::new();
    files.write("latin1.yaml", b"receivers: # gr\xfc\xdfe\n");
    fs::create_dir(files.path("directory")).unwrap();
    let rows = [
        ("missing.yaml", "No such file or directory (os error 2)"),
        ("directory", "Is a directory (os error 21)"),
        ("latin1.yaml", "stream did not contain valid UTF-8"),
    ];
    for (name, reason) in rows {
        let path = files.path(name);
        let advice = "check that the file exists, is UTF-8 and may be read by this user";
        let fault = format!("{name}:1:1: cannot read {}: {reason}: {advice}", path.display());
        files.expect(name, &[name], &[fault]);
    }
    // Root may read everything, so this one is somebody else.
    let secret = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(binary().get_program());
    let (code, _, stderr) = run(command.args(["validate", "--config"]).arg(secret.path()));
    assert!(stderr.contains("Permission denied (os error 13): check that the file exists"), "{stderr}");
    assert_eq!((code, stderr.lines().count()), (Some(2), 1));
}

#[test]
fn a_port_that_somebody_else_holds_stops_the_start_with_advice() {
    let files = Files::new();
    for taken in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(taken).unwrap();
        let address = listener.local_addr().unwrap();
        let config = files.write("config.yaml", complete(&files.pins, address.port()));
        let (code, _, stderr) = run(binary().args(["start", "--config"]).arg(config));
        let told = format!(
            "cannot start: exporter prometheus: cannot listen on {address}: Address already in use (os error 98); \
             change exporters::prometheus::endpoint or stop the other process"
        );
        assert!(stderr.contains(&told), "{stderr}");
        assert_eq!(code, Some(1), "{stderr}");
        assert!(!Path::new(&files.pins).exists(), "{taken}: left pins");
    }
}

#[test]
fn a_second_agent_on_one_pin_path_is_refused_and_the_first_goes_on() {
    let files = Files::new();
    let config = complete(&files.pins, 0);
    let first = Agent::start(&config);
    let (code, _, stderr) = run(binary().args(["start", "--config"]).arg(files.write("config.yaml", &config)));
    let told = format!(
        "cannot start: extension ebpf: another tfo-agent runs on pin_path {}; stop it, or give this one its own \
         extensions::ebpf::pin_path",
        files.pins
    );
    assert!(stderr.contains(&told), "{stderr}");
    assert_eq!(code, Some(1), "{stderr}");
    assert!(objects(Path::new(&files.pins)) > 9, "the first one's pins are gone");
    assert!(first.stop().0.success());
    assert!(!Path::new(&files.pins).exists());
}

/// Number of pinned objects below `directory`.
fn objects(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).unwrap().flatten();
    entries.map(|entry| if entry.path().is_dir() { objects(&entry.path()) } else { 1 }).sum()
}

/// `unpin` on `pins`: its exit code and words.
fn unpin(pins: &str) -> (Option<i32>, String) {
    let (code, _, stderr) = run(binary().args(["unpin", "--pin-path", pins]));
    (code, stderr.trim().to_owned())
}

#[test]
fn unpin_removes_what_a_killed_agent_left_and_nothing_of_a_running_one() {
    let pins = pin_path();
    assert_eq!(unpin(&pins), (Some(0), format!("nothing is pinned in {pins}")));
    let mut agent = Agent::start(&complete(&pins, 0));
    let pinned = objects(Path::new(&pins));
    assert!(pinned > 0);
    let refusal = format!("cannot unpin {pins}: a running tfo-agent holds it; stop that first");
    assert_eq!(unpin(&pins), (Some(1), refusal));
    assert_eq!(objects(Path::new(&pins)), pinned);
    kill("-KILL", agent.pid());
    assert!(!agent.wait(5).success());
    assert_eq!(objects(Path::new(&pins)), pinned);
    assert_eq!(unpin(&pins), (Some(0), format!("{pinned} pinned maps, programs and links removed from {pins}")));
    assert!(!Path::new(&pins).exists());
}

#[test]
fn every_shipped_configuration_is_valid_and_the_version_is_told() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut checked = 0;
    for directory in ["pipelines", "configs"] {
        for file in fs::read_dir(root.join(directory)).unwrap().map(|entry| entry.unwrap().path()) {
            assert_eq!(file.extension().unwrap(), "yaml", "{}", file.display());
            let outcome = run(binary().args(["validate", "--config"]).arg(&file));
            assert_eq!(outcome, (Some(0), String::new(), String::new()), "{}", file.display());
            checked += 1;
        }
    }
    assert!(checked > 3);
    let version = format!("tfo-agent {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(binary().arg("--version")), (Some(0), version, String::new()));
}

#[test]
fn an_agent_that_is_told_to_end_while_it_starts_leaves_nothing_pinned() {
    let files = Files::new();
    let whole = files.write("whole.yaml", complete(&files.pins, 0));
    for milliseconds in [20, 60, 120, 250] {
        let mut agent = binary();
        agent.arg("start").arg("--config").arg(&whole).stderr(Stdio::null());
        let mut agent = agent.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        kill("-TERM", agent.id());
        agent.wait().unwrap();
        assert!(!Path::new(&files.pins).exists(), "after {milliseconds} ms");
    }
}
