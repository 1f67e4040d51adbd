use super::*;

#[test]
fn times_are_read_and_written_in_utc() {
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("2024-02-29T23:59:59+02:00", "2024-02-29T21:59:59Z"),
        ("2024-02-29T23:59:59.999-01:30", "2024-03-01T01:29:59Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ] {
        let time = Time::parse(text).unwrap();
        assert_eq!(time.rfc3339().as_deref(), Some(expected), "{text}");
    }
    let time = Time::parse_micros("2024-01-01T00:00:00.123456Z").unwrap();
    assert_eq!(
        time.rfc3339_micros().as_deref(),
        Some("2024-01-01T00:00:00.123456Z")
    );
}

#[test]
fn errors_are_those_of_go() {
    let seconds = "2006-01-02T15:04:05Z07:00";
    for (text, expected) in [
        (
            "x",
            format!("parsing time \"x\" as \"{seconds}\": cannot parse \"x\" as \"2006\""),
        ),
        (
            "",
            format!("parsing time \"\" as \"{seconds}\": cannot parse \"\" as \"2006\""),
        ),
        (
            "2024-01-01",
            format!("parsing time \"2024-01-01\" as \"{seconds}\": cannot parse \"\" as \"T\""),
        ),
        (
            "2024-13-01T00:00:00Z",
            "parsing time \"2024-13-01T00:00:00Z\": month out of range".into(),
        ),
        (
            "2023-02-29T00:00:00Z",
            "parsing time \"2023-02-29T00:00:00Z\": day out of range".into(),
        ),
        (
            "2023-02-28T00:00:00Zx",
            "parsing time \"2023-02-28T00:00:00Zx\": extra text: \"x\"".into(),
        ),
    ] {
        assert_eq!(Time::parse(text), Err(expected), "{text}");
    }
    assert_eq!(
        Time::parse_micros("2024-01-01T00:00:00Z").unwrap_err(),
        "parsing time \"2024-01-01T00:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": \
         cannot parse \"Z\" as \".000000\""
    );
}

#[test]
fn durations_are_those_of_go() {
    for (text, nanos, printed) in [
        ("0", 0, "0s"),
        ("1h", 3_600_000_000_000, "1h0m0s"),
        ("1m30.5s", 90_500_000_000, "1m30.5s"),
        ("1.5ms", 1_500_000, "1.5ms"),
        ("-2us", -2_000, "-2µs"),
        ("1ns", 1, "1ns"),
    ] {
        assert_eq!(parse_duration(text), Ok(nanos), "{text}");
        assert_eq!(duration(nanos), printed);
    }
    assert_eq!(
        parse_duration("1"),
        Err("time: missing unit in duration \"1\"".into())
    );
    assert_eq!(
        parse_duration("x"),
        Err("time: invalid duration \"x\"".into())
    );
    assert_eq!(
        parse_duration("1y"),
        Err("time: unknown unit \"y\" in duration \"1y\"".into())
    );
}

proptest::proptest! {
    #[test]
    fn what_is_written_is_read(seconds in FIRST..END) {
        let time = Time { seconds, nanos: 0 };
        proptest::prop_assert_eq!(Time::parse(&time.rfc3339().unwrap()), Ok(time));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        drop(Time::parse(&text));
        drop(parse_duration(&text));
    }

    #[test]
    fn durations_are_read_back(nanos: i64) {
        proptest::prop_assert_eq!(parse_duration(&duration(nanos)), Ok(nanos));
    }
}
