//! A cell → its text, as a person would type it into a list.
//!
//! Numbers lose nothing that the spreadsheet has kept: whole ones have all their digits and no fraction, the others the 15
//! digits a spreadsheet shows; none is ever in scientific notation. How a number is formatted is not looked at, except to
//! tell dates and times from other numbers, so a column that shows 9.88E+09 is read as the number behind it. A text is
//! what it is: one that says 9.88E+09 has lost its number already.

use std::fmt::Write as _;

use calamine::{DataType, ExcelDateTime, XlsxFormulaMetadata};

/// The day after the last one that has a date, 9999-12-31.
const DAYS: f64 = 2_958_466.0;

/// Writes a cell's value; nothing for an empty cell.
pub(super) fn write(cell: &impl DataType, text: &mut String) {
    if let Some(value) = cell.get_string() {
        text.push_str(value);
    } else if let Some(value) = cell.get_float() {
        write_number(value, text);
    } else if let Some(value) = cell.get_int() {
        put(text, format_args!("{value}"));
    } else if let Some(value) = cell.get_bool() {
        text.push_str(if value { "TRUE" } else { "FALSE" });
    } else if let Some(value) = cell.get_datetime() {
        write_moment(value, text);
    } else if let Some(value) = cell.get_datetime_iso() {
        write_iso(value, text);
    } else if let Some(value) = cell.get_duration_iso() {
        match clock_of(value) {
            Some(clock) => text.push_str(&clock),
            None => text.push_str(value),
        }
    } else if let Some(error) = cell.get_error() {
        put(text, format_args!("{error}"));
    }
}

/// Writes a formula without a value, so that its cell does not pass for an empty one.
pub(super) fn write_formula(formula: &XlsxFormulaMetadata, text: &mut String) {
    text.push('=');
    match formula {
        XlsxFormulaMetadata::Normal { formula } | XlsxFormulaMetadata::Shared { formula, .. } => {
            text.push_str(formula);
        }
        // A copy of another cell's formula, or a kind we do not know.
        _ => {}
    }
}

fn write_number(value: f64, text: &mut String) {
    let value = match value.fract() == 0.0 {
        // No sign before a zero.
        true => value + 0.0,
        // 0.1 + 0.2 is 0.3 to whoever looks at it.
        false => format!("{value:.14e}").parse().unwrap_or(value),
    };
    put(text, format_args!("{value}"));
}

/// Writes a number that is formatted as a date, a time or a length of time.
fn write_moment(moment: ExcelDateTime, text: &mut String) {
    let days = moment.as_f64();
    if moment.is_duration() {
        let seconds = (days.abs() * 86_400.0).round();
        let sign = if days < 0.0 { "-" } else { "" };
        let (hours, minutes) = ((seconds / 3_600.0).floor(), (seconds / 60.0).floor() % 60.0);
        let seconds = seconds % 60.0;
        return put(
            text,
            format_args!("{sign}{hours}:{minutes:02}:{seconds:02}"),
        );
    }
    if !(0.0..DAYS).contains(&days) {
        // Shown as `########`. Somebody's number under the wrong format, most likely.
        return write_number(days, text);
    }
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let is_day = (hour, minute, second, milli) == (0, 0, 0, 0);
    if days >= 1.0 {
        put(text, format_args!("{year:04}-{month:02}-{day:02}"));
    }
    if days >= 1.0 && !is_day {
        text.push(' ');
    }
    if days < 1.0 || !is_day {
        put(text, format_args!("{hour:02}:{minute:02}:{second:02}"));
        if milli > 0 {
            put(text, format_args!(".{milli:03}"));
        }
    }
}

/// Writes `2026-11-22T10:30:00` as the other moments are written.
fn write_iso(moment: &str, text: &mut String) {
    let moment = match moment.contains('.') {
        true => moment.trim_end_matches('0').trim_end_matches('.'),
        false => moment,
    };
    match moment.split_once('T') {
        Some((day, "00:00:00")) => text.push_str(day),
        Some((day, time)) => put(text, format_args!("{day} {time}")),
        None => text.push_str(moment),
    }
}

/// Reads `PT10H30M00S`, as ODS has times and lengths of time.
fn clock_of(duration: &str) -> Option<String> {
    let (hours, rest) = duration.strip_prefix("PT")?.split_once('H')?;
    let (minutes, rest) = rest.split_once('M')?;
    let seconds = rest.strip_suffix('S')?;
    let (seconds, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
    let fraction = fraction.trim_end_matches('0');
    let numbers: [u32; 3] = [
        hours.parse().ok()?,
        minutes.parse().ok()?,
        seconds.parse().ok()?,
    ];
    let [hours, minutes, seconds] = numbers;
    let mut clock = format!("{hours:02}:{minutes:02}:{seconds:02}");
    if !fraction.is_empty() {
        put(&mut clock, format_args!(".{fraction}"));
    }
    Some(clock)
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use calamine::{CellErrorType, Data, ExcelDateTimeType};

    use super::*;

    fn text(cell: &Data) -> String {
        let mut text = String::new();
        write(cell, &mut text);
        text
    }

    fn moment(days: f64, kind: ExcelDateTimeType, is_1904: bool) -> Data {
        Data::DateTime(ExcelDateTime::new(days, kind, is_1904))
    }

    #[test]
    fn numbers_keep_their_digits_and_gain_no_fraction() {
        let cases = [
            (9_876_500_001.0, "9876500001"),
            (919_876_500_001.0, "919876500001"),
            (999_999_999_999_999.0, "999999999999999"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1e21, "1000000000000000000000"),
            (0.0, "0"),
            (-0.0, "0"),
            (-12.0, "-12"),
            (1234.5, "1234.5"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.333333333333333"),
            (1e-7, "0.0000001"),
            (9_876_500_001.25, "9876500001.25"),
        ];
        for (number, expected) in cases {
            assert_eq!(text(&Data::Float(number)), expected);
        }
        assert_eq!(text(&Data::Int(9_876_500_001)), "9876500001");
    }

    #[test]
    fn dates_and_times_are_written_as_iso_has_them() {
        use ExcelDateTimeType::{DateTime, TimeDelta};
        let cases = [
            (46_348.0, DateTime, false, "2026-11-22"),
            (44_886.0, DateTime, true, "2026-11-22"),
            (46_348.437_5, DateTime, false, "2026-11-22 10:30:00"),
            (46_348.999_999_999, DateTime, false, "2026-11-23"),
            (0.4375, DateTime, false, "10:30:00"),
            (0.0, DateTime, false, "00:00:00"),
            (0.437_502_893_518_518_5, DateTime, false, "10:30:00.250"),
            (1.0, DateTime, false, "1900-01-01"),
            (60.0, DateTime, false, "1900-02-29"),
            (61.0, DateTime, false, "1900-03-01"),
            (2_958_465.0, DateTime, false, "9999-12-31"),
            (9_876_500_001.0, DateTime, false, "9876500001"),
            (-1.0, DateTime, false, "-1"),
            (1.5625, TimeDelta, false, "37:30:00"),
            (-0.0625, TimeDelta, false, "-1:30:00"),
        ];
        for (days, kind, is_1904, expected) in cases {
            assert_eq!(text(&moment(days, kind, is_1904)), expected, "{days}");
        }
        for (iso, expected) in [
            ("2026-11-22", "2026-11-22"),
            ("2026-11-22T10:30:00", "2026-11-22 10:30:00"),
            ("2026-11-22T10:30:00.500000000", "2026-11-22 10:30:00.5"),
            ("2026-11-22T00:00:00.000", "2026-11-22"),
        ] {
            assert_eq!(text(&Data::DateTimeIso(iso.to_owned())), expected);
        }
        for (iso, expected) in [
            ("PT10H30M00S", "10:30:00"),
            ("PT37H05M01.500S", "37:05:01.5"),
            ("P1DT2H", "P1DT2H"),
        ] {
            assert_eq!(text(&Data::DurationIso(iso.to_owned())), expected);
        }
    }

    #[test]
    fn other_cells_say_what_they_show() {
        assert_eq!(text(&Data::Bool(true)), "TRUE");
        assert_eq!(text(&Data::Bool(false)), "FALSE");
        assert_eq!(text(&Data::Error(CellErrorType::NA)), "#N/A");
        assert_eq!(text(&Data::Error(CellErrorType::Ref)), "#REF!");
        assert_eq!(text(&Data::Empty), "");
        for kept in ["9.88E+09", " a\nb ", "'x", "=1+1"] {
            assert_eq!(text(&Data::String(kept.to_owned())), kept);
        }
    }
}
