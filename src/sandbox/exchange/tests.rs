//! The exchange by itself, in a time that the tests make up.

use std::collections::HashMap;

use super::*;
use crate::sandbox::listing::{Cursor, Order};
use crate::sandbox::{Delivery, Fault};

/// Returns a moment some seconds after all these tests begin.
fn at(seconds: f64) -> Timestamp {
    let start: Timestamp = "2025-12-24T05:50:01Z".parse().unwrap();
    start + SignedDuration::from_secs_f64(seconds)
}

fn call_to(from: &str) -> Placement {
    Placement {
        from: from.to_owned(),
        caller_id: "08098765000".to_owned(),
        url: "http://my.exotel.com/exampleco1/exoml/start_voice/112233".to_owned(),
        ..Placement::default()
    }
}

/// Returns a script whose calls take two seconds.
fn two_seconds() -> Script {
    Script {
        hold: "2s".parse().unwrap(),
        ..Script::default()
    }
}

fn with_fates(rules: &[&str]) -> Exchange {
    let fates = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    Exchange::new(Script {
        fates,
        ..two_seconds()
    })
}

fn with_faults(faults: &[&str]) -> Script {
    let faults = faults
        .iter()
        .map(|fault| fault.parse::<Fault>().unwrap())
        .collect();
    Script {
        faults,
        ..two_seconds()
    }
}

fn accepted(exchange: &mut Exchange, now: Timestamp, from: &str) -> String {
    exchange
        .place(now, &call_to(from))
        .sid()
        .unwrap()
        .to_owned()
}

fn refused(answer: Answer) -> (u16, String, Option<u32>) {
    match answer.placed {
        Placed::Refused(refusal) => (refusal.status, refusal.message, refusal.code),
        other => panic!("not refused: {other:?}"),
    }
}

/// Returns the list's Sids, oldest first.
fn listed(exchange: &mut Exchange, now: Timestamp, filter: ListFilter) -> Vec<String> {
    let filter = ListFilter {
        order: Order::OldestFirst,
        ..filter
    };
    let page = exchange.list(now, &filter).unwrap();
    page.rows.into_iter().map(|call| call.sid).collect()
}

#[test]
fn the_same_calls_give_the_same_story() {
    let story = |seed| {
        let faults = with_faults(&["lost-reply=10%", "503=10%", "duplicate-callback=20%"]);
        let mut exchange = Exchange::new(Script { seed, ..faults });
        for nth in 0..200 {
            exchange.place(
                at(f64::from(nth)),
                &call_to(&format!("098765{:05}", nth % 50)),
            );
        }
        exchange.calls().to_vec()
    };
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
}

#[test]
fn the_order_of_arrival_does_not_change_anybodys_fate() {
    let numbers: Vec<_> = (0..200)
        .map(|nth| format!("098765{:05}", nth % 100))
        .collect();
    let fates = |order: &mut dyn Iterator<Item = &String>| {
        let script = with_faults(&["lost-request=20%", "truncated=20%"]);
        let mut exchange = Exchange::new(Script {
            hold: "1s..9s".parse().unwrap(),
            ..script
        });
        let mut fates: HashMap<String, Vec<_>> = HashMap::new();
        for number in order {
            let answer = exchange.place(at(0.0), &call_to(number));
            let call = answer.sid().and_then(|sid| exchange.call(sid));
            let fate = call.map(|call| (call.outcome, call.ends_at));
            fates.entry(number.clone()).or_default().push(fate);
        }
        fates
    };
    assert_eq!(fates(&mut numbers.iter()), fates(&mut numbers.iter().rev()));
}

#[test]
fn a_repeated_call_to_a_number_can_end_differently() {
    let mut exchange = Exchange::new(Script::default());
    for _ in 0..50 {
        exchange.place(at(0.0), &call_to("09876543210"));
    }
    let first = exchange.calls()[0].outcome;
    assert!(exchange.calls().iter().any(|call| call.outcome != first));
}

#[test]
fn a_call_is_in_progress_until_its_end_and_gets_its_price_later() {
    let mut exchange = with_fates(&["0=completed"]);
    let sid = accepted(&mut exchange, at(0.0), "+919876543210");
    let mut seen = |seconds| {
        let call = exchange.details(at(seconds), &sid).unwrap();
        (
            call.status(),
            call.end.map(|end| (end.duration_s, end.price_thousandths)),
        )
    };
    assert_eq!(seen(0.0), ("in-progress", None));
    assert_eq!(seen(1.999), ("in-progress", None));
    assert_eq!(seen(2.0), ("completed", Some((2, None))));
    assert_eq!(seen(4.0), ("completed", Some((2, Some(600)))));
}

#[test]
fn the_talk_limit_bounds_a_conversation_and_the_ring_time_an_unanswered_call() {
    let script = Script {
        hold: "90s".parse().unwrap(),
        ..Script::default()
    };
    let fates = ["1=completed", "2=no-answer", "3=busy"].map(|rule| rule.parse().unwrap());
    let mut exchange = Exchange::new(Script {
        fates: fates.to_vec(),
        ..script
    });
    for from in ["09876543211", "09876543212", "09876543213"] {
        let limits = Placement {
            time_limit: Some(60),
            time_out: Some(30),
            ..call_to(from)
        };
        exchange.place(at(0.0), &limits);
    }
    let lengths: Vec<_> = exchange
        .calls()
        .iter()
        .map(|call| (call.ends_at, call.duration_s))
        .collect();
    assert_eq!(lengths, [(at(60.0), 60), (at(30.0), 0), (at(90.0), 0)]);
}

#[test]
fn the_list_hides_live_calls_and_shows_ended_ones_after_the_lag() {
    let script = Script {
        list_lag: Duration::from_secs(5),
        ..two_seconds()
    };
    let mut exchange = Exchange::new(script);
    let sid = accepted(&mut exchange, at(0.0), "09876543210");
    let filter = || ListFilter {
        sids: vec![sid.clone()],
        ..ListFilter::default()
    };
    assert!(listed(&mut exchange, at(1.0), filter()).is_empty());
    assert!(listed(&mut exchange, at(6.9), filter()).is_empty());
    assert_eq!(
        listed(&mut exchange, at(7.0), filter()),
        std::slice::from_ref(&sid)
    );
}

#[test]
fn the_list_filters_by_name_number_phone_outcome_and_second() {
    let mut exchange = with_fates(&["1=busy", "2=completed"]);
    let busy = accepted(&mut exchange, at(0.5), "09876543211");
    let completed = accepted(&mut exchange, at(10.5), "09876543212");
    let mut find = |filter| listed(&mut exchange, at(60.0), filter);
    let none = ListFilter::default;
    let both = [busy.clone(), completed.clone()];

    assert_eq!(find(none()), both);
    assert_eq!(
        find(ListFilter {
            sids: vec![completed.clone(), "other".into()],
            ..none()
        }),
        both[1..]
    );
    let spellings = vec!["+919876543211".into(), "09876543211".into()];
    assert_eq!(
        find(ListFilter {
            from: spellings,
            ..none()
        }),
        both[..1]
    );
    assert_eq!(
        find(ListFilter {
            phone_number: vec!["+918098765000".into()],
            ..none()
        }),
        both
    );
    assert!(
        find(ListFilter {
            to: vec!["08098765001".into()],
            ..none()
        })
        .is_empty()
    );
    assert_eq!(
        find(ListFilter {
            status: Some("busy".into()),
            ..none()
        }),
        both[..1]
    );
    assert!(
        find(ListFilter {
            direction: Some("inbound".into()),
            ..none()
        })
        .is_empty()
    );
    // Seconds have no parts: a call accepted half a second into the last one is in the window.
    assert_eq!(
        find(ListFilter {
            created_to: Some(at(0.0)),
            ..none()
        }),
        both[..1]
    );
    assert_eq!(
        find(ListFilter {
            created_from: Some(at(10.0)),
            ..none()
        }),
        both[1..]
    );
}

#[test]
fn a_filter_that_makes_no_sense_is_refused() {
    let mut exchange = Exchange::new(Script::default());
    let none = ListFilter::default;
    let month = SignedDuration::from_hours(24 * 33);
    let said = [
        ListFilter {
            sids: vec!["a".into(); 101],
            ..none()
        },
        ListFilter {
            from: vec!["09876543210".into(); 6],
            ..none()
        },
        ListFilter {
            page_size: Some(101),
            ..none()
        },
        ListFilter {
            status: Some("busy,failed".into()),
            ..none()
        },
        ListFilter {
            direction: Some("outbound".into()),
            ..none()
        },
        ListFilter {
            created_from: Some(at(0.0) - month),
            ..none()
        },
    ]
    .map(|filter| exchange.list(at(0.0), &filter).unwrap_err().message);
    insta::assert_snapshot!(said.join("\n"), @r"
    Sid: at most 100 values are allowed
    From: at most 5 values are allowed
    PageSize must be between 1 and 100
    Status must be a single value
    Direction must be one of inbound, outbound-dial, outbound-api
    DateCreated must not span more than a month
    ");
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat_in_both_orders_and_directions() {
    let mut exchange = Exchange::new(two_seconds());
    let mut sids: Vec<_> = (0..7)
        .map(|nth| {
            accepted(
                &mut exchange,
                at(f64::from(nth)),
                &format!("0987654321{nth}"),
            )
        })
        .collect();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut filter = ListFilter {
            page_size: Some(3),
            order,
            ..ListFilter::default()
        };
        let mut pages = Vec::new();
        loop {
            let page = exchange.list(at(60.0), &filter).unwrap();
            assert_eq!(page.total, 7);
            filter.cursor = page.next;
            pages.push(page);
            if filter.cursor.is_none() {
                break;
            }
        }
        let seen: Vec<_> = pages
            .iter()
            .flat_map(|page| &page.rows)
            .map(|row| &row.sid)
            .collect();
        assert_eq!(seen, sids.iter().collect::<Vec<_>>());

        assert_eq!(pages[0].previous, None);
        filter.cursor = pages[2].previous;
        assert!(matches!(filter.cursor, Some(Cursor::Before(_))));
        assert_eq!(
            exchange.list(at(60.0), &filter).unwrap().rows,
            pages[1].rows
        );
        sids.reverse();
    }
}

#[test]
fn the_rate_limit_counts_every_request_in_any_sixty_seconds() {
    let mut exchange = Exchange::new(Script {
        rate_limit: Some(3),
        ..two_seconds()
    });
    let sid = accepted(&mut exchange, at(0.0), "09876543210");
    exchange.details(at(10.0), &sid).unwrap();
    exchange.list(at(20.0), &ListFilter::default()).unwrap();

    let refusal = exchange.details(at(30.5), &sid).unwrap_err();
    assert_eq!((refusal.status, refusal.retry_after_s), (429, Some(30)));
    assert_eq!(
        refused(exchange.place(at(59.9), &call_to("09876543211"))).0,
        429
    );
    exchange.details(at(60.5), &sid).unwrap();
    assert_eq!(exchange.details(at(61.0), &sid).unwrap_err().status, 429);
    assert_eq!(exchange.calls().len(), 1);
}

#[test]
fn a_call_above_the_lines_is_refused_until_one_has_ended() {
    let mut exchange = Exchange::new(Script {
        lines: Some(2),
        ..two_seconds()
    });
    accepted(&mut exchange, at(0.0), "09876543210");
    accepted(&mut exchange, at(1.0), "09876543211");
    let busy = exchange.place(at(1.5), &call_to("09876543212"));
    assert_eq!(
        refused(busy),
        (503, "Service Unavailable; ".into(), Some(35008))
    );
    assert_eq!(exchange.live(at(1.5)), 2);
    accepted(&mut exchange, at(2.0), "09876543212");
    assert_eq!(exchange.live(at(2.0)), 2);
    assert_eq!(exchange.live(at(4.0)), 0);
}

#[test]
fn every_outcome_can_be_a_numbers_fate() {
    for outcome in Outcome::ALL {
        let mut exchange = with_fates(&[&format!("210={outcome}")]);
        accepted(&mut exchange, at(0.0), "09876543210");
        assert_eq!(exchange.calls()[0].outcome, outcome);
    }
}

#[test]
fn every_trouble_does_what_its_name_says() {
    let story = Trouble::ALL.map(|(name, _)| {
        let mut exchange = with_fates(&[&format!("210={name}")]);
        let answer = exchange.place(at(0.0), &call_to("09876543210"));
        let heard = match answer.placed {
            Placed::Accepted { delivery, .. } => format!("{delivery:?}"),
            Placed::Refused(refusal) => format!("{} {}", refusal.status, refusal.message),
            Placed::RefusedIn200(refusal) => format!("200 around {}", refusal.status),
            other => format!("{other:?}"),
        };
        let calls = exchange.calls().len();
        format!("{name}: {calls} placed, {heard}, after {:?}", answer.after)
    });
    insta::assert_snapshot!(story.join("\n"), @r"
    ndnc: 0 placed, 403 Call to [09876543210] cannot be made because of TRAI NDNC regulations, after 0ns
    bad-number: 0 placed, 400 From number 09876543210 is invalid, after 0ns
    refused: 0 placed, 400 Invalid parameter, after 0ns
    kyc: 0 placed, 403 Your account is not yet KYC compliant, after 0ns
    balance: 0 placed, 402 Insufficient balance, after 0ns
    lost-reply: 1 placed, Cut, after 0ns
    lost-request: 0 placed, Cut, after 0ns
    429: 0 placed, 429 Too many requests, after 0ns
    503: 0 placed, GatewayError, after 0ns
    503-placed: 1 placed, GatewayError, after 0ns
    unavailable: 0 placed, 503 Service Unavailable; , after 0ns
    truncated: 1 placed, Truncated, after 0ns
    xml: 1 placed, Xml, after 0ns
    slow: 1 placed, Whole, after 45s
    error-in-200: 0 placed, 200 around 400, after 0ns
    redirect: 0 placed, Redirected, after 0ns
    ");
}

#[test]
fn troubles_by_chance_come_and_go_and_spare_numbers_with_a_fate() {
    let fates = vec!["9=completed".parse().unwrap()];
    let mut exchange = Exchange::new(Script {
        fates,
        ..with_faults(&["lost-request=50%"])
    });
    for _ in 0..100 {
        exchange.place(at(0.0), &call_to("09876543210"));
        exchange.place(at(0.0), &call_to("09876543219"));
    }
    let calls = |number| {
        exchange
            .calls()
            .iter()
            .filter(|call| call.number == number)
            .count()
    };
    assert!(
        (30..70).contains(&calls("9876543210")),
        "{}",
        calls("9876543210")
    );
    assert_eq!(calls("9876543219"), 100);
}

#[test]
fn a_request_that_makes_no_sense_is_refused_by_the_name_of_the_field() {
    let mut exchange = Exchange::new(Script::default()).with_exophone("+918098765000");
    let good = || call_to("09876543210");
    let said = [
        call_to("98765"),
        Placement {
            caller_id: String::new(),
            ..good()
        },
        Placement {
            caller_id: "08098765001".into(),
            ..good()
        },
        Placement {
            url: String::new(),
            ..good()
        },
        Placement {
            custom_field: Some("x".repeat(129)),
            ..good()
        },
        Placement {
            time_limit: Some(14_401),
            ..good()
        },
    ]
    .map(|placement| refused(exchange.place(at(0.0), &placement)))
    .map(|(status, message, code)| format!("{status} {message} {code:?}"));
    insta::assert_snapshot!(said.join("\n"), @r"
    400 From number 98765 is invalid Some(34001)
    400 CallerId  is not an ExoPhone of the account None
    400 CallerId 08098765001 is not an ExoPhone of the account None
    400 Mandatory parameter Url is missing None
    400 CustomField must not be longer than 128 characters None
    400 TimeLimit must not exceed 14400 None
    ");
    assert!(exchange.calls().is_empty());
    accepted(&mut exchange, at(0.0), "09876543210");
}

#[test]
fn an_address_that_is_no_flow_is_accepted_and_fails() {
    let flows = [
        "http://my.exotel.com/exampleco1/exoml/start_voice/112233",
        "https://my.in.exotel.com/exampleco1/exoml/start_voice/112233",
        "https://example.com/flow.xml",
        "http://my.exotel.com/exampleco1/exoml/start_voice/",
        "http://my.exotel.com.example.com/exampleco1/exoml/start_voice/112233",
    ];
    let mut exchange = with_fates(&["0=completed"]);
    for url in flows {
        exchange.place(
            at(0.0),
            &Placement {
                url: url.into(),
                ..call_to("09876543210")
            },
        );
    }
    let outcomes: Vec<_> = exchange
        .calls()
        .iter()
        .map(|call| call.outcome.as_str())
        .collect();
    assert_eq!(
        outcomes,
        ["completed", "completed", "failed", "failed", "failed"]
    );
}

#[test]
fn callbacks_fall_due_at_the_end_of_the_call_or_as_their_trouble_says() {
    let due_at = |faults: &[&str]| {
        let mut exchange = Exchange::new(with_faults(faults));
        let status_callback = Some("http://127.0.0.1/cb/7f3a9c".to_owned());
        exchange.place(
            at(0.0),
            &Placement {
                status_callback,
                ..call_to("09876543210")
            },
        );
        let mut due = Vec::new();
        while let Some(next_at) = exchange.next_callback_at() {
            let callbacks = exchange.callbacks_due(next_at);
            assert!(callbacks.iter().all(|callback| callback.call.end.is_some()));
            due.extend(callbacks.into_iter().map(|callback| callback.due_at));
        }
        due
    };
    assert_eq!(due_at(&[]), [at(2.0)]);
    assert_eq!(due_at(&["late-callback=100%"]), [at(32.0)]);
    assert_eq!(due_at(&["duplicate-callback=100%"]), [at(2.0), at(3.0)]);
    assert!(due_at(&["missing-callback=100%"]).is_empty());
}

#[test]
fn a_number_with_the_fate_ndnc_is_registered_and_others_can_be() {
    let script = Script {
        dnd: vec!["77".parse().unwrap()],
        ..Script::default()
    };
    let fates = vec!["88=ndnc".parse().unwrap()];
    let exchange = Exchange::new(Script { fates, ..script });
    let numbers = ["+919876543277", "09876543288", "09876543210", "nobody"];
    let dnd = numbers.map(|number| exchange.is_dnd(number));
    assert_eq!(dnd, [Some(true), Some(true), Some(false), None]);
}

#[test]
fn a_clock_that_is_set_back_does_not_disturb_the_order() {
    let mut exchange = Exchange::new(two_seconds());
    let first = accepted(&mut exchange, at(100.0), "09876543210");
    let second = accepted(&mut exchange, at(0.0), "09876543211");
    assert_eq!(exchange.calls()[1].accepted_at, at(100.0));
    assert_eq!(
        listed(&mut exchange, at(200.0), ListFilter::default()),
        [first, second]
    );
}

#[test]
fn a_whole_and_a_lost_reply_are_about_the_same_call() {
    let mut whole = with_fates(&["0=completed"]);
    let script = Script {
        mix: "completed=1".parse().unwrap(),
        ..with_faults(&["lost-reply=1"])
    };
    let mut lost = Exchange::new(script);
    let heard = whole.place(at(0.0), &call_to("09876543210"));
    let unheard = lost.place(at(0.0), &call_to("09876543210"));
    let delivery = |answer: &Answer| match &answer.placed {
        Placed::Accepted { delivery, .. } => Some(*delivery),
        _ => None,
    };
    assert_eq!(delivery(&heard), Some(Delivery::Whole));
    assert_eq!(delivery(&unheard), Some(Delivery::Cut));
    assert_eq!(whole.calls(), lost.calls());
}
