//! Compiles `ebpf/tiers/*.bpf.c` with clang; each becomes `OUT_DIR/<tier>.bpf.o`.
//!
//! clang is `$CLANG`, or the first of the known names on the PATH. Headers are
//! libbpf's (`bpf/bpf_helpers.h`) and our own; no kernel headers are needed.
//!
//! Where there is no Linux, or feature `stub` says to do as if, nothing is compiled and `cfg(tfo_kernel)` is not set.

use std::path::{Path, PathBuf};
use std::process::Command;

const NAMES: [&str; 8] = ["clang-19", "clang-20", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14", "clang"];

fn main() -> Result<(), String> {
    println!("cargo:rustc-check-cfg=cfg(tfo_kernel)");
    if !has_kernel() {
        return Ok(());
    }
    println!("cargo:rustc-cfg=tfo_kernel");
    let of = |variable: &str| std::env::var(variable).map_err(|error| format!("{variable}: {error}"));
    let root = Path::new(&of("CARGO_MANIFEST_DIR")?).join("../../ebpf");
    let out = PathBuf::from(of("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", root.display());
    println!("cargo:rerun-if-env-changed=CLANG");
    let clang = find_clang()?;
    // For the test that compares abi.rs with abi.h.
    println!("cargo:rustc-env=TFO_CLANG={clang}");
    println!("cargo:rustc-env=TFO_LAYOUT={:016x}", layout(&root)?);
    for entry in std::fs::read_dir(root.join("tiers")).map_err(|error| format!("ebpf/tiers: {error}"))? {
        let source = entry.map_err(|error| error.to_string())?.path();
        let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(tier) = name.strip_suffix(".bpf.c") {
            // The instructions that Linux 4.15 knows, where there may be no BTF; elsewhere those of 5.1.
            let cpu = if tier == "tracepoint" { "v2" } else { "v3" };
            compile(&clang, cpu, &root, &source, &out.join(format!("{tier}.bpf.o")))?;
        }
    }
    Ok(())
}

fn has_kernel() -> bool {
    let is = |variable: &str| std::env::var_os(variable).is_some();
    std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") && !is("CARGO_FEATURE_STUB")
}

fn find_clang() -> Result<String, String> {
    println!("cargo:rerun-if-env-changed=PATH");
    let runs = |name: &str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    if let Ok(name) = std::env::var("CLANG") {
        return Ok(name);
    }
    NAMES
        .iter()
        .find(|name| runs(name))
        .map(|name| (*name).to_owned())
        .ok_or_else(|| "clang not found: install it (apt-get install clang libbpf-dev) or set CLANG".to_owned())
}

/// A hash of all maps and of what is in them, comments, settings and spaces left out: with another one, maps of
/// another build cannot be used.
fn layout(root: &Path) -> Result<u64, String> {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for header in ["abi.h", "maps.h", "storage/task.h", "storage/hash.h"] {
        let path = root.join(header);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let code =
            text.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code)).collect::<String>();
        for line in code.lines().filter(|line| !line.starts_with("const volatile")) {
            for byte in line.split_whitespace().flat_map(str::bytes) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    Ok(hash)
}

fn compile(clang: &str, cpu: &str, root: &Path, source: &Path, object: &Path) -> Result<(), String> {
    let arch = match std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default().as_str() {
        "aarch64" => "arm64",
        _ => "x86",
    };
    let output = Command::new(clang)
        .args(["-target", "bpf", "-O2", "-g", "-Wall", "-Werror", "-fno-ident"])
        .arg(format!("-mcpu={cpu}"))
        .arg(format!("-D__TARGET_ARCH_{arch}"))
        .arg(format!("-fdebug-prefix-map={}=ebpf", root.display()))
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(object)
        .output()
        .map_err(|error| format!("{clang}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let hint = if text.contains("bpf/bpf_helpers.h") {
        "\nlibbpf's headers are missing: apt-get install libbpf-dev"
    } else {
        ""
    };
    Err(format!("{clang} failed on {}:\n{text}{hint}", source.display()))
}
