//! How a list is read: what was typed → what the reader needs.

use encoding_rs::Encoding;

use crate::cli::args;
use crate::cli::failure::{Exit, Failure};
use crate::cli::workspace::Workspace;
use crate::domain::campaign::caller_ids;
use crate::domain::phone::{Country, PhoneRules, SplitNumbers, UnknownCountry};
use crate::import::{Header, Options};

/// Returns how to read a list of people to call: the ExoPhones of the workspace are none of them.
pub(in crate::cli) fn of_contacts(
    workspace: &Workspace,
    typed: &args::Reading,
) -> Result<Options, Failure> {
    let mut options = options(typed)?;
    let own = workspace
        .config
        .text("EXOTEL_CALLER_ID")
        .and_then(|text| caller_ids(text).ok());
    options.rules.own = own.unwrap_or_default();
    Ok(options)
}

/// Returns how to read a list, as far as the command line says.
pub(in crate::cli) fn options(typed: &args::Reading) -> Result<Options, Failure> {
    let encoding = typed.encoding.as_deref().map(encoding).transpose()?;
    let delimiter = typed.delimiter.as_deref().map(delimiter).transpose()?;
    let countries = typed
        .country
        .iter()
        .map(|name| country(name))
        .collect::<Result<_, _>>()?;
    Ok(Options {
        columns: typed.map.clone().unwrap_or_default(),
        header: match typed.no_header {
            true => Header::Missing,
            false => Header::First,
        },
        encoding,
        delimiter,
        sheet: typed.sheet.clone(),
        rules: PhoneRules {
            countries,
            own: Vec::new(),
            split: match typed.split_numbers {
                None => SplitNumbers::Refuse,
                Some(args::Split::First) => SplitNumbers::First,
                Some(args::Split::Both) => SplitNumbers::Both,
            },
        },
    })
}

fn encoding(name: &str) -> Result<&'static Encoding, Failure> {
    Encoding::for_label(name.trim().as_bytes()).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("`{name}` is no encoding that is known"),
        )
        .hint("try `--encoding windows-1252`, `utf-16le`, `utf-16be` or `utf-8`")
    })
}

fn delimiter(sign: &str) -> Result<u8, Failure> {
    match sign {
        "comma" | "," => Ok(b','),
        "semicolon" | ";" => Ok(b';'),
        "tab" | "\t" | "\\t" => Ok(b'\t'),
        "pipe" | "|" => Ok(b'|'),
        _ => Err(
            Failure::new(Exit::Usage, format!("`{sign}` separates no columns"))
                .hint("the signs are comma, semicolon, tab and pipe"),
        ),
    }
}

fn country(name: &str) -> Result<Country, Failure> {
    name.parse().map_err(|error: UnknownCountry| {
        Failure::new(Exit::Usage, error.to_string()).hint(error.hint())
    })
}
