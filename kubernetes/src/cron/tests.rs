use proptest::prelude::*;

use super::*;

fn next(schedule: &str, after: &str, zone: &str) -> String {
    let after: jiff::Timestamp = after.parse().unwrap();
    let schedule: Schedule = schedule.parse().unwrap();
    let next = schedule.next_after(
        Timestamp::from_secs(after.as_second()),
        &find_zone(zone).unwrap(),
    );
    let Some(next) = next else {
        return "never".to_owned();
    };
    jiff::Timestamp::from_second(next.as_secs())
        .unwrap()
        .to_string()
}

#[test]
fn the_next_time_is_that_of_cron() {
    for (schedule, after, wanted) in [
        ("* * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z"),
        (
            "*/15 * * * *",
            "2026-01-01T00:15:00Z",
            "2026-01-01T00:30:00Z",
        ),
        (
            "0 22 * * 1-5",
            "2026-11-20T22:00:00Z",
            "2026-11-23T22:00:00Z",
        ),
        (
            "0 0 13 * FRI",
            "2026-11-21T00:00:00Z",
            "2026-11-27T00:00:00Z",
        ),
        ("0 0 13 * *", "2026-11-21T00:00:00Z", "2026-12-13T00:00:00Z"),
        ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 0 30 2 *", "2026-01-01T00:00:00Z", "never"),
        (
            "23 0-20/2 * * *",
            "2026-01-01T20:23:00Z",
            "2026-01-02T00:23:00Z",
        ),
        (
            "5/20 * * * *",
            "2026-01-01T00:26:00Z",
            "2026-01-01T00:45:00Z",
        ),
        ("@hourly", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"),
        ("@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
        (
            "@every 1h30m",
            "2026-01-01T00:00:00Z",
            "2026-01-01T01:30:00Z",
        ),
        (
            "0 0 1 jan,JUL ?",
            "2026-01-01T00:00:00Z",
            "2026-07-01T00:00:00Z",
        ),
    ] {
        assert_eq!(next(schedule, after, "UTC"), wanted, "{schedule}");
    }
}

#[test]
fn clocks_that_change_leave_out_and_repeat() {
    let zone = "Europe/Berlin";
    // 2:30 does not exist on 29 March.
    let time = next("30 2 * * *", "2026-03-28T12:00:00Z", zone);
    assert_eq!(time, "2026-03-30T00:30:00Z");
    // 2:30 comes twice on 25 October.
    let first = next("30 2 * * *", "2026-10-24T12:00:00Z", zone);
    assert_eq!(first, "2026-10-25T00:30:00Z");
    assert_eq!(next("30 2 * * *", &first, zone), "2026-10-25T01:30:00Z");
    let second = next("0,30 2 * * *", "2026-10-25T00:30:00Z", zone);
    assert_eq!(second, "2026-10-25T01:00:00Z");
}

#[test]
fn bad_schedules_are_told_in_the_words_of_the_library() {
    for (schedule, why) in [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("@often", "unrecognized descriptor: @often"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        (
            "5-1 * * * *",
            "beginning of range (5) beyond end of range (1): 5-1",
        ),
        (
            "*/0 * * * *",
            "step of range should be a positive number: */0",
        ),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        (
            "a * * * *",
            "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax",
        ),
    ] {
        let error = schedule.parse::<Schedule>().unwrap_err();
        assert_eq!(error.to_string(), why);
    }
}

#[test]
fn time_zones_are_named_exactly() {
    assert!(find_zone("Europe/Berlin").is_some());
    assert!(find_zone("UTC").is_some());
    for bad in ["", "europe/berlin", "Nowhere", "../etc/passwd"] {
        assert!(find_zone(bad).is_none(), "{bad}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in "[-*/,0-9a-z@ ?]{0,40}", after in any::<i64>()) {
        if let Ok(schedule) = text.parse::<Schedule>() {
            let zone = TimeZone::UTC;
            let next = schedule.next_after(Timestamp::from_secs(after / 100_000), &zone);
            if let Some(next) = next {
                prop_assert!(next.as_secs() > after / 100_000);
            }
        }
    }
}

proptest! {
    #[test]
    fn the_last_time_is_where_one_gets_step_by_step(
        which in 0..6usize,
        since in 1_698_000_000..1_700_000_000i64,
        span in 0..200_000i64,
    ) {
        let all = ["*/7 * * * *", "30 2 * * *", "0 6-16/4 * * 1-5", "@hourly", "@every 13m", "5 4 31 * 0"];
        let schedule: Schedule = all[which].parse().unwrap();
        let zone = find_zone("Europe/Berlin").unwrap();
        let until = Timestamp::from_secs(since + span);
        let (mut last, mut at) = (None, Timestamp::from_secs(since));
        while let Some(next) = schedule.next_after(at, &zone).filter(|next| *next <= until) {
            (last, at) = (Some(next), next);
        }
        prop_assert_eq!(schedule.last_until(Timestamp::from_secs(since), until, &zone), last);
    }
}
