//! What is measured on, and when.

use std::{fs, process::Command};

use time::OffsetDateTime;

/// The kernel's version, with its timer frequency if that can be found out.
pub(crate) fn kernel() -> String {
    let version = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = version.trim();
    match hertz(version) {
        Some(hertz) => format!("{version} (HZ={hertz})"),
        None => version.to_owned(),
    }
}

/// `CONFIG_HZ`, from where distributions keep the configuration.
fn hertz(version: &str) -> Option<String> {
    let unpacked = Command::new("zcat").arg("/proc/config.gz").output();
    let unpacked = unpacked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let config = unpacked.ok().filter(|text| !text.is_empty());
    let config = config.or_else(|| fs::read_to_string(format!("/boot/config-{version}")).ok())?;
    config.lines().find_map(|line| line.strip_prefix("CONFIG_HZ=")).map(str::to_owned)
}

/// Today, as `2026-01-31`.
pub(crate) fn date() -> String {
    let date = OffsetDateTime::now_utc().date();
    format!("{}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}
