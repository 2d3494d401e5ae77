//! What exocamp makes of phone cells: one JSON string per line in, a number or the name of its refusal per line out.
//!
//! Refuses a line that is no JSON string. Nothing is stored; `tests/phonenumbers/compare.py` compares the verdicts with another
//! program's.

use std::io::{self, BufRead, Write};

use exocamp::domain::phone::PhoneNumber;

fn main() -> io::Result<()> {
    let mut verdicts = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let cell: String = serde_json::from_str(&line?)?;
        match PhoneNumber::parse(&cell) {
            Ok(number) => writeln!(verdicts, "{number}")?,
            Err(refused) => writeln!(verdicts, "{}", refused.name())?,
        }
    }
    verdicts.flush()
}
