//! Tracefs: where it is, and where the fields of a tracepoint stand, as its `format` says.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::requirements::LoadError;
use crate::trouble::Trouble;

/// Where it is mounted by convention, and where debugfs brings it along.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// A field of a tracepoint, in bytes from where the program's context begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) offset: u32,
    pub(super) size: u32,
}

/// The directory below which every tracepoint has one.
///
/// # Errors
/// Where tracefs is not mounted, or not ours to read.
pub(super) fn events() -> Result<PathBuf, LoadError> {
    let mut unreadable = None;
    for place in PLACES {
        match fs::read_dir(Path::new(place).join("events")) {
            Ok(_) => return Ok(Path::new(place).join("events")),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => unreadable = Some(place),
            Err(_) => {}
        }
    }
    Err(LoadError::Tracepoints(match unreadable {
        Some(place) => Trouble::new(format!("{place} may not be read"), "run as root, or with CAP_DAC_READ_SEARCH too"),
        None => Trouble::new("tracefs is not mounted", format!("run: sudo mount -t tracefs tracefs {}", PLACES[0])),
    }))
}

/// Where tracefs is.
///
/// # Errors
/// As [`events`].
pub fn tracefs() -> Result<String, Trouble> {
    let events = events().map_err(|error| error.trouble())?;
    Ok(events.parent().unwrap_or(&events).display().to_string())
}

/// The fields of the tracepoint whose directory this is.
pub(super) fn fields(directory: &Path) -> io::Result<Vec<Field>> {
    let text = fs::read_to_string(directory.join("format"))?;
    Ok(text.lines().filter_map(field).collect())
}

/// `field:char newcomm[16]; offset:28; size:16; signed:0;`
fn field(line: &str) -> Option<Field> {
    let mut parts = line.trim().split(';').map(str::trim);
    let declaration = parts.next()?.strip_prefix("field:")?;
    let name = declaration.rsplit(' ').next()?.split('[').next()?.trim_start_matches('*');
    let mut number = |key: &str| parts.next()?.strip_prefix(key)?.parse().ok();
    let (offset, size) = (number("offset:")?, number("size:")?);
    Some(Field { name: name.to_owned(), offset, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_shape_are_read() {
        let rows = [
            ("\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;", "prev_pid", 24, 4),
            ("\tfield:char newcomm[16];\toffset:28;\tsize:16;\tsigned:0;", "newcomm", 28, 16),
            ("\tfield:__data_loc char[] comm;\toffset:8;\tsize:4;\tsigned:0;", "comm", 8, 4),
            ("\tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;", "skaddr", 8, 8),
            ("\tfield:unsigned long args[6];\toffset:16;\tsize:48;\tsigned:0;", "args", 16, 48),
        ];
        for (line, name, offset, size) in rows {
            assert_eq!(field(line), Some(Field { name: name.to_owned(), offset, size }), "{line}");
        }
        for other in ["name: sched_switch", "ID: 316", "format:", "", "print fmt: \"%s\", REC->field:x"] {
            assert_eq!(field(other), None, "{other}");
        }
    }
}
