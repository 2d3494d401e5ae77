//! The bodies of the fuzz targets, for Rust that has no fuzzer: proptest makes up what they are given.
//!
//! `PROPTEST_CASES=1000000 cargo test --test it fuzz` goes on for a good while.

use proptest::prelude::*;

#[path = "../fuzz/bodies.rs"]
mod bodies;

/// Bytes that look like a list often enough to get past its header.
fn lists() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[6-9][0-9]{9}".prop_map(String::into_bytes),
        "[a-z 0-9é]{0,6}".prop_map(String::into_bytes),
        prop::sample::select(vec![
            ",", ",", "\n", "\n", "\r\n", "\r", "\"", "\"", "\"\"", ";", "\t", "\0", "९",
            "\u{feff}"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..2),
    ];
    let header = prop::sample::select(vec![
        "phone,name\n",
        "\u{feff}name,phone,x\r\n",
        "sep=;\nphone;name\n",
        "\r\nmobile\r",
        "\"phone\",\"a\nb\"\n",
        "",
    ]);
    let text = (header, prop::collection::vec(piece, 0..60))
        .prop_map(|(header, pieces)| [header.as_bytes(), &pieces.concat()].concat());
    let wide = text.clone().prop_map(|text| {
        let text = String::from_utf8_lossy(&text).into_owned();
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    });
    (any::<u8>(), prop_oneof![4 => text, 1 => wide])
        .prop_map(|(choice, file): (u8, Vec<u8>)| [&[choice], file.as_slice()].concat())
}

/// Texts that look like numbers.
fn numbers() -> impl Strategy<Value = Vec<u8>> {
    let likely =
        "['=\"]{0,2}(\\+|00|0|\\+91|91|\\+971)?[ -]?[0-9०-९٠-٩ .()-]{4,14}(/|\\.0|x|E)?[0-9]{0,3}";
    prop_oneof![
        likely.prop_map(String::into_bytes),
        "\\PC{0,20}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..30),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_rows_in_order_or_an_error_with_a_remedy(data in lists()) {
        bodies::rows(&data);
    }

    #[test]
    fn any_text_is_the_number_it_shows_or_none(data in numbers()) {
        bodies::number(&data);
    }
}
