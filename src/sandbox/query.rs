//! The query of the bulk list: what a client asks for, and the addresses of the other pages.

use axum::extract::Query;
use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::form::Fields;
use super::listing::{Cursor, ListFilter, Order, Page};
use super::wire;

/// Returns the parameters of a query.
///
/// A bare `;` parts them as `&` does, which old servers do and which cuts a date filter in two unless it is encoded.
pub(super) fn parameters(uri: &Uri) -> Result<Fields, Refusal> {
    let query = uri.query().unwrap_or_default().replace(';', "&");
    let unreadable = || Refusal::invalid("Invalid parameter");
    let uri = format!("/?{query}").parse().map_err(|_| unreadable())?;
    Query::<Fields>::try_from_uri(&uri)
        .map(|Query(fields)| fields)
        .map_err(|_| unreadable())
}

/// Returns the filter that these parameters make.
pub(super) fn filter(parameters: &Fields) -> Result<ListFilter, Refusal> {
    let mut filter = ListFilter::default();
    for (name, value) in parameters {
        match name.as_str() {
            "Sid" => filter.sids = list(value),
            "From" => filter.from = list(value),
            "To" => filter.to = list(value),
            "PhoneNumber" => filter.phone_number = list(value),
            "Status" => filter.status = Some(value.clone()),
            "Direction" => filter.direction = Some(value.clone()),
            "DateCreated" => date_created(&mut filter, value)?,
            "PageSize" => {
                let size = value.parse();
                filter.page_size =
                    Some(size.map_err(|_| Refusal::invalid("PageSize must be a number"))?);
            }
            "SortBy" => filter.order = order(value)?,
            "After" => filter.cursor = Some(Cursor::After(place(value)?)),
            "Before" => filter.cursor = Some(Cursor::Before(place(value)?)),
            // To ignore a filter would be a wrong answer, so what this list cannot filter by is refused. Twilio's way
            // of writing a range (`StartTime>=…`) is refused by the real one as well.
            "Duration" | "Price" => {
                return Err(Refusal::invalid(&format!(
                    "{name} is not supported by the sandbox"
                )));
            }
            name if name.starts_with("StartTime") || name.starts_with("EndTime") => {
                return Err(Refusal::invalid("Invalid parameter"));
            }
            _ => {}
        }
    }
    Ok(filter)
}

/// Returns the list's `Metadata`: figures, and the addresses of the other pages relative to the host.
pub(super) fn metadata(
    account: &str,
    parameters: &Fields,
    filter: &ListFilter,
    page: &Page,
) -> Value {
    let uri = |cursor: Option<Cursor>| {
        let mut parameters = parameters.clone();
        parameters.retain(|(name, _)| name != "After" && name != "Before");
        match cursor {
            Some(Cursor::After(place)) => parameters.push(("After".to_owned(), opaque(place))),
            Some(Cursor::Before(place)) => parameters.push(("Before".to_owned(), opaque(place))),
            None => {}
        }
        let path = format!("/v1/Accounts/{account}/Calls.json");
        let url = reqwest::Url::parse_with_params("http://sandbox", &parameters);
        let query = url
            .ok()
            .and_then(|url| url.query().map(|query| format!("?{query}")));
        format!("{path}{}", query.unwrap_or_default())
    };
    // On the last page both spellings of "no more" occur.
    let no_more = if page.total.is_multiple_of(2) {
        Value::Null
    } else {
        json!("")
    };
    json!({
        "Total": page.total,
        "PageSize": filter.page_size(),
        "FirstPageUri": uri(None),
        "PrevPageUri": page.previous.map(|cursor| uri(Some(cursor))),
        "NextPageUri": page.next.map_or(no_more, |cursor| json!(uri(Some(cursor)))),
    })
}

fn list(value: &str) -> Vec<String> {
    value
        .split(',')
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect()
}

/// Reads `gte:2025-12-24 00:00:00;lte:2025-12-24 23:59:59`, on an Indian clock.
fn date_created(filter: &mut ListFilter, value: &str) -> Result<(), Refusal> {
    for bound in value.split(';') {
        let (relation, date) = bound.split_once(':').ok_or_else(bad_date)?;
        let at = Some(timestamp(date)?);
        match relation {
            "gte" => filter.created_from = at,
            "lte" => filter.created_to = at,
            "eq" => (filter.created_from, filter.created_to) = (at, at),
            _ => return Err(bad_date()),
        }
    }
    Ok(())
}

fn timestamp(date: &str) -> Result<Timestamp, Refusal> {
    let date = DateTime::strptime("%Y-%m-%d %H:%M:%S", date).map_err(|_| bad_date())?;
    wire::india().to_timestamp(date).map_err(|_| bad_date())
}

fn bad_date() -> Refusal {
    Refusal::invalid("DateCreated must be like gte:2025-12-24 00:00:00;lte:2025-12-24 23:59:59")
}

fn order(value: &str) -> Result<Order, Refusal> {
    match value {
        "DateCreated:desc" => Ok(Order::NewestFirst),
        "DateCreated:asc" => Ok(Order::OldestFirst),
        _ => Err(Refusal::invalid(
            "SortBy must be DateCreated:asc or DateCreated:desc",
        )),
    }
}

fn opaque(place: usize) -> String {
    URL_SAFE_NO_PAD.encode(place.to_string())
}

fn place(cursor: &str) -> Result<usize, Refusal> {
    let text = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let place = text.and_then(|text| text.parse().ok());
    place.ok_or_else(|| Refusal::invalid("After and Before must be copied from a page address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &str) -> Result<ListFilter, Refusal> {
        let uri = format!("/v1/Accounts/exampleco1/Calls.json?{query}")
            .parse()
            .unwrap();
        filter(&parameters(&uri)?)
    }

    #[test]
    fn dates_are_read_on_an_indian_clock() {
        let filter =
            parsed("DateCreated=gte%3A2025-12-24%2000%3A00%3A00%3Blte%3A2025-12-24+23%3A59%3A59")
                .unwrap();
        assert_eq!(
            filter.created_from.unwrap().to_string(),
            "2025-12-23T18:30:00Z"
        );
        assert_eq!(
            filter.created_to.unwrap().to_string(),
            "2025-12-24T18:29:59Z"
        );
    }

    #[test]
    fn an_unencoded_semicolon_cuts_a_date_filter_in_two() {
        let query = "DateCreated=gte:2025-12-24%2000:00:00;lte:2025-12-24%2023:59:59";
        assert_eq!(parsed(query).unwrap().created_to, None);
    }

    #[test]
    fn what_cannot_be_understood_is_refused_by_name() {
        let cases = [
            "PageSize=many",
            "DateCreated=yesterday",
            "DateCreated=after:2025-12-24%2000:00:00",
            "SortBy=Price:asc",
            "After=%21",
            "Duration=gte:10s",
            "StartTime%3E=2025-12-24",
        ];
        let said = cases.map(|query| parsed(query).unwrap_err().message);
        insta::assert_snapshot!(said.join("\n"), @r"
        PageSize must be a number
        DateCreated must be like gte:2025-12-24 00:00:00;lte:2025-12-24 23:59:59
        DateCreated must be like gte:2025-12-24 00:00:00;lte:2025-12-24 23:59:59
        SortBy must be DateCreated:asc or DateCreated:desc
        After and Before must be copied from a page address
        Duration is not supported by the sandbox
        Invalid parameter
        ");
    }
}
