"""The processes of the end-to-end test and what they are told: free ports,
generated configurations, start, readiness, end. Nothing here knows a metric."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "target" / "e2e"


def free_ports(count):
    """Ports that nobody listened on a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def get(url, timeout=5, accept="*/*"):
    """The body of a page as text, or None while it cannot be had."""
    try:
        request = urllib.request.Request(url, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.read().decode()
    except (urllib.error.URLError, OSError):
        return None


def wait_for(condition, seconds, step=0.1):
    """The first true value of condition(), or its last value when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(step)


def listens(port):
    """Does somebody accept connections on this port of 127.0.0.1?"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def find_tool(name):
    """The path of prometheus or promtool: unpacked by scripts/setup.sh, or the machine's."""
    unpacked = CACHE / "prometheus" / "usr" / "bin" / name
    return str(unpacked) if unpacked.exists() else shutil.which(name)


class Peer:
    """A running process, its log in the temporary directory, its end by pid."""

    def __init__(self, name, command, directory):
        self.name = name
        self.log = directory / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=directory,
            )

    def alive(self):
        """Has it not ended by itself?"""
        return self.process.poll() is None

    def stop(self, seconds=20):
        """SIGTERM, and SIGKILL when that does not help; the exit code."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def tail(self, lines=15):
        """The end of its log, for a report."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


COLLECTOR = """\
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{otlp}"}}
exporters:
  file: {{path: "{points}"}}
service:
  telemetry:
    metrics: {{level: none}}
  pipelines:
    metrics: {{receivers: [otlp], exporters: [file]}}
"""

# Two pipelines share all receivers: what is pushed is thinned by interval, the page is not.
AGENT = """\
extensions:
  ebpf: {{pin_path: "{pin_path}"}}
receivers:
  ebpf_syscalls: {{collection_interval: 1s}}
  ebpf_network: {{collection_interval: 1s, histograms: true}}
  ebpf_fileio: {{collection_interval: 1s, histograms: true}}
  ebpf_scheduler: {{collection_interval: 1s}}
  ebpf_memory: {{collection_interval: 1s}}
  ebpf_tcpstate: {{collection_interval: 1s, histograms: true}}
processors:
  process_filter:
  interval: {{interval: 2s}}
exporters:
  otlp_grpc: {{endpoint: "127.0.0.1:{otlp}", tls: {{insecure: true}}}}
  prometheus: {{endpoint: "127.0.0.1:{seed}"}}
  prometheus/otel: {{endpoint: "127.0.0.1:{otel}", naming: otel}}
service:
  extensions: [ebpf]
  pipelines:
    metrics/push:
      receivers: [ebpf_syscalls, ebpf_network, ebpf_fileio, ebpf_scheduler, ebpf_memory, ebpf_tcpstate]
      processors: [process_filter, interval]
      exporters: [otlp_grpc]
    metrics/page:
      receivers: [ebpf_syscalls, ebpf_network, ebpf_fileio, ebpf_scheduler, ebpf_memory, ebpf_tcpstate]
      processors: [process_filter]
      exporters: [prometheus, prometheus/otel]
"""

# The agent with a receiver that sends distributions known to tests/e2e/histograms.
KNOWN = """\
receivers:
  known_histograms:
processors:
  process_filter:
  interval: {{interval: 2s}}
exporters:
  otlp_grpc: {{endpoint: "127.0.0.1:{otlp}", tls: {{insecure: true}}}}
  prometheus: {{endpoint: "127.0.0.1:{seed}"}}
  prometheus/otel: {{endpoint: "127.0.0.1:{otel}", naming: otel}}
service:
  pipelines:
    metrics/push: {{receivers: [known_histograms], processors: [process_filter, interval], exporters: [otlp_grpc]}}
    metrics/page: {{receivers: [known_histograms], processors: [process_filter], exporters: [prometheus, prometheus/otel]}}
"""

PROMETHEUS = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: seed
    static_configs: [{{targets: ["127.0.0.1:{seed}"]}}]
  - job_name: otel
    static_configs: [{{targets: ["127.0.0.1:{otel}"]}}]
"""


class Stage:
    """Ports, paths and configurations of one run, and all that runs in it."""

    def __init__(self, directory):
        self.directory = directory
        self.pin_path = pathlib.Path(f"/sys/fs/bpf/tfo-e2e-{os.getpid()}")
        self.points = directory / "points.jsonl"
        self.ports = dict(zip(("otlp", "seed", "otel", "prometheus"), free_ports(4)))
        self.peers = []

    def write(self, name, template):
        """A configuration with this run's ports and paths in it."""
        path = self.directory / name
        path.write_text(template.format(pin_path=self.pin_path, points=self.points, **self.ports))
        return path

    def start(self, name, command):
        """Starts a process that end() will end."""
        peer = Peer(name, command, self.directory)
        self.peers.append(peer)
        return peer

    def start_collector(self):
        """The OpenTelemetry Collector: OTLP over gRPC in, JSON lines out."""
        config = self.write("collector.yaml", COLLECTOR)
        return self.start("collector", [CACHE / "otelcol", "--config", config])

    def start_agent(self, agent):
        """The agent under test."""
        config = self.write("agent.yaml", AGENT)
        return self.start("agent", [agent, "start", "--config", config])

    def start_known(self, example):
        """The example known_histograms in place of the agent."""
        return self.start("known", [example, self.write("known.yaml", KNOWN)])

    def start_prometheus(self):
        """A Prometheus that scrapes both pages every second."""
        config = self.write("prometheus.yaml", PROMETHEUS)
        return self.start("prometheus", [
            find_tool("prometheus"), f"--config.file={config}", "--log.level=warn",
            # With it Prometheus asks for protobuf, which naming: otel has.
            "--enable-feature=native-histograms",
            f"--storage.tsdb.path={self.directory / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}",
        ])

    @staticmethod
    def ready(peer, condition, seconds=30):
        """Waits until the condition holds; false when the peer ends before, or time is up."""
        wait_for(lambda: not peer.alive() or condition(), seconds)
        return peer.alive() and condition()

    def page(self, naming, accept="*/*"):
        """One of the agent's pages, or None."""
        return get(f"http://127.0.0.1:{self.ports[naming]}/metrics", accept=accept)

    def query(self, expression):
        """Prometheus' answer to a query, as text; None while there is none."""
        url = f"http://127.0.0.1:{self.ports['prometheus']}/api/v1/query?"
        return get(url + urllib.parse.urlencode({"query": expression}))

    def end(self):
        """Ends what still runs, last started first, and removes what an agent left pinned."""
        for peer in reversed(self.peers):
            peer.stop(5)
        shutil.rmtree(self.pin_path, ignore_errors=True)
