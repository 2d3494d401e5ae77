//! The usual names of the columns of a contact list, in English and Indian languages.
//!
//! Names are compared whole, never by a word they contain: `Phone 1 - Type`, `phone model` and `alternate mobile` are not
//! where the number is. What lists combine freely is put together from its parts, `father's` `mobile` `no.`, and nothing
//! may be left over. Adding a part here can make a file ambiguous that was read before, so it needs a list that uses it.

/// Returns a header as names are compared: letters and digits only, in lower case.
///
/// Marks of Indian scripts stay, without the nukta, which some keyboards write into फ़ोन and others leave out.
pub(super) fn normalised(header: &str) -> String {
    let kept = |character: &char| match character {
        '\u{093C}' | '\u{0A3C}' => false,
        _ if character.is_ascii() => character.is_ascii_alphanumeric(),
        '\u{00A0}'..='\u{00BF}' | '\u{2000}'..='\u{206F}' | '\u{3000}' | '\u{FEFF}' | '।' => {
            false
        }
        _ => true,
    };
    let without_nukta = |character| match character {
        '\u{095E}' => 'फ',
        '\u{0959}' => 'ख',
        '\u{095B}' => 'ज',
        '\u{0A5E}' => 'ਫ',
        other => other,
    };
    header
        .chars()
        .filter(kept)
        .map(without_nukta)
        .flat_map(char::to_lowercase)
        .collect()
}

/// What a header says about the numbers below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PhoneName {
    /// How well it names the numbers to call: 0 is best.
    pub(super) rank: usize,
    /// Whose numbers they are, where it says so.
    pub(super) person: Option<&'static str>,
}

/// Returns what a normalised header says about numbers; `None` where it names no phone column.
pub(super) fn phone_name(header: &str) -> Option<PhoneName> {
    let whole = WHOLE
        .into_iter()
        .find(|(_, names)| names.split_whitespace().any(|name| name == header));
    if let Some((rank, _)) = whole {
        return Some(PhoneName { rank, person: None });
    }
    let of = |person: Option<&'static str>, rest: &str| {
        kind_rank(rest).map(|rank| PhoneName { rank, person })
    };
    let own = || {
        QUALIFIERS
            .split_whitespace()
            .filter_map(|word| header.strip_prefix(word))
            .find_map(|rest| of(None, rest))
    };
    let somebodys = || {
        PERSONS.split_whitespace().find_map(|person| {
            let rest = header.strip_prefix(person)?;
            // `father's mobile`, `पिता का मोबाइल`.
            let owned = ["s", "का"]
                .into_iter()
                .find_map(|ending| rest.strip_prefix(ending));
            of(Some(person), rest).or_else(|| of(Some(person), owned?))
        })
    };
    of(None, header).or_else(own).or_else(somebodys)
}

/// Returns the rank of a kind of number and what may follow it: `mobile`, `mobile no.`, `phone 1 - value`.
fn kind_rank(text: &str) -> Option<usize> {
    KINDS.iter().position(|kinds| {
        kinds
            .split_whitespace()
            .filter_map(|kind| text.strip_prefix(kind))
            .any(is_ending)
    })
}

fn is_ending(text: &str) -> bool {
    let (first, last) = (ENDINGS.split_whitespace(), LAST.split_whitespace());
    let closes = |rest: &str| rest.is_empty() || last.clone().any(|last| last == rest);
    closes(text)
        || first
            .filter_map(|ending| text.strip_prefix(ending))
            .any(closes)
}

/// Returns how well a normalised header names the column with the whole name.
pub(super) fn name_rank(header: &str) -> Option<usize> {
    listed_in(&NAME, header)
}

/// Returns the place of a normalised header in a name that is spread over columns.
pub(super) fn name_part(header: &str) -> Option<usize> {
    listed_in(&NAME_PARTS, header)
}

fn listed_in(lists: &[&str], header: &str) -> Option<usize> {
    lists
        .iter()
        .position(|names| names.split_whitespace().any(|name| name == header))
}

/// Mobiles before phones of any kind, since those are often landlines; then chats, and lines that a household or an office
/// shares.
const KINDS: [&str; 4] = [
    "mobile mob cell cellular mobilephone cellphone phonemobile mobiletelephone
     मोबाइल मोबाईल મોબાઇલ મોબાઈલ মোবাইল মোবাইলফোন மொபைல் கைபேசி அலைபேசி మొబైల్ ಮೊಬೈಲ್ മൊബൈൽ മൊബൈല് ਮੋਬਾਈਲ ਮੋਬਾਇਲ
     ମୋବାଇଲ ମୋବାଇଲ୍ موبائل",
    "phone ph tel telephone contactphone contactmobile contactno contactnumber contactnum callingnumber msisdn
     फोन दूरभाष दूरध्वनी संपर्कनंबर सम्पर्कनंबर संपर्कनम्बर संपर्कनं संपर्कसंख्या संपर्कक्रमांक
     ફોન ফোন தொலைபேசி ఫోన్ ಫೋನ್ ದೂರವಾಣಿ ഫോൺ ഫോണ് ਫੋਨ ଫୋନ فون",
    "whatsapp whatsappphone whatsappmobile व्हाट्सएप व्हाट्सऐप व्हॉट्सॲप",
    "homephone workphone businessphone officephone otherphone residencephone hometelephone worktelephone
     businesstelephone phonehome phonework phoneoffice phoneother landline landlinephone",
];

/// What follows a kind, once: `no.`, `number`.
const ENDINGS: &str =
    "no nos number numbers num nbr नंबर नम्बर नं संख्या क्रमांक નંબર નં নম্বর নাম্বার நம்பர் எண் నంబర్ నెంబర్ సంఖ్య
     ನಂಬರ್ ಸಂಖ್ಯೆ നമ്പർ നമ്പര് ਨੰਬਰ ନମ୍ବର نمبر";

/// What may close a name: the first of several, or how its numbers are written.
const LAST: &str = "1 01 1value 10digit 10digits withcountrycode";

/// Says that a number is the contact's own, and nothing else.
const QUALIFIERS: &str = "primary registered personal";

/// Whose number it is. A list with the numbers of two of them does not say whom to call.
const PERSONS: &str =
    "customer client consumer patient student member beneficiary applicant candidate subscriber
     lead sender buyer guest donor borrower debtor tenant owner employee user billing shipping
     father mother parent guardian husband wife
     ग्राहक मरीज रोगी छात्र छात्रा विद्यार्थी सदस्य लाभार्थी पिता माता अभिभावक पालक";

/// Names by themselves, where lists often mean something else by the same word.
const WHOLE: [(usize, &str); 2] = [
    (1, "customernumber"),
    (4, "contact contacts number numbers नंबर नम्बर संपर्क सम्पर्क"),
];

const NAME: [&str; 2] = [
    "name fullname नाम पूरानाम पूर्णनाम नाव पूर्णनाव નામ নাম பெயர் పేరు ಹೆಸರು പേര് ਨਾਮ ਨਾਂ ନାମ نام",
    "customername contactname clientname patientname studentname borrowername membername beneficiaryname personname
     displayname sendername leadname guestname buyername applicantname candidatename subscribername employeename
     donorname tenantname ownername partyname ledgername contactperson contactpersonname billingname shippingname
     customerfullname customer ग्राहककानाम ग्राहकनाम ग्राहकाचेनाव मरीजकानाम रोगीकानाम छात्रकानाम विद्यार्थीकानाम
     सदस्यकानाम लाभार्थीकानाम",
];

/// First, middle, last.
const NAME_PARTS: [&str; 3] = [
    "firstname fname givenname forename customerfirstname billingfirstname पहलानाम प्रथमनाम",
    "middlename additionalname मध्यनाम",
    "lastname lname surname familyname customerlastname billinglastname उपनाम अंतिमनाम कुलनाम आडनाव",
];
