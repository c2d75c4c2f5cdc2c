"""The shipped Grafana dashboards without Grafana: each query is put to a real Prometheus, as Grafana would put it, and
where somebody wants to look at it, each panel is drawn as lines, and Chromium makes pictures of that."""

import html
import json
import re
import shutil
import subprocess
import time
import urllib.parse

import peers

FOLDER = peers.ROOT / "deploy" / "grafana"
# Over how long rates are taken: ten scrapes.
RANGE = "20s"
VARIABLES = {"$__rate_interval": RANGE, "$instance": ".*", "$comm": ".*", "$top": "10"}
# What need not happen within a few quiet seconds, or is about what is not there.
RARE = {
    "ebpf.memory.oom_kills", "ebpf.tcp.retransmits", "ebpf.tcp.rtt.mean", "otelcol_exporter_enqueue_failed_metric_points",
    "otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity", "tfo.exporter.merged_points",
}
COLOURS = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300"]


def answer(stage, expression, began):
    """What Prometheus knows since `began`: a list of series, or the text of what it has against the query."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    query = urllib.parse.urlencode({"query": expression, "start": began, "end": time.time(), "step": 1})
    text = peers.get(f"http://127.0.0.1:{stage.ports['prometheus']}/api/v1/query_range?{query}", 30)
    return json.loads(text)["data"]["result"] if text else f"refused: {expression}"


def line(series, top, span, colour):
    """One series as a line of a drawing 560 by 150."""
    began, seconds = span
    points = " ".join(
        f"{(float(at) - began) / seconds * 560:.1f},{150 - float(value) / top * 145:.1f}"
        for at, value in series["values"] if value not in ("NaN", "+Inf")
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def legend(template, labels):
    """As Grafana fills it in."""
    for key, value in labels.items():
        template = template.replace("{{" + key + "}}", value)
    return html.escape(template)


def drawing(panel, answers, span):
    """A panel: its title, lines, and who is who."""
    every = [(series, target) for target, found in answers for series in found]
    values = [float(value) for series, _ in every for _, value in series["values"] if value not in ("NaN", "+Inf")]
    top = max(values, default=0) or 1
    lines = "".join(line(series, top, span, COLOURS[n % 10]) for n, (series, _) in enumerate(every))
    names = "".join(
        f'<li style="color:{COLOURS[n % 10]}">{legend(target["legendFormat"], series["metric"])}</li>'
        for n, (series, target) in enumerate(every[:10])
    )
    unit = panel["fieldConfig"]["defaults"]["unit"]
    return (
        f'<section><h3>{html.escape(panel["title"])}</h3><p>at most {top:.6g} {unit}</p>'
        f'<svg width="560" height="150">{lines}</svg><ul>{names}</ul></section>'
    )


STYLE = (
    "body{background:#111217;color:#ccc;font:12px sans-serif;display:flex;flex-wrap:wrap;gap:8px;margin:8px}h2{width:100%;margin:4px}"
    "section{background:#181b1f;padding:6px;width:880px;display:grid;grid-template-columns:570px 300px}h3,p{margin:0}ul{margin:0;padding:0 0 0 12px}"
)


def picture(directory, name, body):
    """The page, and what a browser makes of it."""
    page = directory / f"{name}.html"
    page.write_text(f"<style>{STYLE}</style>{body}")
    height = 200 * (body.count("<section>") // 2 + 1) + 60 * body.count("<h2>")
    subprocess.run(
        [shutil.which("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--window-size=1810,{height}", f"--screenshot={directory / name}.png", page.as_uri()],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, check=True,
    )


def check(checks, stage, began, directory=None):
    """Every query has an answer, and every panel that is not about what is rare has something to show."""
    for path in sorted(FOLDER.glob("*.json")):
        board = json.loads(path.read_text())
        faults, empty, body, shown = [], [], "", 0
        for panel in board["panels"]:
            if panel["type"] == "row":
                body += f'<h2>{html.escape(panel["title"])}</h2>'
                continue
            answers = [(target, answer(stage, target["expr"], began)) for target in panel["targets"]]
            faults += [found for _, found in answers if isinstance(found, str)]
            if any(isinstance(found, str) for _, found in answers):
                continue
            shown += 1
            faults += [
                f"{panel['title']}: no label {label}"
                for target, found in answers for label in re.findall(r"{{(\w+)}}", target["legendFormat"])
                if found and not any(label in series["metric"] for series in found)
            ]
            if not any(found for _, found in answers) and panel["title"].split(" ")[0] not in RARE:
                empty.append(panel["title"])
            body += drawing(panel, answers, (began, time.time() - began))
        checks.none(f"dashboard {path.name}: Prometheus answers all queries of {shown} panels, and has the labels", faults)
        checks.none(f"dashboard {path.name}: panels have something to show", empty)
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
            picture(directory, path.stem, body)
