//! Which ExoPhone a person sees, where a campaign has several.

use super::phone::PhoneNumber;

/// Returns the ExoPhone that this person sees: always the same one, and evenly many people each.
///
/// When one is taken away only its people see another, and one that is added takes over its share and no more (the
/// highest of the weights that each ExoPhone has for the person).
pub fn shown_to(person: PhoneNumber, caller_ids: &[PhoneNumber]) -> Option<PhoneNumber> {
    let weight = |id: &PhoneNumber| scramble(person.digits() ^ scramble(id.digits()));
    caller_ids.iter().copied().max_by_key(weight)
}

/// Spreads numbers that differ in a digit over all of the range: the last step of the SplitMix64 generator.
fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exophones(count: u64) -> Vec<PhoneNumber> {
        let id = |place| PhoneNumber::parse_caller_id(&format!("0809876500{place}")).unwrap();
        (0..count).map(id).collect()
    }

    fn people() -> impl Iterator<Item = PhoneNumber> {
        (0..9000).map(|place| format!("987650{place:04}").parse().unwrap())
    }

    #[test]
    fn a_person_sees_the_same_exophone_and_each_has_its_share() {
        let ids = exophones(3);
        let mut shares = [0; 3];
        for person in people() {
            let shown = shown_to(person, &ids).unwrap();
            let reversed: Vec<_> = ids.iter().rev().copied().collect();
            assert_eq!(shown_to(person, &reversed), Some(shown));
            shares[ids.iter().position(|id| *id == shown).unwrap()] += 1;
        }
        assert!(
            shares.iter().all(|share| (2800..3200).contains(share)),
            "{shares:?}"
        );
        assert_eq!(shown_to(people().next().unwrap(), &[]), None);
    }

    #[test]
    fn taking_one_away_changes_only_what_its_own_people_see() {
        let (all, fewer) = (exophones(3), exophones(2));
        for person in people() {
            let before = shown_to(person, &all).unwrap();
            if fewer.contains(&before) {
                assert_eq!(shown_to(person, &fewer), Some(before));
            }
        }
    }
}
