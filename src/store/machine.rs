//! Which machine this is, so that a database that was copied to another one is found out.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Where Linux keeps a machine's id: `machine-id(5)`, and before systemd D-Bus had it.
const FILES: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// Names a machine.
#[derive(Clone, PartialEq, Eq)]
pub struct MachineId(String);

impl fmt::Debug for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `machine-id(5)` wants it kept from whoever is not on the machine.
        f.write_str("MachineId")
    }
}

impl MachineId {
    /// Returns the machine that somebody has named.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Returns this machine; `None` where it has no id of its own, as in many containers.
    pub fn of_this_machine() -> Option<Self> {
        let texts = FILES
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok());
        texts
            .map(|text| text.trim().to_owned())
            // An image that was never booted says `uninitialized`, or nothing.
            .find(|text| text.len() == 32 && text.chars().all(|c| c.is_ascii_hexdigit()))
            .map(Self)
    }

    /// Returns what a database writes down of this machine: enough to know it again, and nothing of its id.
    pub(super) fn as_known_to(&self, database: &str) -> String {
        digest(&format!("{database} {}", self.0))
    }
}

/// Returns the first half of a text's SHA-256, in hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_known_by_another_name_to_each_database() {
        let machine = MachineId::named("desk");
        assert_eq!(machine.as_known_to("a"), machine.as_known_to("a"));
        assert_ne!(machine.as_known_to("a"), machine.as_known_to("b"));
        assert_ne!(
            machine.as_known_to("a"),
            MachineId::named("laptop").as_known_to("a")
        );
        assert_eq!(machine.as_known_to("a").len(), 32);
        assert_eq!(format!("{machine:?}"), "MachineId");
    }
}
