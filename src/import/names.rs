//! The usual names of the columns of a contact list, in English and Hindi.
//!
//! Names are compared whole, never by a word they contain: `Phone 1 - Type`, `phone model` and `alternate mobile` are not
//! where the number is. Adding a name here can make a file ambiguous that was read before, so a name needs a list that
//! uses it.

/// Returns a header as names are compared: letters and digits only, in lower case.
///
/// Marks of Indian scripts stay, without the nukta, which some keyboards write into फ़ोन and others leave out.
pub(super) fn normalised(header: &str) -> String {
    let kept = |character: &char| match character {
        '\u{093C}' => false,
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
        other => other,
    };
    header
        .chars()
        .filter(kept)
        .map(without_nukta)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Returns how well a normalised header names the phone column: 0 is best, `None` is not at all.
pub(super) fn phone_rank(header: &str) -> Option<usize> {
    listed_in(&PHONE, header)
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

/// Mobiles before phones of any kind, since those are often landlines; then words that often mean something else.
const PHONE: [&str; 4] = [
    "mobile mobileno mobilenumber mobilenum mobilephone mobilephonenumber mobile1 mobileno1 mobilenumber1 primarymobile
     mob mobno mobnumber cell cellno cellnumber cellphone customermobile customermobileno customermobilenumber
     registeredmobile registeredmobileno registeredmobilenumber
     मोबाइल मोबाइलनंबर मोबाइलनम्बर मोबाइलनं मोबाइलसंख्या मोबाईल मोबाईलनंबर मोबाईलनम्बर मोबाईलनं",
    "phone phoneno phonenumber phonenum phone1 phone1value phoneno1 phonenumber1 primaryphone primaryphonenumber
     ph phno phnumber tel telno telephone telephoneno telephonenumber contactno contactnumber contactnum contactphone
     contactmobile callingnumber customerphone customerphonenumber customernumber msisdn
     फोन फोननंबर फोननम्बर फोननं फोनसंख्या दूरभाष दूरभाषनंबर संपर्कनंबर सम्पर्कनंबर संपर्कसंख्या",
    "whatsapp whatsappno whatsappnumber whatsappphone व्हाट्सएप व्हाट्सएपनंबर व्हाट्सऐप व्हाट्सऐपनंबर",
    "contact contacts number numbers नंबर नम्बर संपर्क सम्पर्क",
];

const NAME: [&str; 2] = [
    "name fullname नाम पूरानाम",
    "customername contactname clientname patientname studentname borrowername membername beneficiaryname personname
     displayname customer ग्राहककानाम ग्राहकनाम मरीजकानाम छात्रकानाम विद्यार्थीकानाम",
];

/// First, middle, last.
const NAME_PARTS: [&str; 3] = [
    "firstname fname givenname forename पहलानाम प्रथमनाम",
    "middlename additionalname मध्यनाम",
    "lastname lname surname familyname उपनाम अंतिमनाम कुलनाम",
];
