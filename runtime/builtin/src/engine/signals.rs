//! Signals by their names.
use wharf_runtime::Error;

/// The number of a signal by its name, with or without `SIG`.
pub(super) fn signal_number(name: &str) -> Result<i32, Error> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let name = name.strip_prefix("SIG").unwrap_or(name);
    let known = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ABRT", 6),
        ("KILL", 9),
        ("USR1", 10),
        ("USR2", 12),
        ("TERM", 15),
        ("CONT", 18),
        ("STOP", 19),
        ("WINCH", 28),
        // systemd as an init process.
        ("RTMIN+3", 37),
    ];
    let found = known.into_iter().find(|(own, _)| *own == name);
    let number = found.map(|(_, number)| number);
    number.ok_or_else(|| Error::Unsupported(format!("there is no signal {name}")))
}
