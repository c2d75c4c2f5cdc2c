//! Every configuration that is shipped, started as it is, in a network namespace where its ports are free: figures
//! reach its page, and a real backend at the address that it pushes to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::agent::{Agent, binary, pin_path};
use support::eventually;
use support::net::Path as Namespaces;
use support::page::Page;
use support::sink::Sink;

/// Set where a test runs again inside of its namespace.
const INSIDE: &str = "TFO_TEST_NAMESPACE";
/// Where pipelines push to.
const COLLECTOR: &str = "127.0.0.1:4317";
/// How many system calls were counted, by either naming.
const CALLS: [&str; 2] = ["tfo_ebpf_syscall_count", "ebpf_syscalls_total"];

/// A test for each file: its page, whether it pushes, and what has to be said besides, as there is no other host.
macro_rules! start {
    ($($test:ident: $file:literal, page $page:literal, $pushes:ident $(, set $set:literal)*;)*) => {
        $(#[test]
        fn $test() {
            if let Some(rerun) = inside(stringify!($test)) {
                return rerun;
            }
            run($file, $page, stringify!($pushes) == "pushes", &[$($set),*]);
        })*

        const TRIED: &[&str] = &[$($file),*];
    };
}

start! {
    default_runs_as_it_is: "pipelines/default.yaml", page "127.0.0.1:8888", shows;
    full_runs_as_it_is: "pipelines/full.yaml", page "127.0.0.1:8888", pushes;
    gateway_runs_as_it_is: "pipelines/gateway.yaml", page "127.0.0.1:8888", pushes, set "exporters.otlp_grpc.endpoint=http://127.0.0.1:14317";
    high_volume_runs_as_it_is: "pipelines/high-volume.yaml", page "127.0.0.1:8888", shows;
    histograms_runs_as_it_is: "pipelines/histograms.yaml", page "127.0.0.1:8888", shows;
    otlp_runs_as_it_is: "pipelines/otlp.yaml", page "127.0.0.1:8888", pushes;
    prometheus_only_runs_as_it_is: "pipelines/prometheus-only.yaml", page "127.0.0.1:8888", shows;
    sidecar_runs_as_it_is: "pipelines/sidecar.yaml", page "127.0.0.1:9464", pushes;
    the_guide_s_configuration_runs_as_it_is: "configs/tfo-agent.yaml", page "127.0.0.1:8888", shows;
    the_image_s_configuration_runs_as_it_is: "docker/config.yaml", page "127.0.0.1:8888", shows;
    the_cluster_s_configuration_runs_as_it_is: "deploy/kubernetes/base/config.yaml", page "127.0.0.1:8888", shows;
}

#[test]
fn every_file_that_is_shipped_is_started_here() {
    let of = |directory: &str| std::fs::read_dir(root().join(directory)).unwrap();
    let shipped: BTreeSet<String> = ["pipelines", "configs"]
        .into_iter()
        .flat_map(|directory| of(directory).map(move |file| (directory, file.unwrap().file_name())))
        .map(|(directory, file)| format!("{directory}/{}", file.to_str().unwrap()))
        .collect();
    let tried: BTreeSet<String> = TRIED.iter().map(|file| (*file).to_owned()).collect();
    assert_eq!(shipped.difference(&tried).collect::<Vec<_>>(), [""; 0]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs `test` again in a namespace of its own; `None` where it is in there already.
fn inside(test: &str) -> Option<()> {
    if std::env::var(INSIDE).is_ok_and(|name| name == test) {
        return None;
    }
    let namespaces = Namespaces::start(&format!("space-{}", &test[..4]), 0);
    let mut again = namespaces.command(1, std::env::current_exe().unwrap());
    let status = again.args([test, "--exact", "--nocapture"]).env(INSIDE, test).status().unwrap();
    assert!(status.success(), "{test} failed inside of its namespace: {status}");
    Some(())
}

/// The agent as the DaemonSet has it: root with two capabilities, and no way to more.
fn with_the_rights_of_a_pod() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all,+bpf,+perfmon", "--inh-caps=-all", "--no-new-privs"]);
    command.arg(binary().get_program());
    command
}

fn run(file: &str, page: &str, pushes: bool, set: &[&str]) {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    assert!(text.starts_with("# yaml-language-server: $schema="), "{file}");
    let address = set.iter().find_map(|key| key.split_once("=http://")).map_or(COLLECTOR, |(_, address)| address);
    let sink = pushes.then(|| Sink::start_on(TcpListener::bind(address).unwrap(), 0));
    let form = if text.contains("\ncollectors:") { "collectors" } else { "extensions" };
    let pins = pin_path();
    let pin_path = format!("{form}.ebpf.pin_path={pins}");
    let mut arguments = vec!["start", "--set", &pin_path];
    arguments.extend(set.iter().flat_map(|key| ["--set", key]));
    // The comment is for the one who cleans up.
    let command = if file.starts_with("deploy/") { with_the_rights_of_a_pod() } else { binary() };
    let agent = Agent::spawn(&arguments, &format!("{text}\n# {pins}\n"), command);
    agent.expect_log("service started", 60);
    assert!(!agent.log().contains("Failed to load"), "{}", agent.log());
    eventually(&format!("figures of {file} at {page}"), 60, || {
        TcpStream::connect(page).ok()?;
        let page = Page::get(page);
        CALLS.iter().find_map(|name| page.sum(name, &[])).filter(|calls| *calls > 0.0)
    });
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    if let Some(sink) = sink {
        // What `interval` holds back leaves at the end.
        assert!(sink.sum("ebpf.syscalls", &[]) > 0.0, "{log}");
    }
}
