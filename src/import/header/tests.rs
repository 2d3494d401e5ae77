use std::collections::HashSet;
use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::domain::phone::mask_numbers;
use crate::import::Reader;

fn found(header: &str, options: &Options) -> Result<Columns, ImportError> {
    let names: StringRecord = header.split('|').collect();
    Columns::find(&names, options, 1)
}

/// The names of the column with the numbers and of those with the name; for an error what it says and its hint.
fn taken(header: &str) -> String {
    match found(header, &Options::default()) {
        Ok(columns) => {
            let names: Vec<&str> = header.split('|').collect();
            let of: Vec<&str> = columns.name.iter().map(|index| names[*index]).collect();
            format!("{} <- {}", names[columns.phone], of.join("+"))
        }
        Err(error) => said(&error),
    }
}

fn said(error: &ImportError) -> String {
    format!("{error}; {}", error.hint().unwrap_or_default())
}

fn refused(file: &str, options: &Options) -> String {
    match Reader::open(Cursor::new(file.as_bytes().to_vec()), options) {
        Ok(_) => "read".to_owned(),
        Err(error) => said(&error),
    }
}

fn without_header(map: &str) -> Options {
    Options {
        header: Header::Missing,
        columns: if map.is_empty() {
            ColumnMap::default()
        } else {
            map.parse().unwrap()
        },
        ..Options::default()
    }
}

#[test]
fn lists_of_many_makers_are_understood() {
    let cases = [
        // Google Contacts, before and after 2024.
        (
            "Name|Given Name|Additional Name|Family Name|Phone 1 - Type|Phone 1 - Value|Phone 2 - Type|Phone 2 - Value",
            "Phone 1 - Value <- Name",
        ),
        (
            "First Name|Middle Name|Last Name|Labels|Phone 1 - Label|Phone 1 - Value|Phone 2 - Label|Phone 2 - Value",
            "Phone 1 - Value <- First Name+Middle Name+Last Name",
        ),
        // Outlook.
        (
            "Title|First Name|Middle Name|Last Name|Suffix|Assistant's Phone|Business Phone|Business Phone 2|Callback|\
             Car Phone|Company Main Phone|Home Phone|Home Phone 2|Mobile Phone|Other Phone|Pager|Primary Phone",
            "Mobile Phone <- First Name+Middle Name+Last Name",
        ),
        (
            "First Name|Last Name|Home Phone|Primary Phone",
            "Primary Phone <- First Name+Last Name",
        ),
        // Salesforce, Zoho, HubSpot, LeadSquared.
        (
            "FirstName|LastName|Phone|MobilePhone|HomePhone|OtherPhone",
            "MobilePhone <- FirstName+LastName",
        ),
        (
            "Lead Name|Company|Phone|Mobile|Lead Owner",
            "Mobile <- Lead Name",
        ),
        (
            "First Name|Last Name|Phone Number|Mobile Phone Number|WhatsApp Phone Number",
            "Mobile Phone Number <- First Name+Last Name",
        ),
        (
            "ProspectID|First Name|Last Name|Phone Number",
            "Phone Number <- First Name+Last Name",
        ),
        // IndiaMART, shops, ledgers.
        (
            "UNIQUE_QUERY_ID|SENDER_NAME|SENDER_MOBILE|SENDER_MOBILE_ALT|SENDER_PHONE",
            "SENDER_MOBILE <- SENDER_NAME",
        ),
        ("Name|Billing Name|Billing Phone", "Billing Phone <- Name"),
        (
            "Party Name|Contact Person|Phone No.|Mobile No.",
            "Mobile No. <- Party Name",
        ),
        // Schools, clinics, collections, societies.
        (
            "Roll No|Student Name|Father's Mobile No.",
            "Father's Mobile No. <- Student Name",
        ),
        (
            "Student Name|Parents' Contact No.",
            "Parents' Contact No. <- Student Name",
        ),
        (
            "UHID|Patient Name|Patient Mobile No",
            "Patient Mobile No <- Patient Name",
        ),
        (
            "Loan No|Borrower Name|Borrower Mobile|Co-Borrower Mobile|Guarantor Mobile",
            "Borrower Mobile <- Borrower Name",
        ),
        // Dialers.
        (
            "number|first_name|last_name|company_name|email|tag",
            "number <- first_name+last_name",
        ),
        (
            "phone_code|phone_number|alt_phone|first_name",
            "phone_number <- first_name",
        ),
        (
            "Account Number|First Name|Last Name|Phone1|Phone2|Phone3",
            "Phone1 <- First Name+Last Name",
        ),
        ("customer_number|agent_number", "customer_number <- "),
        // Preferences.
        ("Mobile|Phone", "Mobile <- "),
        ("Phone|Alternate Phone", "Phone <- "),
        ("Mobile 1|Mobile 2", "Mobile 1 <- "),
        ("Landline|WhatsApp No.", "WhatsApp No. <- "),
        ("Contact|Home Phone", "Home Phone <- "),
        (
            "Mobile Number (10 digits)|Email",
            "Mobile Number (10 digits) <- ",
        ),
        // Other languages.
        ("नाव|मोबाईल क्रमांक", "मोबाईल क्रमांक <- नाव"),
        (
            "छात्र का नाम|पिता का मोबाइल नं.",
            "पिता का मोबाइल नं. <- छात्र का नाम",
        ),
        ("নাম|মোবাইল নম্বর", "মোবাইল নম্বর <- নাম"),
        ("નામ|મોબાઇલ નંબર", "મોબાઇલ નંબર <- નામ"),
        ("பெயர்|கைபேசி எண்", "கைபேசி எண் <- பெயர்"),
        ("పేరు|మొబైల్ నంబర్", "మొబైల్ నంబర్ <- పేరు"),
        ("ಹೆಸರು|ಮೊಬೈಲ್ ಸಂಖ್ಯೆ", "ಮೊಬೈಲ್ ಸಂಖ್ಯೆ <- ಹೆಸರು"),
        ("പേര്|മൊബൈൽ നമ്പർ", "മൊബൈൽ നമ്പർ <- പേര്"),
        ("ਨਾਮ|ਫ਼ੋਨ ਨੰਬਰ", "ਫ਼ੋਨ ਨੰਬਰ <- ਨਾਮ"),
        ("Name|Mobile नंबर", "Mobile नंबर <- Name"),
        // However a spreadsheet writes it.
        ("name|mobile\nno.", "mobile\nno. <- name"),
    ];
    for (header, expected) in cases {
        assert_eq!(taken(header), expected, "{header}");
    }
}

#[test]
fn what_only_sounds_like_a_phone_is_none() {
    for header in [
        "phone model",
        "phone type",
        "Phone 1 - Label",
        "mobile operator",
        "mobile app",
        "Mobile 2",
        "alternate mobile",
        "emergency contact number",
        "agent mobile",
        "co-borrower mobile",
        "guarantor mobile",
        "nominee mobile",
        "receiver mobile",
        "assistant's phone",
        "fax",
        "phonetic",
        "photo",
        "cellar",
        "mobility",
        "contact owner",
        "number of calls",
        "account number",
        "father's name",
        "customer id",
        "मोबाइल कंपनी",
    ] {
        let error = found(&format!("{header}|city"), &Options::default()).err();
        assert!(
            matches!(error, Some(ImportError::NoPhoneColumn { .. })),
            "{header}: {error:?}"
        );
    }
}

#[test]
fn two_people_or_two_equals_are_refused_with_what_to_type() {
    let cases = [
        (
            "Student Name|Father Mobile|Mother Mobile",
            "more than one column could be the phone number: `Father Mobile`, `Mother Mobile`; \
             choose one: `--map phone=\"Father Mobile\"` or `--map phone=\"Mother Mobile\"`",
        ),
        (
            "Father's Phone|Mother's Mobile|City",
            "more than one column could be the phone number: `Father's Phone`, `Mother's Mobile`; \
             choose one: `--map phone=\"Father's Phone\"` or `--map phone=\"Mother's Mobile\"`",
        ),
        (
            "Phone|Phone",
            "more than one column could be the phone number: `Phone`, `Phone`; \
             choose one: `--map phone=1` or `--map phone=2`",
        ),
        (
            "Home Phone|Business Phone",
            "more than one column could be the phone number: `Home Phone`, `Business Phone`; \
             choose one: `--map phone=\"Home Phone\"` or `--map phone=\"Business Phone\"`",
        ),
    ];
    for (header, expected) in cases {
        assert_eq!(taken(header), expected, "{header}");
    }
}

#[test]
fn rows_below_an_unknown_header_suggest_a_column_and_decide_nothing() {
    let rows = |count: usize, row: &str| row.repeat(count);
    let list = format!(
        "Who,Reach At,Order\n{}{}",
        rows(48, "Asha,9876500001,12\n"),
        rows(30, "Ravi,none,13\n")
    );
    let cases = [
        (
            list,
            "no column looks like a phone number; the header has `Who`, `Reach At`, `Order`; \
             did you mean `--map phone=\"Reach At\"`? 48 of its first 50 cells are numbers that can be called",
        ),
        (
            "a,b\nx,9876500001\n".to_owned(),
            "no column looks like a phone number; the header has `a`, `b`; \
             did you mean `--map phone=b`? its first cell is a number that can be called",
        ),
        (
            "a,,b\n1,9876500001,9876500002\n\n2,9876500003,\n".to_owned(),
            "no column looks like a phone number; the header has `a`, ``, `b`; \
             these columns have numbers that can be called: `--map phone=2` (2 of 2), `--map phone=b` (1 of 1)",
        ),
        (
            "a,b,c\nx,mobile,9876500001\n".to_owned(),
            "no column looks like a phone number; the header has `a`, `b`, `c`; \
             did you mean `--map phone=c`? its first cell is a number that can be called",
        ),
        (
            "a,b\nx,y\n".to_owned(),
            "no column looks like a phone number; the header has `a`, `b`; name it with `--map phone=COLUMN`",
        ),
        (
            "Members of March,,\n,,\nName,Mobile,City\nAsha,9876500001,Pune\n".to_owned(),
            "no column looks like a phone number; the header has `Members of March`, ``, ``; \
             line 3 looks like the header: remove the lines above it",
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(refused(&file, &Options::default()), expected);
    }
}

#[test]
fn a_list_without_a_header_is_never_read_as_if_it_had_one() {
    let list = "Asha,9876500001,Pune\nRavi,9876500002,Kochi\n";
    let says = "line 1 has a phone number where the names of the columns should be; \
                if there is no header, say so: `--no-header --map phone=2`; else check the first line";
    assert_eq!(refused(list, &Options::default()), says);
    // Named by its place without `--no-header`, the first person would be taken for the header.
    let by_place = Options {
        columns: "phone=2".parse().unwrap(),
        ..Options::default()
    };
    assert_eq!(refused(list, &by_place), says);
    assert_eq!(
        refused(list, &without_header("")),
        "without a header no column is known to be the phone number; \
         the first row has a number there: `--no-header --map phone=2`"
    );
    assert_eq!(
        refused("Asha,Pune\n", &without_header("name=1")),
        "without a header no column is known to be the phone number; \
         name the place of the numbers, the first being 1: `--map phone=N`"
    );
    for (map, column) in [
        ("phone=Mobile", "Mobile"),
        ("phone=2,name=4", "4"),
        ("phone=0", "0"),
    ] {
        assert_eq!(
            refused(list, &without_header(map)),
            format!(
                "`{column}` is no place of a column; without a header columns are called 1 to 3; \
                 name a place, the first being 1: `--map phone=N,name=N`"
            )
        );
    }
}

#[test]
fn a_list_without_a_header_has_a_contact_in_its_first_row() {
    for list in [
        "\nAsha,9876500001,Pune,\nRavi,9876500002,\n",
        // The semicolons could separate columns, but then no number would stand in the second.
        "\nAsha;9876500001;Pune, MH\nRavi;9876500002\n",
    ] {
        let input = Cursor::new(list.as_bytes().to_vec());
        let reader = Reader::open(input, &without_header("phone=2,name=1")).unwrap();
        let header: Vec<_> = reader.header().iter().take(2).collect();
        assert_eq!(header, ["name", "phone"]);
        let contacts: Vec<_> = reader.map(|row| row.unwrap().unwrap()).collect();
        let names: Vec<_> = contacts
            .iter()
            .map(|contact| contact.name.as_deref())
            .collect();
        assert_eq!(names, [Some("Asha"), Some("Ravi")]);
        let lines: Vec<_> = contacts.iter().map(|contact| contact.line).collect();
        assert_eq!(lines, [2, 3]);
        let place = contacts[0].fields.as_json().unwrap();
        assert!(place.starts_with(r#"{"column_3":"Pune"#), "{place}");
        assert_eq!(contacts[1].fields.as_json(), None);
    }
}

#[test]
fn a_file_of_refused_rows_has_a_header_also_where_its_source_had_none() {
    let file = "column_1,column_2,line,reason,hint\nAsha,9876500001,7,too_short,\n";
    let input = Cursor::new(file.as_bytes().to_vec());
    let mut reader = Reader::open(input, &without_header("phone=2,name=1")).unwrap();
    let header: StringRecord = vec!["column_1", "column_2"].into();
    assert_eq!(reader.header(), &header);
    let contact = reader.next().unwrap().unwrap().unwrap();
    assert_eq!(contact.name.as_deref(), Some("Asha"));
    assert_eq!(contact.fields.as_json(), None);
}

#[test]
fn files_of_refused_rows_that_were_joined_have_a_header_again() {
    let file = "phone,name,line,reason,hint\n9876500001,a,7,empty,\nphone,name,line,reason,hint\n";
    let input = Cursor::new(file.as_bytes().to_vec());
    let reader = Reader::open(input, &Options::default()).unwrap();
    let refused: Vec<_> = reader.filter_map(|row| row.unwrap().err()).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].reason.name(), "header_again");
}

#[test]
fn a_row_that_is_refused_again_has_the_cells_of_its_source() {
    let file = "phone,name,line,reason,hint\n'+12,'=a,7,too_short,,extra\n'-1,b,8,too_short,\n";
    let input = Cursor::new(file.as_bytes().to_vec());
    let reader = Reader::open(input, &Options::default()).unwrap();
    let cells: Vec<StringRecord> = reader.map(|row| row.unwrap().unwrap_err().cells).collect();
    let expected: [StringRecord; 2] = [vec!["+12", "=a", "extra"].into(), vec!["-1", "b"].into()];
    assert_eq!(cells, expected);
}

#[test]
fn a_name_that_no_column_has_finds_the_nearest() {
    let options = |map: &str| Options {
        columns: map.parse().unwrap(),
        ..Options::default()
    };
    let said = |header: &str, map: &str| said(&found(header, &options(map)).unwrap_err());
    assert_eq!(
        said("Kunde|Reach At|due", "phone=Reech At"),
        "no column is called `Reech At`; the header has `Kunde`, `Reach At`, `due`; \
         did you mean `--map phone=\"Reach At\"`?"
    );
    assert_eq!(
        said("Kunde|Mobile|due", "name=Kunden"),
        "no column is called `Kunden`; the header has `Kunde`, `Mobile`, `due`; did you mean `--map name=Kunde`?"
    );
    assert_eq!(
        said("a|b", "phone=3"),
        "no column is called `3`; the header has `a`, `b`; name a column of the header in `--map`"
    );
    assert_eq!(
        said("to|To|x", "phone=TO"),
        "2 columns are called `TO`; choose one by its place: `--map phone=1` or `--map phone=2`"
    );
}

#[test]
fn a_header_is_shown_harmlessly_and_briefly() {
    let long = "y".repeat(100_000);
    let header = format!("\u{1b}[2J|a\nb|\u{202e}c|Father's|call 98765 00001|{long}");
    let Some(ImportError::NoPhoneColumn { header, .. }) = found(&header, &Options::default()).err()
    else {
        panic!("a phone column was found");
    };
    assert_eq!(
        header,
        format!(
            "`�[2J`, `a�b`, `�c`, `Father's`, `call …0001`, `{}…`",
            "y".repeat(59)
        )
    );
    let wide = vec!["x"; 500].join("|");
    let Some(ImportError::NoPhoneColumn { header, .. }) = found(&wide, &Options::default()).err()
    else {
        panic!("a phone column was found");
    };
    assert!(header.ends_with("`x` and 480 more"), "{header}");
}

#[test]
fn five_hundred_columns_are_as_good_as_five() {
    let names: Vec<String> = (1..500).map(|index| format!("Question {index}")).collect();
    let answers = vec!["yes"; 499].join(",");
    let file = format!("{},Mobile\n{answers},9876500001\n", names.join(","));
    let mut reader = Reader::open(Cursor::new(file.into_bytes()), &Options::default()).unwrap();
    let contact = reader.next().unwrap().unwrap().unwrap();
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(contact.fields.as_json().unwrap()).unwrap();
    assert!(fields.keys().eq(&names));
}

#[test]
fn ten_thousand_equal_names_are_no_more_work_than_others() {
    let equal = vec!["x"; 10_000].join("|");
    let columns = found(&format!("phone|{equal}"), &Options::default()).unwrap();
    assert_eq!(columns.fields[9_999].name, "x_10000");
    let refused = taken(&equal.replace('x', "phone"));
    assert!(
        refused.ends_with("`--map phone=20` and 9980 more"),
        "{refused}"
    );
}

#[test]
fn columns_at_the_end_that_have_no_name_and_no_cells_leave_no_trace() {
    let file = "phone,name,,\n9876500001,Asha,,\n9876500002,Ravi,,x\n9876500003\n";
    let reader = Reader::open(Cursor::new(file.as_bytes().to_vec()), &Options::default()).unwrap();
    let fields: Vec<_> = reader
        .map(|row| row.unwrap().unwrap().fields.as_json().map(str::to_owned))
        .collect();
    assert_eq!(fields, [None, Some(r#"{"column_4":"x"}"#.to_owned()), None]);
}

proptest! {
    #[test]
    fn field_names_are_unique_whatever_the_header_says(
        names in prop::collection::vec("a|b|a_2|a_3|a_2_2| a|column_[1-5]|[ \t]?|phone|.{0,3}", 1..30),
        missing in any::<bool>(),
    ) {
        let header: StringRecord = names.into();
        let options = Options {
            columns: "phone=1".parse().unwrap(),
            header: if missing { Header::Missing } else { Header::First },
            ..Options::default()
        };
        if let Ok(columns) = Columns::find(&header, &options, 1) {
            let unique: HashSet<&str> = columns.fields.iter().map(|field| field.name.as_str()).collect();
            prop_assert_eq!(unique.len(), columns.fields.len());
            prop_assert_eq!(columns.fields.len() + 1 + columns.name.iter().filter(|name| **name != columns.phone).count(), columns.count);
        }
    }

    #[test]
    fn no_header_makes_it_panic_or_shows_a_number(
        names in prop::collection::vec("mobile|phone|father|name|[0-9+ -]{0,14}|\\PC{0,8}|.{0,4}", 0..12),
        map in prop::option::of("phone=[a-z0-9]{1,6}"),
    ) {
        let header: StringRecord = names.into();
        for kind in [Header::First, Header::Missing] {
            let options = Options {
                columns: map.as_ref().map(|map| map.parse().unwrap()).unwrap_or_default(),
                header: kind,
                ..Options::default()
            };
            if let Err(error) = Columns::find(&header, &options, 1) {
                let said = said(&error);
                prop_assert_eq!(mask_numbers(&said), said);
            }
        }
    }
}
