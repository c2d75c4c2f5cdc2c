//! Machines made up in a directory.

use std::fs;

use component::config::Value;
use pdata::{AttributeValue, Attributes, Metrics, OwnAttributes, Point, Process, Scope};

use super::*;
use crate::tests::{batch, list, point, read, text};

/// A machine with these files.
fn host(files: &[(&str, &str)], variable: fn(&str) -> Option<String>) -> (tempfile::TempDir, Host) {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let root = directory.path().to_owned();
    (directory, Host { root, variable })
}

fn config(detectors: &[&str]) -> Config {
    let detectors = list(detectors.iter().map(|name| text(name)).collect());
    let (config, faults) = read(vec![("detectors", detectors)], Config::read);
    assert!(faults.is_empty(), "{faults:?}");
    config
}

/// The resource `host.name=mine` as it goes on.
fn detected(config: &Config, host: &Host) -> Vec<(String, String)> {
    let resource = Resource::new(vec![("host.name", AttributeValue::Static("mine"))]);
    let batch = Batch::of(Arc::new(resource), Arc::new(Scope::new("test", "")), Metrics::default());
    let mut output = Vec::new();
    ResourceDetection::new(config, host).process(batch, &mut output);
    let attributes = &output[0].resources[0].resource.attributes;
    attributes.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

const MACHINE: [(&str, &str); 4] = [
    ("proc/sys/kernel/hostname", "node-7\n"),
    ("proc/sys/kernel/osrelease", "6.12.1\n"),
    ("etc/machine-id", "0af1\n"),
    ("etc/os-release", "NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 13\"\n"),
];

#[test]
fn the_system_is_told_by_its_files_and_what_is_not_there_is_left_out() {
    let (_directory, full) = host(&MACHINE, |_| None);
    let arch = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    let expected = [
        ("host.arch", arch),
        ("host.id", "0af1"),
        ("host.name", "node-7"),
        ("os.description", "Debian GNU/Linux 13 (Linux 6.12.1)"),
        ("os.type", "linux"),
    ];
    assert_eq!(detected(&config(&["system"]), &full), pairs(&expected));
    let kept =
        Config { override_: false, attributes: vec!["host.name".into(), "os.type".into()], ..config(&["system"]) };
    assert_eq!(detected(&kept, &full), pairs(&[("host.name", "mine"), ("os.type", "linux")]));
    let (_directory, empty) = host(&[], |_| None);
    assert_eq!(detected(&config(&["system"]), &empty).len(), 3);
}

#[test]
fn the_environment_comes_first_and_is_taken_whole_or_not_at_all() {
    let (_directory, fine) = host(&MACHINE, |name| {
        (name == "OTEL_RESOURCE_ATTRIBUTES").then(|| "team=a%2Cb , host.name=\"given\",empty=".to_owned())
    });
    let found = detected(&config(&["env", "system"]), &fine);
    for pair in pairs(&[("team", "a,b"), ("host.name", "given"), ("empty", ""), ("host.id", "0af1")]) {
        assert!(found.contains(&pair), "{found:?}");
    }
    let (_directory, broken) = host(&[], |_| Some("team=a,what".to_owned()));
    assert_eq!(detected(&config(&["env"]), &broken), pairs(&[("host.name", "mine")]));
    let (_directory, broken) = host(&[], |_| Some("team=%zz".to_owned()));
    assert_eq!(detected(&config(&["env"]), &broken), pairs(&[("host.name", "mine")]));
}

#[test]
fn the_container_is_told_by_cgroup_or_by_mounts() {
    let id = "0123456789abcdef".repeat(4);
    let found = |files: &[(&str, &str)]| {
        let (_directory, host) = host(files, |_| None);
        let found = detected(&config(&["container"]), &host);
        found.into_iter().find(|(key, _)| key == "container.id").map(|(_, value)| value)
    };
    assert_eq!(found(&[("proc/self/cgroup", &format!("0::/docker/{id}\n"))]), Some(id.clone()));
    let mounts = format!(
        "1 2 0:1 / / rw - overlay overlay rw\n3 1 8:1 /var/lib/docker/containers/{id}/hostname /etc/hostname rw - ext4 /dev/sda rw"
    );
    assert_eq!(found(&[("proc/self/cgroup", "0::/\n"), ("proc/self/mountinfo", &mounts)]), Some(id));
    assert_eq!(found(&[("proc/self/cgroup", "0::/init.scope\n")]), None);
}

#[test]
fn kubernetes_is_told_by_the_downward_api_and_the_process_is_the_agent() {
    let (_directory, host) = host(&[], |name| {
        let value = match name {
            "K8S_NODE_NAME" => "n",
            "K8S_POD_NAME" => "p",
            "K8S_NAMESPACE" => "s",
            "K8S_POD_UID" => "",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let expected = [("host.name", "mine"), ("k8s.namespace.name", "s"), ("k8s.node.name", "n"), ("k8s.pod.name", "p")];
    assert_eq!(detected(&config(&["k8s"]), &host), pairs(&expected));
    let found = detected(&config(&["process"]), &Host::this());
    assert!(found.contains(&("process.pid".to_owned(), std::process::id().to_string())), "{found:?}");
    assert!(found.iter().any(|(key, value)| key == "process.executable.path" && value.starts_with('/')));
}

#[test]
fn points_say_their_container_only_where_it_is_asked_for() {
    let id = "0123456789abcdef".repeat(4);
    let process = |cgroup: &str| {
        Arc::new(Process {
            pid: 7,
            start_boottime: 1,
            comm: "sh".into(),
            uid: 0,
            cgroup: Some(cgroup.into()),
            is_agent: false,
        })
    };
    let of = |cgroup: &str| {
        let attributes = Attributes::of_process(process(cgroup), OwnAttributes::new(vec![]));
        Point { attributes: Arc::new(attributes), ..point(None, 0, 1) }
    };
    let points = || vec![of(&format!("/docker/{id}")), of("/user.slice"), point(None, 1, 1)];
    let ids = |process_container_id| {
        let (_directory, host) = host(&[], |_| None);
        let config = Config { process_container_id, ..config(&["env"]) };
        let (mut processor, mut output) = (ResourceDetection::new(&config, &host), Vec::new());
        processor.process(batch(points()), &mut output);
        let points = output[0].metrics().flat_map(|metric| &metric.points);
        let told = points.map(|point| (point.attributes.process().is_some(), point.attributes.get("container.id")));
        told.map(|(of_process, value)| (of_process, value.map(|value| value.to_string()))).collect::<Vec<_>>()
    };
    assert_eq!(ids(false), [(true, None), (true, None), (false, None)]);
    assert_eq!(ids(true), [(true, Some(id)), (true, None), (false, None)], "it is still the process's");
}

#[test]
fn unknown_detectors_are_faults() {
    let (_, faults) = read(vec![("detectors", list(vec![text("env"), text("sistem"), text("ec2")]))], Config::read);
    assert_eq!(faults.len(), 2);
    assert!(faults[0].ends_with("invalid detector key: \"sistem\", did you mean \"system\"?"), "{faults:?}");
    assert!(faults[1].contains("\"ec2\" (known: env, system, process, container, k8s)"), "{faults:?}");
    assert_eq!(read(vec![("detectors", Value::Null)], Config::read).1.len(), 0, "null is the default");
}
