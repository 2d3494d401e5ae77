//! Reads what `status` and its like answer.

use serde_json::Value;

use super::binary::number;

/// Returns the contacts of a `status` that are in this state.
pub(crate) fn contacts_in<'a>(status: &'a Value, state: &str) -> Vec<&'a Value> {
    let contacts = status["contacts"].as_array().expect("contacts are a list");
    let in_state = contacts
        .iter()
        .filter(|contact| contact["call_status"] == state);
    in_state.collect()
}

/// Returns the contact with the number that ends like this.
#[track_caller]
pub(crate) fn contact(status: &Value, ending: u32) -> &Value {
    let contacts = status["contacts"].as_array().expect("contacts are a list");
    let found = contacts
        .iter()
        .find(|contact| contact["number"] == number(ending));
    found.unwrap_or_else(|| panic!("{} is not among {status:#}", number(ending)))
}

/// Fails unless the counts add up to the total, and are those of the contacts.
#[track_caller]
pub(crate) fn assert_adds_up(status: &Value) {
    let counts = status["counts"].as_object().expect("counts are an object");
    assert_eq!(
        names(&status["counts"]),
        [
            "pending",
            "initiated",
            "completed",
            "failed",
            "skipped",
            "held"
        ]
    );
    let sum: u64 = counts
        .values()
        .map(|count| count.as_u64().expect("a count"))
        .sum();
    assert_eq!(status["total_contacts"], sum, "{status:#}");
    assert_eq!(status["calls_completed"], counts["completed"]);
    assert_eq!(status["calls_failed"], counts["failed"]);
    if status.get("contacts").is_some() {
        for (state, count) in counts {
            assert_eq!(contacts_in(status, state).len() as u64, *count, "{state}");
        }
    }
}

/// Returns the names in an object, in their order.
#[track_caller]
pub(crate) fn names(object: &Value) -> Vec<&str> {
    let object = object.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}
